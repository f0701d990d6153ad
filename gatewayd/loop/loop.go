package loop

import (
	"errors"
	"log/slog"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	readSize    = 64 << 10  // the shared read buffer
	scratchSize = 160 << 10 // see Scratch
	turnBudget  = 256 << 10 // bytes that one connection may move in a turn
	callCost    = 1 << 10   // what a call of Data costs of the budget at least
	turnEvents  = 256       // events taken from the poller at once

	settleRounds = 32 // see settle
	closeRounds  = 32 // see close
)

// Tokens of the poller: a connection's is its generation and slab index; the highest values are not connections.
const (
	wakeToken     = uint64(1<<32 - 1)
	acceptorToken = uint64(1 << 31) // and the acceptor's index
)

// Config is what a loop needs to begin.
type Config struct {
	Index  int           // number of this loop
	Kernel Kernel        // nil is the operating system
	Pace   time.Duration // least time from one turn to the next while there is much to do; 0 is none. See Loop.rest
	Log    *slog.Logger  // nil discards
	// Descriptors bounds what is dialled, and pipes; what is accepted counts, and is bounded by whoever takes it. nil bounds
	// nothing.
	Descriptors *Descriptors
}

// busyEvents is how many events of one poll let the next one expect some at once.
const busyEvents = 8

// A Loop owns connections, timers and acceptors. See the package comment for what may be called from where.
type Loop struct {
	index  int
	kernel Kernel
	log    *slog.Logger

	// Of the loop's goroutine.
	now     Time
	turn    uint32
	told    uint32 // the last turn whose poll told of everything that was ready
	busy    bool   // the last poll found much
	pace    Time   // see rest
	crowd   crowd
	slab    slab
	young   young
	wheel   wheel
	accs    []*Acceptor // by token
	ready   []*Conn     // to be driven in this turn
	again   []*Conn     // out of budget: to be driven in the next turn
	dying   []*Conn     // to be closed at the end of this turn
	dead    []*Conn     // closed in this turn: their slab entries are free at its end
	next    []func()    // see Next
	buffers [len(classes)][]*Buffer
	items   *item // free list
	splices *splice
	pipes   pipes
	read    []byte
	scratch []byte
	plain   []byte // see opened
	fds     *Descriptors
	spare   int // descriptor kept for when none is left, -1 without
	events  []Event
	expire  func(*Timer) // method value made once
	stats   counters

	// Shared with other goroutines.
	posted   atomic.Bool // inbox is not empty or stop was asked for
	mu       sync.Mutex  // guards what follows
	inbox    []posted
	stopped  bool
	running  bool
	released bool

	// Of the loop again: the other halves of double buffers.
	spareInbox []posted
	spareNext  []func()
	spareDying []*Conn
}

// New makes a loop with its poller. It polls once Run is called; Stop must be called in the end, also without Run.
func New(cfg Config) (*Loop, error) {
	k := cfg.Kernel
	if k == nil {
		var err error
		if k, err = newKernel(); err != nil {
			return nil, err
		}
	}
	log := cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	l := &Loop{
		index: cfg.Index, kernel: k, log: log,
		read: make([]byte, readSize), scratch: make([]byte, 0, scratchSize), events: make([]Event, turnEvents),
		spare: -1, pace: Time(cfg.Pace), fds: cfg.Descriptors,
	}
	if fd, e := k.Spare(); e == 0 {
		l.spare = fd
	}
	l.expire = l.expired
	l.young.start(l)
	l.now = k.Now()
	l.wheel.start(l.now)
	return l, nil
}

// Index is the number given in Config.
func (l *Loop) Index() int { return l.index }

// Now is the time of the present turn. On the loop only.
func (l *Loop) Now() Time { return l.now }

// Stop ends the loop from any goroutine, also from the loop itself, and does not wait: Run returns when all is closed.
// What was posted before still runs; every connection is reset and hears Closed(ErrStopped).
func (l *Loop) Stop() {
	l.mu.Lock()
	if l.stopped {
		l.mu.Unlock()
		return
	}
	l.stopped = true
	if l.running {
		l.wake()
		l.mu.Unlock()
		return
	}
	l.mu.Unlock()
	l.deliverPosted()
	l.close()
}

// Run turns the loop on the calling goroutine, which it locks to its thread, until Stop.
func (l *Loop) Run() {
	l.mu.Lock()
	if l.stopped || l.running {
		l.mu.Unlock()
		return
	}
	l.running = true
	l.mu.Unlock()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	yielded := l.now
	for l.step() {
		if l.now-yielded >= yieldTime {
			yielded = l.now
			runtime.Gosched()
		}
	}
	l.close()
}

// step is one turn. It reports false once the loop was stopped.
func (l *Loop) step() bool {
	if l.pace > 0 {
		l.rest()
	}
	n, late := l.wait()
	l.stats.turnStart.Store(int64(l.now))
	l.turn++
	l.stats.turns.Add(1)
	// What ran out of budget in the last turn comes first in this one, before what its events add.
	for _, c := range l.again {
		if c.flags&fAgain != 0 { // else it is gone, and the entry may be another connection's
			c.flags &^= fAgain
			l.schedule(c)
		}
	}
	l.again = emptied(l.again)
	l.wheel.advance(l.now, l.expire)
	if late > 0 {
		l.stats.lag.add(late)
	}
	stopped := l.posted.Load() && l.deliverPosted()
	l.callNext()
	for _, ev := range l.events[:n] {
		l.event(ev)
	}
	if n < len(l.events) {
		l.told = l.turn
	}
	l.crowd.n += n
	l.settle()
	return !stopped
}

