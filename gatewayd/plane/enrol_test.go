package plane

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// door publishes a listener, a probe, a setting and an empty pool that all requests go to.
func (r *rig) door(port int, pool, setting string) {
	r.t.Helper()
	r.publish(func(d *spec.Draft) {
		r.put(d, spec.Listeners, `{"name":"l","address":"127.0.0.1","port":%d,"drain_timeout":"1s"}`, port)
		r.put(d, spec.Pools, `{"name":"p"%s}`, pool)
		r.put(d, spec.Probes, `{"name":"up","interval":"100ms","unhealthy_threshold":1}`)
		r.put(d, spec.Settings, `{"name":"s","probe":"up"%s}`, setting)
		r.put(d, spec.Rules, `{"name":"r","listener":"l","pool":"p","setting":"s"}`)
	})
}

// enrol puts a target of its own.
func (r *rig) enrol(d *spec.Draft, name, at string) {
	r.t.Helper()
	host, port, err := net.SplitHostPort(at)
	if err != nil {
		r.t.Fatal(err)
	}
	r.put(d, spec.Targets, `{"name":%q,"pool":"p","address":%q,"port":%s}`, name, host, port)
}

// until waits for what only the gateway can bring about.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("in vain waited until %s", what)
		}
	}
}

// state is that of a target under the setting s.
func (r *rig) state(key string) string {
	return r.plane.Health("").Pools["p"].Settings["s"].Targets[key].State
}

func (r *rig) awaitHealthy(keys ...string) {
	r.t.Helper()
	for _, k := range keys {
		until(r.t, k+" is healthy", func() bool { return r.state(k) == "healthy" })
	}
}

// TestMembersAreTheUnion: targets of the pool's map and of their own serve side by side, and a health view tells them
// apart.
func TestMembersAreTheUnion(t *testing.T) {
	r := newRig(t)
	port := freePort(t)
	own, enrolled := echoServer(t, "own"), echoServer(t, "enrolled")
	host, at, err := net.SplitHostPort(own)
	if err != nil {
		t.Fatal(err)
	}
	r.door(port, fmt.Sprintf(`,"targets":{"web":{"address":%q,"port":%s}}`, host, at), "")
	r.publish(func(d *spec.Draft) { r.enrol(d, "web", enrolled) })
	r.awaitHealthy("web", "target/web")
	seen := map[string]bool{}
	for range 4 {
		_, body := ask(t, port)
		seen[body] = true
	}
	if !seen["own"] || !seen["enrolled"] {
		t.Errorf("want both to serve, got %v", seen)
	}
	r.publish(func(d *spec.Draft) { d.Remove(spec.Targets, "web") })
	for range 8 {
		if status, body := ask(t, port); status != http.StatusOK || body != "own" {
			t.Fatalf("want only the pool's own target, got %d %q", status, body)
		}
	}
}

// TestATargetThatLeavesDrains: nothing new at once, what is open until its Close, all of it visible; and coming back
// within the drain keeps it.
func TestATargetThatLeavesDrains(t *testing.T) {
	r := newRig(t)
	port := freePort(t)
	r.door(port, "", `,"drain_timeout":"3s","close_spread":"1s"`)
	stays, leaves := echoServer(t, "stays"), echoServer(t, "leaves")
	r.publish(func(d *spec.Draft) { r.enrol(d, "leaves", leaves) })
	c := dial(t, port)
	says(t, c, "hello")
	r.publish(func(d *spec.Draft) { r.enrol(d, "stays", stays) })
	r.awaitHealthy("target/stays", "target/leaves")

	for range 2 { // Away and back: the tunnel does not notice.
		r.publish(func(d *spec.Draft) { d.Remove(spec.Targets, "leaves") })
		for range 6 {
			if _, body := ask(t, port); body != "stays" {
				t.Fatalf("a request went to %q", body)
			}
		}
		says(t, c, "draining")
		drains, known := r.plane.Drains(r.set.Revision())
		if !known || drains.Open != 1 || len(drains.Drains) != 1 {
			t.Fatalf("want one drain with one tunnel, got %+v", drains)
		}
		if x := drains.Drains[0]; x.Kind != "target" || x.Name != "target/leaves" || x.Pool != "p" || fmt.Sprintf("%s:%d", x.Address, x.Port) != leaves || x.Deadline == "" {
			t.Errorf("the drain is told as %+v", x)
		}
		if list := r.plane.Health("").Pools["p"].Draining; len(list) != 1 || list[0].Target != "target/leaves" || list[0].Open != 1 || list[0].Deadline == "" {
			t.Errorf("the health tells of %+v", list)
		}
		gone := r.set.Revision()
		r.publish(func(d *spec.Draft) { r.enrol(d, "leaves", leaves) })
		if drains, _ := r.plane.Drains(gone); drains.Open != 0 || len(drains.Drains) != 0 {
			t.Errorf("a target that is back still drains: %+v", drains)
		}
		if list := r.plane.Health("").Pools["p"].Draining; len(list) != 0 {
			t.Errorf("a target that is back still drains: %+v", list)
		}
	}

	r.publish(func(d *spec.Draft) { d.Remove(spec.Targets, "leaves") })
	if _, _, err := c.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseGoingAway) {
		t.Errorf("want Close 1001, got %v", err)
	}
	until(t, "nothing is left", func() bool { drains, _ := r.plane.Drains(r.set.Revision()); return drains.Open == 0 })
	if _, known := r.plane.Drains(r.set.Revision() + 1); known {
		t.Error("a revision that is still to come is known")
	}
	if drains, known := r.plane.Drains(1); !known || drains.Open != 0 || drains.Drains == nil {
		t.Errorf("a revision that ended nothing: %+v", drains)
	}
}

