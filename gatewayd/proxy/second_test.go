package proxy

import (
	"fmt"
	"io"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/balance"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/tunnel"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// begin dials until the next request would go first to the target that is not good, and returns that connection. Round
// robin takes turns between two targets.
func (r *rig) begin(bad *server) *peer {
	r.t.Helper()
	h := r.health(bad.addr)
	r.on(func() {
		for range 2 {
			w := balance.Want{}
			got, _ := r.groups["pool:apps setting:plain"].Pick(0, &w)
			got.Backend.Release()
			if got != h {
				return
			}
		}
	})
	return r.dial()
}

// A request whose body is still arriving when its target fails goes on at the next one, with all of it.
func TestBodyGoesOnAtTheNextTarget(t *testing.T) {
	half, chunks := strings.Repeat("x", 3000), fmt.Sprintf("%x\r\n", 3000)
	for name, c := range map[string]struct{ first, then, body string }{
		"length": {"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 6003\r\n\r\n" + half, "abc" + half, half + "abc" + half},
		"chunks": {"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + half + "\r\n", "3\r\nabc\r\n" + chunks + half + "\r\n0\r\nX-T: sum\r\n\r\n",
			"bb8\r\n" + half + "\r\n3\r\nabc\r\nbb8\r\n" + half + "\r\n0\r\nX-T: sum\r\n\r\n"},
		"chunks, more than is held": {"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + half + "\r\n",
			"40000\r\n" + strings.Repeat("y", 0x40000) + "\r\n0\r\n\r\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			read := make(chan bool, 1)
			bad := newServer(t, func(p *peer) {
				p.head()
				p.bytes(1000)
				read <- true
				p.reset()
			})
			good := newServer(t, func(p *peer) {
				_, body, alive := p.message()
				body = strings.ReplaceAll(body, "y", "")
				if c.body != "" && body != c.body || !alive {
					t.Errorf("the second target got %d bytes of a body: %.80q", len(body), body)
				}
				p.send(ok("good"))
			})
			r := newRig(t, nil, good.addr, bad.addr)
			p := r.begin(bad)
			p.send(c.first)
			<-read
			until(t, "it is at the second target", func() bool { return r.stats().Retries == 1 })
			p.send(c.then)
			p.expect(200, "good")
		})
	}
}

// What waits for its 100 Continue gets it from the next target.
func TestExpectAtTheNextTarget(t *testing.T) {
	bad := newServer(t, func(p *peer) { p.head() })
	good := newServer(t, func(p *peer) {
		p.head()
		p.send("HTTP/1.1 100 Continue\r\n\r\n")
		if got := p.bytes(3); got != "abc" {
			t.Errorf("the second target got %q", got)
		}
		p.send(ok("good"))
	})
	r := newRig(t, nil, good.addr, bad.addr)
	p := r.begin(bad)
	p.send("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
	if status, _, _ := p.answer("PUT"); status != 100 {
		t.Fatalf("got %d", status)
	}
	p.send("abc")
	p.expect(200, "good")
}

// A client that was passed a part of an answer, if only an interim one, gets no second one.
func TestNoRetryBehindAnInterimAnswer(t *testing.T) {
	bad := newServer(t, func(p *peer) { p.message(); p.send("HTTP/1.1 103 Early Hints\r\n\r\n") })
	r := newRig(t, nil, answering(t, ok("good")).addr, bad.addr)
	p := r.begin(bad)
	p.send(get)
	if status, _, _ := p.answer("GET"); status != 103 {
		t.Fatalf("got %d", status)
	}
	p.expect(502, "*")
}

// A target that does not answer in time costs a request its time, and no more where another one is there.
func TestRequestTimeoutOnOneTarget(t *testing.T) {
	for _, c := range []struct {
		request string
		retries int
		status  int
	}{{get, 1, 200}, {get, 0, 504}, {post, 1, 504}} {
		bad := newServer(t, func(p *peer) { p.message(); p.gone() })
		r := newRig(t, func(r *rig) { r.setting.Retries = c.retries }, answering(t, ok("good")).addr, bad.addr)
		p := r.begin(bad)
		p.send(c.request)
		until(t, "it is at the target", r.reached)
		stop := r.overdue(bad.addr)
		p.expect(c.status, "*")
		stop()
	}
}

// A request that no target answers in time waits for two of them, however many may be tried, and counts against the first
// alone: it may be the request's fault.
func TestRequestThatNobodyAnswers(t *testing.T) {
	var asked atomic.Int64
	var targets []netip.AddrPort
	for range 4 {
		targets = append(targets, newServer(t, func(p *peer) { p.message(); asked.Add(1); p.gone() }).addr)
	}
	for _, c := range []struct {
		retries int
		asked   int64
	}{{0, 1}, {1, 2}, {3, 2}, {10, 2}} {
		asked.Store(0)
		r := newRig(t, func(r *rig) { r.setting.Retries, r.setting.RequestTimeout = c.retries, "1s" }, targets...)
		p := r.dial()
		p.send(get)
		p.expect(504, "*")
		if n, blamed := asked.Load(), r.stats().Failures; n != c.asked || blamed != 1 {
			t.Errorf("with %d retries %d targets were asked and %d blamed, want %d and 1", c.retries, n, blamed, c.asked)
		}
	}
}

// A request without Host, as HTTP/1.0 has it, names the target that it goes to, and not the one that failed before.
func TestRetryWithoutAHost(t *testing.T) {
	bad, good := newServer(t, func(p *peer) { p.message() }), answering(t, ok("good"))
	r := newRig(t, nil, good.addr, bad.addr)
	p := r.begin(bad)
	p.send("GET / HTTP/1.0\r\n\r\n")
	p.expect(200, "good")
	if got := good.got()[0]; r.stats().Retries != 1 || !strings.Contains(got, "\r\nHost: "+good.addr.String()+"\r\n") {
		t.Errorf("after %d retries the target got %q", r.stats().Retries, got)
	}
}

// What cannot be sent once more is held no longer than until it is sent, also where that is on a kept connection.
func TestNothingIsHeldBehindARetry(t *testing.T) {
	good := answering(t, ok("good"))
	r := newRig(t, nil, good.addr)
	p := r.dial()
	p.send(get)
	p.expect(200, "good")
	bad := newServer(t, func(*peer) {})
	bad.ln.Close()
	r.on(func() { r.targets(good.addr, bad.addr); r.publish() })
	p = r.begin(bad)
	p.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na")
	until(t, "it is at the second target", func() bool { return r.stats().Retries == 1 && r.reached() })
	r.on(func() {
		if x := r.w.first; x.hold.here() || x.up.flags&uReused == 0 {
			t.Errorf("%d bytes are held for nothing", x.hold.len())
		}
	})
	p.send("bc")
	p.expect(200, "good")
}

// A target whose drain is over passes what it has not answered to another one; what it has begun to answer is cut.
func TestEndOfATargetsDrain(t *testing.T) {
	const begun = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"
	for name, c := range map[string]struct {
		request, answer string
		want            int
	}{"nothing answered": {get, "", 200}, "answer begun": {get, begun, 0}, "POST": {post, "", 504}} {
		for _, health := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, health %v", name, health), func(t *testing.T) {
				bad := newServer(t, func(p *peer) { p.message(); io.WriteString(p.Conn, c.answer); p.gone() })
				r := newRig(t, nil, answering(t, ok("good")).addr, bad.addr)
				of := tunnel.Subject{Backend: r.health(bad.addr).Backend}
				if health {
					of = tunnel.Subject{Health: r.health(bad.addr)}
				}
				p := r.begin(bad)
				p.send(c.request)
				until(t, "it is at the target", r.reached)
				if c.answer != "" {
					p.head()
					p.bytes(2)
				}
				r.on(func() {
					if n := r.w.Open(map[tunnel.Subject]int{of: 0})[0]; n != 1 {
						t.Errorf("%d use it", n)
					}
					r.w.Drain(of, tunnel.Drain{})
				})
				if c.want == 0 {
					if rest := p.rest(); rest != "" {
						t.Errorf("got %q", rest)
					}
					return
				}
				p.expect(c.want, "*")
				// The drain is the first target's alone.
				r.on(func() { r.w.Drain(tunnel.Subject{Rule: "another"}, tunnel.Drain{}) })
			})
		}
	}
}

