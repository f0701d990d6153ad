package loop

import "math/bits"

// The timer wheel: four levels of 64 slots. A tick of the lowest level is 2^22 ns, about 4 ms; the highest level
// reaches 19 hours, and what lies beyond is looked at again then.
const (
	tickBits  = 22
	slotBits  = 6
	slotCount = 1 << slotBits
	levels    = 4
	maxDelta  = 1<<(slotBits*levels) - 1
)

// A Timer calls a function on a loop at a time. The zero value is ready for SetTimer. A Timer belongs to one loop,
// must not be copied while it is set, and stays in memory until it fired or was stopped.
type Timer struct {
	next, prev *Timer // in a slot of the wheel; nil when in none
	at         Time   // when to fire; 0 is never
	armed      Time   // when the wheel looks at it, never after at was first set
	fire       func()
	conn       *Conn // instead of fire: the connection whose deadline this is
}

type wheel struct {
	tick  uint64 // the next tick to be handled
	count int
	due   Timer          // head of the slot that is being emptied
	full  [levels]uint64 // a bit for each slot that may hold timers
	slots [levels][slotCount]Timer
}

func (w *wheel) start(now Time) {
	w.tick = uint64(now) >> tickBits
	w.due.next, w.due.prev = &w.due, &w.due
	for i := range w.slots {
		for j := range w.slots[i] {
			s := &w.slots[i][j]
			s.next, s.prev = s, s
		}
	}
}

// SetTimer arranges one call of fire on the loop at or up to 8 ms after at. A timer that is set already is moved;
// moving it to a later time costs no more than a store. fire should be a method value made once, as every closure
// is an allocation.
func (l *Loop) SetTimer(t *Timer, at Time, fire func()) {
	t.fire = fire
	l.wheel.set(t, max(at, 1))
}

// StopTimer makes sure that t does not fire. A timer that is not set is left as it is.
func (l *Loop) StopTimer(t *Timer) {
	t.at, t.fire = 0, nil
	l.wheel.unlink(t)
}

func (w *wheel) set(t *Timer, at Time) {
	t.at = at
	if t.next != nil {
		if at > t.armed-1<<tickBits {
			return // the same tick or a later one: looked at again when its slot is due
		}
		w.unlink(t)
	}
	w.link(t)
}

func (w *wheel) link(t *Timer) {
	tick := max(uint64(t.at+1<<tickBits-1)>>tickBits, w.tick)
	delta := tick - w.tick
	if delta > maxDelta {
		delta = maxDelta
		tick = w.tick + delta
	}
	level := 0
	for delta >= 1<<(slotBits*(level+1)) {
		level++
	}
	slot := tick >> (slotBits * level) & (slotCount - 1)
	t.armed = Time(tick << tickBits)
	head := &w.slots[level][slot]
	t.prev, t.next = head.prev, head
	head.prev.next, head.prev = t, t
	w.full[level] |= 1 << slot
	w.count++
}

func (w *wheel) unlink(t *Timer) {
	if t.next == nil {
		return
	}
	t.prev.next, t.next.prev = t.next, t.prev
	t.next, t.prev = nil, nil
	w.count--
}

// advance takes the timers off the wheel that are due at now and gives each to due, which may set and stop timers.
func (w *wheel) advance(now Time, due func(*Timer)) {
	last := uint64(now) >> tickBits
	for w.tick <= last {
		if w.count == 0 {
			w.tick = last + 1
			w.full = [levels]uint64{}
			return
		}
		if w.tick&(slotCount-1) == 0 {
			w.cascade()
		}
		if w.full[0] == 0 {
			// Nothing below the next turn of the lowest level.
			w.tick = min(w.tick|(slotCount-1), last) + 1
			continue
		}
		slot := w.tick & (slotCount - 1)
		w.tick++
		if w.full[0]&(1<<slot) != 0 {
			w.full[0] &^= 1 << slot
			w.expire(&w.slots[0][slot], now, due)
		}
	}
}

// expire empties a slot of the lowest level. It works on a list of its own, because what due sets may go into the same
// slot, 64 ticks on; a timer that due stops leaves either list in the same way.
func (w *wheel) expire(head *Timer, now Time, due func(*Timer)) {
	if head.next == head {
		return
	}
	w.due.next, w.due.prev = head.next, head.prev
	head.next.prev, head.prev.next = &w.due, &w.due
	head.next, head.prev = head, head
	for w.due.next != &w.due {
		t := w.due.next
		w.unlink(t)
		switch {
		case t.at == 0:
		case t.at > now:
			w.link(t)
		default:
			t.at = 0
			due(t)
		}
	}
}

// cascade spreads the slots of the higher levels that begin at w.tick over the levels below.
func (w *wheel) cascade() {
	for level := 1; level < levels; level++ {
		slot := w.tick >> (slotBits * level) & (slotCount - 1)
		head := &w.slots[level][slot]
		w.full[level] &^= 1 << slot
		first, last := head.next, head.prev
		head.next, head.prev = head, head
		if first != head {
			last.next = nil
			for t := first; t != nil; {
				next := t.next
				t.next, t.prev = nil, nil
				w.count--
				if t.at != 0 {
					w.link(t)
				}
				t = next
			}
		}
		if slot != 0 {
			return
		}
	}
}

// next is the time until which nothing can be due; 0 when there is no timer.
func (w *wheel) next() Time {
	if w.count == 0 {
		return 0
	}
	first := ^uint64(0)
	for level, full := range w.full {
		if full == 0 {
			continue
		}
		shift := slotBits * level
		at := (w.tick + 1<<shift - 1) >> shift
		at += uint64(bits.TrailingZeros64(bits.RotateLeft64(full, -int(at&(slotCount-1)))))
		first = min(first, at<<shift)
	}
	return Time(first << tickBits)
}