// TestDrainsOfListenersAndRules are counted on the loops.
func TestDrainsOfListenersAndRules(t *testing.T) {
	r := newRig(t)
	port := freePort(t)
	r.door(port, "", `,"drain_timeout":"2s"`)
	r.publish(func(d *spec.Draft) { r.enrol(d, "a", echoServer(t, "a")) })
	c := dial(t, port)
	says(t, c, "hello")
	r.publish(func(d *spec.Draft) { d.Remove(spec.Rules, "r"); d.Remove(spec.Listeners, "l") })
	drains, _ := r.plane.Drains(r.set.Revision())
	if len(drains.Drains) != 2 || drains.Drains[0].Kind != "listener" || drains.Drains[0].Open != 1 || drains.Drains[1].Kind != "rule" || drains.Drains[1].Open != 1 {
		t.Errorf("got %+v", drains)
	}
	if _, _, err := c.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseGoingAway) {
		t.Errorf("want Close 1001, got %v", err)
	}
	until(t, "nothing is left", func() bool { drains, _ := r.plane.Drains(r.set.Revision()); return drains.Open == 0 })
}

// TestManyEnrol: each by a write of its own, and all of them serve.
func TestManyEnrol(t *testing.T) {
	r := newRig(t)
	port := freePort(t)
	r.door(port, "", "")
	r.publish(func(d *spec.Draft) { r.put(d, spec.Probes, `{"name":"up"}`) }) // Rarely: this is about members.
	const n = 500
	for i := range n {
		r.publish(func(d *spec.Draft) {
			r.put(d, spec.Targets, `{"name":"t%d","pool":"p","address":"127.1.%d.%d","port":1,"weight":%d}`, i, i/250, 1+i%250, 1+i%3)
		})
	}
	if got := len(r.plane.Health("").Pools["p"].Settings["s"].Targets); got != n {
		t.Errorf("%d targets are members, want %d", got, n)
	}
	r.publish(func(d *spec.Draft) {
		for i := range n {
			d.Remove(spec.Targets, fmt.Sprint("t", i))
		}
	})
	if status, _ := ask(t, port); status != http.StatusBadGateway {
		t.Errorf("want 502 of the empty pool, got %d", status)
	}
}

// TestUnixTargets: requests, probes and WebSockets over a Unix socket.
func TestUnixTargets(t *testing.T) {
	r := newRig(t)
	port := freePort(t)
	path := filepath.Join(t.TempDir(), "app.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	serveEcho(t, l, "unix")
	r.door(port, fmt.Sprintf(`,"targets":{"a":{"address":"unix:%s"}}`, path), `,"drain_timeout":"1s"`)
	r.awaitHealthy("a")
	if status, body := ask(t, port); status != http.StatusOK || body != "unix" {
		t.Errorf("got %d %q", status, body)
	}
	c := dial(t, port)
	says(t, c, "over the socket")
	if x := r.plane.Health("p").Pools["p"].Settings["s"].Targets["a"]; x.Address != "unix:"+path || x.Port != 0 || x.Open != 1 || len(x.Results) == 0 || !x.Results[0].OK {
		t.Errorf("the health is told as %+v", x)
	}
	r.publish(func(d *spec.Draft) { r.put(d, spec.Pools, `{"name":"p"}`) })
	if _, _, err := c.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseGoingAway) {
		t.Errorf("want Close 1001, got %v", err)
	}
}

