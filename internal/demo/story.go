package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/gatewaytest"
)

// story is what the demo shows. Each part fails where what it shows is not so.
func (s *stage) story(ctx context.Context) error {
	for _, part := range []struct {
		title string
		play  func(context.Context) error
	}{
		{"Terraform configures it: a listener, a pool, a probe, a setting and a rule", s.configure},
		{"The probe finds both servers healthy", func(ctx context.Context) error { return s.waitHealth(ctx, "healthy", "healthy") }},
		{"WebSockets pass through the gateway, to one server and the other", s.shareSockets},
		{"The second plan is empty", s.planEmpty},
		{"Server one stops: it leaves the pool, and new sockets go to the other", s.loseOne},
		{"Server one is back: it serves again after its first good probe", s.regainOne},
		{"Server two is taken out while somebody talks to it: Terraform waits for the end of the conversation", s.drainTwo},
		{"The pool changes while somebody talks: the conversation goes on", s.changeUnderTalk},
		{"A rule of somebody else comes, changes and goes on the same listener: the conversation does not notice", s.neighbour},
		{"An https listener grows beside it, with a certificate made on the spot: " + httpsFile + " is added", s.growHTTPS},
		{"The certificate is replaced while somebody talks over TLS: the conversation goes on, who comes then sees the new one", s.rotate},
	} {
		step(part.title)
		if err := part.play(ctx); err != nil {
			return fmt.Errorf("step %d: %w", steps, err)
		}
	}
	if s.keep {
		return nil
	}
	step("Terraform takes it all away")
	_, err := s.run(ctx, "destroy", "-auto-approve")
	return err
}

func (s *stage) url() string { return fmt.Sprintf("ws://127.0.0.1:%d/", s.port) }

func (s *stage) configure(ctx context.Context) error {
	return s.applied(ctx, "5 added, 0 changed, 0 destroyed")
}

// applied applies what is written now, and wants so many resources to change.
func (s *stage) applied(ctx context.Context, resources string) error {
	out, err := s.run(ctx, "apply", "-auto-approve")
	if err == nil && !strings.Contains(out, "Resources: "+resources) {
		err = fmt.Errorf("terraform did otherwise than %q", resources)
	}
	return err
}

// waitHealth waits until the servers one and two are in these states, and prints what the gateway knows of them.
func (s *stage) waitHealth(ctx context.Context, states ...string) error {
	var seen map[string]api.TargetHealth
	err := s.until(ctx, "the targets are "+strings.Join(states, " and "), func() (bool, error) {
		health, err := s.client.Health(ctx)
		if err != nil {
			return false, err
		}
		seen = health.Pools["chat"].Settings["chat"].Targets
		for i, name := range names {
			if seen[name].State != states[i] {
				return false, nil
			}
		}
		return true, nil
	})
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		t := seen[name]
		say("%s", strings.TrimRight(fmt.Sprintf("%-5s 127.0.0.1:%-6d %-10s %s", name, t.Port, t.State, t.Reason), " "))
	}
	return err
}

// openSockets opens four sockets, one after the other, and has a word on each; then more until each of these servers
// had one. Each loop of the gateway takes its turns by itself, so on a machine with many a few more may be needed.
func (s *stage) openSockets(ctx context.Context, servers ...string) error {
	counts := map[string]int{}
	for i := 0; i < 4 || len(counts) < len(servers); i++ {
		if i == 64 {
			return fmt.Errorf("64 sockets, and not every one of %v was used: %v", servers, counts)
		}
		socket, err := gatewaytest.Dial(ctx, s.url(), nil)
		if err != nil {
			return err
		}
		defer socket.Close()
		counts[socket.Backend]++
		if err := exchange(socket, fmt.Sprintf("hello, this is socket %d", i+1)); err != nil {
			return err
		}
		if !slices.Contains(servers, socket.Backend) {
			return fmt.Errorf("the socket went to server %s, which is not among %v", socket.Backend, servers)
		}
		if _, err := socket.Bye(); err != nil {
			return fmt.Errorf("say goodbye: %w", err)
		}
	}
	return nil
}

// exchange says something and prints the answer, which must be the same.
func exchange(socket *gatewaytest.Socket, text string) error {
	answer, err := socket.Say(text)
	if err != nil {
		return fmt.Errorf("talk to %s: %w", socket.Backend, err)
	}
	say("> %-28s < %s says %q", text, socket.Backend, answer)
	if answer != text {
		return fmt.Errorf("%s sent back %q", socket.Backend, answer)
	}
	return nil
}

func (s *stage) shareSockets(ctx context.Context) error {
	say("%s", s.url())
	return s.openSockets(ctx, "one", "two")
}

func (s *stage) planEmpty(ctx context.Context) error {
	out, err := s.run(ctx, "plan", "-detailed-exitcode")
	if err == nil && !strings.Contains(out, "No changes.") {
		err = errors.New("the plan is not empty")
	}
	return err
}

func (s *stage) loseOne(ctx context.Context) error {
	talk, err := s.openTo(ctx, "two")
	if err != nil {
		return err
	}
	defer talk.Close()
	if err := exchange(talk, "before server one stops"); err != nil {
		return err
	}
	s.stopBackend("one")
	if err := s.waitHealth(ctx, "unhealthy", "healthy"); err != nil {
		return err
	}
	if err := s.openSockets(ctx, "two"); err != nil {
		return err
	}
	return exchange(talk, "and the old one still talks")
}

func (s *stage) regainOne(ctx context.Context) error {
	if err := s.startBackend("one"); err != nil {
		return err
	}
	if err := s.waitHealth(ctx, "healthy", "healthy"); err != nil {
		return err
	}
	return s.openSockets(ctx, "one", "two")
}

