package plane

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A change of whom a listener trusts holds from the next request on, and ends nothing that is open.
func TestTrustChangesInPlace(t *testing.T) {
	r := newRig(t)
	port := freePort(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Header.Get("Upgrade") != "" {
			echoes(w, q)
			return
		}
		_, _ = io.WriteString(w, q.Header.Get("X-Forwarded-For"))
	}), ReadHeaderTimeout: time.Minute}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	r.route(port, l.Addr().String())
	tunnel := dial(t, port)
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(c)
	for _, step := range []struct{ trusted, want string }{
		{`[]`, "127.0.0.1"}, {`["127.0.0.0/8"]`, "192.0.2.9, 127.0.0.1"}, {`["10.0.0.0/8"]`, "127.0.0.1"}, {`["127.0.0.1","::/0"]`, "192.0.2.9, 127.0.0.1"}, {`[]`, "127.0.0.1"},
	} {
		r.publish(func(d *spec.Draft) {
			r.put(d, spec.Listeners, `{"name":"l","address":"127.0.0.1","port":%d,"drain_timeout":"1s","trusted_proxies":%s}`, port, step.trusted)
		})
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.9\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		answer, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatalf("with %s: %v", step.trusted, err)
		}
		if b, err := io.ReadAll(answer.Body); err != nil || string(b) != step.want || answer.Close {
			t.Errorf("with %s the target got %q, %v, want %q", step.trusted, b, err, step.want)
		}
		says(t, tunnel, step.trusted)
	}
}

// What is explained of a client behind a proxy is what a request of that client would find.
func TestExplainGoesByTheClientBehindAProxy(t *testing.T) {
	r := newRig(t)
	port := freePort(t)
	targets := ""
	for i := range 8 {
		targets += fmt.Sprintf(`,"t%d":{"address":"127.0.0.1","port":%s}`, i, answering(t, http.StatusOK))
	}
	r.publish(func(d *spec.Draft) {
		r.put(d, spec.Listeners, `{"name":"l","address":"127.0.0.1","port":%d,"trusted_proxies":["10.0.0.0/8"]}`, port)
		r.put(d, spec.Pools, `{"name":"p","algorithm":"source_hash","targets":{%s}}`, targets[1:])
		r.put(d, spec.Settings, `{"name":"s"}`)
		r.put(d, spec.Rules, `{"name":"r","listener":"l","pool":"p","setting":"s","rewrite":"w"}`)
		r.put(d, spec.Rewrites, `{"name":"w","steps":[{"url":{"path":"/{var_client_ip}"}}]}`)
	})
	explain := func(client string, headers ...string) (target, sent string) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			e, ps := r.plane.Explain(api.Question{URL: fmt.Sprintf("http://a.test:%d/", port), Client: client, Headers: headers})
			if len(ps) > 0 {
				t.Fatal(ps)
			}
			ready, n := true, 0
			for _, x := range e.Targets {
				ready = ready && x.State == api.Healthy
				if x.Choice {
					target = x.Target
					n++
				}
			}
			if ready && n == 1 {
				return target, e.Sent
			}
			if time.Now().After(end) {
				t.Fatalf("%d of the targets are a choice: %v", n, e.Targets)
			}
		}
	}
	at := map[string]bool{}
	for i := range 16 {
		client := fmt.Sprintf("192.0.2.%d", i)
		want, sent := explain(client)
		at[want] = true
		if got, as := explain("10.0.0.1", "X-Forwarded-For: 6.6.6.6, "+client+", 10.0.0.2"); got != want || as != sent || as != "/"+client {
			t.Errorf("%s goes to %s as %s, behind a proxy to %s as %s", client, want, sent, got, as)
		}
		if got, _ := explain(client, "X-Forwarded-For: 6.6.6.6"); got != want {
			t.Errorf("%s goes to %s, and with a claim of its own to %s", client, want, got)
		}
	}
	if len(at) < 3 {
		t.Errorf("16 clients go to %d of 8 targets", len(at))
	}
}
