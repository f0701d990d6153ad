package plane

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// TestImpact: a configuration that is imagined is told what it would end, on the object that does it; and nothing is told of
// what touches nobody.
func TestImpact(t *testing.T) {
	r := newRig(t)
	port, echo := freePort(t), echoServer(t, "a")
	host, at, _ := strings.Cut(echo, ":")
	r.door(port, fmt.Sprintf(`,"targets":{"a":{"address":%q}}`, host), fmt.Sprintf(`,"port":%s,"drain_timeout":"90s"`, at))
	r.publish(func(d *spec.Draft) { r.put(d, spec.Pools, `{"name":"idle","targets":{"a":{"address":"127.0.0.9"}}}`) })
	var open []func()
	for range 3 {
		c := dial(t, port)
		open = append(open, func() { says(t, c, "still here") })
	}
	until(t, "three are open", func() bool { return r.plane.Activity().Tunnels == 3 })
	const ends = "ends 3 of the 3 requests and WebSockets that are open now, within "
	for name, c := range map[string]struct {
		change func(d *spec.Draft)
		want   string
	}{
		"nothing":      {func(d *spec.Draft) {}, ""},
		"another pool": {func(d *spec.Draft) { d.Remove(spec.Pools, "idle") }, ""},
		"a probe":      {func(d *spec.Draft) { r.put(d, spec.Probes, `{"name":"up","interval":"200ms"}`) }, ""},
		"another target": {func(d *spec.Draft) {
			r.put(d, spec.Pools, `{"name":"p","targets":{"a":{"address":%q},"b":{"address":"127.0.0.8"}}}`, host)
		}, ""},
		"another key": {func(d *spec.Draft) { r.put(d, spec.Pools, `{"name":"p","targets":{"b":{"address":%q}}}`, host) }, ""},
		"its port written out": {func(d *spec.Draft) {
			r.put(d, spec.Pools, `{"name":"p","targets":{"a":{"address":%q,"port":%s}}}`, host, at)
		}, ""},
		"the listener": {func(d *spec.Draft) { d.Remove(spec.Listeners, "l") }, "listener l: : " + ends + "1s"},
		"the rule":     {func(d *spec.Draft) { d.Remove(spec.Rules, "r") }, "rule r: : " + ends + "1m30s"},
		"the target": {func(d *spec.Draft) { r.put(d, spec.Pools, `{"name":"p"}`) },
			"pool p: targets: has \"a\" no longer at " + echo + ", which " + ends + "1m30s"},
		"the port": {func(d *spec.Draft) { r.put(d, spec.Settings, `{"name":"s","probe":"up","port":1}`) },
			"setting s: port: moves targets that have none of their own, which " + ends + "1m30s"},
		"a target of its own": {func(d *spec.Draft) {
			r.put(d, spec.Pools, `{"name":"p"}`)
			r.put(d, spec.Targets, `{"name":"own","pool":"p","address":%q}`, host)
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var told []string
			for _, p := range r.plane.impact(r.next(c.change)) {
				told = append(told, fmt.Sprintf("%s %s: %s: %s", p.Kind, p.Name, p.Path, p.Message))
			}
			if got := strings.Join(told, "; "); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
	r.publish(func(d *spec.Draft) {
		r.put(d, spec.Pools, `{"name":"p"}`)
		r.put(d, spec.Targets, `{"name":"own","pool":"p","address":%q}`, host)
	})
	for want, change := range map[string]func(d *spec.Draft){
		"":                             func(d *spec.Draft) { r.put(d, spec.Targets, `{"name":"own","pool":"p","address":%q,"weight":7}`, host) },
		"target own " + ends + "1m30s": func(d *spec.Draft) { d.Remove(spec.Targets, "own") },
		"target own is no longer where it was, which " + ends + "1m30s": func(d *spec.Draft) { r.put(d, spec.Targets, `{"name":"own","pool":"p","address":"127.0.0.8"}`) },
	} {
		var told []string
		for _, p := range r.plane.impact(r.next(change)) {
			told = append(told, fmt.Sprintf("%s %s %s", p.Kind, p.Name, p.Message))
		}
		if got := strings.Join(told, "; "); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
	for _, still := range open {
		still()
	}
}
