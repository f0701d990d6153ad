package proxy

import (
	"io"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
)

// A crowd is a backend that knows how many requests and WebSockets it serves at once, and how many it ever did.
type crowd struct {
	addr     netip.AddrPort
	now, top atomic.Int64
}

func (c *crowd) enter() {
	n := c.now.Add(1)
	for t := c.top.Load(); n > t && !c.top.CompareAndSwap(t, n); t = c.top.Load() {
	}
}

// newCrowd serves a request when gate lets it, and a WebSocket until its client ends it.
func newCrowd(t testing.TB, gate <-chan bool) *crowd {
	c := &crowd{}
	c.addr = newServer(t, func(p *peer) {
		for {
			head, _, alive := p.message()
			if !alive {
				return
			}
			c.enter()
			if strings.Contains(head, "Upgrade") {
				p.send(switching)
				p.gone()
				c.now.Add(-1)
				return
			}
			select {
			case <-gate:
			case <-t.Context().Done():
				return
			}
			c.now.Add(-1)
			if _, err := io.WriteString(p.Conn, ok("x")); err != nil {
				return
			}
		}
	}).addr
	return c
}

// A target never has more requests and WebSockets in flight than it may, over all loops; the next one takes what is too
// much, and 503 says that all are full.
func TestMaxConnections(t *testing.T) {
	const limit = 4
	gate := make(chan bool)
	a, b := newCrowd(t, gate), newCrowd(t, gate)
	r := newLoops(t, 3, func(r *rig) { r.setting.MaxConnections = limit }, a.addr, b.addr)
	serving := func(n int64) {
		t.Helper()
		until(t, "the targets serve as many", func() bool { return a.now.Load()+b.now.Load() == n })
	}
	var sockets, requests []*peer
	for range limit {
		p := r.dial()
		p.send(wsRequest)
		p.head()
		sockets = append(sockets, p)
	}
	for range limit {
		p := r.dial()
		p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		requests = append(requests, p)
	}
	serving(2 * limit)
	for _, send := range []string{wsRequest, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"} {
		p := r.dial()
		p.send(send)
		if h := p.expect(503, "*"); h.Get("Gatewayd-Reason") != "max_connections" || h.Get("Retry-After") == "" {
			t.Errorf("got %v", h)
		}
	}
	// Whichever kind ends, the place is there for the next one, of either kind.
	sockets[0].CloseWrite()
	sockets[0].gone()
	until(t, "the tunnel is gone", func() bool { return r.stats().Tunnels.Open == limit-1 })
	gate <- true
	until(t, "the request is over", func() bool { return r.stats().Open == limit-1 })
	for range 2 {
		p := r.dial()
		p.send(wsRequest)
		if status, _, _ := p.answer("GET"); status != 101 {
			t.Errorf("a WebSocket got %d", status)
		}
	}
	serving(2 * limit)
	close(gate)
	for _, p := range requests {
		p.expect(200, "x")
	}
	if got := a.top.Load() + b.top.Load(); got != 2*limit {
		t.Errorf("the targets served up to %d and %d at once, want %d each", a.top.Load(), b.top.Load(), limit)
	}
}

// The same under load, where every place is wanted by several loops at once: in each round whoever comes is held at the
// targets until the last one is there or was turned away.
func TestMaxConnectionsUnderLoad(t *testing.T) {
	const limit, clients, rounds = 1, 6, 200
	gate := make(chan bool)
	a, b := newCrowd(t, gate), newCrowd(t, gate)
	r := newLoops(t, 3, func(r *rig) { r.setting.MaxConnections = limit }, a.addr, b.addr)
	var peers []*peer
	for range clients {
		peers = append(peers, r.dial())
	}
	answers := make(chan int, clients)
	for round := range rounds {
		start := make(chan bool)
		for _, p := range peers {
			go func() {
				<-start
				p.send(get)
				status, _, _ := p.answer("GET")
				answers <- status
			}()
		}
		close(start)
		until(t, "everybody is in or turned away", func() bool {
			return a.now.Load()+b.now.Load()+int64(len(answers)) == clients
		})
		inside := a.now.Load() + b.now.Load()
		for range inside {
			gate <- true
		}
		got := map[int]int{}
		for range peers {
			got[<-answers]++
		}
		if a.top.Load() > limit || b.top.Load() > limit || inside != 2*limit || got[503] != clients-2*limit {
			t.Fatalf("round %d: the targets served up to %d and %d at once, want %d each; answers %v", round,
				a.top.Load(), b.top.Load(), limit, got)
		}
	}
}

// A retry that finds only full targets says so; one that finds none says what it began with.
func TestRetryFindsFullTargets(t *testing.T) {
	gate := make(chan bool)
	c := newCrowd(t, gate)
	r := newRig(t, func(r *rig) { r.setting.MaxConnections = 1 }, c.addr)
	held := r.dial()
	held.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	until(t, "the target is full", func() bool { return c.now.Load() == 1 })
	r.on(func() { r.targets(c.addr, nobody(t)); r.publish() })
	for range 4 {
		p := r.dial()
		p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		if h := p.expect(503, "*"); h.Get("Gatewayd-Reason") != "max_connections" {
			t.Errorf("got %v", h)
		}
	}
	close(gate)
	held.expect(200, "x")
}
