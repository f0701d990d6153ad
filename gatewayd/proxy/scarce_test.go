package proxy

import (
	"net/netip"
	"testing"
)

// idling makes n connections to a target idle, spread over the loops as their clients are, which stay.
func (r *rig) idling(n int, gate chan bool) (clients []*peer) {
	r.t.Helper()
	for range n {
		p := r.dial()
		p.send(get)
		clients = append(clients, p)
	}
	until(r.t, "all requests are at the target", func() bool { return r.stats().Open == n })
	for range clients {
		gate <- true
	}
	for _, p := range clients {
		p.expect(200, "x")
	}
	until(r.t, "all connections are idle", func() bool { return r.stats().Idle == n })
	return clients
}

// gated is a target that answers each request when it is let.
func gated(t *testing.T, gate chan bool) netip.AddrPort {
	return newServer(t, func(p *peer) {
		for {
			if _, _, alive := p.message(); !alive {
				return
			}
			select {
			case <-gate:
				p.send(ok("x"))
			case <-t.Context().Done():
				return
			}
		}
	}).addr
}

// Idle connections to targets, of whichever loop, make room for clients one by one before a client is refused.
func TestIdleConnectionsMakeRoomForClients(t *testing.T) {
	const n = 20
	for _, loops := range []int{1, 3} {
		gate := make(chan bool)
		r := newLoops(t, loops, func(r *rig) { r.setting.KeepAlive.IdleTimeout = "1h" }, gated(t, gate))
		r.idling(n, gate)
		used := func() int { _, used := r.descriptors.Share(); return used }
		r.descriptors.Set(2 * n * 4 / 3) // Clients may have as many as are taken.
		for i := range n {
			p := r.dial()
			p.send("GET /%5c HTTP/1.1\r\nHost: a\r\n\r\n")
			p.expect(400, "*")
			until(t, "an idle connection made room", func() bool { return used() <= 2*n })
			if idle := r.stats().Idle; idle > n-1-i {
				t.Fatalf("%d loops: %d connections are idle beside %d clients", loops, idle, n+1+i)
			}
		}
		for range 2 {
			p := r.dial()
			p.send(get)
			if h := p.expect(503, "*"); h.Get("Gatewayd-Reason") != "no_descriptor" {
				t.Errorf("got %v", h)
			}
		}
	}
}

// Idle connections to one target make room for those to another.
func TestIdleConnectionsMakeRoomForTargets(t *testing.T) {
	const n = 8
	gate := make(chan bool)
	r := newRig(t, func(r *rig) { r.setting.KeepAlive.IdleTimeout = "1h" }, gated(t, gate))
	clients := r.idling(n, gate)
	r.on(func() { r.targets(gated(t, gate)); r.publish() })
	r.descriptors.Set(2*n + 1)
	for i, p := range clients {
		p.send(get)
		until(t, "the request is at the other target", func() bool { return r.stats().Open == i+1 && r.reached() })
	}
	for range clients {
		gate <- true
	}
	for _, p := range clients {
		p.expect(200, "x")
	}
}
