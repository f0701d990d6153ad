package http1

import "testing"

func TestHops(t *testing.T) {
	for head, want := range map[string]int{
		"":                                      0,
		Hop:                                     1,
		Hop + Hop + "CDN-Loop: cdn.example\r\n": 2,
		"cdn-loop: gatewayd,gatewayd , gatewayd;v=1; w=\"gatewayd\"\r\n":       3,
		"CDN-Loop: a, gatewayd-2, xgatewayd, gatewayd.example, Gatewayd,,\r\n": 0,
		"X-CDN-Loop: gatewayd\r\nVia: 1.1 gatewayd\r\n":                        0,
	} {
		var r Request
		if err := r.Parse([]byte("GET / HTTP/1.1\r\nHost: a\r\n"+head+"\r\n"), Limits{}); err != nil || r.Hops != want {
			t.Errorf("%q: %d hops and %v, want %d", head, r.Hops, err, want)
		}
	}
}
