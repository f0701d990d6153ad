package loop

import (
	"bytes"
	"errors"
	"flag"
	"net/netip"
	"testing"
	"time"
)

var seeds = flag.Uint64("loop.seeds", defaultSeeds, "how many scripts to run the loop through")
var firstSeed = flag.Uint64("loop.seed", 0, "the first of them")

// scripted is one end of a relay that does whatever a handler may do.
type scripted struct {
	k        *script
	c, to    *Conn
	back     *scripted
	left     int // bytes that its peer has still to send, as far as it knows
	eof      bool
	closed   int
	splicing bool
	wake     Timer
	errs     []error
	timeouts int
	untrue   int // ends that were told of a peer that sent no FIN
}

func (h *scripted) Connected() {}

func (h *scripted) Data(b []byte) int {
	if h.eof || h.closed > 0 || h.splicing {
		panic(errors.New("Data at a wrong time"))
	}
	r, n := h.k.r, len(b)
	if need := min(h.left, r.IntN(1<<r.IntN(15))); len(b) < need && r.IntN(2) == 0 {
		return 0 // a frame's head is incomplete
	}
	if r.IntN(4) == 0 { // back-pressure
		n = r.IntN(n + 1)
		h.rest()
	}
	if r.IntN(2) == 0 {
		h.to.Write(b[:n])
	} else {
		i := r.IntN(n + 1)
		j := i + r.IntN(n-i+1)
		h.to.WriteParts(&Parts{b[:i], b[i:j], b[j:n]})
	}
	h.left -= n
	switch {
	case h.k.rude && r.IntN(200) == 0:
		panic("a handler's bug")
	case h.k.rude && r.IntN(200) == 0:
		h.c.Reset()
	case h.k.rude && r.IntN(200) == 0:
		h.c.Close()
	case h.to.Queued() > 0:
		h.c.Pause()
	case h.left > 0 && r.IntN(3) == 0:
		h.splicing = h.c.SpliceTo(h.to, int64(1+r.IntN(h.left)))
	}
	if r.IntN(8) == 0 {
		h.c.Resume()
	}
	return n
}

// rest pauses for a while. What is not taken without it would be lost at the end, as it ought to be.
func (h *scripted) rest() {
	h.c.Pause()
	h.c.l.SetTimer(&h.wake, h.c.l.now+Time(h.k.r.Int64N(int64(50*time.Millisecond))), h.c.Resume)
}

func (h *scripted) Spliced(moved int64) {
	h.splicing = false
	h.left -= int(moved)
}

func (h *scripted) EOF() {
	if h.eof || h.splicing {
		panic(errors.New("EOF at a wrong time"))
	}
	if s := h.k.socket(int(h.c.fd)); !s.fin {
		h.untrue++
	}
	h.eof = true
	h.to.CloseWrite()
	if h.back.eof {
		h.c.Close()
		h.to.Close()
	}
}

func (h *scripted) Drained() {
	h.back.c.Resume()
}

func (h *scripted) Timeout() { h.timeouts++ }

func (h *scripted) Closed(err error) {
	h.closed++
	h.c.l.StopTimer(&h.wake)
	if err != nil {
		h.errs = append(h.errs, err)
	}
	if !h.eof || !h.back.eof || err != nil {
		h.to.Reset() // the relay broke off
	}
}

// answer makes c one that answers after the first bytes and closes, while its peer may send on. What was answered is
// noted as if it had been sent by another peer.
func answer(k *script, c *Conn, caller *peer, owner map[*peer]*peer) *scripted {
	reply := pattern(k.r.IntN(300_000), 9)
	owner[caller] = &peer{name: "answer", sent: reply, fin: true}
	h := &scripted{k: k, c: c, to: c}
	h.back = h
	var closing Time
	c.SetHandler(&funcs{
		data: func(b []byte) int {
			c.Write(reply)
			c.Close()
			closing = c.l.now
			return k.r.IntN(len(b) + 1)
		},
		eof: func() { c.Write(reply); c.Close() },
		closed: func(err error) {
			h.closed++
			if err != nil {
				h.errs = append(h.errs, err)
			}
			if closing != 0 && !k.rude && c.l.now-closing > Time(lingerTime)/2 {
				h.timeouts++ // the FIN did not go out
			}
		},
	})
	if len(caller.send) == 0 && len(caller.sent) == 0 {
		c.Write(reply) // nothing will come
		c.Close()
	}
	return h
}

// TestScriptedKernel runs the loop on thousands of made-up histories. Each relays a few connections. In the peaceful
// ones every byte and both FINs must arrive and no peer may see a reset; in the rude ones, with resets, refusals,
// exhausted descriptors and panics, what arrives must be a beginning of what was sent. In all of them nothing may be
// left and nobody may wait for ever.
func TestScriptedKernel(t *testing.T) {
	n := *seeds
	if testing.Short() {
		n = min(n, 300)
	}
	var sum Stats
	for seed := *firstSeed; seed < *firstSeed+n; seed++ {
		s := runScript(t, seed)
		sum.Spliced += s.Spliced
		sum.Parked += s.Parked
		sum.Shed += s.Shed
		sum.Panics += s.Panics
		if t.Failed() {
			t.Fatalf("run it alone with -loop.seed=%d -loop.seeds=1", seed)
		}
	}
	t.Logf("%d scripts: %d bytes spliced, %d times out of descriptors, %d callers turned away, %d panics", n, sum.Spliced,
		sum.Parked, sum.Shed, sum.Panics)
	if n >= 2000 && (sum.Spliced == 0 || sum.Parked == 0 || sum.Shed == 0 || sum.Panics == 0) {
		t.Error("the scripts left something out")
	}
}

