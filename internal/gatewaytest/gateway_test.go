package gatewaytest

import (
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// TestGatewayServesAndStops: requests and a WebSocket pass, a restart keeps what was written, and nothing is left open.
func TestGatewayServesAndStops(t *testing.T) {
	e := StartEcho(t, "one")
	g := Start(t, Loops(1))
	port := FreePort(t)
	target := int(e.Addr().Port())
	for _, o := range []spec.Object{
		named(spec.Pools, "p", func(o *spec.Pool) {
			o.Targets = map[string]spec.PoolTarget{"a": {Address: "127.0.0.1", Port: &target, Weight: 1}}
		}),
		named(spec.Listeners, "l", func(o *spec.Listener) { o.Address, o.Port = "127.0.0.1", port }),
		named(spec.Settings, "s", func(*spec.Setting) {}),
		&spec.Rule{Name: "r", Listener: "l", Pool: new("p"), Setting: new("s")},
	} {
		if _, err := g.Client().Create(t.Context(), spec.KindOf(o), o, ""); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		answer, body := get(t, URL("http", port, "/bytes/10"))
		if answer.StatusCode != 200 || len(body) != 10 || answer.Header.Get(BackendHeader) != "one" {
			t.Errorf("want 10 bytes, got %s %q", answer.Status, body)
		}
		s, err := Dial(t.Context(), URL("ws", port, "/"), nil)
		if err != nil {
			t.Fatal(err)
		}
		if heard, err := s.Say("hello"); heard != "hello" || err != nil {
			t.Errorf("want hello, got %q and %v", heard, err)
		}
		endpoint := g.Endpoint
		g.Restart() // The WebSocket is open; it and its goroutines and descriptors go with the gateway.
		if heard, err := s.Say("still there?"); err == nil {
			t.Errorf("the gateway was stopped, and its WebSocket says %q", heard)
		}
		s.Close()
		if g.Endpoint != endpoint {
			t.Errorf("the endpoint was %s and is %s", endpoint, g.Endpoint)
		}
		if _, _, err := g.Client().Get(t.Context(), spec.Rules, "r", ""); err != nil {
			t.Errorf("after the restart: %v", err)
		}
	}
	g.Stop()
	u, err := url.Parse(g.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{u.Host, "127.0.0.1:" + strings.Split(URL("", port, ""), ":")[2]} {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			t.Errorf("%s still listens", address)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

func named[O spec.Object](kind *spec.Kind, name string, fill func(O)) spec.Object {
	o := kind.New()
	switch o := o.(type) {
	case *spec.Listener:
		o.Name = name
	case *spec.Pool:
		o.Name = name
	case *spec.Setting:
		o.Name = name
	}
	fill(o.(O))
	return o
}

// TestGatewaySeesWhatIsLeft: the checks at the end find what a gateway would leave behind.
func TestGatewaySeesWhatIsLeft(t *testing.T) {
	d := watchDescriptors()
	defer watching.Add(-1)
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "gatewayd.db"))
	if err != nil {
		t.Fatal(err)
	}
	if left := d.left(dir, false); len(left) != 1 {
		t.Errorf("want the file, got %v", left)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if left := d.left(t.TempDir(), true); len(left) != 3 {
		t.Errorf("want the file and the pipe, got %v", left)
	}
	for _, c := range []io.Closer{f, r, w} {
		c.Close()
	}
	if left := d.left(dir, true); len(left) != 0 {
		t.Errorf("want nothing, got %v", left)
	}

	g := Start(t)
	if found := goroutinesOf(g.mark); len(found) == 0 {
		t.Error("a running gateway has no goroutine")
	}
	if found := goroutinesOf("another"); len(found) > 0 {
		t.Errorf("no gateway has these goroutines: %v", found)
	}
}

func TestFreePortsDiffer(t *testing.T) {
	seen := map[int]bool{}
	for range 200 {
		port := FreePort(t)
		if seen[port] {
			t.Fatalf("%d was given twice", port)
		}
		seen[port] = true
	}
}
