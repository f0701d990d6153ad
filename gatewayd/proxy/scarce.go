package proxy

import "slices"

// Idle connections to targets, and pipes that wait for their next use, hold descriptors to save work. Where descriptors
// are scarce they are given up before a client is refused.

// shedMost is how many idle connections one call gives up.
const shedMost = 256

// join adds a worker to those that share the descriptors.
func (c *Connections) join(w *Worker) {
	for {
		before := c.workers.Load()
		var all []*Worker
		if before != nil {
			all = slices.Clone(*before)
		}
		all = append(all, w)
		if c.workers.CompareAndSwap(before, &all) {
			return
		}
	}
}

// free gives up what is idle for n descriptors, here first, and says whether there is so much of it. What other loops
// have they close themselves, soon.
func (w *Worker) free(n int) bool {
	n -= w.shed(n)
	if n <= 0 {
		return true
	}
	for _, o := range *w.cfg.Connections.workers.Load() {
		if spare := int(o.idle.Load()) + 2*o.l.IdlePipes(); o != w && spare > 0 {
			n -= spare
			if o.asked.CompareAndSwap(false, true) {
				o.l.Post(o.giveUp)
			}
		}
	}
	return n <= 0
}

// giveUp makes room because another loop has asked for it.
func (w *Worker) giveUp() {
	w.asked.Store(false)
	if over := w.beyond(4); over > 0 {
		w.shed(over)
	}
}

// beyond is how many descriptors are taken beyond all but one of so many parts; less than 0 where nothing bounds them.
func (w *Worker) beyond(parts int) int {
	fds := w.cfg.Descriptors
	if fds == nil {
		return -1
	}
	most, used := fds.Share()
	return used - w.leaving - (most - most/parts)
}

// shed gives up what is idle on this loop for n descriptors, and says for how many there was. Connections are reset: a
// polite end would hold them for seconds. Their descriptors are free at the end of the turn.
func (w *Worker) shed(n int) (freed int) {
	freed = w.l.FreePipes(n)
	n = min(n, freed+shedMost)
	for _, s := range w.stocks {
		for _, f := range s.shelves {
			for f.first != nil && freed < n {
				u := f.first
				u.flags |= uShed
				w.leaving++
				u.discard()
				freed++
			}
		}
	}
	return freed
}
