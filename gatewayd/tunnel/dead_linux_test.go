package tunnel

import (
	"net/netip"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop/looptest"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/meter"
)

// vanish has whatever comes to the peer's system from now on dropped unseen, as where a machine lost power or its network:
// nothing is confirmed, answered or reset.
func (p *peer) vanish() {
	p.t.Helper()
	raw, err := p.SyscallConn()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) {
		nothing := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K}
		err = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &nothing})
		runtime.KeepAlive(&nothing)
	}); err != nil {
		p.t.Fatal(err)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// hasty is the system's kernel with a keep-alive of four seconds, from the beginning.
type hasty struct{ loop.Kernel }

func (k hasty) Accept(fd int) (int, netip.AddrPort, syscall.Errno) {
	fd, from, e := k.Kernel.Accept(fd)
	k.KeepAlive(fd)
	return fd, from, e
}

func (k hasty) Connect(to loop.Remote) (int, syscall.Errno) {
	fd, e := k.Kernel.Connect(to)
	k.KeepAlive(fd)
	return fd, e
}

func (k hasty) KeepAlive(fd int) {
	k.Kernel.KeepAlive(fd)
	for _, o := range []int{unix.TCP_KEEPIDLE, unix.TCP_KEEPINTVL} {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, o, 1)
	}
}

func (r *rig) lastTold() (n int, last Ended) {
	r.t.Helper()
	r.on(func() {
		if n = len(r.told); n > 0 {
			last = r.told[n-1]
		}
	})
	return n, last
}

// lostBy wants the first tunnel that is over to have lost its connection to a peer.
func (r *rig) lostBy(who meter.End) {
	r.t.Helper()
	if n, e := r.lastTold(); n != 1 || e.By != who || e.Code != 1006 || e.Cut {
		r.t.Errorf("%d tunnels are over, the last one %+v; want one that lost its %v", n, e, who)
	}
}

// TestIdlePeerVanishes: keep-alive finds out which of the idle tunnels have a peer that is gone, and leaves alone those whose
// peers only say nothing.
func TestIdlePeerVanishes(t *testing.T) {
	t.Parallel()
	for name, who := range map[string]meter.End{"client": meter.ByClient, "target": meter.ByBackend} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k, err := loop.System()
			if err != nil {
				t.Fatal(err)
			}
			r := newRigOn(t, hasty{k})
			idle, quiet := r.open()
			alive(idle, quiet)
			c, s := r.open()
			alive(c, s)
			if who == meter.ByClient {
				c.vanish()
			} else {
				s.vanish()
			}
			until(t, "it is found", func() bool { n, _ := r.lastTold(); return n > 0 })
			r.lostBy(who)
			alive(idle, quiet)
		})
	}
}

// TestPeerVanishesThatSomethingIsSent: while something is on its way to a peer keep-alive rests; that the peer is gone is
// found all the same, also where it had left no room before. Other peers that take nothing are not taken for it.
func TestPeerVanishesThatSomethingIsSent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		do  func(r *clocked, c, s *peer)
		who meter.End
	}{
		"a client": {func(r *clocked, c, s *peer) {
			c.vanish()
			s.send(hello)
		}, meter.ByClient},
		"a client with a queue": {func(r *clocked, c, s *peer) {
			c.vanish()
			r.flood(s)
		}, meter.ByClient},
		"a client without room": {func(r *clocked, c, s *peer) {
			r.flood(s)
			c.vanish()
		}, meter.ByClient},
		"a client that ended its side": {func(r *clocked, c, s *peer) {
			c.CloseWrite()
			s.ends()
			c.vanish()
			s.send(hello)
		}, meter.ByClient},
		"a target": {func(r *clocked, c, s *peer) {
			s.vanish()
			c.send(masked)
		}, meter.ByBackend},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newClocked(t)
			r.on(func() { r.set.silence = time.Second })
			c1, s1 := r.open()
			other, talker := r.open()
			alive(other, talker)
			c.do(r, c1, s1)
			// Without room it is asked ever more rarely before the first round: the later that is, the longer it takes.
			for end := time.Now().Add(3 * patience); ; {
				r.nextRound()
				if n, _ := r.lastTold(); n > 0 {
					break
				} else if time.Now().After(end) {
					t.Fatal("it is not found")
				}
			}
			r.lostBy(c.who)
			for _, p := range []*peer{other, talker} {
				_ = p.SetDeadline(time.Now().Add(patience))
			}
			alive(other, talker)
		})
	}
}

