package health

import (
	"slices"
	"time"
)

// The lanes. A target's last probe says which one its next takes, so that those that answer never wait behind those that
// hang.
const (
	answering = iota // the last probe was answered
	fresh            // not probed in this way yet
	silent           // the last probe ran out of time, or was put off
	lanes
)

// What a probe may take of a lane while others wait. Without others it has its own timeout alone.
const (
	// brief is how long a probe keeps its start when there is room for it among those that last.
	brief = 100 * time.Millisecond
	// longest is how long it may last. It is the default timeout, so only longer ones are ever cut short.
	longest = 30 * time.Second
)

// A lane bounds probes in flight of one sort. Each begins with a start, of which there are few, and keeps it for a moment
// only while others wait: then it moves to the room of those that last, and where that is full it is put off until its
// next time. So a start gets free again and again whatever hangs and for however long, and all of it is bounded. The
// prober's mu guards it.
type lane struct {
	starts, room int           // how many may be in starting and lasting
	patience     time.Duration // how long a probe keeps its start where there is no room for it to last

	waiting  line
	starting []*flight // oldest first
	lasting  []*flight // oldest first
	ending   int       // of both, those that were told to end for the sake of one that waits
}

// newLanes have room for 1536 probes in all.
func newLanes() [lanes]lane {
	return [lanes]lane{
		answering: {starts: 256, room: 256, patience: time.Second},
		fresh:     {starts: 256, room: 128, patience: time.Second / 4}, // Who needs more gets it as a silent one, at once.
		silent:    {starts: 128, room: 512, patience: time.Second},
	}
}

// fill starts what waits, as far as there are starts, and makes room for the rest. It says when to come again for them;
// zero where nobody waits, or where those that are ending will call.
func (p *Prober) fill(l *lane, now time.Time) time.Time {
	for l.waiting.n > 0 {
		if len(l.starting) < l.starts {
			if w := l.waiting.pop(); w.state != gone {
				p.start(w, l)
			}
			continue
		}
		if !l.move(now) {
			break
		}
	}
	if l.waiting.n <= l.ending || !l.makeRoom(now) {
		return time.Time{}
	}
	return l.again()
}

// outlasts says whether a probe that nobody told to end may still be there after some time.
func (f *flight) outlasts(after time.Duration) bool {
	return f.timeout > after && f.fate.Load() == onTime
}

// move lets one probe last. Of those that may, it is the one whose target was heard of the longest ago, so that in time
// each target gets a probe that is long enough for a verdict.
func (l *lane) move(now time.Time) bool {
	if len(l.lasting) >= l.room {
		return false
	}
	best := -1
	for i, f := range l.starting {
		if now.Sub(f.began) < brief {
			break
		}
		if f.fate.Load() == onTime && (best < 0 || f.watch.heard.Before(l.starting[best].watch.heard)) {
			best = i
		}
	}
	if best < 0 {
		return false
	}
	f := l.starting[best]
	at, _ := slices.BinarySearchFunc(l.lasting, f, func(a, b *flight) int { return a.began.Compare(b.began) })
	l.lasting = slices.Insert(l.lasting, at, f)
	l.starting = slices.Delete(l.starting, best, best+1)
	return true
}

// makeRoom ends probes for those that wait, and says whether there are more of these than probes being ended.
func (l *lane) makeRoom(now time.Time) bool {
	end := func(list []*flight, after time.Duration, why fate) {
		for _, f := range list {
			if l.ending >= l.waiting.n || now.Sub(f.began) < after {
				return
			}
			if f.outlasts(after) {
				f.fate.Store(why)
				l.ending++
				f.watch.cancel()
			}
		}
	}
	end(l.lasting, longest, cutShort)
	end(l.starting, l.patience, putOff)
	return l.ending < l.waiting.n
}

// again is when the next probe has had its time; zero where all end by themselves.
func (l *lane) again() time.Time {
	after := l.patience
	if len(l.lasting) < l.room {
		after = brief
	}
	return earlier(over(l.starting, after), over(l.lasting, longest))
}

// over is when the first of some probes has had its time, oldest first; zero where all end by themselves.
func over(list []*flight, after time.Duration) time.Time {
	for _, f := range list {
		if f.outlasts(after) {
			return f.began.Add(after)
		}
	}
	return time.Time{}
}

// leave takes a probe that has ended out of the lane.
func (l *lane) leave(f *flight) {
	if i := slices.Index(l.starting, f); i >= 0 {
		l.starting = slices.Delete(l.starting, i, i+1)
	} else if i := slices.Index(l.lasting, f); i >= 0 {
		l.lasting = slices.Delete(l.lasting, i, i+1)
	}
	if f.fate.Load() != onTime {
		l.ending--
	}
}

// earlier is the earlier of two times, where zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// A line is the watches that wait for a start. A pool under a setting is one group, and groups take turns, so that a
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
