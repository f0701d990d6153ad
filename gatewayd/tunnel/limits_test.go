package tunnel

import (
	"strings"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/meter"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/ws"
)

// closing is a Close from the gateway.
func closing(code uint16) string { return string(ws.AppendClose(nil, code, "", nil)) }

// gone waits until the rig's only tunnel is over and checks what is told of it.
func (r *rig) gone(by meter.End, code uint16) {
	r.t.Helper()
	var e Ended
	until(r.t, "the tunnel is over", func() (over bool) {
		r.on(func() {
			if over = len(r.told) == 1; over {
				e = r.told[0]
			}
		})
		return over
	})
	if e.By != by || e.Code != code {
		r.t.Errorf("ended by %v with %d, want %v with %d", e.By, e.Code, by, code)
	}
	if got := r.stats(); e.Cut || got.Cut != 0 {
		r.t.Errorf("it counts as cut at a deadline: %+v", got)
	}
}

// politely plays both peers of a tunnel whose client gets a Close.
func politely(c, s *peer, code uint16) {
	c.t.Helper()
	c.expect(closing(code))
	c.send(ownClose)
	s.expect(ownClose)
	s.send(replyClose)
	_ = s.Close()
	c.ends()
	_ = c.Close()
}

// TestIdleTimeout: a tunnel that passes nothing ends politely, one that passes something in either direction does not.
func TestIdleTimeout(t *testing.T) {
	r := newRig(t)
	r.on(func() { r.limits.Idle = time.Hour })
	c, s := r.open()
	// rested has the tunnel have rested for a while, and its deadline come.
	rested := func(d time.Duration) {
		r.only(func(t *Tunnel) {
			t.account.stirred = r.l.Now() - loop.Time(d)
			t.client.SetDeadline(1)
		})
		r.on(func() {})

	}
	rested(59 * time.Minute)
	c.send(masked)
	s.expect(masked)
	s.send(hello)
	c.expect(hello)
	r.only(func(t *Tunnel) {
		if t.flags&(closeWanted|ended) != 0 || r.l.Now()-t.account.stirred > loop.Time(patience) {
			r.t.Errorf("flags %b; bytes passed %v ago", t.flags, time.Duration(r.l.Now()-t.account.stirred))
		}
	})
	rested(time.Hour)
	politely(c, s, 1001)
	r.gone(meter.ByIdle, 1001)
}

// TestLifetime: a tunnel lives for what it was granted, or up to a tenth less, and ends politely.
func TestLifetime(t *testing.T) {
	r := newRig(t)
	r.on(func() { r.limits.Lifetime = time.Hour })
	c, s := r.open()
	r.only(func(t *Tunnel) {
		if left := time.Duration(t.account.dies - t.account.began); left > time.Hour || left < 54*time.Minute {
			r.t.Errorf("it may live for %v", left)
		}
		t.account.dies = 1
		t.client.SetDeadline(1)
	})
	politely(c, s, 1001)
	r.gone(meter.ByLimit, 1001)
}

// TestDrainBehindALimit: a drain that ends earlier goes before a limit, one that is cancelled leaves the limit.
func TestDrainBehindALimit(t *testing.T) {
	r := newRig(t)
	r.on(func() { r.limits.Lifetime = time.Hour })
	c, s := r.open()
	r.drain(2 * time.Hour)
	r.on(func() { r.set.Keep(Subject{Rule: "rule"}) })
	r.only(func(t *Tunnel) {
		if t.account.closeAt != 0 || t.deadline != 0 {
			r.t.Errorf("behind Keep a Close is due at %d, the end at %d", t.account.closeAt, t.deadline)
		}
		t.account.dies = 1
		t.client.SetDeadline(1)
	})
	politely(c, s, 1001)
	r.gone(meter.ByLimit, 1001)
}

// frame is the head of a frame and so many bytes of payload.
func frame(first byte, size int, mask bool) string {
	var key *[4]byte
	if mask {
		key = new([4]byte)
	}
	return string(ws.AppendHeader(nil, first, uint64(size), key)) + strings.Repeat("x", size)
}