// nextRound moves the clock on to a round.
func (r *clocked) nextRound() {
	r.t.Helper()
	time.Sleep(10 * time.Millisecond) // Something may happen meanwhile: the system's own clock goes on.
	r.at(r.clock.Gone() + roundEvery + looptest.Late)
}

// flood has a peer say more than the other one has room for.
func (r *clocked) flood(s *peer) {
	r.t.Helper()
	go func() {
		for {
			if _, err := s.Write([]byte(frame(0x82, 100, false))); err != nil {
				return // The tunnel or the test is over.
			}
		}
	}()
	until(r.t, "it waits", func() (waits bool) {
		r.on(func() {
			for t := r.set.lists[Subject{Rule: "rule"}].first; t != nil; t = t.links[ofRule].next {
				waits = waits || t.client.Queued() > 0
			}
		})
		return waits
	})
}

// TestReaderThatRests: a client that reads nothing is alive, however long nothing is heard of it between two questions
// whether it has room, and what it did not read is there when it reads on.
func TestReaderThatRests(t *testing.T) {
	t.Parallel()
	r := newClocked(t)
	r.on(func() { r.set.silence = time.Second })
	c, s := r.open()
	r.flood(s)
	for seen := 0; seen < 20; {
		r.nextRound()
		until(t, "nothing was heard of it for long", func() (long bool) {
			r.only(func(tunnel *Tunnel) {
				if tunnel == nil || tunnel.flags&ended != 0 {
					t.Error("a client that lives was taken for one that vanished")
					long = true
					return
				}
				p := tunnel.client.Pulse()
				if long = p.Owes && p.Silent > r.set.silence; long {
					seen++
					tunnel.visit()
				}
			})
			return long
		})
		if t.Failed() {
			return
		}
	}
	for range 100 {
		c.expect(frame(0x82, 100, false))
	}
	r.on(func() {
		if n := len(r.told); n > 0 {
			t.Errorf("%d tunnels are over", n)
		}
	})
	_ = c.Close()
}

// TestIdleTunnelsAreNotVisited: once all that passed has arrived nothing is left to be done, by the tunnel or by the loop.
func TestIdleTunnelsAreNotVisited(t *testing.T) {
	r := newClocked(t)
	type pair struct{ c, s *peer }
	var all []pair
	for range 2*roundStep + 10 {
		c, s := r.open()
		alive(c, s)
		all = append(all, pair{c, s})
	}
	visited := func() (n int) {
		r.on(func() {
			n = len(r.set.talking)
			for i, t := range r.set.talking {
				if t.account.place != int32(i+1) {
					r.t.Errorf("a tunnel at place %d has %d", i+1, t.account.place)
				}
			}
		})
		return n
	}
	if n := visited(); n != len(all) {
		t.Fatalf("%d of %d tunnels are visited", n, len(all))
	}
	for i := 0; i < len(all); i += 3 { // Those in the midst leave first.
		all[i].c.reset()
		_ = all[i].s.Close()
	}
	for i, p := range all {
		if i%3 == 1 {
			alive(p.c, p.s)
		}
	}
	until(t, "nobody is visited", func() bool { r.nextRound(); return visited() == 0 })
	r.on(func() {
		if r.set.talking != nil {
			t.Error("the memory is kept")
		}
	})
	alive(all[1].c, all[1].s)
	if n := visited(); n != 1 {
		t.Errorf("%d tunnels are visited, want the one that talks", n)
	}
	if n, _ := r.lastTold(); n != (len(all)+2)/3 {
		t.Errorf("%d tunnels are over", n)
	}
}

// TestGivenUpWithinAMinute: whatever finds a peer that is gone does so in time.
func TestGivenUpWithinAMinute(t *testing.T) {
	if deadTime+roundEvery >= time.Minute {
		t.Errorf("a peer is given up %v after its last sign, and up to %v later", deadTime, roundEvery)
	}
}
