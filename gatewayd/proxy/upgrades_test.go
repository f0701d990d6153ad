package proxy

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/meter"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A request for a WebSocket is counted once, by what came of it; other requests are not.
func TestUpgradesAreCounted(t *testing.T) {
	with := func(field string) string { return strings.TrimSuffix(wsRequest, "\r\n") + field + "\r\n\r\n" }
	answers := func(answer string) func(testing.TB) []netip.AddrPort {
		return func(t testing.TB) []netip.AddrPort { return []netip.AddrPort{answering(t, answer).addr} }
	}
	echoes := func(t testing.TB) []netip.AddrPort { return []netip.AddrPort{echo(t)} }
	nobody := func(testing.TB) []netip.AddrPort { return nil }
	silent := func(t testing.TB) []netip.AddrPort {
		return []netip.AddrPort{newServer(t, func(p *peer) { p.head(); p.gone() }).addr}
	}
	once := func(*rig) {}
	for _, c := range []struct {
		result  meter.Handshake
		word    string
		targets func(testing.TB) []netip.AddrPort
		change  func(*rig)
		request string
		leave   bool
	}{
		{meter.ShakeOpened, "opened", echoes, once, wsRequest, false},
		{meter.ShakeTargetRefused, "target_refused", answers("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"), once, wsRequest, false},
		{meter.ShakeTargetFailed, "target_failed", answers(strings.Replace(switching, "s3pPL", "XXXXX", 1)), once, wsRequest, false},
		{meter.ShakeNoTarget, "no_target", nobody, once, wsRequest, false},
		{meter.ShakeOrigin, "origin", echoes, func(r *rig) { r.setting.WebSocket.AllowedOrigins = []string{"https://a.test"} }, with("Origin: https://b.test"), false},
		{meter.ShakeTooMany, "too_many_tunnels", echoes, func(r *rig) {
			r.listener.MaxTunnels = 1
		}, wsRequest, false},
		{meter.ShakeRefused, "refused", echoes, once, strings.Replace(wsRequest, "/chat", "/%5c", 1), false},
		{meter.ShakeGatewayFailed, "gateway_failed", echoes, once, with("CDN-Loop: gatewayd" + strings.Repeat(", gatewayd", maxHops)), false},
		{meter.ShakeByRule, "rule", echoes, func(r *rig) {
			r.rules[0] = &spec.Rule{Name: "all", Listener: "web", Respond: &spec.Respond{Status: 410}}
		}, wsRequest, false},
		{meter.ShakeClientLeft, "client_left", silent, once, wsRequest, true},
	} {
		t.Run(c.word, func(t *testing.T) {
			r := newRig(t, func(r *rig) { r.setting.Retries = 0; c.change(r) }, c.targets(t)...)
			want := [meter.Handshakes]uint64{}
			if c.result == meter.ShakeTooMany {
				r.websocket(nil)
				want[meter.ShakeOpened] = 1
			}
			want[c.result]++
			p := r.dial()
			p.send("GET /%5c HTTP/1.1\r\nHost: a.test\r\n\r\n")
			p.head()
			p = r.dial()
			p.send(c.request)
			if c.leave {
				until(t, "the target is asked", func() bool { return r.stats().Open == 1 && r.stats().Requests == 2 })
				p.reset()
				until(t, "nothing is open", func() bool { return r.stats().Open == 0 })
			} else {
				p.head()
			}
			r.stats() // The loop's turn is over, in which a tunnel begins behind its answer.
			got := r.traffic()
			for h, n := range r.table.Load().Routes()[0].Listener.Traffic.Figures().Handshakes {
				got.Handshakes[h] += n // A path that cannot be read is no rule's.
			}
			if got.Handshakes != want || c.result.String() != c.word {
				t.Errorf("counted %v, want %v for %q", got.Handshakes, want, c.result)
			}
			if got.TunnelsOpened != want[meter.ShakeOpened] {
				t.Errorf("%d tunnels were opened", got.TunnelsOpened)
			}
		})
	}
}