// history is one script being played.
type history struct {
	t        *testing.T
	seed     uint64
	k        *script
	l        *Loop
	callers  []*peer
	owner    map[*peer]*peer // caller to the peer whose bytes it is to get
	handlers []*scripted
	relays   int // accepted so far
}

func runScript(t *testing.T, seed uint64) Stats {
	k := newScript(seed, seed%2 == 1)
	l, err := New(Config{Kernel: k})
	if err != nil {
		t.Fatal(err)
	}
	h := &history{t: t, seed: seed, k: k, l: l, owner: map[*peer]*peer{}}
	for range 1 + k.r.IntN(5) {
		k.peers = append(k.peers, h.peer("dialled")) // whose index is its port
		caller := h.peer("caller")
		caller.polite = k.chance(3)
		h.callers = append(h.callers, caller)
	}
	k.coming = append([]*peer(nil), h.callers...)
	if k.rude && k.chance(3) {
		k.limit = 3 + k.r.IntN(2*len(h.callers))
	}
	if !h.play() {
		t.Errorf("seed %d: the loop stands still with %d connections", seed, l.slab.used)
		for _, h := range h.handlers {
			if h.closed == 0 {
				t.Logf("flags %b queued %d left %d splice %v", h.c.flags, h.c.queued, h.left, h.c.splice)
			}
		}
		return Stats{}
	}
	for range 1000 { // the kernel delivers what is left in its buffers
		for _, p := range k.peers {
			k.act(p)
		}
	}
	s := l.Stats()
	l.Stop()
	h.check()
	return s
}

func (h *history) peer(name string) *peer {
	r := h.k.r
	return &peer{
		name: name, send: pattern(r.IntN(1<<(4+r.IntN(15))), uint32(h.seed)+uint32(len(name))),
		slow: 1 + r.IntN(6), resets: h.k.rude && h.k.chance(4),
	}
}

// accept makes what came an answerer's or one end of a relay.
func (h *history) accept(c *Conn) {
	caller := h.k.socket(int(c.fd)).peer
	if caller.polite {
		h.handlers = append(h.handlers, answer(h.k, c, caller, h.owner))
		return
	}
	target := h.k.peers[h.relays]
	h.owner[caller] = target
	a := &scripted{k: h.k, c: c, left: len(caller.send) + len(caller.sent)}
	b := &scripted{k: h.k, to: c, left: len(target.send)}
	c.SetHandler(a)
	b.c = h.l.Dial(Remote{Addr: netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(h.relays))}, b)
	a.to, a.back, b.back = b.c, b, a
	h.relays++
	h.handlers = append(h.handlers, a, b)
}

// play turns the loop until every connection came and went; it reports false when that does not happen.
func (h *history) play() bool {
	k := h.k
	open := false
	h.l.Post(func() { h.l.Accept(0, h.accept); open = true })
	for range 200_000 {
		h.l.step()
		if k.limit < 1<<20 && k.chance(10) {
			k.limit = 1 << 20 // others closed theirs
		}
		if open && len(k.coming)+len(k.door.queue) == 0 && h.l.slab.used == 0 {
			return true
		}
		if k.stuck || k.calls > 3_000_000 {
			return false
		}
	}
	return false
}

// check looks at what is left of a history that ended.
func (h *history) check() {
	t, rude := h.t, h.k.rude
	t.Helper()
	checkEmpty(t, h.l)
	if len(h.k.open) != 0 {
		t.Errorf("seed %d: %d descriptors are left open", h.seed, len(h.k.open))
	}
	for _, end := range h.handlers {
		if end.closed != 1 || end.timeouts != 0 {
			t.Errorf("seed %d: Closed was called %d times, Timeout %d times", h.seed, end.closed, end.timeouts)
		}
		if end.untrue != 0 {
			t.Errorf("seed %d: a reset passed for a FIN", h.seed)
		}
		if !rude && len(end.errs) > 0 {
			t.Errorf("seed %d: a peaceful connection ended with %v", h.seed, end.errs)
		}
	}
	for _, caller := range h.callers {
		target := h.owner[caller]
		if target == nil {
			if !caller.gotRst {
				t.Errorf("seed %d: a caller was neither served nor turned away", h.seed)
			}
			continue
		}
		if !caller.polite {
			checkPeer(t, h.seed, rude, caller, target)
		}
		checkPeer(t, h.seed, rude, target, caller)
	}
}

// checkPeer compares what to got with what from sent.
func checkPeer(t *testing.T, seed uint64, rude bool, from, to *peer) {
	t.Helper()
	if !bytes.HasPrefix(from.sent, to.got) {
		t.Errorf("seed %d: %s got %d bytes that %s did not send so (%d sent, equal up to %d)", seed, to.name,
			len(to.got), from.name, len(from.sent), common(to.got, from.sent))
	}
	if !rude && (to.gotRst || !to.gotFin || len(to.got) != len(from.sent) || len(from.send) > 0) {
		t.Errorf("seed %d: %s got %d of %d bytes (%d unsent), FIN %t, reset %t", seed, to.name, len(to.got),
			len(from.sent), len(from.send), to.gotFin, to.gotRst)
	}
	if to.gotFin && !to.gotRst && !from.gotRst && from.fin && !from.resets && len(to.got) != len(from.sent) {
		t.Errorf("seed %d: %s was told the end after %d of %d bytes", seed, to.name, len(to.got), len(from.sent))
	}
}
