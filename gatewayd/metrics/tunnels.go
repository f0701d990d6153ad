package metrics

import "github.com/gatewayd/terraform-provider-gatewayd/gatewayd/meter"

// tunnelFamilies are the metrics of WebSockets by rule.
type tunnelFamilies struct {
	handshakes, open, opened, ended, codes, lives family
	received, sent                                passedFamilies
}

// passedFamilies are what passed in one direction.
type passedFamilies struct{ bytes, messages family }

func (p *passedFamilies) count(l labels, f *meter.PassedFigures) {
	p.bytes.count(l, f.Bytes)
	p.messages.count(l, f.Messages)
}

func (e *exposition) tunnels() *tunnelFamilies {
	return &tunnelFamilies{
		handshakes: e.counter("gatewayd_tunnel_handshakes_total", "Requests for a WebSocket that were answered or given up, by what came of them. Without a rule: those that none of the listener's took."),
		open:       e.gauge("gatewayd_tunnels_open", "Open WebSockets by rule."),
		opened:     e.counter("gatewayd_tunnels_opened_total", "WebSockets that were opened."),
		ended:      e.counter("gatewayd_tunnels_ended_total", "WebSockets that ended, by who or what ended them."),
		codes:      e.counter("gatewayd_tunnel_close_codes_total", "WebSockets that ended, by the code of the Close which ended them; 1005 is a Close without a code, 1006 an end without a Close, unknown a code that was not seen whole. Codes that never came have no series."),
		lives:      e.histogram("gatewayd_tunnel_lifetime_seconds", "How long WebSockets lived that ended, from the handshake."),
		received: passedFamilies{
			e.counter("gatewayd_tunnel_received_bytes_total", "Bytes of WebSockets from clients, behind the handshake."),
			e.counter("gatewayd_tunnel_received_messages_total", "Messages of WebSockets from clients that were whole; not those of WebSockets that break the framing, from there on."),
		},
		sent: passedFamilies{
			e.counter("gatewayd_tunnel_sent_bytes_total", "Bytes of WebSockets to clients, behind the handshake."),
			e.counter("gatewayd_tunnel_sent_messages_total", "Messages of WebSockets to clients, counted likewise."),
		},
	}
}

var lifeBounds = func() []float64 {
	list := make([]float64, len(meter.LifeBounds))
	for i, d := range meter.LifeBounds {
		list[i] = d.Seconds()
	}
	return list
}()

// show adds the series of one rule.
func (t *tunnelFamilies) show(l labels, f *meter.TrafficFigures) {
	for h, n := range f.Handshakes {
		t.handshakes.count(l.with(shakeWords[h]), n)
	}
	t.open.set(l, float64(f.TunnelsOpen()))
	t.opened.count(l, f.TunnelsOpened)
	for by, n := range f.TunnelsEnded {
		t.ended.count(l.with(endWords[by]), n)
	}
	for c, n := range f.TunnelsCodes {
		if n > 0 {
			t.codes.count(l.with(codeWords[c]), n)
		}
	}
	t.lives.observe(l, float64(f.TunnelsLives.Milliseconds)/1000, f.TunnelsLives.Buckets[:], lifeBounds)
	t.received.count(l, &f.TunnelsReceived)
	t.sent.count(l, &f.TunnelsSent)
}

// targetFamilies are the metrics of WebSockets by target.
type targetFamilies struct {
	open, opened, ended family
	received, sent      passedFamilies
}

func (e *exposition) targetTunnels() *targetFamilies {
	return &targetFamilies{
		open:   e.gauge("gatewayd_target_tunnels_open", "Open WebSockets by target."),
		opened: e.counter("gatewayd_target_tunnels_opened_total", "WebSockets to a target that were opened."),
		ended:  e.counter("gatewayd_target_tunnels_ended_total", "WebSockets to a target that ended, by who or what ended them."),
		received: passedFamilies{
			e.counter("gatewayd_target_tunnel_received_bytes_total", "Bytes of WebSockets to a target, from clients."),
			e.counter("gatewayd_target_tunnel_received_messages_total", "Messages of WebSockets to a target, from clients."),
		},
		sent: passedFamilies{
			e.counter("gatewayd_target_tunnel_sent_bytes_total", "Bytes of WebSockets to a target, to clients."),
			e.counter("gatewayd_target_tunnel_sent_messages_total", "Messages of WebSockets to a target, to clients."),
		},
	}
}

// show adds the series of one target, if it ever had a WebSocket.
func (t *targetFamilies) show(l labels, f *meter.TargetFigures) {
	if f.Opened == 0 {
		return
	}
	t.open.set(l, float64(f.Open))
	t.opened.count(l, f.Opened)
	for by, n := range f.Ended {
		t.ended.count(l.with(endWords[by]), n)
	}
	t.received.count(l, &f.Received)
	t.sent.count(l, &f.Sent)
}
