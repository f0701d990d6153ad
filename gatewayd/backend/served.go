package backend

import (
	"sync/atomic"
	"time"
)

// A served is what loops count of the requests to a backend.
type served struct {
	failures atomic.Int32 // in a row
	out      atomic.Bool  // ejected, or about to be
}

// An ejection is the time for which a backend is out.
type ejection struct {
	timer *time.Timer // ends it; nil before the first
	ended time.Time   // when the last one did
	never bool        // nobody uses the health any more
}

// Served counts what came of an attempt to send a request to the backend. As many failures in a row as the limit says
// eject it for the time out: it gets nothing new unless no other member of its pool is there. Then it is back, whatever
// probes see meanwhile, and failures are counted anew. A limit of 0 counts nothing.
//
// It is for loops: it takes no lock, and allocates only when it ejects. What follows from that happens elsewhere, soon.
func (h *Health) Served(ok bool, limit int, out time.Duration) {
	if ok {
		// Most requests succeed, and a load is all that loops then share.
		if h.served.failures.Load() != 0 {
			h.served.failures.Store(0)
		}
		return
	}
	if limit <= 0 || out <= 0 || h.served.out.Load() {
		return
	}
	if int(h.served.failures.Add(1)) >= limit && h.served.out.CompareAndSwap(false, true) {
		go h.eject(out)
	}
}

func (h *Health) eject(out time.Duration) {
	h.mu.Lock()
	if h.ejection.never {
		h.mu.Unlock()
		return
	}
	until := time.Now().Add(out)
	h.view.Ejected = until
	h.ejection.timer = time.AfterFunc(out, func() { h.readmit(until) })
	follower := h.follower
	h.mu.Unlock()
	if follower != nil {
		follower.Refresh()
	}
}

// Readmit ends an ejection before its time: for a setting that ejects no more.
func (h *Health) Readmit() { h.readmit(h.View().Ejected) }

// readmit ends the ejection that lasts until a time. Another one, and none, is left alone.
func (h *Health) readmit(until time.Time) {
	h.mu.Lock()
	if until.IsZero() || h.view.Ejected != until {
		h.mu.Unlock()
		return
	}
	h.view.Ejected = time.Time{}
	h.ejection.timer.Stop()
	h.ejection.ended = time.Now()
	h.served.failures.Store(0)
	h.served.out.Store(false)
	follower := h.follower
	h.mu.Unlock()
	if follower != nil {
		follower.Refresh()
	}
}

// forget gives up the timer of a health that nobody uses any more.
func (h *Health) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ejection.never = true
	if h.ejection.timer != nil {
		h.ejection.timer.Stop()
	}
}