// drainTwo takes server two out of the pool while a socket talks to it. When the apply has returned, the socket has got
// its Close, and a machine could be destroyed.
func (s *stage) drainTwo(ctx context.Context) error {
	socket, err := s.openTo(ctx, "two")
	if err != nil {
		return err
	}
	defer socket.Close()
	if err := exchange(socket, "to a server that will go"); err != nil {
		return err
	}
	ended := make(chan error, 1)
	said := 0 // read after ended
	go func() {
		for {
			if _, err := socket.Say(fmt.Sprintf("message %d", said)); err != nil {
				ended <- err
				return
			}
			said++
			time.Sleep(pause)
		}
	}()
	if err := s.apply(ctx, "one"); err != nil {
		return err
	}
	var closed *websocket.CloseError
	if err := <-ended; !errors.As(err, &closed) || closed.Code != websocket.CloseGoingAway {
		return fmt.Errorf("the socket ended otherwise than by Close 1001: %w", err)
	}
	say("the socket said %d more things meanwhile, each was answered, then it got Close %d (going away)", said, closed.Code)
	return s.openSockets(ctx, "one")
}

// pause is between two messages of a socket that talks by itself.
const pause = 200 * time.Millisecond

// apply makes the pool consist of these servers, and wants nothing else to change.
func (s *stage) apply(ctx context.Context, targets ...string) error {
	if err := s.writeVariables(targets); err != nil {
		return err
	}
	return s.applied(ctx, "0 added, 1 changed, 0 destroyed")
}

// changeUnderTalk adds a target while a socket is open, and then takes it out again.
func (s *stage) changeUnderTalk(ctx context.Context) error {
	talk, err := s.openTo(ctx, "one")
	if err != nil {
		return err
	}
	defer talk.Close()
	extra, err := gatewaytest.NewEcho("three", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer extra.Close()
	s.addresses["three"] = extra.Addr().String()
	for _, targets := range [][]string{{"one", "two", "three"}, {"one", "two"}} {
		if err := s.apply(ctx, targets...); err != nil {
			return err
		}
		if err := exchange(talk, fmt.Sprintf("with %d targets", len(targets))); err != nil {
			return err
		}
	}
	_, err = talk.Bye()
	return err
}

// A notice is a rule beside the one of the conversation, which answers by itself.
const notice = `resource "gatewayd_rule" "notice" {
  name     = "notice"
  listener = gatewayd_listener.chat.name
  match    = { paths = ["/notice"] }
  respond  = { status = 200, body = %q }
}
`

// neighbour adds a rule to the listener, changes it and takes it away, while a socket talks through the other one.
func (s *stage) neighbour(ctx context.Context) error {
	talk, err := s.openTo(ctx, "one")
	if err != nil {
		return err
	}
	defer talk.Close()
	file := filepath.Join(s.workDir(), "notice.tf")
	for _, x := range []struct{ body, want string }{
		{"closed on Sunday", "1 added, 0 changed, 0 destroyed"},
		{"open on Sunday", "0 added, 1 changed, 0 destroyed"},
		{"", "0 added, 0 changed, 1 destroyed"},
	} {
		if x.body == "" {
			err = os.Remove(file)
		} else {
			err = os.WriteFile(file, fmt.Appendf(nil, notice, x.body), 0o600)
		}
		if err != nil {
			return err
		}
		if err := s.applied(ctx, x.want); err != nil {
			return err
		}
		if err := s.reads(ctx, "/notice", x.body); err != nil {
			return err
		}
		if err := exchange(talk, "and the conversation goes on"); err != nil {
			return err
		}
	}
	_, err = talk.Bye()
	return err
}

// reads gets a page of the listener and wants it to be this text; an empty one is a page of the servers'.
func (s *stage) reads(ctx context.Context, path, want string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d%s", s.port, path), nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if want != "" {
		say("GET %-24s < %q", path, text)
	}
	if is := string(text) == want; is != (want != "") {
		return fmt.Errorf("GET %s is answered %q, which is not what was applied", path, text)
	}
	return nil
}

// openTo opens sockets until one reaches the named server.
func (s *stage) openTo(ctx context.Context, backend string) (*gatewaytest.Socket, error) {
	for range 64 {
		socket, err := gatewaytest.Dial(ctx, s.url(), nil)
		if err != nil {
			return nil, err
		}
		if socket.Backend == backend {
			return socket, nil
		}
		socket.Close()
	}
	return nil, fmt.Errorf("64 sockets, and none reached server %s", backend)
}

// invite prints how to play with what is left running.
func (s *stage) invite() {
	fmt.Printf(`
Everything is left running until you press Ctrl-C here. In another terminal:

  export GATEWAYD_ENDPOINTS=http://%[1]s GATEWAYD_TOKEN_FILE=%[2]s
  export TF_CLI_CONFIG_FILE=%[3]s
  cd %[4]s

  terraform plan                     # no init: the provider is the one just built
  $EDITOR main.tf && terraform apply # change something
  %[5]s/gatewayd status
  %[5]s/gatewayd health
  curl -H "Authorization: Bearer $(cat $GATEWAYD_TOKEN_FILE)" http://%[1]s/v1/config
  curl http://127.0.0.1:%[6]d/headers
  %[5]s/demo -talk %[7]s  # a conversation, line by line
  curl --cacert cert.pem https://127.0.0.1:%[8]d/headers
  SSL_CERT_FILE=cert.pem %[5]s/demo -talk %[9]s  # the same over TLS
`, s.gateway.Admin, s.tokenFile(), s.cliConfig(), s.workDir(), s.bin, s.port, s.url(), s.tlsPort, s.tlsURL())
}
