package plane

import (
	"context"
	"io"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// publishing is a removal by a change.
func publishing(change func(h *hourglass, d *spec.Draft)) func(h *hourglass) {
	return func(h *hourglass) { h.publish(func(d *spec.Draft) { change(h, d) }) }
}

func removing(kind *spec.Kind, names ...string) func(h *hourglass) {
	return publishing(func(_ *hourglass, d *spec.Draft) {
		for _, n := range names {
			d.Remove(kind, n)
		}
	})
}

func byRule(rules ...string) func(x *held) bool {
	return func(x *held) bool {
		for _, r := range rules {
			if x.rule == r {
				return true
			}
		}
		return false
	}
}

func byBackend(name string) func(x *held) bool {
	return func(x *held) bool { return x.backend == name }
}

func lasting(timeout, spread time.Duration) func(string) [2]time.Duration {
	return func(string) [2]time.Duration { return [2]time.Duration{timeout, spread} }
}

func listenerRemovals() []removal {
	return []removal{
		{name: "a listener is deleted", take: removing(spec.Listeners, "l"), own: byRule("r1", "r2", "r4"), drain: lasting(40*time.Second, 12*time.Second)},
		{name: "a listener is deleted, with the spread that it has by itself", take: removing(spec.Listeners, "m"), own: byRule("r3"), drain: lasting(30*time.Second, 10*time.Second)},
		{
			name: "a listener is deleted with a rule, whose drain is shorter", own: byRule("r1", "r2", "r4"),
			take: publishing(func(_ *hourglass, d *spec.Draft) { d.Remove(spec.Listeners, "l"); d.Remove(spec.Rules, "r1") }),
			drain: func(rule string) [2]time.Duration {
				if rule == "r1" {
					return granted[rule]
				}
				return [2]time.Duration{40 * time.Second, 12 * time.Second}
			},
		},
	}
}

func ruleRemovals() []removal {
	return []removal{
		{name: "a rule is deleted", take: removing(spec.Rules, "r1"), own: byRule("r1")},
		{name: "a rule with a drain of an hour is deleted", take: removing(spec.Rules, "r2"), own: byRule("r2")},
		{
			name: "a rule is deleted behind a change of its setting", own: byRule("r1"),
			take: func(h *hourglass) {
				h.publish(func(d *spec.Draft) {
					h.edit(d, "s", func(o *spec.Setting) { o.DrainTimeout, o.CloseSpread = "1s", nil })
				})
				h.publish(func(d *spec.Draft) { d.Remove(spec.Rules, "r1") })
			},
		},
	}
}

// edit changes a copy of a setting.
func (h *hourglass) edit(d *spec.Draft, name string, change func(o *spec.Setting)) {
	o := *h.set.Get(spec.Settings, name).Object.(*spec.Setting)
	change(&o)
	d.Put(spec.NewEntry(h.ids["setting "+name], d.Revision(), &o))
}

// editPool changes a copy of the pool p.
func (h *hourglass) editPool(d *spec.Draft, change func(targets map[string]spec.PoolTarget)) {
	o := *h.set.Get(spec.Pools, "p").Object.(*spec.Pool)
	targets := map[string]spec.PoolTarget{}
	for k, t := range o.Targets {
		targets[k] = t
	}
	change(targets)
	o.Targets = targets
	d.Put(spec.NewEntry(h.ids["pool p"], d.Revision(), &o))
}

func targetRemovals() []removal {
	pool := func(change func(targets map[string]spec.PoolTarget)) func(h *hourglass) {
		return publishing(func(h *hourglass, d *spec.Draft) { h.editPool(d, change) })
	}
	own := func(format string, args ...any) func(h *hourglass) {
		return publishing(func(h *hourglass, d *spec.Draft) { h.put(d, spec.Targets, format, args...) })
	}
	return []removal{
		{name: "a target leaves its pool", own: byBackend("b"), take: pool(func(t map[string]spec.PoolTarget) { delete(t, "b") })},
		{name: "a target gets another address", own: byBackend("b"), take: pool(func(t map[string]spec.PoolTarget) {
			t["b"] = spec.PoolTarget{Address: "127.0.0.9", Port: t["b"].Port, Weight: 1}
		})},
		{name: "a target gets another port", own: byBackend("b"), take: pool(func(t map[string]spec.PoolTarget) {
			t["b"] = spec.PoolTarget{Address: "127.0.0.1", Port: new(9), Weight: 1}
		})},
		{name: "a target's own object is deleted", own: byBackend("d"), take: removing(spec.Targets, "d")},
		{name: "a target's own object gets another address", own: byBackend("d"), take: own(`{"name":"d","pool":"p","address":"127.0.0.9"}`)},
		{name: "a target's own object goes to another pool", own: byBackend("d"), take: publishing(func(h *hourglass, d *spec.Draft) {
			o := *h.set.Get(spec.Targets, "d").Object.(*spec.Target)
			o.Pool = "q"
			d.Put(spec.NewEntry(h.ids["target d"], d.Revision(), &o))
		})},
		{name: "a pool is deleted that nothing names any more", own: byRule("r4"), take: func(h *hourglass) {
			h.publish(func(d *spec.Draft) {
				h.put(d, spec.Rules, `{"name":"r4","listener":"l","respond":{"status":503},"match":{"paths":["/r4/*"]}}`)
			})
			h.at(h.clock.Gone()) // Until then nothing happens.
			h.untouched()
			h.publish(func(d *spec.Draft) { d.Remove(spec.Pools, "q") })
		}},
	}
}

// untouched wants nobody to have been told anything.
func (h *hourglass) untouched() {
	h.t.Helper()
	if got := h.figures(); got.Closed+got.Cut != 0 || got.Open != len(h.held) {
		h.t.Errorf("%+v", got)
	}
}

func portRemovals() []removal {
	setting := func(change func(o *spec.Setting)) func(h *hourglass) {
		return publishing(func(h *hourglass, d *spec.Draft) { h.edit(d, "s", change); h.edit(d, "t", change) })
	}
	return []removal{
		{name: "the settings get another port", own: byBackend("c"), take: setting(func(o *spec.Setting) { o.Port = new(9) })},
		{name: "the settings get the port of another protocol", own: byBackend("c"), take: setting(func(o *spec.Setting) { o.Port, o.Protocol = nil, spec.HTTPS })},
	}
}

func unhealthyRemovals() []removal {
	ill := func(x *held) bool { return x.backend == "a" && x.rule != "r2" } // r2 has a setting that keeps.
	fall := func(h *hourglass) { h.fall(true) }
	return []removal{
		{name: "a target turns unhealthy, and drains", unhealthy: "drain", own: ill, take: fall},
		{name: "a target turns unhealthy, and is closed", unhealthy: "close", own: ill, take: fall, drain: lasting(8*time.Second, 8*time.Second)},
	}
}

// shutdownTime is longer than any test.
const shutdownTime = 20 * time.Minute

func stops() []removal {
	return []removal{{
		name: "the gateway stops", code: websocket.CloseServiceRestart, own: func(*held) bool { return true }, drain: lasting(shutdownTime, 10*time.Second),
		take: func(h *hourglass) {
			// A connection that rests is closed at once, by which a test sees that the loop has begun to stop.
			l, err := connect(h.doors["r1"])
			if err == nil {
				h.t.Cleanup(func() { _ = l.Close() })
				err = l.get("a", "b", "c", "d")
			}
			if err != nil {
				h.t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				h.plane.Shutdown(ctx, 0, shutdownTime)
			}()
			h.t.Cleanup(func() { // Nothing is open any more.
				select {
				case <-ended:
				case <-time.After(longest):
					h.t.Error("the gateway does not stop")
				}
				cancel()
				<-ended
			})
			if _, err := l.r.ReadByte(); err != io.EOF {
				h.t.Errorf("want the end of a connection that rests, got %v", err)
			}
		},
	}}
}

// returns are what ends nothing, because it is back in time; or, where some were told already, no others.
func returns() []removal {
	var list []removal
	for _, taken := range [][]removal{listenerRemovals()[:1], ruleRemovals()[:2], targetRemovals()[:4], portRemovals()[:1], unhealthyRemovals()[:1]} {
		for i, r := range taken {
			r.name, r.back = r.name+", and is back", true
			list = append(list, r)
			if i == 0 {
				r.name, r.back, r.late = r.name+" late", false, true
				list = append(list, r)
			}
		}
	}
	return list
}
