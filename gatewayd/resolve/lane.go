package resolve

import "context"

// How many look-ups may be under way. Each has two sockets, one a family.
const (
	maxAnswered = 32
	maxFresh    = 64
	maxLate     = 32
	maxSilent   = 64
	maxLooks    = maxAnswered + maxFresh + maxLate + maxSilent
)

// A lane has a place for each look-up that may be under way in it.
type lane chan struct{}

// lanes keep names that nobody answers for from delaying the others. A look-up begins in the lane of its name, and after
// pace.patience gives up its place for one in the next lane; where there is none it is ended, with what it has. So
// places get free again and again, whatever hangs. Names whose look-up was ended with nothing, or got no answer the last
// time, wait for a place among the silent, where they have all their time.
type lanes struct {
	answered lane // names of which something is known; then late
	fresh    lane // others; then silent, or late where something has become known
	late     lane
	silent   lane
}

func newLanes() lanes {
	return lanes{answered: make(lane, maxAnswered), fresh: make(lane, maxFresh), late: make(lane, maxLate), silent: make(lane, maxSilent)}
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
