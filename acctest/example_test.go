package acctest

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/gatewaytest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

const examples = "../examples"

// TestExamples applies every directory of examples/, wants an empty plan, imports what its import.sh imports, and
// destroys it. A directory that it does not know how to run is an error.
func TestExamples(t *testing.T) {
	parallel, alone := map[string]func(*stage, string){}, map[string]func(*stage, string){
		"provider":    (*stage).runExample,
		"websocket":   (*stage).runConversation,
		"maintenance": (*stage).runMaintenance,
		"redirect":    (*stage).runRedirect,
		"canary":      (*stage).runCanary,
		"partners":    (*stage).runPartners,
		"enrol":       func(s *stage, dir string) { s.runMachines(dir, "target/chat-one", "target/chat-two") },
		"replace":     func(s *stage, dir string) { s.runMachines(dir, "one", "two") },
	}
	for _, k := range spec.Kinds() {
		parallel["resources/gatewayd_"+k.Name] = (*stage).runExample
		parallel["data-sources/gatewayd_"+k.Name] = (*stage).runExample
	}
	for _, view := range []string{"health", "route", "status"} {
		parallel["data-sources/gatewayd_"+view] = (*stage).runExample
	}

	found := exampleDirectories(t)
	for _, dir := range found {
		if parallel[dir] == nil && alone[dir] == nil {
			t.Errorf("examples/%s is run by nobody; say in this test how to run it", dir)
		}
	}
	for dir := range maps.Keys(parallel) {
		if !slices.Contains(found, dir) {
			t.Errorf("there is no examples/%s", dir)
		}
	}
	// Those that configure the provider themselves take the gateway from the environment, which is the process's.
	for dir, runs := range alone {
		t.Run(dir, func(t *testing.T) {
			g := gatewaytest.Start(t, gatewaytest.Loops(2))
			t.Setenv("GATEWAYD_ENDPOINTS", g.Endpoint)
			t.Setenv("GATEWAYD_TOKEN_FILE", g.TokenFile)
			s := onStage(t, g)
			s.ownProvider = true
			runs(s, dir)
		})
	}
	for dir, runs := range parallel {
		t.Run(dir, func(t *testing.T) { runs(newStage(t), dir) })
	}
}

