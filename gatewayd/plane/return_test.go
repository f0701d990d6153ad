package plane

import (
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/balance"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// This file is about backends that come back after they drained, by whatever way.

// stays fails the test where a new WebSocket of a port does not live on: an old drain would close it behind its first
// echo.
func stays(t *testing.T, port int) *websocket.Conn {
	t.Helper()
	c := dial(t, port)
	for range 20 {
		says(t, c, "still here")
		time.Sleep(10 * time.Millisecond)
	}
	return c
}

// drained takes a target out whose drain is over at once, with a WebSocket open, and waits until that has ended.
func (r *rig) drained(c *websocket.Conn, remove func(d *spec.Draft)) {
	r.t.Helper()
	r.publish(remove)
	if _, _, err := c.ReadMessage(); err == nil {
		r.t.Fatal("want the WebSocket ended")
	}
}

// TestABackendReturnsByAnotherWay: removed as a literal target, it is back as an address of a name, and the other way.
func TestABackendReturnsByAnotherWay(t *testing.T) {
	r, server := newNamedRig(t)
	port, backends := freePort(t), freePort(t)
	echoAt(t, "127.0.0.1", backends)
	server.Set("app.test", 1, "127.0.0.1")
	r.door(port, "", `,"drain_timeout":"0s"`)
	literal := func(d *spec.Draft) {
		r.put(d, spec.Targets, `{"name":"a","pool":"p","address":"127.0.0.1","port":%d}`, backends)
	}
	named := func(d *spec.Draft) {
		r.put(d, spec.Targets, `{"name":"a","pool":"p","address":"app.test","port":%d}`, backends)
	}
	none := func(d *spec.Draft) { d.Remove(spec.Targets, "a") }
	for _, ways := range [][2]func(d *spec.Draft){{literal, named}, {named, literal}, {literal, literal}} {
		r.publish(ways[0])
		bodies(t, port, "127.0.0.1")
		r.drained(stays(t, port), none)
		r.publish(ways[1])
		bodies(t, port, "127.0.0.1")
		_ = stays(t, port).Close()
		r.publish(none)
	}
}

// TestABackendReturnsUnderAnotherSetting whose port is that which the first one had.
func TestABackendReturnsUnderAnotherSetting(t *testing.T) {
	r := newRig(t)
	port, backends := freePort(t), freePort(t)
	echoAt(t, "127.0.0.1", backends)
	r.door(port, `,"targets":{"a":{"address":"127.0.0.1"}}`, fmt.Sprintf(`,"port":%d,"drain_timeout":"0s"`, backends))
	r.awaitHealthy("a")
	r.drained(stays(t, port), func(d *spec.Draft) {
		r.put(d, spec.Settings, `{"name":"s","probe":"up","port":9,"drain_timeout":"0s"}`)
	})
	r.publish(func(d *spec.Draft) {
		r.put(d, spec.Settings, `{"name":"s2","probe":"up","port":%d}`, backends)
		r.put(d, spec.Rules, `{"name":"r2","listener":"l","pool":"p","setting":"s2","priority":1}`)
	})
	until(t, "the second rule serves", func() bool { status, _ := ask(t, port); return status == http.StatusOK })
	stays(t, port)
}

// TestDrainsAreOffBeforeABackendReturns: as long as a loop was not told that a backend is back, and would end by its old
// drain what is sent there, nothing is.
func TestDrainsAreOffBeforeABackendReturns(t *testing.T) {
	r := newRig(t)
	r.door(freePort(t), "", "")
	at := echoServer(t, "back")
	r.publish(func(d *spec.Draft) { r.enrol(d, "back", at) })
	r.awaitHealthy("target/back")
	r.publish(func(d *spec.Draft) { d.Remove(spec.Targets, "back") })

	busy, free := make(chan struct{}), make(chan struct{})
	r.plane.loops[0].Post(func() { close(busy); <-free })
	<-busy
	next := r.next(func(d *spec.Draft) { r.enrol(d, "back", at) })
	prepared, problems := r.plane.Prepare(next, false)
	if prepared == nil {
		t.Fatal(problems)
	}
	published := make(chan struct{})
	go func() { defer close(published); prepared.Publish() }()
	group := r.plane.serving.pairs[pair{r.ids["pool p"], r.ids["setting s"]}].group
	for range 100 { // A pick is the loop's own, which stands still.
		if h, _ := group.Pick(0, &balance.Want{}); h != nil {
			h.Backend.Release()
			t.Error("a request would be sent to a backend that this loop still drains")
			break
		}
		time.Sleep(time.Millisecond)
	}
	close(free)
	<-published
	if h, _ := group.Pick(0, &balance.Want{}); h == nil {
		t.Error("the backend is not back")
	} else {
		h.Backend.Release()
	}
}

// TestDeadlinesAreThoseOfTheBeginning: what is open keeps the drain that its setting gave when it began, and the deadline
// that is told is its.
func TestDeadlinesAreThoseOfTheBeginning(t *testing.T) {
	r := newRig(t)
	port, backends := freePort(t), freePort(t)
	echoAt(t, "127.0.0.1", backends)
	r.door(port, `,"targets":{"a":{"address":"127.0.0.1"}}`, fmt.Sprintf(`,"port":%d,"drain_timeout":"1h"`, backends))
	r.awaitHealthy("a")
	c := dial(t, port)
	says(t, c, "an hour is granted")
	for what, change := range map[string]func(d *spec.Draft){
		"the rule is removed": func(d *spec.Draft) { d.Remove(spec.Rules, "r") },
		"the setting's port changes": func(d *spec.Draft) {
			r.put(d, spec.Settings, `{"name":"s","probe":"up","port":9,"drain_timeout":"1s"}`)
		},
	} {
		// A shorter drain from now on, which is not that of what is open.
		r.publish(func(d *spec.Draft) {
			r.put(d, spec.Settings, `{"name":"s","probe":"up","port":%d,"drain_timeout":"1s"}`, backends)
		})
		before := r.set
		r.publish(change)
		drains, _ := r.plane.Drains(r.set.Revision())
		if len(drains.Drains) != 1 || drains.Open != 1 {
			t.Fatalf("%s: %+v", what, drains)
		}
		deadline, err := time.Parse(time.RFC3339, drains.Drains[0].Deadline)
		if left := time.Until(deadline); err != nil || left < 59*time.Minute || left > time.Hour {
			t.Errorf("%s: the deadline is told as %s, in %s", what, drains.Drains[0].Deadline, left)
		}
		says(t, c, "still here")
		r.publish(func(d *spec.Draft) {
			for _, kind := range spec.Kinds() {
				for _, e := range before.All(kind) {
					d.Put(e)
				}
			}
		})
	}
}

// TestOriginsAreForgotten: what was a member once is not kept for ever, nor told as a drain.
func TestOriginsAreForgotten(t *testing.T) {
	r := newRig(t)
	port := freePort(t)
	r.door(port, `,"targets":{"a":{"address":"127.0.0.1","port":1},"b":{"address":"127.0.0.1","port":2}}`, "")
	rule := r.set.Get(spec.Rules, "r")
	for range 20 {
		r.publish(func(d *spec.Draft) { d.Remove(spec.Rules, "r") })
		r.plane.registry.Sweep()
		r.publish(func(d *spec.Draft) { d.Put(rule) })
	}
	r.publish(func(d *spec.Draft) { r.put(d, spec.Pools, `{"name":"p"}`) })
	if drains, _ := r.plane.Drains(r.set.Revision()); len(drains.Drains) > 4 {
		t.Errorf("two targets left, and %d drains are told", len(drains.Drains))
	}
	r.publish(func(d *spec.Draft) { d.Remove(spec.Rules, "r") })
	r.plane.mu.Lock()
	r.plane.life.forget(r.plane.set, r.plane.serving)
	r.plane.life.forget(r.plane.set, r.plane.serving)
	left := len(r.plane.life.backends)
	r.plane.mu.Unlock()
	if left != 0 {
		t.Errorf("%d pools are followed, of which nothing is open", left)
	}
}

// TestDrainsFollowARename: what drains is told under the pool's present name, and a name is what its Host says.
func TestDrainsFollowARename(t *testing.T) {
	r := newRig(t)
	port := freePort(t)
	r.door(port, "", `,"drain_timeout":"1h"`)
	r.publish(func(d *spec.Draft) { r.enrol(d, "a", echoServer(t, "a")) })
	c := dial(t, port)
	says(t, c, "hello")
	r.publish(func(d *spec.Draft) { d.Remove(spec.Targets, "a") })
	r.publish(func(d *spec.Draft) {
		d.Remove(spec.Pools, "p")
		d.Put(spec.NewEntry(r.ids["pool p"], d.Revision(), &spec.Pool{Name: "renamed", Algorithm: spec.RoundRobin, SlowStart: "0s"}))
		r.put(d, spec.Rules, `{"name":"r","listener":"l","pool":"renamed","setting":"s"}`)
	})
	health := r.plane.Health("")
	if list := health.Pools["renamed"].Draining; len(list) != 1 || list[0].Reason != "the target was removed" {
		t.Errorf("under the new name: %+v", health.Pools)
	}
	if _, there := health.Pools["p"]; there {
		t.Errorf("under the old name: %+v", health.Pools["p"])
	}
}

// TestHostOfANamedTarget: a target that is written as a name is called so, by requests and probes.
func TestHostOfANamedTarget(t *testing.T) {
	r, server := newNamedRig(t)
	port := freePort(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	hosts := make(chan string, 1000)
	s := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		hosts <- q.Host + " " + q.Header.Get("X-Forwarded-Host")
	})}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	server.Set("app.test", 300, "127.0.0.1")
	at := l.Addr().(*net.TCPAddr).Port
	r.publish(func(d *spec.Draft) { r.put(d, spec.Probes, `{"name":"up","host_from_setting":true}`) })
	r.publish(func(d *spec.Draft) {
		r.put(d, spec.Listeners, `{"name":"l","address":"127.0.0.1","port":%d}`, port)
		r.put(d, spec.Pools, `{"name":"p","targets":{"a":{"address":"App.test.","port":%d}}}`, at)
		r.put(d, spec.Settings, `{"name":"s","probe":"up","host_from_target":true}`)
		r.put(d, spec.Rules, `{"name":"r","listener":"l","pool":"p","setting":"s"}`)
	})
	until(t, "it serves", func() bool { status, _ := ask(t, port); return status == http.StatusOK })
	probed, asked := false, false
	for !probed || !asked {
		switch host := <-hosts; host {
		case fmt.Sprintf("app.test:%d ", at):
			probed = true
		case fmt.Sprintf("app.test:%d 127.0.0.1:%d", at, port):
			asked = true
		default:
			t.Fatalf("a request came with host %q", host)
		}
	}
}

