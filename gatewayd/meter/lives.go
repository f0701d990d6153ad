package meter

import (
	"sync/atomic"
	"time"
)

const day = 24 * time.Hour

// LifeBounds are those of Lives: what a person would ask for, from a client that cannot stay to one that stays for a week.
var LifeBounds = [...]time.Duration{
	time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute,
	time.Hour, 3 * time.Hour, 12 * time.Hour, day, 3 * day, 7 * day,
}

// Lives counts how long tunnels lived, by [LifeBounds]. It is written by one loop and read by anybody.
type Lives struct {
	sum     atomic.Uint64 // milliseconds: nanoseconds of a million tunnels would not do for three hours
	buckets [len(LifeBounds) + 1]atomic.Uint64
}

// Add counts one.
func (l *Lives) Add(d time.Duration) {
	l.sum.Add(uint64(max(d, 0) / time.Millisecond))
	i := 0
	for i < len(LifeBounds) && d >= LifeBounds[i] {
		i++
	}
	l.buckets[i].Add(1)
}

func (l *Lives) addTo(f *LivesFigures) {
	f.Milliseconds += l.sum.Load()
	for i := range l.buckets {
		f.Buckets[i] += l.buckets[i].Load()
	}
}

// LivesFigures are the counts of Lives: Buckets[i] those from LifeBounds[i-1] to below LifeBounds[i], the last one all above.
type LivesFigures struct {
	Milliseconds uint64 // of all together
	Buckets      [len(LifeBounds) + 1]uint64
}

// Count is how many were counted.
func (f *LivesFigures) Count() uint64 { return sum(f.Buckets[:]) }
