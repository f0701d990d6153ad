package health

import (
	"reflect"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// shortest guards against an interval that no check would let pass.
const shortest = loop.Time(10e6)

// A plan is what a probe says, parsed once for all of its targets.
type plan struct {
	probe             *spec.Probe
	interval, timeout loop.Time
	statuses          [600/64 + 1]uint64 // a bit for each status that is healthy
	text              []byte             // what the body must contain; nil where the body does not matter
}

func newPlan(probe *spec.Probe) *plan {
	p := &plan{probe: probe, interval: max(loop.Time(probe.Interval.Value()), shortest), timeout: loop.Time(probe.Timeout.Value())}
	for _, s := range probe.Match.Statuses {
		low, high, ok := spec.ParseStatuses(s)
		for status := low; ok && status <= high; status++ {
			p.statuses[status/64] |= 1 << (status % 64)
		}
	}
	if probe.Match.Body != nil {
		p.text = []byte(*probe.Match.Body)
	}
	return p
}

// matches says whether a status, 100 to 599, is healthy.
func (p *plan) matches(status int) bool { return p.statuses[status/64]&(1<<(status%64)) != 0 }

// plans are those of one Sync.
type plans struct {
	made map[*spec.Probe]*plan
	same map[[2]*spec.Probe]bool // of pairs that were compared
}

func newPlans() *plans {
	return &plans{made: map[*spec.Probe]*plan{}, same: map[[2]*spec.Probe]bool{}}
}

func (ps *plans) plan(probe *spec.Probe) *plan {
	p := ps.made[probe]
	if p == nil {
		p = newPlan(probe)
		ps.made[probe] = p
	}
	return p
}

// equal says whether two probes ask and judge alike. One that was only renamed does.
func (ps *plans) equal(a, b *spec.Probe) bool {
	if a == b {
		return true
	}
	pair := [2]*spec.Probe{a, b}
	same, known := ps.same[pair]
	if !known {
		x, y := *a, *b
		x.Name, y.Name = "", ""
		same = reflect.DeepEqual(x, y)
		ps.same[pair] = same
	}
	return same
}

// appendRequest appends the GET of a probe. The path is sent as it is written. stay asks the target to leave the
// connection open.
func appendRequest(b []byte, t *Target, stay bool) []byte {
	host := t.Host
	if t.Probe.Host != nil {
		host = *t.Probe.Host
	}
	if host == "" {
		host = "127.0.0.1"
	}
	b = append(b, "GET "...)
	b = append(b, t.Probe.Path...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, host...)
	b = append(b, "\r\nUser-Agent: "+userAgent+"\r\nAccept: */*\r\n"...)
	if !stay {
		b = append(b, "Connection: close\r\n"...)
	}
	return append(b, "\r\n"...)
}

// userAgent is how targets recognise probes in their logs.
const userAgent = "gatewayd-probe"
