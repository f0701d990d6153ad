package tunnel

import (
	"io"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/meter"
)

// Who ended a tunnel, and by which Close, is known afterwards.
func TestWhoEndedIt(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(r *rig, c, s *peer)
		by   meter.End
		code uint16
		cut  bool
	}{
		{"the client closes", func(r *rig, c, s *peer) { c.send(masked, ownClose); s.expect(masked + ownClose); s.send(replyClose) }, meter.ByClient, 1000, false},
		{"with a key", func(r *rig, c, s *peer) { c.send("\x88\x82\x01\x02\x03\x04\x02\xeb") }, meter.ByClient, 1001, false},
		{"in pieces", func(r *rig, c, s *peer) {
			c.send("\x88")
			until(r.t, "a part of a header is here", func() (here bool) {
				r.only(func(t *Tunnel) { here = t.fromClient.n == 1 })
				return here
			})
			c.send("\x82\x00\x00\x00\x00\x0f\xa0")
		}, meter.ByClient, 4000, false},
		{"without a code", func(r *rig, c, s *peer) { c.send("\x88\x80\x01\x02\x03\x04") }, meter.ByClient, 1005, false},
		{"the client leaves", func(r *rig, c, s *peer) { c.CloseWrite() }, meter.ByClient, 1006, false},
		{"the client resets", func(r *rig, c, s *peer) { c.reset() }, meter.ByClient, 1006, false},
		{"the backend closes", func(r *rig, c, s *peer) { s.send(hello, replyClose); c.expect(hello + replyClose); c.send(ownClose) }, meter.ByBackend, 1000, false},
		{"with a reason", func(r *rig, c, s *peer) { s.send("\x88\x05\x03\xf3bye") }, meter.ByBackend, 1011, false},
		{"the backend leaves", func(r *rig, c, s *peer) { s.CloseWrite() }, meter.ByBackend, 1006, false},
		{"the rule goes", func(r *rig, c, s *peer) { r.close(); c.expect(away); c.send(ownClose); s.expect(ownClose) }, meter.ByChange, 1001, false},
		{"the target goes", func(r *rig, c, s *peer) {
			r.on(func() { r.set.Drain(Subject{Backend: r.backend}, Drain{}) })
		}, meter.ByDrain, 1001, true},
		{"the target turns unhealthy", func(r *rig, c, s *peer) {
			r.on(func() { r.set.Drain(Subject{Health: r.health}, Drain{}) })
		}, meter.ByUnhealthy, 1001, true},
		{"the gateway stops", func(r *rig, c, s *peer) {
			r.on(func() { r.set.Shutdown(Drain{Timeout: time.Millisecond}) })
		}, meter.ByRestart, 1012, true},
		{"no boundary comes", func(r *rig, c, s *peer) {
			s.send("\x82\x7e\x10\x00half")
			c.expect("\x82\x7e\x10\x00half")
			r.drain(20 * time.Millisecond)
		}, meter.ByChange, 1006, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			client, server := r.open()
			c.do(r, client, server)
			until(t, "the end has begun", func() (begun bool) {
				r.on(func() {
					l := r.set.lists[Subject{Rule: "rule"}]
					begun = l == nil || l.first == nil || l.first.flags&known != 0
				})
				return begun
			})
			go io.Copy(io.Discard, server) // Both read on until they are told the end.
			client.CloseWrite()
			server.CloseWrite()
			var told []Ended
			until(t, "the tunnel is over", func() bool {
				r.on(func() { told = r.told })
				return len(told) > 0
			})
			if e := told[0]; len(told) != 1 || e.By != c.by || e.Code != c.code || e.Cut != c.cut {
				t.Errorf("told of %+v; want one ended by %v with %d, cut %v", told, c.by, c.code, c.cut)
			}
			f := r.traffic.Figures()
			if f.TunnelsOpened != 1 || f.TunnelsOpen() != 0 || f.TunnelsEnded[c.by] != 1 {
				t.Errorf("counted %+v", f)
			}
			if e := told[0]; (meter.PassedFigures{Bytes: e.Received, Messages: e.ReceivedMessages}) != f.TunnelsReceived ||
				(meter.PassedFigures{Bytes: e.Sent, Messages: e.SentMessages}) != f.TunnelsSent {
				t.Errorf("told of %+v, counted %+v and %+v", e, f.TunnelsReceived, f.TunnelsSent)
			}
		})
	}
}

// Every byte and every message that passes is counted, spliced ones included.
func TestTunnelBytesAreCounted(t *testing.T) {
	r := newRig(t)
	c, s := r.open()
	const size = 8 << 20
	frame := "\x82\x7f\x00\x00\x00\x00\x00\x80\x00\x00"
	go s.send(frame, string(zeros), string(zeros), string(zeros), string(zeros), string(zeros), string(zeros), string(zeros), string(zeros))
	c.expect(frame)
	for range size / len(zeros) {
		c.expect(string(zeros))
	}
	c.send(masked)
	s.expect(masked)
	until(t, "all bytes are counted", func() bool {
		r.on(r.set.Settle)
		f := r.traffic.Figures()
		return f.TunnelsSent == meter.PassedFigures{Bytes: uint64(len(frame) + size), Messages: 1} &&
			f.TunnelsReceived == meter.PassedFigures{Bytes: uint64(len(masked)), Messages: 1}
	})
	if r.l.Stats().Spliced == 0 {
		t.Error("nothing was spliced")
	}
	c.Close()
	s.Close()
}

// Messages are counted where they end, whichever way their frames come and go.
func TestMessagesAreCounted(t *testing.T) {
	const ping, begin, more, last = "\x89\x01p", "\x01\x02he", "\x00\x01l", "\x80\x02lo"
	for _, c := range []struct {
		name     string
		limits   Limits
		sent     []string
		messages uint64
	}{
		{"whole", Limits{}, []string{hello, hello + hello}, 3},
		{"empty", Limits{}, []string{"\x82\x00\x81\x00"}, 2},
		{"in pieces", Limits{}, []string{hello + "\x81", "\x05he", "llo"}, 2},
		{"fragments, and pings between", Limits{}, []string{begin + ping + more, ping + last}, 1},
		{"one that does not end", Limits{}, []string{hello + begin + more}, 1},
		{"up to where the framing is lost", Limits{}, []string{hello + "\x83\x00" + hello}, 1},
		{"under a limit", Limits{Message: 100}, []string{hello + begin + ping, more + last + hello}, 3},
		{"of another extension", Limits{}, []string{"\xc1\x02xy"}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.on(func() { r.limits = c.limits })
			client, server := r.open()
			bytes := 0
			for _, b := range c.sent {
				server.send(b)
				bytes += len(b)
				until(t, "all is counted", func() (here bool) {
					r.only(func(t *Tunnel) { here = int(t.account.sent.Bytes)+int(t.fromBackend.n) == bytes })
					return here
				})
			}
			r.close()
			r.on(r.set.Settle)
			if f := r.traffic.Figures(); f.TunnelsSent.Messages != c.messages {
				t.Errorf("counted %+v, want %d messages", f.TunnelsSent, c.messages)
			}
			client.Close()
			server.Close()
		})
	}
}
