package proxy

import (
	"bytes"
	"io"
	"net/netip"
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/secure"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/table"
)

// A stub is an HTTP/2 stream as an exchange and a tunnel would see it: flow-control credit in both directions, ends and
// resets as frames, no connection of its own. It shows that neither of them rests on HTTP/1.1 or on sockets.
type stub struct {
	l *loop.Loop
	x *exchange

	// To the client: DATA may be sent only within the credit that the client gave.
	credit  int
	pending []byte // waits for credit
	sent    []byte
	status  []int
	ended   bool
	trailer string
	reset   bool

	// From the client: DATA that was received and not given to the exchange yet. Its window opens as room allows.
	received []byte
	most     int // the most that ever waited
	finished bool
	told     bool

	// As a loop.Stream, behind an extended CONNECT (RFC 8441).
	h      loop.Handler
	paused bool
	fin    bool
	closed bool
}

func (s *stub) matched(*table.Listener) Reason { return 0 }
func (s *stub) peer() netip.AddrPort           { return s.remote() }
func (s *stub) over() *secure.Peer             { return &secure.Peer{} }
func (s *stub) remote() netip.AddrPort         { return netip.MustParseAddrPort("[2001:db8::1]:1") }
func (s *stub) local() netip.AddrPort          { return netip.MustParseAddrPort("[2001:db8::2]:80") }
func (s *stub) queued() int                    { return len(s.pending) }
func (s *stub) Queued() int                    { return len(s.pending) }
func (s *stub) Unsent() int                    { return len(s.pending) }
func (s *stub) Took() bool                     { return false }
func (s *stub) Pulse() loop.Pulse              { return loop.Pulse{} }

func (s *stub) interim(r *http1.Response) { s.status = append(s.status, r.Status) }
func (s *stub) answer(r *http1.Response)  { s.status = append(s.status, r.Status) }
func (s *stub) content(p []byte)          { s.Write(p) }
func (s *stub) refuse(r refusal)          { s.x, s.ended = nil, true; s.status = append(s.status, r.status) }
func (s *stub) reply(r *reply)            { s.x, s.ended = nil, true; s.status = append(s.status, r.status) }
func (s *stub) abort(bool)                { s.x, s.reset = nil, true }
func (s *stub) complete(t *http1.Trailer) {
	s.x, s.ended = nil, true
	if t != nil {
		s.trailer = string(t.Fields[0].Value)
	}
}

func (s *stub) switched(*http1.Response) (loop.Stream, bool) {
	s.x = nil
	s.status = append(s.status, 200) // RFC 8441 section 5
	return s, false
}

func (s *stub) Write(p []byte) {
	s.pending = append(s.pending, p...)
	s.grant(0)
}

// grant is a WINDOW_UPDATE of the client.
func (s *stub) grant(n int) {
	s.credit += n
	had := len(s.pending) > 0
	k := min(s.credit, len(s.pending))
	s.sent = append(s.sent, s.pending[:k]...)
	s.pending = s.pending[k:]
	s.credit -= k
	if had && len(s.pending) == 0 && n > 0 {
		if s.x != nil {
			s.x.drained()
		} else if s.h != nil {
			s.h.Drained()
		}
	}
}

// receive is DATA of the client, which keeps to its window.
func (s *stub) receive(p []byte, end bool) {
	s.received = append(s.received, p...)
	s.most = max(s.most, len(s.received))
	s.finished = s.finished || end
	s.resume()
}

func (s *stub) resume() {
	if s.h != nil {
		s.l.Post(s.deliver)
		return
	}
	for s.x != nil && len(s.received) > 0 {
		n := min(s.x.room(), len(s.received))
		if n == 0 {
			return
		}
		s.x.content(s.received[:n])
		s.x.w.leave()
		s.received = s.received[n:]
	}
	if s.x != nil && s.finished && !s.told {
		s.told = true
		s.x.complete(nil)
		s.x.w.leave()
	}
}

func (s *stub) deliver() {
	if s.paused || s.closed || s.h == nil {
		return
	}
	if len(s.received) > 0 {
		s.received = s.received[s.h.Data(s.received):]
	}
	if s.finished && !s.told && len(s.received) == 0 {
		s.told = true
		s.h.EOF()
	}
}

func (s *stub) SetHandler(h loop.Handler)  { s.h = h }
func (s *stub) Pause()                     { s.paused = true }
func (s *stub) Resume()                    { s.paused = false; s.l.Post(s.deliver) }
func (s *stub) CloseWrite()                { s.fin = true }
func (s *stub) SetDeadline(loop.Time)      {}
func (s *stub) RemoteAddr() netip.AddrPort { return netip.AddrPort{} }
func (s *stub) LocalAddr() netip.AddrPort  { return netip.AddrPort{} }
func (s *stub) Close()                     { s.end(false) }
func (s *stub) Reset()                     { s.end(true) }
func (s *stub) end(reset bool) {
	if !s.closed {
		s.closed, s.reset = true, reset
		s.l.Post(func() { s.h.Closed(nil) })
	}
}

