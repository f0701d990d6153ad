package loop

import "sync/atomic"

// Descriptors are what the connections and pipes of several loops may take together of the descriptors that the process
// may open, so that the rest of it keeps some: sockets that listen, the store, probes, whoever administers. Any goroutine
// may use it. A nil one bounds nothing.
type Descriptors struct {
	most, used atomic.Int64
}

// Set says how many there are from now on. Until it is called, and with 0, none are left.
func (d *Descriptors) Set(most int) { d.most.Store(int64(most)) }

// Share is how many there are, and how many of them are taken.
func (d *Descriptors) Share() (most, used int) {
	return int(d.most.Load()), int(d.used.Load())
}

func (d *Descriptors) add(n int64) {
	if d != nil {
		d.used.Add(n)
	}
}

func (d *Descriptors) left() bool { return d == nil || d.used.Load() < d.most.Load() }