// TestSourceAddresses: a backend sees the one that the setting names; one that this machine does not have is refused.
func TestSourceAddresses(t *testing.T) {
	r := newRig(t)
	port := freePort(t)
	seen := make(chan string, 100)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/ask" || q.Header.Get("X-Forwarded-For") != "" {
			host, _, _ := net.SplitHostPort(q.RemoteAddr)
			seen <- host
		}
	})}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	r.door(port, fmt.Sprintf(`,"targets":{"a":{"address":"127.0.0.1","port":%d}}`, l.Addr().(*net.TCPAddr).Port),
		`,"source_addresses":["127.0.0.7"],"keep_alive":{"max_idle":0}`)
	if status, _ := ask(t, port); status != http.StatusOK {
		t.Fatalf("got %d", status)
	}
	if got := <-seen; got != "127.0.0.7" {
		t.Errorf("the backend saw %s", got)
	}
	prepared, problems := r.plane.Prepare(r.next(func(d *spec.Draft) {
		r.put(d, spec.Settings, `{"name":"s","source_addresses":["127.0.0.7","192.0.2.1"]}`)
	}), false)
	if prepared != nil || len(problems) != 1 || problems[0].Kind != spec.Settings || problems[0].Path != "source_addresses" || !problems[0].Transient {
		t.Errorf("got %v %v", prepared, problems)
	}
}

// TestEject: a target that answers its probes and fails requests is out for a while, and back at once where the setting
// ejects no more.
func TestEject(t *testing.T) {
	r := newRig(t)
	port := freePort(t)
	r.door(port, "", `,"eject":{"failures":2,"for":"1h"},"retries":0`)
	var failures atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Header.Get("X-Forwarded-For") == "" {
			return // a probe
		}
		failures.Add(1)
		c, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = c.Close()
		}
	}))
	t.Cleanup(s.Close)
	r.publish(func(d *spec.Draft) {
		r.enrol(d, "bad", s.Listener.Addr().String())
		r.enrol(d, "good", echoServer(t, "good"))
	})
	r.awaitHealthy("target/bad", "target/good")
	ejected := func() string { return r.plane.Health("").Pools["p"].Settings["s"].Targets["target/bad"].Ejected }
	until(t, "the bad one is out", func() bool { ask(t, port); return ejected() != "" })
	before := failures.Load()
	for range 20 {
		if status, _ := ask(t, port); status != http.StatusOK {
			t.Fatalf("got %d", status)
		}
	}
	if failures.Load() != before || r.state("target/bad") != "healthy" {
		t.Errorf("an ejected target got %d requests; its probes say %s", failures.Load()-before, r.state("target/bad"))
	}
	r.publish(func(d *spec.Draft) { r.put(d, spec.Settings, `{"name":"s","probe":"up","retries":0}`) })
	if got := ejected(); got != "" {
		t.Errorf("ejected until %s by a setting that ejects nobody", got)
	}
	until(t, "the bad one is asked again", func() bool { ask(t, port); return failures.Load() > before })
}

// TestOnUnhealthy: what becomes of an open WebSocket when probes give its target up, and when they find it well again.
func TestOnUnhealthy(t *testing.T) {
	for _, c := range []struct {
		mode, spread string
		recovers     bool
		closes       bool
	}{
		{mode: "keep", spread: "0s"},
		{mode: "drain", spread: "1s", closes: true},
		{mode: "close", spread: "1s", closes: true},
		{mode: "drain", spread: "1s", recovers: true},
	} {
		t.Run(fmt.Sprintf("%s, recovers %v", c.mode, c.recovers), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			port := freePort(t)
			timeout := "2s"
			if c.recovers {
				timeout = "1h"
			}
			r.door(port, "", fmt.Sprintf(`,"on_unhealthy":%q,"drain_timeout":%q,"close_spread":%q`, c.mode, timeout, c.spread))
			b := newSick(t)
			r.publish(func(d *spec.Draft) { r.enrol(d, "a", b.at) })
			r.awaitHealthy("target/a")
			ws := dial(t, port)
			says(t, ws, "well")
			b.set(true)
			until(t, "the target is unhealthy", func() bool { return r.state("target/a") == "unhealthy" })
			if c.closes {
				if _, _, err := ws.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseGoingAway) {
					t.Errorf("want Close 1001, got %v", err)
				}
				return
			}
			if c.recovers {
				b.set(false)
				r.awaitHealthy("target/a")
				// The drain of an hour is off: one of now would end what still has it.
				r.publish(func(d *spec.Draft) { r.put(d, spec.Settings, `{"name":"s","probe":"up","on_unhealthy":"keep"}`) })
			}
			says(t, ws, "still here")
			if err := ws.SetReadDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
				t.Fatal(err)
			}
			var silent net.Error
			if _, _, err := ws.ReadMessage(); !errors.As(err, &silent) || !silent.Timeout() {
				t.Errorf("want a silent WebSocket, got %v", err)
			}
		})
	}
}