// TestTheLongestGrantIsTold: of two settings with one backend, what is open under the patient one decides.
func TestTheLongestGrantIsTold(t *testing.T) {
	for range 4 { // The order of settings is that of a map.
		r := newRig(t)
		port := freePort(t)
		r.door(port, "", `,"drain_timeout":"1h"`)
		r.publish(func(d *spec.Draft) {
			r.put(d, spec.Settings, `{"name":"s2","probe":"up","drain_timeout":"1s"}`)
			r.put(d, spec.Rules, `{"name":"r2","listener":"l","pool":"p","setting":"s2","match":{"paths":["/other"]}}`)
			r.enrol(d, "a", echoServer(t, "a"))
		})
		c := dial(t, port)
		says(t, c, "an hour is granted")
		r.publish(func(d *spec.Draft) { r.put(d, spec.Settings, `{"name":"s2","probe":"up","drain_timeout":"2s"}`) })
		r.publish(func(d *spec.Draft) { d.Remove(spec.Targets, "a") })
		drains, _ := r.plane.Drains(r.set.Revision())
		if len(drains.Drains) != 1 {
			t.Fatalf("got %+v", drains)
		}
		deadline, err := time.Parse(time.RFC3339, drains.Drains[0].Deadline)
		if left := time.Until(deadline); err != nil || left < 59*time.Minute {
			t.Errorf("the deadline is told as %s, in %s", drains.Drains[0].Deadline, left)
		}
	}
}

