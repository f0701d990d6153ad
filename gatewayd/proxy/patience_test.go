package proxy

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// pass waits until the loop has come by a time from now, and so every timer that was due before.
func (r *rig) pass(d time.Duration) {
	r.t.Helper()
	done := make(chan bool)
	var timer loop.Timer
	r.on(func() { r.l.SetTimer(&timer, r.l.Now()+loop.Time(d), func() { close(done) }) })
	<-done
}

// age makes the only exchange as old as if nothing had moved for a time.
func (r *rig) age(d time.Duration) {
	r.t.Helper()
	r.on(func() {
		x := r.w.first
		x.moved -= loop.Time(d)
		x.arm()
	})
}

// reached says that the newest exchange has sent bytes to its backend.
func (r *rig) reached() (yes bool) {
	r.t.Helper()
	r.on(func() { yes = r.w.first != nil && r.w.first.flags&xReached != 0 })
	return yes
}

// stalled waits until a queue of the only exchange is not empty.
func (r *rig) stalled() {
	r.t.Helper()
	r.ageStalled(0)
}

// ageStalled makes the only exchange older in the very turn in which a queue of it is not empty: the systems on the way
// may take a little more in the next one.
func (r *rig) ageStalled(d time.Duration) {
	r.t.Helper()
	until(r.t, "the exchange stands still", func() bool {
		queued := 0
		r.on(func() {
			x := r.w.first
			if x == nil || x.up == nil || x.up.stream == nil {
				return
			}
			if queued = x.up.stream.Queued() + x.down.queued(); queued > 0 {
				x.moved -= loop.Time(d)
				x.arm()
			}
		})
		return queued > 0
	})
}

const mass = 64 << 20

// massive is a backend that answers with more than a gateway can hold.
func massive(t *testing.T) *server {
	return newServer(t, func(p *peer) {
		p.message()
		p.send("HTTP/1.1 200 OK\r\nContent-Length: 67108864\r\n\r\n")
		io.Copy(p.Conn, io.LimitReader(zeros{}, mass))
	})
}

// A client that reads with pauses is no backend that stands still.
func TestPausesOfTheReader(t *testing.T) {
	r := newRig(t, func(r *rig) { r.setting.StreamIdleTimeout = "30s" }, massive(t).addr)
	p := r.dial()
	p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	p.head()
	got := int64(0)
	for range 3 {
		r.ageStalled(time.Minute)
		r.pass(20 * time.Millisecond)
		n, err := io.CopyN(io.Discard, p.r, 8<<20)
		if got += n; err != nil {
			t.Fatalf("the answer ended after %d bytes: %v", got, err)
		}
	}
	if n, err := io.CopyN(io.Discard, p.r, mass-got); err != nil {
		t.Errorf("the answer ended after %d bytes: %v", got+n, err)
	}
}

// Whoever takes nothing of an answer loses it in the end; whoever takes a little does not.
func TestReaderThatTakesNothing(t *testing.T) {
	r := newRig(t, func(r *rig) { r.setting.StreamIdleTimeout, r.setting.WriteTimeout = "0s", "1h" }, massive(t).addr)
	p := r.dial()
	p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	p.head()
	r.stalled()
	r.ageStalled(59 * time.Minute)
	r.pass(20 * time.Millisecond)
	r.on(func() { r.w.first.waiting++ }) // as if it had taken a byte
	r.ageStalled(r.setting.WriteTimeout.Value())
	r.pass(20 * time.Millisecond)
	if r.stats().Open != 1 {
		t.Fatalf("a slow reader was cut")
	}
	r.ageStalled(r.setting.WriteTimeout.Value())
	until(t, "the exchange is over", func() bool { return r.stats().Open == 0 })
	if n := r.stats().Aborted; n != 1 {
		t.Errorf("%d answers were cut", n)
	}
}

// A backend that stops reading an upload is one that does not answer, however long bodies may rest.
func TestRequestTimeoutOfAnUpload(t *testing.T) {
	for _, idle := range []spec.Duration{"0s", "5m"} {
		s := newServer(t, func(p *peer) { p.head(); <-t.Context().Done() })
		r := newRig(t, func(r *rig) { r.setting.RequestTimeout, r.setting.StreamIdleTimeout = "1s", idle }, s.addr)
		p := r.dial()
		p.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 67108864\r\n\r\n")
		go io.Copy(p.Conn, io.LimitReader(zeros{}, mass))
		if h := p.expect(504, "*"); h.Get("Gatewayd-Reason") != "request_timeout" {
			t.Errorf("stream_idle_timeout %s: got %v", idle, h)
		}
	}
}

// A request body that does not come has a limit also where answers have none.
func TestRequestBodyThatDoesNotCome(t *testing.T) {
	s := newServer(t, func(p *peer) {
		if strings.HasPrefix(p.head(), "PUT") {
			p.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab") // an early answer
		}
		p.gone()
	})
	r := newRig(t, func(r *rig) {
		r.setting.StreamIdleTimeout, r.setting.RequestTimeout, r.listener.BodyTimeout = "0s", "24h", "10m"
	}, s.addr)
	p := r.dial()
	p.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab")
	until(t, "the request is at the backend", r.reached)
	r.age(9 * time.Minute)
	r.pass(20 * time.Millisecond)
	if r.stats().Open != 1 {
		t.Error("a request body was given up before its time")
	}
	r.age(r.listener.BodyTimeout.Value())
	if h := p.expect(408, "*"); h.Get("Gatewayd-Reason") != "slow_body" {
		t.Errorf("got %v", h)
	}
	p = r.dial()
	p.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab")
	p.head()
	p.bytes(2)
	r.age(r.listener.BodyTimeout.Value())
	if got := p.rest(); got != "" {
		t.Errorf("behind the beginning of an answer came %q", got)
	}
	// The answer alone may rest.
	p = r.dial()
	p.send("PUT / HTTP/1.1\r\nHost: a\r\n\r\n")
	p.head()
	p.bytes(2)
	r.age(24 * time.Hour)
	r.pass(20 * time.Millisecond)
	if r.stats().Open != 1 {
		t.Errorf("an answer that rests was cut")
	}
}

// Bytes of a request do not make a target reachable.
func TestConnectTimeoutWithABody(t *testing.T) {
	r := newRig(t, func(r *rig) { r.setting.ConnectTimeout = "200ms" }, full(t))
	p := r.dial()
	p.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
	go func() {
		for {
			if _, err := io.WriteString(p.Conn, "1\r\nx\r\n"); err != nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	if h := p.expect(502, "*"); h.Get("Gatewayd-Reason") != "connect_timeout" {
		t.Errorf("got %v", h)
	}
}

// A reader that is given up holds nothing any more: nobody waits until it takes what is queued.
func TestReaderIsCut(t *testing.T) {
	s := newServer(t, func(p *peer) {
		p.message()
		p.send("HTTP/1.1 200 OK\r\nContent-Length: 8388608\r\n\r\n")
		io.Copy(p.Conn, io.LimitReader(zeros{}, 8<<20))
		p.gone()
	})
	r := newRig(t, func(r *rig) { r.setting.WriteTimeout = "1s" }, s.addr)
	p := r.dial()
	p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	p.head()
	until(t, "the connection is gone", func() bool { return r.stats().Clients == 0 })
}