var (
	_ downstream  = (*stub)(nil)
	_ loop.Stream = (*stub)(nil)
)

// begin starts an exchange as a HEADERS frame would.
func (s *stub) begin(r *rig, req *http1.Request) {
	w := r.w
	d := &door{w: w, place: table.Place{Port: 80}}
	w.enter()
	s.x = w.newExchange(s)
	s.x.begin(d, req, 100)
	w.leave()
}

func headers(method string, kind http1.BodyKind) *http1.Request {
	return &http1.Request{
		Method: []byte(method), Minor: 1, Path: []byte("/h2"), Authority: []byte("a.test"), Host: []byte("a.test"), Body: kind,
		Fields: []http1.Field{{Name: []byte("accept"), Value: []byte("*/*")}},
	}
}

func TestExchangeOverAnHTTP2Stream(t *testing.T) {
	const size = 1 << 20
	s := newServer(t, func(p *peer) {
		for {
			head, body, alive := p.message()
			if !alive {
				return
			}
			if !strings.Contains(head, "accept: */*\r\nX-Forwarded-For: 2001:db8::1\r\n") {
				t.Errorf("the backend got %q", head)
			}
			if strings.HasPrefix(head, "POST") && strings.Count(body, "x") != size {
				t.Errorf("the backend got %d bytes", strings.Count(body, "x"))
			}
			p.send("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
			p.send("100000\r\n" + strings.Repeat("y", size) + "\r\n0\r\nX-T: sum\r\n\r\n")
		}
	})
	r := newRig(t, nil, s.addr)
	for _, method := range []string{"GET", "POST"} {
		st := &stub{l: r.l}
		kind := http1.BodyNone
		if method == "POST" {
			kind = http1.BodyChunked
		}
		r.on(func() { st.begin(r, headers(method, kind)) })
		if method == "POST" {
			// 16 KiB frames, and each only when the last was taken, which is the client's window.
			for n := 0; n < size; n += 16 << 10 {
				until(t, "the window opens", func() bool {
					open := false
					r.on(func() { st.resume(); open = len(st.received) == 0 })
					return open
				})
				r.on(func() { st.receive(bytes.Repeat([]byte("x"), 16<<10), n+16<<10 == size) })
			}
			r.on(func() { st.resume() })
		}
		until(t, "the answer waits for the client's credit", func() (waits bool) {
			r.on(func() { waits = len(st.pending) > 0 })
			return waits
		})
		until(t, "the answer is whole", func() bool {
			done := false
			r.on(func() {
				if len(st.pending) > loop.MaxBuffer {
					t.Errorf("%d bytes wait for credit", len(st.pending))
				}
				st.grant(50_000)
				done = st.ended && len(st.pending) == 0
			})
			return done
		})
		r.on(func() {
			if len(st.sent) != size || st.trailer != "sum" || len(st.status) != 2 || st.status[1] != 200 {
				t.Errorf("%s: %d bytes, trailer %q, statuses %v", method, len(st.sent), st.trailer, st.status)
			}
		})
	}
}

func TestHTTP2StreamIsReset(t *testing.T) {
	canceled := make(chan bool, 1)
	s := newServer(t, func(p *peer) { p.message(); p.gone(); canceled <- true })
	r := newRig(t, nil, s.addr)
	st := &stub{l: r.l}
	r.on(func() { st.begin(r, headers("GET", http1.BodyNone)) })
	until(t, "the request is at the backend", func() bool { return s.conns.Load() == 1 })
	r.on(func() { st.x.cancel(); st.x = nil }) // RST_STREAM
	<-canceled
}

func TestTunnelOverAnHTTP2Stream(t *testing.T) {
	const size = 300_000
	s := newServer(t, func(p *peer) {
		p.head()
		p.send(switching)
		io.CopyN(p.Conn, p.r, size+14) // an echo
		p.r.ReadByte()                 // FIN
		p.CloseWrite()
		p.gone()
	})
	r := newRig(t, nil, s.addr)
	st := &stub{l: r.l}
	req := headers("GET", http1.BodyNone)
	req.Upgrade, req.Key = true, []byte(wsKey)
	r.on(func() { st.begin(r, req) })
	until(t, "the tunnel stands", func() bool { return r.stats().Tunnels.Open == 1 })
	frame := append([]byte{0x82, 0xff, 0, 0, 0, 0, 0, 0x04, 0x93, 0xe0, 1, 2, 3, 4}, make([]byte, size)...)
	r.on(func() { st.receive(frame, true) })
	until(t, "everything came back", func() bool {
		done := false
		r.on(func() {
			if n := len(st.pending); n > loop.MaxBuffer {
				t.Errorf("%d bytes wait for credit", n)
			}
			st.grant(10_000)
			done = st.closed && len(st.pending) == 0
		})
		return done
	})
	r.on(func() {
		if !bytes.Equal(st.sent, frame) || st.status[0] != 200 || !st.fin || st.reset {
			t.Errorf("%d bytes, statuses %v, fin %v, reset %v", len(st.sent), st.status, st.fin, st.reset)
		}
	})
}
