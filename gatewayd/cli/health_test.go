package cli

import (
	"bytes"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
)

// TestHealthIsPrinted: a line a target, then names, then what is on its way out.
func TestHealthIsPrinted(t *testing.T) {
	v := &api.Health{Pools: map[string]api.PoolHealth{"chat": {
		Settings: map[string]api.SettingHealth{"s": {Targets: map[string]api.TargetHealth{
			"one":             {Address: "10.0.0.1", Port: 80, State: "healthy", Since: "2026-01-02T03:04:05Z", Open: 3, Results: []api.ProbeResult{{OK: false}, {OK: true}, {OK: true}}},
			"two@2001:db8::1": {Address: "2001:db8::1", Port: 80, State: "unhealthy", Reason: "no answer within 1s", Ejected: "2026-01-02T03:05:05Z"},
			"target/three":    {Address: "unix:/run/app.sock", State: "unknown"},
		}}},
		Names:    map[string]api.NameHealth{"two": {Name: "app.example", Addresses: []string{"2001:db8::1"}, Reason: "the server failed"}, "four": {Name: "x.example"}},
		Draining: []api.DrainingTarget{{Target: "target/old", Address: "10.0.0.9", Port: 80, Open: 2, Deadline: "2026-01-02T03:06:05Z", Reason: "the target was removed"}, {Target: "two@10.0.0.8", Address: "10.0.0.8", Port: 80, Open: 1, Reason: "the address left the answer of DNS"}},
	}}}
	const want = "POOL\tSETTING\tTARGET\tADDRESS\tSTATE\tOPEN\tSINCE\tLAST RESULTS\tREASON\n" +
		"chat\ts\tone\t10.0.0.1 port 80\thealthy\t3\t2026-01-02T03:04:05Z\tx..\t-\n" +
		"chat\ts\ttarget/three\tunix:/run/app.sock\tunknown\t0\t-\t-\t-\n" +
		"chat\ts\ttwo@2001:db8::1\t2001:db8::1 port 80\tunhealthy, ejected until 2026-01-02T03:05:05Z\t0\t-\t-\tno answer within 1s\n" +
		"name\tchat\tfour\tx.example: no address\n" +
		"name\tchat\ttwo\tapp.example: 2001:db8::1; the server failed\n" +
		"draining\tchat\ttarget/old\t10.0.0.9 port 80: 2 left until 2026-01-02T03:06:05Z; the target was removed\n" +
		"draining\tchat\ttwo@10.0.0.8\t10.0.0.8 port 80: 1 left; the address left the answer of DNS\n"
	var b bytes.Buffer
	h := &health{Pool: "chat"}
	h.targets(&b, v)
	printNames(&b, v)
	printDraining(&b, v)
	if b.String() != want {
		t.Errorf("want\n%s\ngot\n%s", want, b.String())
	}
}