// Retries are other targets: one is enough for one bad target, and two bad ones take two.
func TestTwoOfThreeTargetsFail(t *testing.T) {
	for retries, all := range map[int]bool{1: false, 2: true} {
		var l ledger
		bad := func(p *peer) { l.asked(p) }
		r := newRig(t, func(r *rig) { r.setting.Retries = retries },
			newServer(t, l.good).addr, newServer(t, bad).addr, newServer(t, bad).addr)
		const n = 60
		got := r.load(n, storm(false), nil)
		if all != (got[200] == n) || got[200]+got[502] != n {
			t.Errorf("with %d retries requests were answered %v", retries, got)
		}
	}
}

// The pool's hash goes by the client's address, or by a header: the first value, its name in any case. Requests without
// the header are spread.
func TestHashes(t *testing.T) {
	named := func(name string) *server { return answering(t, ok(name)) }
	a, b, c := named("a"), named("b"), named("c")
	header := "x-User"
	r := newRig(t, func(r *rig) { r.pool.Algorithm, r.pool.HashHeader = spec.HeaderHash, &header }, a.addr, b.addr, c.addr)
	ask := func(fields string) string {
		t.Helper()
		p := r.dial()
		defer p.Close()
		p.send("GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n")
		_, _, body := p.answer("GET")
		return body
	}
	users := map[string]int{}
	for i := range 30 {
		first := ask(fmt.Sprintf("X-User: %d\r\n", i))
		users[first]++
		for _, fields := range []string{"x-user: %d\r\n", "X-USER: %d\r\nX-User: other\r\n", "X-Other: 1\r\nX-User:   %d  \r\n"} {
			if got := ask(fmt.Sprintf(fields, i)); got != first {
				t.Errorf("user %d went to %q and to %q", i, first, got)
			}
		}
	}
	absent := map[string]int{}
	for range 30 {
		absent[ask("X-Users: 1\r\n")]++
	}
	if len(users) != 3 || len(absent) != 3 {
		t.Errorf("users went to %v, others to %v", users, absent)
	}
	r.on(func() { r.pool.Algorithm, r.pool.HashHeader = spec.SourceHash, nil; r.publish() })
	sources := map[string]int{}
	for range 20 {
		sources[ask("")]++
	}
	if len(sources) != 1 {
		t.Errorf("one client went to %v", sources)
	}
}
