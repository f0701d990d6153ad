package proxy

import "github.com/gatewayd/terraform-provider-gatewayd/gatewayd/tunnel"

// Stats are the figures of one worker. Counters begin with the worker and never fall.
type Stats struct {
	Clients int // client connections, those that are ending included; without those of tunnels
	Open    int // requests in flight
	Idle    int // idle connections to backends

	Requests uint64          // heads read, refused ones included
	Retries  uint64          // attempts on another backend
	Renewed  uint64          // attempts on the same backend because a kept connection had died
	Failures uint64          // attempts that failed by their backend, which ejecting goes by
	Refused  [Reasons]uint64 // what was refused, by reason: see Worker.refused
	Aborted  uint64          // answers that were begun and could not be completed
	// TurnedAway counts connections that were one too many and, because many are, closed at once.
	TurnedAway uint64

	Handshakes Handshakes

	Tunnels tunnel.Stats
}

// refused counts what was refused: answered by the gateway itself, cut short where an answer was begun, thrown away where
// nobody can be answered, or made up for by another target where its answer was none.
func (w *Worker) refused(r Reason) { w.stats.Refused[r]++ }

// Stats is a copy of the worker's figures, taken on the loop.
func (w *Worker) Stats() Stats {
	s := w.stats
	s.Idle = int(w.idle.Load())
	s.Tunnels = w.tunnels.Stats()
	return s
}

// Add adds another worker's figures.
func (s *Stats) Add(o Stats) {
	s.Clients += o.Clients
	s.Open += o.Open
	s.Idle += o.Idle
	s.Requests += o.Requests
	s.Retries += o.Retries
	s.Renewed += o.Renewed
	s.Failures += o.Failures
	s.Aborted += o.Aborted
	s.TurnedAway += o.TurnedAway
	s.Handshakes.add(&o.Handshakes)
	for i, n := range o.Refused {
		s.Refused[i] += n
	}
	s.Tunnels.Add(o.Tunnels)
}

// Tunnels are the worker's WebSockets.
func (w *Worker) Tunnels() *tunnel.Set { return w.tunnels }

// Open counts the requests and tunnels of this worker that use each of several subjects, of which the map holds the index
// of each by itself. It walks once over the requests in flight.
func (w *Worker) Open(subjects map[tunnel.Subject]int) []int64 {
	open := make([]int64, len(subjects))
	for of, i := range subjects {
		open[i] = int64(w.tunnels.Count(of))
	}
	for x := w.first; x != nil; x = x.next {
		if x.route == nil {
			continue
		}
		uses := [...]tunnel.Subject{{Listener: x.route.Listener.ID}, {Rule: x.route.RuleID}, {}, {}}
		if h := x.health; h != nil {
			uses[2].Backend, uses[3].Health = h.Backend, h
		}
		for _, of := range uses {
			if i, asked := subjects[of]; asked {
				open[i]++
			}
		}
	}
	return open
}
