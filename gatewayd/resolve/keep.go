package resolve

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

const (
	// keepFor is how long what is known of a name outlives the wish for it. A configuration that is replaced in steps
	// leaves a name out for a moment, and while DNS is in trouble nobody could find out again what was known of it.
	keepFor = 5 * time.Minute
	// maxKept bounds how many names are kept beside those that are wanted.
	maxKept = 10_000
)

// A memory is what is known of a name that is not wanted any more, and has addresses.
type memory struct {
	knowledge
	answer Answer
	since  time.Time // nobody wants it
}

// memories are the names that are kept. Nothing is done for them but that.
type memories map[string]memory

// keep takes the name of an entry that is not wanted any more. Of one without addresses nothing is worth keeping: why
// there were none may be over.
func (m memories) keep(e *entry, now time.Time) {
	if len(e.answer.Addrs) > 0 {
		m[e.name] = memory{e.told, e.answer, now}
	}
}

// take gives what is kept of a name away; false where that is nothing.
func (m memories) take(name string, now time.Time) (memory, bool) {
	kept, ok := m[name]
	delete(m, name)
	return kept, ok && kept.fresh(now)
}

// trim forgets what was kept for long enough, and what is too much, the oldest first.
func (m memories) trim(now time.Time) {
	maps.DeleteFunc(m, func(_ string, kept memory) bool { return !kept.fresh(now) })
	if len(m) <= maxKept {
		return
	}
	names := slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		return cmp.Or(m[a].since.Compare(m[b].since), cmp.Compare(a, b))
	})
	for _, name := range names[:len(names)-maxKept] {
		delete(m, name)
	}
}

func (k *memory) fresh(now time.Time) bool { return now.Sub(k.since) < keepFor }
