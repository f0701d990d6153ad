package metrics

import (
	dto "github.com/prometheus/client_model/go"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/meter"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/plane"
)

// words are the label pairs of an enumeration, made once.
func words[T interface{ String() string }](name string, n int, of func(i int) T) []*dto.LabelPair {
	list := make([]*dto.LabelPair, n)
	for i := range list {
		list[i] = label(name, of(i).String())[0]
	}
	return list
}

var (
	classWords   = words("class", meter.Classes, func(i int) meter.Class { return meter.Class(i) })
	endWords     = words("by", meter.Ends, func(i int) meter.End { return meter.End(i) })
	shakeWords   = words("result", meter.Handshakes, func(i int) meter.Handshake { return meter.Handshake(i) })
	codeWords    = words("code", meter.Codes, func(i int) meter.Code { return meter.Code(i) })
	failureWords = words("reason", meter.Failures, func(i int) meter.Failure { return meter.Failure(i) })
)

// traffic shows what clients asked for. Of the rules beyond the limit it says how many they are.
func (e *exposition) traffic(list []plane.TrafficFigures, most limits) (left int) {
	requests := e.counter("gatewayd_requests_total", "Requests that ended, by the rule that took them and the class of the answer's status; a handshake of a WebSocket is 1xx, none is a client that left before an answer. Without a rule: requests that none of the listener's took; without a listener, too: those that no listener serves or that cannot be read.")
	received := e.counter("gatewayd_received_bytes_total", "Bytes of requests, heads and bodies.")
	sent := e.counter("gatewayd_sent_bytes_total", "Bytes of answers, heads and bodies.")
	tunnels := e.tunnels()
	rules := 0
	for i := range list {
		if list[i].Rule != "" {
			rules++
		}
	}
	shown := 0
	for i := range list {
		f := &list[i]
		if f.Rule != "" {
			if !f.Used && rules > most.idle {
				left++
				continue
			}
			if shown++; shown > most.rules {
				left++
				continue
			}
		}
		l := label("listener", f.Listener, "pool", f.Pool, "rule", f.Rule, "setting", f.Setting)
		for c, n := range f.Ended {
			requests.count(l.with(classWords[c]), n)
		}
		received.count(l, f.Received)
		sent.count(l, f.Sent)
		if f.UsedTunnels {
			tunnels.show(l, &f.TrafficFigures)
		}
	}
	return left
}
