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
	Refused  [Reasons]uint64 // answers of our own, by reason
	Aborted  uint64          // answers that were begun and could not be completed

	Tunnels tunnel.Stats
}

// Stats is a copy of the worker's figures, taken on the loop.
func (w *Worker) Stats() Stats {
	s := w.stats
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
	for i, n := range o.Refused {
		s.Refused[i] += n
	}
	s.Tunnels.Add(o.Tunnels)
}

// Tunnels is how many open tunnels of this worker belong to a subject.
func (w *Worker) Tunnels(of tunnel.Subject) int { return w.tunnels.Count(of) }

// Open counts what uses each of several subjects, which are listeners and rules: the index of each by itself. It walks
// once over the requests in flight.
func (w *Worker) Open(subjects map[tunnel.Subject]int) []int64 {
	open := make([]int64, len(subjects))
	for of, i := range subjects {
		open[i] = int64(w.tunnels.Count(of))
	}
	for x := w.first; x != nil; x = x.next {
		if x.route == nil {
			continue
		}
		for _, of := range [...]tunnel.Subject{{Listener: x.route.Listener.ID}, {Rule: x.route.RuleID}} {
			if i, asked := subjects[of]; asked {
				open[i]++
			}
		}
	}
	return open
}

// Usage is how many requests and tunnels of this worker use something now.
type Usage struct{ Requests, Tunnels int }

// Usage counts what uses a subject. It walks over all requests in flight.
func (w *Worker) Usage(of tunnel.Subject) Usage {
	u := Usage{Tunnels: w.tunnels.Count(of)}
	for x := w.first; x != nil; x = x.next {
		r, h := x.route, x.health
		if r == nil {
			continue
		}
		switch {
		case of.Listener != "" && of.Listener == r.Listener.ID,
			of.Rule != "" && of.Rule == r.RuleID,
			of.Backend != nil && h != nil && of.Backend == h.Backend,
			of.Health != nil && of.Health == h:
			u.Requests++
		}
	}
	return u
}