// TestAnAddressThatWasOfANameLeaves: a target that is written as an address drains when it is removed, though a name of the
// pool had the address once.
func TestAnAddressThatWasOfANameLeaves(t *testing.T) {
	r, server := newNamedRig(t)
	port, backends := freePort(t), freePort(t)
	echoAt(t, "127.0.0.1", backends)
	echoAt(t, "127.0.0.2", backends)
	server.Set("app.test", 1, "127.0.0.1")
	r.door(port, fmt.Sprintf(`,"targets":{"named":{"address":"app.test","port":%d}}`, backends), `,"drain_timeout":"1s"`)
	bodies(t, port, "127.0.0.1")
	server.Set("app.test", 1, "127.0.0.2")
	bodies(t, port, "127.0.0.2")
	r.publish(func(d *spec.Draft) {
		r.put(d, spec.Targets, `{"name":"a","pool":"p","address":"127.0.0.1","port":%d}`, backends)
	})
	bodies(t, port, "127.0.0.1", "127.0.0.2")
	c := oneEach(t, r, port, 2)["127.0.0.1"]
	r.publish(func(d *spec.Draft) { d.Remove(spec.Targets, "a") })
	if drains, _ := r.plane.Drains(r.set.Revision()); len(drains.Drains) != 1 || drains.Drains[0].Name != "target/a" || drains.Open != 1 {
		t.Errorf("got %+v", drains)
	}
	if _, _, err := c.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseGoingAway) {
		t.Errorf("want Close 1001, got %v", err)
	}
}

