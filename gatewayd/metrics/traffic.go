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
	failureWords = words("reason", meter.Failures, func(i int) meter.Failure { return meter.Failure(i) })
)

// traffic shows what clients asked for. Of the rules beyond the limit it says how many they are.
func (e *exposition) traffic(list []plane.TrafficFigures, most limits) (left int) {
	requests := e.counter("gatewayd_requests_total", "Requests that ended, by the rule that took them and the class of the answer's status; a handshake of a WebSocket is 1xx, none is a client that left before an answer. Without a rule: requests that none of the listener's took; without a listener, too: those that no listener serves or that cannot be read.")
	received := e.counter("gatewayd_received_bytes_total", "Bytes of requests, heads and bodies.")
	sent := e.counter("gatewayd_sent_bytes_total", "Bytes of answers, heads and bodies.")
	open := e.gauge("gatewayd_tunnels_open", "Open WebSockets by rule.")
	opened := e.counter("gatewayd_tunnels_opened_total", "WebSockets that were opened.")
	ended := e.counter("gatewayd_tunnels_ended_total", "WebSockets that ended, by who or what ended them.")
	in := e.counter("gatewayd_tunnel_received_bytes_total", "Bytes of WebSockets from clients, behind the handshake.")
	out := e.counter("gatewayd_tunnel_sent_bytes_total", "Bytes of WebSockets to clients, behind the handshake.")
	inMessages := e.counter("gatewayd_tunnel_received_messages_total", "Messages of WebSockets from clients that were whole; not those of WebSockets that break the framing, from there on.")
	outMessages := e.counter("gatewayd_tunnel_sent_messages_total", "Messages of WebSockets to clients, counted likewise.")
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
		if !f.UsedTunnels {
			continue
		}
		open.set(l, float64(f.TunnelsOpen()))
		opened.count(l, f.TunnelsOpened)
		for by, n := range f.TunnelsEnded {
			ended.count(l.with(endWords[by]), n)
		}
		in.count(l, f.TunnelsReceived.Bytes)
		out.count(l, f.TunnelsSent.Bytes)
		inMessages.count(l, f.TunnelsReceived.Messages)
		outMessages.count(l, f.TunnelsSent.Messages)
	}
	return left
}
