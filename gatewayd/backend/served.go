package backend

import (
	"sync/atomic"
	"time"
)

// A served is what loops count of the requests to a backend.
type served struct {
	failures atomic.Int32 // in a row
	out      atomic.Bool  // ejected, or about to be
	spared   atomic.Bool  // SetEjects(false): nothing is counted; written under mu
}

// An ejection is the time for which a backend is out.
type ejection struct {
	timer *time.Timer // ends it; nil before the first
	ended time.Time   // when the last one did
	never bool        // nobody uses the health any more
}

// Served counts what came of an attempt to send a request to the backend. As many failures in a row as the limit says
// eject it for the time out: it gets nothing new unless no other member of its pool is there. Then it is back, whatever
// probes see meanwhile, and failures are counted anew. A limit of 0 counts nothing, nor does SetEjects(false).
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
	if limit <= 0 || out <= 0 || h.served.spared.Load() || h.served.out.Load() {
		return
	}
	if int(h.served.failures.Add(1)) >= limit && h.served.out.CompareAndSwap(false, true) {
		go h.eject(out)
	}
}

func (h *Health) eject(out time.Duration) {
	h.mu.Lock()
	if h.served.spared.Load() {
		h.served.out.Store(false) // The loop did not know yet.
	}
	// SetEjects may have called this ejection off, and another one may have come before it.
	if h.ejection.never || !h.served.out.Load() || !h.view.Ejected.IsZero() {
		h.mu.Unlock()
		return
	}
	until := time.Now().Add(out)
	h.view.Ejected = until
	h.ejection.timer = time.AfterFunc(out, func() { h.readmit(until) })
	if h.ejected != nil {
		h.ejected(h, until)
	}
	follower := h.follower
	h.mu.Unlock()
	if follower != nil {
		follower.Refresh()
	}
}

// SetEjects says whether failures may eject the backend at all; true until it is called. Requests that are in flight
// carry the limits of their start, for up to hours, so a setting that ejects no more must say it here as well.
//
// With false it ends an ejection and does not tell the Follower: there may be thousands of healths, and whoever publishes
// the change rebuilds each group once afterwards. It costs an atomic load where nothing changes, so it can be called for
// every health that a publication names; one that was away meanwhile has missed what was said of the others. It may be
// called by anybody.
func (h *Health) SetEjects(ejects bool) {
	if h.served.spared.Load() != ejects {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.served.spared.Store(!ejects)
	h.served.failures.Store(0)
	if ejects {
		return
	}
	h.served.out.Store(false)
	if !h.view.Ejected.IsZero() {
		h.endEjection()
	}
}

// readmit ends the ejection that lasts until a time. Another one, and none, is left alone.
func (h *Health) readmit(until time.Time) {
	h.mu.Lock()
	if h.view.Ejected != until {
		h.mu.Unlock()
		return
	}
	h.endEjection()
	follower := h.follower
	h.mu.Unlock()
	if follower != nil {
		follower.Refresh()
	}
}

// endEjection ends the one that there is. mu is held.
func (h *Health) endEjection() {
	h.view.Ejected = time.Time{}
	h.ejection.timer.Stop()
	h.ejection.ended = time.Now()
	h.served.failures.Store(0)
	h.served.out.Store(false)
	if h.ejected != nil {
		h.ejected(h, time.Time{})
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