// TestDrainsAreCalledAsTheTargetWasLast: by the key and the pool's name that it had when it left, though no rule used the
// pool any more when they changed.
func TestDrainsAreCalledAsTheTargetWasLast(t *testing.T) {
	r := newRig(t)
	port := freePort(t)
	host, at, err := net.SplitHostPort(echoServer(t, "a"))
	if err != nil {
		t.Fatal(err)
	}
	r.door(port, fmt.Sprintf(`,"targets":{"before":{"address":%q,"port":%s}}`, host, at), `,"drain_timeout":"1h"`)
	r.awaitHealthy("before")
	c := dial(t, port)
	says(t, c, "hello")
	r.publish(func(d *spec.Draft) {
		r.put(d, spec.Pools, `{"name":"q"}`)
		r.put(d, spec.Rules, `{"name":"r","listener":"l","pool":"q","setting":"s"}`)
	})
	r.publish(func(d *spec.Draft) {
		r.put(d, spec.Pools, `{"name":"p","targets":{"after":{"address":%q,"port":%s}}}`, host, at)
	})
	r.publish(func(d *spec.Draft) { r.put(d, spec.Pools, `{"name":"p"}`) })
	if drains, _ := r.plane.Drains(r.set.Revision()); len(drains.Drains) != 1 || drains.Drains[0].Name != "after" || drains.Open != 1 {
		t.Errorf("got %+v", drains)
	}
	says(t, c, "still here")
}

// TestATargetThatLeavesWithItsRule: the group of a use that is dropped in the same publication does not hold it.
func TestATargetThatLeavesWithItsRule(t *testing.T) {
	r := newRig(t)
	r.door(freePort(t), "", "")
	left, stays := echoServer(t, "left"), echoServer(t, "stays")
	r.publish(func(d *spec.Draft) {
		r.put(d, spec.Settings, `{"name":"s2","probe":"up"}`)
		r.enrol(d, "left", left)
		r.enrol(d, "stays", stays)
	})
	r.awaitHealthy("target/left", "target/stays")
	r.publish(func(d *spec.Draft) {
		r.put(d, spec.Rules, `{"name":"r","listener":"l","pool":"p","setting":"s2"}`)
		d.Remove(spec.Targets, "left")
	})
	r.plane.mu.Lock()
	defer r.plane.mu.Unlock()
	if len(r.plane.fading) != 1 {
		t.Fatalf("%d uses fade, want one", len(r.plane.fading))
	}
	for _, u := range r.plane.fading {
		for range 50 { // Nothing else picks of it.
			h, _ := u.group.Pick(0, &balance.Want{})
			if h == nil {
				t.Fatal("nobody is left for the requests in flight")
			}
			h.Backend.Release()
			if h.Backend.String() == left {
				t.Fatal("a request in flight would go to a target that was removed")
			}
		}
	}
}

// TestAPortMayBeLeftOut: a target whose port is the setting's is where it was without it, though no rule uses its pool.
func TestAPortMayBeLeftOut(t *testing.T) {
	r := newRig(t)
	port := freePort(t)
	host, at, err := net.SplitHostPort(echoServer(t, "a"))
	if err != nil {
		t.Fatal(err)
	}
	r.door(port, fmt.Sprintf(`,"targets":{"a":{"address":%q,"port":%s}}`, host, at), fmt.Sprintf(`,"drain_timeout":"1h","port":%s`, at))
	r.awaitHealthy("a")
	c := dial(t, port)
	says(t, c, "hello")
	r.publish(func(d *spec.Draft) {
		r.put(d, spec.Pools, `{"name":"q"}`)
		r.put(d, spec.Rules, `{"name":"r","listener":"l","pool":"q","setting":"s"}`)
	})
	r.publish(func(d *spec.Draft) { r.put(d, spec.Pools, `{"name":"p","targets":{"a":{"address":%q}}}`, host) })
	if drains, _ := r.plane.Drains(r.set.Revision()); len(drains.Drains) != 0 {
		t.Errorf("got %+v", drains)
	}
	says(t, c, "still here")
}