// TestMaxMessage: nothing of the frame with which a message is too long passes, whoever sends it and in however many frames;
// one that is as long as may be passes. Other tunnels than that one's message are not in its way.
func TestMaxMessage(t *testing.T) {
	const limit = 1000
	for name, c := range map[string]struct{ passes, stops string }{
		"one frame":         {"", frame(0x82, limit+1, true)},
		"fragments":         {frame(0x02, 600, true) + frame(0x00, 400, true), frame(0x80, 1, true)},
		"pings between":     {frame(0x02, limit, true) + frame(0x89, 100, true), frame(0x80, 1, true)},
		"behind others":     {frame(0x82, limit, true) + frame(0x01, limit, true) + frame(0x80, 0, true), frame(0x82, limit+1, true)},
		"a length of 2^63":  {"", "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00"},
		"of short messages": {strings.Repeat(frame(0x82, 100, true), 20), frame(0x82, limit+1, true)},
	} {
		t.Run("client: "+name, func(t *testing.T) {
			r := newRig(t)
			r.on(func() { r.limits.Message = limit })
			client, server := r.open()
			client.send(c.passes)
			server.expect(c.passes)
			client.send(c.stops)
			client.expect(closing(1009))
			got := server.bytes(8) // Close 1001 in the client's place, masked
			if got[:2] != "\x88\x82" || got[6]^got[2] != 3 || got[7]^got[3] != 0xe9 {
				t.Errorf("the backend gets % x", got)
			}
			_ = server.Close()
			client.ends()
			_ = client.Close()
			r.gone(meter.ByLimit, 1009)
		})
	}
	t.Run("dribbled", func(t *testing.T) {
		r := newRig(t)
		r.on(func() { r.limits.Message = limit })
		client, server := r.open()
		passes := frame(0x02, 400, true) + frame(0x00, 400, true) + frame(0x80, 200, true) + frame(0x82, limit, true) + "\x88\x82\x00\x00\x00\x00\x03\xe8"
		for i := range len(passes) {
			client.send(passes[i : i+1])
		}
		client.send("behind a Close")
		server.expect(passes + "behind a Close")
		server.send(replyClose)
		client.expect(replyClose)
	})
	t.Run("backend", func(t *testing.T) {
		r := newRig(t)
		r.on(func() { r.limits.Message = limit })
		client, server := r.open()
		passes := frame(0x02, limit, false)
		server.send(passes, frame(0x80, 1, false))
		client.expect(passes)
		politely(client, server, 1011)
		r.gone(meter.ByLimit, 1011)
	})
	t.Run("in a frame of the backend's", func(t *testing.T) {
		r := newRig(t)
		r.on(func() { r.limits.Message = limit })
		client, server := r.open()
		message := frame(0x82, 500, false)
		server.send(message[:100])
		client.expect(message[:100])
		client.send(frame(0x82, limit+1, true))
		server.bytes(8)
		server.send(message[100:], hello)
		client.expect(message[100:] + closing(1009))
		_ = server.Close()
		client.ends()
		_ = client.Close()
		r.gone(meter.ByLimit, 1009)
	})
}

// TestBrokenFraming: where messages are bounded, a frame behind which nobody could tell how long they are ends the tunnel,
// and nothing of it passes: a target may read on where the gateway cannot.
func TestBrokenFraming(t *testing.T) {
	for name, odd := range map[string]string{
		"a length in too many bytes": "\x82\xfe\x00\x05abcd12345",
		"an unknown opcode":          "\x83\x80abcd",
		"a continuation of nothing":  "\x80\x80abcd",
		"a fragmented ping":          "\x09\x80abcd",
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.on(func() { r.limits.Message = 1000 })
			client, server := r.open()
			client.send(masked)
			for i := range len(odd) {
				if _, err := client.Write([]byte{odd[i]}); err != nil {
					break // It is ended before it has said all.
				}
			}
			server.expect(masked)
			client.expect(closing(1002))
			if got := server.bytes(8); got[:2] != "\x88\x82" {
				t.Errorf("the backend gets % x", got)
			}
			_ = server.Close()
			_ = client.Close()
			r.gone(meter.ByLimit, 1002)
		})
	}
	t.Run("backend", func(t *testing.T) {
		r := newRig(t)
		r.on(func() { r.limits.Message = 1000 })
		client, server := r.open()
		server.send(hello, "\x82\x7e\x00\x05")
		client.expect(hello)
		politely(client, server, 1011)
		r.gone(meter.ByLimit, 1011)
	})
}

// TestReaderThatTakesNothing: who takes nothing of what waits for him is cut, client or backend; who takes a little is not.
func TestReaderThatTakesNothing(t *testing.T) {
	for _, to := range []int{toClient, toBackend} {
		t.Run([]string{"client", "backend"}[to], func(t *testing.T) {
			r := newRig(t)
			r.on(func() { r.limits.Write = time.Hour })
			c, s := r.open()
			from, slow := s, c
			if to == toBackend {
				from, slow = c, s
			}
			go func() {
				_ = from.SetDeadline(time.Now().Add(patience))
				for range 64 {
					if _, err := from.Write([]byte(frame(0x82, len(zeros), to == toBackend))); err != nil {
						return // It ends before it has taken all.
					}
				}
			}()
			waits := func() (left int) {
				r.only(func(t *Tunnel) {
					if t != nil && t.flags&stalling != 0 {
						left, _ = t.untaken(to)
					}
				})
				return left
			}
			until(t, "it stalls", func() bool { return waits() > 0 })
			// settled is how much waits once the system takes no more.
			settled := func() int {
				before, same := 0, 0
				until(t, "the system takes no more", func() bool {
					if n := waits(); n != before {
						before, same = n, 0
					}
					same++
					return same > 50
				})
				return before
			}
			n := settled()
			// look has the tunnel look after its peers, as if it had seen so much wait some time ago.
			look := func(left int) {
				r.only(func(t *Tunnel) {
					if t == nil || t.flags&stalling == 0 {
						return
					}
					t.account.waiting[to] = stalled{left, r.l.Now() - loop.Time(2*time.Hour)}
					t.backend.SetDeadline(1)
				})
				r.on(func() {})
			}
			look(n + 1)
			if r.stats().Open != 1 {
				t.Fatal("a reader that takes a little was cut")
			}
			// The system may have taken a last little meanwhile.
			until(t, "it is cut", func() bool {
				if r.stats().Open == 0 {
					return true
				}
				look(waits())
				return false
			})
			r.gone(meter.ByLimit, 1006)
			_ = slow.Close()
		})
	}
}
