package health

import (
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
)

// limits bound what the prober holds, so that descriptors are left for those whom the gateway serves.
type limits struct {
	places  int // probes of each class that hold a connection of their own
	parting int // connections whose verdict is known and that are not at their end yet
	kept    int // connections that are kept for the next probe

	brief   loop.Time // how long a quick probe may last while another one waits for its place
	longest loop.Time // the same of a slow one: the default timeout, so only longer ones are ever cut short
	renew   loop.Time // how old a connection gets at most, so that accepting is tested too
}

// newLimits goes by how many descriptors the process may have.
func newLimits() limits {
	n := 1024
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err == nil {
		n = int(min(uint64(r.Cur), 1<<24))
	}
	return limits{
		places: min(max(n/16, 16), 2048), parting: min(max(n/32, 16), 1024), kept: n / 2,
		brief: loop.Time(500 * time.Millisecond), longest: loop.Time(30 * time.Second), renew: loop.Time(time.Minute),
	}
}

// A class bounds the probes of one sort that hold a connection of their own. There are two, so that targets that answer
// never wait behind those that hang: a probe is quick unless the one before was not over within limits.brief.
//
// Where all places are taken and another one waits, the probe that is there for the longest has to go once its time is
// over. A quick one is put off then: it says nothing, and goes on among the slow ones with all of its own timeout. A
// slow one is cut short, which counts as a failure; it had limits.longest. So every place gets free again and again,
// whatever hangs and for however long.
type class struct {
	p       *Prober
	slow    bool
	places  int
	limit   loop.Time
	waiting line

	n           int // probes in places
	first, last *watch
	timer       loop.Timer // for the next that has to go
	fire        func()
}

func (c *class) init(p *Prober, slow bool, limit loop.Time) {
	*c = class{p: p, slow: slow, places: p.limits.places, limit: limit}
	c.fire = c.fill
}

// admit starts a probe that needs a connection, or lets it wait for a place.
func (p *Prober) admit(w *watch) {
	c := &p.quick
	if w.slow {
		c = &p.slow
	}
	if c.waiting.n == 0 && c.n < c.places {
		c.enter(w)
		w.dial()
		return
	}
	w.state, w.again = ready, false // What it waits for is not the target's fault: its time begins anew.
	c.waiting.push(w)
	c.fill()
}

// fill gives free places, and those of probes that have to go, to the ones that wait.
func (c *class) fill() {
	for c.waiting.n > 0 {
		if c.n < c.places {
			w := c.waiting.pop()
			c.enter(w)
			w.dial()
			continue
		}
		first := c.first
		if over := first.entered + c.limit; over > c.p.l.Now() {
			c.p.l.SetTimer(&c.timer, over, c.fire)
			return
		}
		if c.slow {
			first.cut()
		} else {
			first.putOff()
		}
	}
}

func (c *class) enter(w *watch) {
	w.class, w.entered = c, c.p.l.Now()
	w.prev, w.next = c.last, nil
	if c.last != nil {
		c.last.next = w
	} else {
		c.first = w
	}
	c.last = w
	c.n++
}

// leave gives the place of a probe back, if it has one. The caller calls fill afterwards.
func (w *watch) leave() *class {
	c := w.class
	if c == nil {
		return nil
	}
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		c.first = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	} else {
		c.last = w.prev
	}
	w.class, w.prev, w.next = nil, nil, nil
	c.n--
	return c
}

// A line is the watches that wait for a place. A pool under a setting is one group, and groups take turns, so that a
// group does not wait behind the thousands of another. Its zero value is empty.
type line struct {
	n      int
	turns  []*queue // of which none is empty
	queues map[group]*queue
}

type group struct{ pool, setting string } // hidden ids

type queue struct {
	of      group
	watches []*watch // oldest first
}

func (l *line) push(w *watch) {
	h := w.target.Health
	of := group{h.Backend.Key.Pool, h.Setting}
	q := l.queues[of]
	if q == nil {
		if l.queues == nil {
			l.queues = map[group]*queue{}
		}
		q = &queue{of: of}
		l.queues[of] = q
		l.turns = append(l.turns, q)
	}
	q.watches = append(q.watches, w)
	l.n++
}

// sift takes out those that do not wait any more. Without it probes would have to go for somebody who left.
func (l *line) sift() {
	l.n = 0
	l.turns = slices.DeleteFunc(l.turns, func(q *queue) bool {
		q.watches = slices.DeleteFunc(q.watches, func(w *watch) bool { return w.state != ready })
		l.n += len(q.watches)
		if len(q.watches) == 0 {
			delete(l.queues, q.of)
		}
		return len(q.watches) == 0
	})
}

// pop takes the next one out; there must be one.
func (l *line) pop() *watch {
	q := l.turns[0]
	l.turns[0] = nil
	l.turns = l.turns[1:]
	w := q.watches[0]
	q.watches[0] = nil
	q.watches = q.watches[1:]
	if len(q.watches) > 0 {
		l.turns = append(l.turns, q)
	} else {
		delete(l.queues, q.of)
	}
	l.n--
	return w
}
