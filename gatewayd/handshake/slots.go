package handshake

// Slots bound how many handshakes compute at once beside the loops of a process. Those with clients queue among themselves
// first, and at most as many of them as there are slots stand before one with a target: clients that come by the thousand
// must not keep the gateway from its targets, nor have probes call these unhealthy.
type Slots struct{ all, clients chan struct{} }

// NewSlots makes so many of them.
func NewSlots(n int) *Slots {
	n = max(n, 1)
	return &Slots{make(chan struct{}, n), make(chan struct{}, n)}
}

// take waits for a slot, for a handshake with a client or with a target.
func (s *Slots) take(client bool) {
	if client {
		s.clients <- struct{}{}
	}
	s.all <- struct{}{}
}

// give gives one back.
func (s *Slots) give(client bool) {
	<-s.all
	if client {
		<-s.clients
	}
}