// wait polls, at first without blocking where there is something else to do or much is expected: a call that may block
// costs the scheduler's attention, and one that finds nothing costs a system call. It reads the clock, and says how many events there are and how late the
// wheel's next tick, where one is due, is reached.
func (l *Loop) wait() (int, Time) {
	n, e := 0, syscall.Errno(0)
	rest := len(l.again)+len(l.ready)+len(l.dying)+len(l.next) == 0 && !l.posted.Load()
	if l.busy || !rest {
		n, e = l.kernel.Wait(l.events, 0)
	}
	if n == 0 && e == 0 && rest && !l.posted.Load() {
		l.clock()
		l.stats.turnStart.Store(0)
		timeout := time.Duration(-1)
		if next := l.wheel.next(); next != 0 {
			timeout = time.Duration(max(next-l.now, 0))
		}
		if timeout != 0 {
			n, e = l.kernel.Wait(l.events, timeout)
			l.now = l.kernel.Now()
		}
	} else {
		l.clock()
	}
	if e != 0 {
		// Only a programming error breaks a poller. Without a pause the loop would burn a processor over it.
		l.log.Error("unable to poll", "loop", l.index, "error", e)
		time.Sleep(10 * time.Millisecond)
	}
	l.busy = n >= busyEvents
	if next := l.wheel.next(); next != 0 && next <= l.now {
		return n, l.now - next
	}
	return n, 0
}

// clock reads the clock at the end of a turn's work.
func (l *Loop) clock() {
	now := l.kernel.Now()
	if l.stats.turnStart.Load() != 0 {
		l.stats.busy.add(now - l.now)
	}
	l.now = now
}

// event notes what the poller saw on a descriptor. Nothing is closed before the turn's end, so a token whose
// generation is not the slab entry's is of an earlier turn and means nobody.
func (l *Loop) event(ev Event) {
	switch low := ev.Token & (1<<32 - 1); {
	case low == wakeToken:
	case low&acceptorToken != 0:
		l.acceptEvent(int(low&^acceptorToken), uint32(ev.Token>>32))
	default:
		c := l.slab.get(uint32(low))
		if c == nil || c.gen != uint32(ev.Token>>32) || c.flags&fOpen == 0 {
			return
		}
		c.event(ev.Ready)
		l.drive(c)
	}
}

// schedule puts a connection on this turn's ready list.
func (l *Loop) schedule(c *Conn) {
	if c.flags&fReady == 0 {
		c.flags |= fReady
		l.ready = append(l.ready, c)
	}
}

// settle drives the ready connections until none is left that has budget, then closes those that ended. A handler that
// answers the end of a connection with a new one that cannot even begin would keep it here for ever, so what is left
// after some rounds waits for the next turn.
func (l *Loop) settle() {
	for round := 0; round < settleRounds && len(l.ready)+len(l.dying) > 0; round++ {
		for i := 0; i < len(l.ready); i++ {
			if c := l.ready[i]; c.flags&fReady != 0 {
				l.drive(c)
			}
		}
		l.ready = emptied(l.ready)
		ending := l.dying
		l.dying = l.spareDying[:0]
		for _, c := range ending {
			l.bury(c)
		}
		l.spareDying = emptied(ending)
	}
	for _, c := range l.dead {
		l.slab.free(c)
	}
	l.dead = emptied(l.dead)
}

// emptied is the memory of a list without what was in it, which would keep the memory of whole chunks.
func emptied(list []*Conn) []*Conn {
	clear(list)
	return list[:0]
}

// expired is a timer that is due.
func (l *Loop) expired(t *Timer) {
	if c := t.conn; c != nil {
		c.flags |= fTimeout
		l.schedule(c)
		return
	}
	if fire := t.fire; fire != nil {
		t.fire = nil
		l.call(fire)
	}
}

// call runs a function that belongs to no connection; its panic is counted and logged.
func (l *Loop) call(fn func()) {
	defer l.survive("function")
	fn()
}

func (l *Loop) survive(what string) {
	if r := recover(); r != nil {
		l.panicked(what, r)
	}
}

func (l *Loop) panicked(what string, r any) {
	l.stats.panics.Add(1)
	l.log.Error("panic on the loop", "loop", l.index, "in", what, "panic", r, "stack", string(debug.Stack()))
}

// close ends everything that the loop owns.
func (l *Loop) close() {
	for round := 0; l.slab.used > 0; round++ {
		l.slab.each(func(c *Conn) {
			if round >= closeRounds {
				c.h = nil // it dials anew whenever it hears Closed
			}
			if c.flags&fDead == 0 {
				c.flags |= fReset
				c.die(opStop, 0)
			}
		})
		l.settle()
	}
	for _, a := range l.accs {
		if a != nil {
			a.Close()
		}
	}
	l.again, l.next = nil, nil
	l.pipes.release(l)
	if l.spare >= 0 {
		l.kernel.Close(l.spare, false)
		l.spare = -1
	}
	l.stats.turnStart.Store(0)
	l.mu.Lock()
	l.inbox = nil
	if !l.released {
		l.released = true
		l.kernel.Release()
	}
	l.mu.Unlock()
}

var errStray = errors.New("loop: Data took more bytes than it was given")
