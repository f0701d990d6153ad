package proxy

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
)

// A target that is a listener of this very gateway, or of another that leads back: a request goes round a bounded number
// of times, and its client hears why. Nothing is left of it, and what is no loop goes on.
func TestRequestLoop(t *testing.T) {
	const wsRequest = "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	good := answering(t, ok("good"))
	for name, gateways := range map[string]int{"one gateway": 1, "two gateways": 2} {
		t.Run(name, func(t *testing.T) {
			var rigs []*rig
			for range gateways {
				rigs = append(rigs, newRig(t, inClear))
			}
			for i, r := range rigs {
				r.targets(netip.MustParseAddrPort(rigs[(i+1)%gateways].addr))
				r.publish()
			}
			seen := func() (n uint64) {
				for _, r := range rigs {
					n += r.stats().Requests
				}
				return n
			}
			for i, send := range []string{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", wsRequest} {
				p := rigs[0].dial()
				p.send(send)
				if h := p.expect(508, "*"); h.Get("Gatewayd-Reason") != "request_loop" {
					t.Errorf("the client got %v", h)
				}
				if n, want := seen(), uint64(i+1)*(maxHops+1); n != want {
					t.Errorf("%.20q: %d requests until now, want %d", send, n, want)
				}
			}
			rigs[0].targets(good.addr)
			rigs[0].publish()
			p := rigs[0].dial()
			p.send("GET / HTTP/1.1\r\nHost: a\r\nCDN-Loop: cdn.example; a=b\r\n\r\n")
			p.expect(200, "good")
			got := good.got()
			if last := got[len(got)-1]; !strings.Contains(last, "\r\nCDN-Loop: cdn.example; a=b\r\n") || strings.Count(last, http1.Hop) != 1 {
				t.Errorf("the target got %q", last)
			}
		})
	}
}
