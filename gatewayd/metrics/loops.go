package metrics

import (
	"fmt"
	"strconv"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/plane"
)

// workers shows what belongs to no object.
func (e *exposition) workers(f *plane.Figures) {
	w := &f.Workers
	e.gauge("gatewayd_client_connections", "Connections of clients, those of WebSockets left out.").set(nil, float64(w.Clients))
	e.gauge("gatewayd_requests_open", "Requests in flight.").set(nil, float64(w.Open))
	e.gauge("gatewayd_tunnels", "Open WebSockets, those of rules that are gone included.").set(nil, float64(w.Tunnels.Open))
	e.gauge("gatewayd_upstream_connections_idle", "Connections to targets that wait for the next request.").set(nil, float64(w.Idle))
	e.handshakes(f)
	e.counter("gatewayd_connections_turned_away_total", "Connections of clients that were closed without an answer, because too many came at once that were one too many.").count(nil, w.TurnedAway)
	own := e.counter("gatewayd_own_answers_total", "Answers of the gateway's own, by the reason that the header Gatewayd-Reason gives.")
	for _, o := range f.Own {
		own.count(label("reason", o.Reason), o.N)
	}
	if a := f.AccessLog; a != nil {
		e.counter("gatewayd_access_log_lines_total", "Lines of the access log that were taken.").count(nil, a.Lines)
		lost := e.counter("gatewayd_access_log_lost_lines_total", "Lines of the access log that are lost: late ones found no room, because it is not written in time; those that failed could not be written.")
		lost.count(label("reason", "late"), a.Dropped)
		lost.count(label("reason", "failed"), a.Failed)
	}
	e.counter("gatewayd_answers_cut_total", "Answers that were begun and broke off.").count(nil, w.Aborted)
	over := e.counter("gatewayd_tunnels_over_total", "WebSockets that ended, those of rules that are gone included, by who or what ended them.")
	for by, n := range w.Tunnels.Ended {
		over.count(labels{endWords[by]}, n)
	}
	e.counter("gatewayd_tunnels_closed_total", "WebSockets that the gateway sent a Close.").count(nil, w.Tunnels.Closed)
	e.counter("gatewayd_tunnels_cut_total", "WebSockets that were cut at the deadline of a drain or a limit: no place for a Close came, or a side did not close.").count(nil, w.Tunnels.Cut)
}

// handshakes shows those of TLS with clients.
func (e *exposition) handshakes(f *plane.Figures) {
	h := &f.Workers.Handshakes
	e.gauge("gatewayd_tls_handshakes_open", "Connections of clients whose TLS handshake is not over.").set(nil, float64(h.Open))
	done := e.counter("gatewayd_tls_handshakes_total", "TLS handshakes with clients that came to something, by version and by whether a session was taken up.")
	for v, by := range h.Done {
		version := fmt.Sprint("1.", v)
		done.count(label("resumed", "false", "version", version), by[0])
		done.count(label("resumed", "true", "version", version), by[1])
	}
	failed := e.counter("gatewayd_tls_handshake_failures_total", "TLS handshakes with clients that failed, by the reason.")
	for _, u := range f.Unshaken {
		failed.count(label("reason", u.Reason), u.N)
	}
}

// loops shows the event loops.
func (e *exposition) loops(list []plane.LoopFigures) {
	lag := e.histogram("gatewayd_loop_lag_seconds", "How late an event loop came to what was due.")
	busy := e.histogram("gatewayd_loop_busy_seconds", "How long turns of an event loop took.")
	running := e.gauge("gatewayd_loop_running_seconds", "How long the present turn has been running; 0 while the loop waits.")
	stalled := e.gauge("gatewayd_loop_stalled", "1 where the loop did not answer this scrape in time; then what its worker counts is of an earlier one.")
	counters := map[string]family{}
	for _, s := range loopSeries {
		counters[s.name] = e.counter(s.name, s.help)
	}
	for i := range list {
		f := &list[i]
		l := label("loop", strconv.Itoa(i))
		lag.observe(l, f.Lag.Sum.Seconds(), f.Lag.Buckets[:], loopBounds)
		busy.observe(l, f.Busy.Sum.Seconds(), f.Busy.Buckets[:], loopBounds)
		running.set(l, f.Running.Seconds())
		late := 0.0
		if f.Stalled {
			late = 1
		}
		stalled.set(l, late)
		for _, s := range loopSeries {
			counters[s.name].count(l, s.of(&f.Stats))
		}
	}
}

// loopSeries are the plain counters of a loop.
var loopSeries = []struct {
	name, help string
	of         func(s *loop.Stats) uint64
}{
	{"gatewayd_loop_turns_total", "Turns that had something to do.", func(s *loop.Stats) uint64 { return s.Turns }},
	{"gatewayd_connections_accepted_total", "Connections of clients that were accepted.", func(s *loop.Stats) uint64 { return s.Accepted }},
	{"gatewayd_connections_dialled_total", "Connections to targets that were begun, those of probes left out.", func(s *loop.Stats) uint64 { return s.Dialled }},
	{"gatewayd_connections_closed_total", "Connections of both sides that ended.", func(s *loop.Stats) uint64 { return s.Closed }},
	{"gatewayd_connections_shed_total", "Connections of clients that were closed at once for want of descriptors.", func(s *loop.Stats) uint64 { return s.Shed }},
	{"gatewayd_loop_panics_total", "Panics that ended one connection or function.", func(s *loop.Stats) uint64 { return s.Panics }},
	{"gatewayd_loop_spliced_bytes_total", "Bytes that passed inside the kernel.", func(s *loop.Stats) uint64 { return s.Spliced }},
}
