package loop

import "time"

// A crowd is how many events came lately.
type crowd struct {
	since Time // of the count
	n     int
	much  bool // the last count was
}

const (
	crowdTime   = Time(100 * time.Millisecond)
	crowdEvents = 100
)

// rest lets events gather while there are many: each wake-up of a thread costs more than a small message does. It is for
// a loop whose peers do not mind a few milliseconds, and has no effect while events are few, so that their times can be
// told exactly.
func (l *Loop) rest() {
	if l.now-l.crowd.since >= crowdTime {
		l.crowd = crowd{since: l.now, much: l.crowd.n >= crowdEvents}
	}
	if !l.crowd.much || len(l.again)+len(l.ready)+len(l.dying)+len(l.next) > 0 {
		return
	}
	if left := l.now + l.pace - l.kernel.Now(); left > 0 {
		time.Sleep(time.Duration(left))
	}
}
