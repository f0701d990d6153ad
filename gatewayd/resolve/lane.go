package resolve

import "context"

// How many look-ups may be under way. Each has two sockets, one a family.
const (
	maxQuick = 32 // of names that have an answer, and as many of new ones, for pace.patience
	maxSlow  = 64
)

// A lane has a place for each look-up that may be under way in it.
type lane chan struct{}

// lanes keep names that nobody answers for from delaying the others. A look-up that takes long gives up its quick place
// for a slow one; where there is none it is ended, and begins anew in the slow lane when it is its turn. There it has
// all its time, and there it begins the next time. So quick places get free again and again, whatever hangs.
type lanes struct {
	answered, fresh, slow lane
}

func newLanes() lanes {
	return lanes{answered: make(lane, maxQuick), fresh: make(lane, maxQuick), slow: make(lane, maxSlow)}
}

// enter waits for a place, first come first served, and says whether there is one before ctx ends.
func (l lane) enter(ctx context.Context) bool {
	select {
	case l <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// enterNow takes a place if there is one.
func (l lane) enterNow() bool {
	select {
	case l <- struct{}{}:
		return true
	default:
		return false
	}
}

func (l lane) leave() { <-l }
