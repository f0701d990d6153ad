package loop

import (
	"syscall"
	"time"
)

const (
	burst    = 7                      // events in a row until 64 connections are accepted from one socket in a turn, the most
	parkTime = 100 * time.Millisecond // how long an acceptor rests when descriptors ran out
)

// An Acceptor takes connections from a listening socket, which it polls level-triggered. The socket stays its
// caller's: nothing here closes it.
type Acceptor struct {
	l      *Loop
	fd     int
	index  int
	gen    uint32
	on     func(*Conn)
	polled bool
	closed bool
	row    int    // events in a row of which as many were accepted as might be
	last   uint32 // the turn of the latest of them
	park   Timer
	resume func()
}

// Accept begins to poll the listening, non-blocking socket fd and calls on with every connection, which must get its
// handler there; one that gets none is reset. The caller keeps fd open until it has called Close. On the loop only.
func (l *Loop) Accept(fd int, on func(*Conn)) *Acceptor {
	a := &Acceptor{l: l, fd: fd, on: on}
	a.resume = a.poll
	a.index = -1
	for i, o := range l.accs {
		if o.closed {
			a.index, a.gen = i, o.gen+1
			l.accs[i] = a
			break
		}
	}
	if a.index < 0 {
		a.index = len(l.accs)
		l.accs = append(l.accs, a)
	}
	a.poll()
	return a
}

func (a *Acceptor) poll() {
	if a.closed || a.polled {
		return
	}
	if e := a.l.kernel.Listen(a.fd, uint64(a.gen)<<32|acceptorToken|uint64(a.index)); e != 0 {
		a.l.log.Error("unable to poll a listening socket", "loop", a.l.index, "error", e)
		a.l.SetTimer(&a.park, a.l.now+Time(parkTime), a.resume)
		return
	}
	a.polled = true
}

func (a *Acceptor) unpoll() {
	if a.polled {
		a.polled = false
		a.l.kernel.Unlisten(a.fd)
	}
}

// Close stops polling at once and leaves the socket open; what is queued on it stays there. On the loop only.
func (a *Acceptor) Close() {
	if a.closed {
		return
	}
	a.unpoll()
	a.closed = true
	a.l.StopTimer(&a.park)
}

// Drain accepts what is queued on the socket, up to limit connections, and then closes the acceptor. It is for a socket
// that is about to be closed, which would reset what is queued on it.
func (a *Acceptor) Drain(limit int) {
	for ; limit > 0 && !a.closed; limit-- {
		if !a.acceptOne() {
			break
		}
	}
	a.Close()
}

func (l *Loop) acceptEvent(index int, gen uint32) {
	if index >= len(l.accs) {
		return
	}
	a := l.accs[index]
	if int32(l.told-a.last) > 0 { // More were queued then no longer.
		a.row = 0
	}
	for n := a.share(); n > 0 && !a.closed && a.polled && a.gen == gen; n-- {
		if !a.acceptOne() {
			a.row = 0
			return
		}
	}
	a.row, a.last = min(a.row+1, burst), l.turn
}

// share is how many connections to accept of one event. To find out that no more are queued costs a system call, about half of
// what an accept costs, and the poller tells of what is left: so it is one, until time after time there is one, as in a burst.
// Where more is ready than a turn takes from the poller, it tells of the socket every few turns.
func (a *Acceptor) share() int {
	return 1 << max(a.row-1, 0)
}

// acceptOne reports false when nothing is left or nothing can be accepted now.
func (a *Acceptor) acceptOne() bool {
	l := a.l
	fd, remote, e := l.kernel.Accept(a.fd)
	switch {
	case e == syscall.EAGAIN:
		return false
	case e == 0:
	case Exhausted(e):
		a.shed()
		return false
	case e == syscall.EINVAL || e == syscall.EBADF || e == syscall.ENOTSOCK || e == syscall.EOPNOTSUPP:
		l.log.Error("unable to accept", "loop", l.index, "error", e)
		a.rest()
		return false
	default:
		return true // of the connection that was queued: the next one may be fine (accept(2))
	}
	l.stats.accepted.Add(1)
	c := l.open(fd, remote, fOpen|fAccepted|fWritable)
	if e := l.kernel.Watch(fd, c.token()); e != 0 {
		c.flags |= fReset
		c.die(opRegister, e)
	}
	l.accepted(a, c)
	if c.h == nil {
		c.Reset()
	}
	return true
}

func (l *Loop) accepted(a *Acceptor, c *Conn) {
	defer l.survive("accept")
	a.on(c)
}

// shed uses the spare descriptor to tell one of those who wait that they wait in vain, then rests: a level-triggered
// poller would otherwise turn the loop for nothing until a descriptor is free.
func (a *Acceptor) shed() {
	l := a.l
	l.stats.parked.Add(1)
	if l.spare >= 0 {
		l.kernel.Close(l.spare, false)
		l.spare = -1
		if fd, _, e := l.kernel.Accept(a.fd); e == 0 {
			l.stats.shed.Add(1)
			l.kernel.Close(fd, true)
		}
	}
	if fd, e := l.kernel.Spare(); e == 0 {
		l.spare = fd
	}
	a.rest()
}

func (a *Acceptor) rest() {
	a.unpoll()
	a.l.SetTimer(&a.park, a.l.now+Time(parkTime), a.resume)
}