// exampleDirectories are those that hold configuration.
func exampleDirectories(t *testing.T) []string {
	var dirs []string
	err := filepath.WalkDir(examples, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == ".terraform" { // of somebody who tried the example in its place
				return fs.SkipDir
			}
			return nil
		}
		dir, err := filepath.Rel(examples, filepath.Dir(path))
		if err == nil && !slices.Contains(dirs, filepath.ToSlash(dir)) {
			dirs = append(dirs, filepath.ToSlash(dir))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return dirs
}

// example is a step that applies a directory of examples/, on a free port where it asks for one.
func (s *stage) example(dir string, more ...func(*resource.TestStep)) resource.TestStep {
	s.Helper()
	work := s.TempDir()
	files, err := filepath.Glob(filepath.Join(examples, dir, "*.tf"))
	if err != nil || len(files) == 0 {
		s.Fatalf("examples/%s has no configuration: %v", dir, err)
	}
	read, err := filepath.Glob(filepath.Join(examples, dir, "*.pem")) // By the configuration.
	if err != nil {
		s.Fatal(err)
	}
	for _, file := range append(files, read...) {
		text, err := os.ReadFile(file)
		if err != nil {
			s.Fatal(err)
		}
		if strings.Contains(string(text), `variable "port"`) && s.variables["port"] == nil {
			s.port("port")
		}
		s.certificates(string(text))
		if err := os.WriteFile(filepath.Join(work, filepath.Base(file)), text, 0o600); err != nil {
			s.Fatal(err)
		}
	}
	return s.in(work, more...)
}

// certificates gives the variables of a configuration that are about certificates their values.
func (s *stage) certificates(text string) {
	s.Helper()
	shop, api := certtest.Sample(1), certtest.Sample(2)
	for name, value := range map[string]string{
		"shop_certificate": shop.Certificate, "shop_key": shop.Key, "api_pfx": pfx(s.T, api, "for the example"), "api_password": "for the example",
		"internal_authorities": api.Certificate, "gateway_certificate": shop.Certificate, "gateway_key": shop.Key,
	} {
		if strings.Contains(text, fmt.Sprintf("variable %q", name)) {
			s.variables[name] = value
		}
	}
}

// pfx is a certificate and its key in one PFX, in base 64.
func pfx(t *testing.T, p *certtest.Pair, password string) string {
	t.Helper()
	der, err := pkcs12.Modern.Encode(p.Signer, p.Leaf, nil, password)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}

var importLine = regexp.MustCompile(`(?m)^terraform import (\S+) (\S+)$`)

func (s *stage) runExample(dir string) {
	s.Helper()
	steps := []resource.TestStep{s.example(dir)}
	if text, err := os.ReadFile(filepath.Join(examples, dir, "import.sh")); err == nil {
		lines := importLine.FindAllStringSubmatch(string(text), -1)
		if len(lines) == 0 {
			s.Errorf("examples/%s/import.sh imports nothing", dir)
		}
		for _, line := range lines {
			steps = append(steps, s.example(dir, func(step *resource.TestStep) {
				step.ResourceName, step.ImportState, step.ImportStateId = line[1], true, line[2]
				step.ImportStateVerify, step.ImportStateVerifyIdentifierAttribute = true, "name"
			}))
		}
	}
	s.run(steps...)
}

// server is a value of a variable of targets: one server, which answers as its name.
func (s *stage) server(name string) map[string]any {
	s.Helper()
	port := int(gatewaytest.StartEcho(s, name).Addr().Port())
	return map[string]any{"one": map[string]any{"address": "127.0.0.1", "port": port}}
}

// wants sends requests to a port, and wants what each gets.
func (s *stage) wants(port string, answers map[string]string) {
	s.Helper()
	for request, want := range answers {
		if got := sent(s, s.variables[port].(int), request); got != want {
			s.Errorf("%s: want %s, got %s", request, want, got)
		}
	}
}

// runMaintenance runs the example of a page, which comes and goes while a conversation goes on.
func (s *stage) runMaintenance(dir string) {
	s.Helper()
	s.variables["targets"] = s.server("shop")
	var open *talk
	step := func(shown bool, everybody string) resource.TestStep {
		s.variables["maintenance"] = shown
		return s.example(dir, after(func() {
			s.wants("port", map[string]string{"GET /bytes/1": everybody, "GET /bytes/1 X-Staff:yes": "200 of shop"})
			if open == nil {
				open = startTalk(s, s.variables["port"].(int), "/", 20*time.Millisecond)
			}
			open.alive(s, "of the shop")
		}))
	}
	first := step(false, "200 of shop")
	shown := step(true, "503 <!doctype html><title>Back soon</title><p>We are back at noon.</p>")
	over := step(false, "200 of shop")
	after(func() { open.end(s, "of the shop") })(&over)
	s.run(first, shown, over)
}

// runRedirect runs the example of a port that leads to another.
func (s *stage) runRedirect(dir string) {
	s.Helper()
	s.variables["targets"] = s.server("shop")
	door, port := s.port("door_port"), s.port("port")
	to := func(host, path string) string { return fmt.Sprintf("308 to http://%s:%d%s", host, port, path) }
	s.run(s.example(dir, after(func() {
		s.wants("door_port", map[string]string{
			"GET /cart?id=1": to("127.0.0.1", "/cart?id=1"),
			fmt.Sprintf("POST / Host:shop.example.com:%d", door):  to("shop.example.com", "/"),
			"GET /cart?id=1 Host:old.example.com":                 "301 to https://www.example.com/shop/cart",
			"GET /.well-known/acme-challenge/a Host:shop.example": "404 of shop",
		})
		s.wants("port", map[string]string{"GET /bytes/1": "200 of shop"})
	})))
}

// runCanary runs the example of a new version, of which a larger share is taken by the second apply.
func (s *stage) runCanary(dir string) {
	s.Helper()
	s.variables["stable"], s.variables["canary"] = s.server("stable"), s.server("canary")
	step := func(percent int, both bool) resource.TestStep {
		s.variables["percent"] = percent
		return s.example(dir, after(func() {
			port := s.variables["port"].(int)
			served := map[string]int{}
			eventually(s, "the shares are drawn", func() bool {
				served[servedBy(s, port, "/bytes/1")]++
				return served["stable"] > 5 && (!both || served["canary"] > 5)
			})
			if n := len(served); both != (n == 2) {
				s.Errorf("%d of 100: %v served", percent, served)
			}
			s.wants("port", map[string]string{"GET /bytes/1 X-Version:canary": "200 of canary"})
		}))
	}
	s.run(step(0, false), step(50, true))
}

// runConversation runs the example of a WebSocket service, with servers behind it and a conversation through it.
func (s *stage) runConversation(dir string) {
	s.Helper()
	targets := map[string]any{}
	for _, key := range []string{"one", "two"} {
		e := gatewaytest.StartEcho(s, key)
		targets[key] = map[string]any{"address": "127.0.0.1", "port": int(e.Addr().Port())}
	}
	s.variables["targets"] = targets
	pair := certtest.New(certtest.Issue{})
	for name, text := range map[string]string{"certificate": pair.Certificate, "key": pair.Key} {
		file := filepath.Join(s.TempDir(), name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			s.Fatal(err)
		}
		s.variables[name] = file
	}
	secure := s.port("tls_port")
	step := s.example(dir)
	port := s.variables["port"].(int)
	after(func() {
		s.healthy("chat", "chat", "one", "two")
		for _, key := range []string{"one", "two"} {
			talk := talkTo(s, port, key)
			talk.alive(s, "of the example")
			talk.end(s, "of the example")
		}
		roots := x509.NewCertPool()
		roots.AddCert(pair.Leaf)
		socket, err := gatewaytest.DialTLS(s.Context(), gatewaytest.URL("wss", secure, "/"), nil, &tls.Config{RootCAs: roots})
		if err != nil {
			s.Fatal(err)
		}
		if answer, err := socket.Say("over TLS"); answer != "over TLS" || err != nil {
			s.Errorf("over TLS: got %q and %v", answer, err)
		}
		if code, err := socket.Bye(); code != websocket.CloseNormalClosure || err != nil {
			s.Errorf("over TLS: want Close 1000 back, got %d and %v", code, err)
		}
	})(&step)
	s.run(step)
}

// runMachines runs an example of machines: one of two leaves, and a conversation with it is over when apply returns.
func (s *stage) runMachines(dir string, targets ...string) {
	s.Helper()
	machines := map[string]any{}
	for _, name := range []string{"one", "two"} {
		e := gatewaytest.StartEcho(s, name)
		machines[name] = map[string]any{"address": "127.0.0.1", "port": int(e.Addr().Port())}
	}
	s.variables["machines"], s.variables["drain_timeout"] = machines, "1s"
	var leaves, stays *talk
	create := s.example(dir, after(func() {
		s.healthy("chat", "chat", targets...)
		port := s.variables["port"].(int)
		leaves, stays = talkTo(s, port, "one"), talkTo(s, port, "two")
	}))
	delete(machines, "one")
	remove := s.example(dir, after(func() {
		leaves.closed(s, websocket.CloseGoingAway)
		stays.end(s, "to the machine that stays")
	}))
	clear(machines)
	s.run(create, remove, s.example(dir)) // The test framework cannot end with a for_each in the state.
}
