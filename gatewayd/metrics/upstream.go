package metrics

import (
	"maps"
	"slices"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/plane"
)

// upstreams shows what came of requests to pools. Of those beyond the limit it says how many they are.
func (e *exposition) upstreams(list []plane.UpstreamFigures, most int) (left int) {
	connect := e.histogram("gatewayd_upstream_connect_seconds", "Time until a connection to a target stood, the handshake of TLS included, of those that did.")
	first := e.histogram("gatewayd_upstream_first_byte_seconds", "Time from the choice of a target to the head of its final answer. Handshakes of WebSockets are left out.")
	total := e.histogram("gatewayd_request_seconds", "Time from a request's head to the end of its answer, of those that a target answered whole. WebSockets are left out.")
	failures := e.counter("gatewayd_upstream_failures_total", "Attempts that failed by their target.")
	retries := e.counter("gatewayd_upstream_retries_total", "Attempts on another target, behind one that failed.")
	renewed := e.counter("gatewayd_upstream_renewed_total", "Attempts on the same target, because a kept connection had ended.")
	for i := range list {
		f := &list[i]
		if !f.Used {
			continue
		}
		if most == 0 {
			left++
			continue
		}
		most--
		l := label("pool", f.Pool, "setting", f.Setting)
		connect.durations(l, &f.Connect)
		first.durations(l, &f.FirstByte)
		total.durations(l, &f.Total)
		for why, n := range f.Failed {
			failures.count(l.with(failureWords[why]), n)
		}
		retries.count(l, f.Retries)
		renewed.count(l, f.Renewed)
	}
	return left
}

var (
	states = words("state", 3, func(i int) backend.Status { return backend.Status(i) })
	passed = label("result", "passed")[0]
	failed = label("result", "failed")[0]
)

// health shows what probes know, and the WebSockets of each target. Of targets beyond the limit it says how many they are.
func (e *exposition) health(list []plane.UpstreamFigures, most int) (left int) {
	backends := e.gauge("gatewayd_targets", "Addresses of the targets of a pool under a setting, by the verdict of their probes.")
	ejected := e.gauge("gatewayd_targets_ejected", "Those that are out because requests to them failed.")
	probes := e.counter("gatewayd_probes_total", "Probes that ended.")
	healthy := e.gauge("gatewayd_target_healthy", "Healthy addresses of a target that are not ejected: 0 or 1, or more where its address is a DNS name.")
	tunnels := e.targetTunnels()
	for i := range list {
		f := &list[i]
		l := label("pool", f.Pool, "setting", f.Setting)
		for s, n := range f.States {
			backends.set(l.with(states[s]), float64(n))
		}
		ejected.set(l, float64(f.Ejected))
		probes.count(l.with(passed), f.ProbesPassed)
		probes.count(l.with(failed), f.ProbesFailed)
		for _, key := range slices.Sorted(maps.Keys(f.Targets)) {
			if most == 0 {
				left++
				continue
			}
			most--
			of, t := label("pool", f.Pool, "setting", f.Setting, "target", key), f.Targets[key]
			healthy.set(of, float64(t.Healthy))
			tunnels.show(of, &t.Tunnels)
		}
	}
	return left
}
