package plugin_test

import (
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// These are the orders in which Terraform applies what refers to each other, none of which may fail.

// TestASwappedPool: Terraform destroys the old pool, creates the new one and updates the rule, in this order.
func TestASwappedPool(t *testing.T) {
	g := furnished(t)
	r := start(t, g, nil)
	old, rule := r.instance(spec.Pools), r.instance(spec.Rules)
	old.must(pool("old", 80))
	config := object{"name": "r", "priority": 1, "listener": "there", "setting": "there", "pool": "old"}
	rule.must(config)

	r = start(t, g, nil)
	old, rule = old.in(r), rule.in(r)
	fresh := r.instance(spec.Pools)
	destroy, create := old.plan(nil), fresh.plan(pool("new", 80))
	config["pool"] = "new"
	update := rule.plan(config)
	if ds := destroy.diagnostics + create.diagnostics + update.diagnostics; ds != "" {
		t.Fatal(ds)
	}
	if ds := old.apply(destroy) + fresh.apply(create); ds != "" {
		t.Fatal(ds)
	}
	// Between the two the rule keeps the name of the retired pool, and says so to whoever reads it.
	held := *rule
	want(t, held.refresh(), `warning on AttributeName("pool"): Mind rule "r": pool `, `"old"`)
	if ds := rule.apply(update); ds != "" {
		t.Fatal(ds)
	}
	if names := g.retired(spec.Pools); names != nil {
		t.Errorf("want the old pool gone with its last user, got %v", names)
	}
	fresh.wantEmpty(pool("new", 80))
	rule.wantEmpty(config)
}

// TestAReplacementRevives: -replace destroys a pool in use and creates it again; it is the same one.
func TestAReplacementRevives(t *testing.T) {
	g := furnished(t)
	r := start(t, g, nil)
	i, rule := r.instance(spec.Pools), r.instance(spec.Rules)
	i.must(pool("web", 80))
	config := object{"name": "r", "priority": 1, "listener": "there", "setting": "there", "pool": "web"}
	rule.must(config)
	_, before := g.entry(spec.Pools, "web")
	i.must(nil)
	i.must(pool("web", 81))
	if _, after := g.entry(spec.Pools, "web"); after.ID != before.ID {
		t.Errorf("want the pool of before, %s, got %s", before.ID, after.ID)
	}
	i.wantEmpty(pool("web", 81))
	rule.wantEmpty(config)
}

// TestSwappedPriorities: for a moment both rules have one priority.
func TestSwappedPriorities(t *testing.T) {
	g := furnished(t)
	r := start(t, g, nil)
	config := func(name string, priority int) object {
		match := object{"paths": list{"/both", "/" + name}} // Neither shadows the other.
		return object{"name": name, "priority": priority, "listener": "there", "setting": "there", "pool": "there", "match": match}
	}
	a, b := r.instance(spec.Rules), r.instance(spec.Rules)
	a.must(config("a", 1))
	b.must(config("b", 2))
	r = start(t, g, nil)
	a, b = a.in(r), b.in(r)
	for _, step := range []struct {
		rule *instance
		plan *plan
	}{{a, a.plan(config("a", 2))}, {b, b.plan(config("b", 1))}} {
		// That they tie meanwhile is a warning.
		if ds := step.rule.apply(step.plan); step.plan.failed || len(ds) > 0 && ds[:len("warning")] != "warning" {
			t.Fatal(step.plan.diagnostics, ds)
		}
	}
	a.wantEmpty(config("a", 2))
	b.wantEmpty(config("b", 1))
}

// TestExchangedNames: no order of writes leads there, so the plan that closes the circle says so, and how to go about it.
// A chain of renames is none.
func TestExchangedNames(t *testing.T) {
	g := newGateway(t)
	r := start(t, g, nil)
	pools := map[string]*instance{}
	for n, name := range []string{"a", "b", "c"} {
		pools[name] = r.instance(spec.Pools)
		pools[name].must(pool(name, 80+n))
	}
	rename := func(r *run, from, to string) *plan { return pools[from].in(r).plan(pool(to, 80)) }
	third := "Give one of them a third name, run terraform apply"

	r = start(t, g, nil)
	if p := rename(r, "a", "b"); p.failed {
		t.Error(p.diagnostics)
	}
	want(t, rename(r, "b", "a").diagnostics, `error on AttributeName("name"): Unable to rename pool "b": name cannot become "a": pools exchange their names in this plan ("b" becomes "a", "a" becomes "b")`, third)

	r = start(t, g, nil)
	for _, p := range []*plan{rename(r, "b", "c"), rename(r, "a", "b")} {
		if p.failed {
			t.Error(p.diagnostics)
		}
	}
	want(t, rename(r, "c", "a").diagnostics, `("c" becomes "a", "b" becomes "c", "a" becomes "b")`, third)

	// The way that is told.
	for _, step := range []struct{ pool, to string }{{"a", "d"}, {"b", "a"}, {"a", "b"}} {
		r = start(t, g, nil)
		p := pools[step.pool].in(r)
		if planned := p.plan(pool(step.to, 80)); planned.diagnostics != "" || p.apply(planned) != "" {
			t.Fatalf("%v: %s", step, planned.diagnostics)
		}
		pools[step.pool] = p
	}
	for pool, name := range map[string]string{"a": "b", "b": "a"} {
		if got := pools[pool].named(); got != name {
			t.Errorf("want the pool that was %s to be %s, got %s", pool, name, got)
		}
	}
}

// TestAProbeTurnsToASettingThatGetsAHost: Terraform writes the probe first, since the setting names it, and for a moment
// there is no host. Back again, the setting loses its host after the probe stopped asking for it.
func TestAProbeTurnsToASettingThatGetsAHost(t *testing.T) {
	g := newGateway(t)
	r := start(t, g, nil)
	probe, setting := r.instance(spec.Probes), r.instance(spec.Settings)
	own, ownSetting := object{"name": "h"}, object{"name": "s", "probe": "h"}
	taken, takenSetting := object{"name": "h", "host_from_setting": true}, object{"name": "s", "probe": "h", "host": "a.example"}
	probe.must(own)
	setting.must(ownSetting)
	for _, to := range []struct{ probe, setting object }{{taken, takenSetting}, {own, ownSetting}} {
		r = start(t, g, nil)
		probe, setting = probe.in(r), setting.in(r)
		first, second := probe.plan(to.probe), setting.plan(to.setting)
		// That the setting has no host yet is a warning.
		if ds := probe.apply(first); first.failed || len(ds) > 0 && ds[:len("warning")] != "warning" {
			t.Fatal(first.diagnostics, ds)
		}
		if ds := second.diagnostics + setting.apply(second); ds != "" {
			t.Fatal(ds)
		}
		probe.wantEmpty(to.probe)
		setting.wantEmpty(to.setting)
	}
}

// TestManyAtOnce: Terraform plans and applies as many objects at once as its -parallelism says, on one provider.
func TestManyAtOnce(t *testing.T) {
	g := furnished(t)
	r := start(t, g, nil)
	t.Run("parallel", func(t *testing.T) {
		for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				p := r.with(t).instance(spec.Pools)
				planned := p.plan(pool(name, 80))
				rule := r.with(t).instance(spec.Rules)
				config := object{"name": name, "listener": "there", "setting": "there", "pool": name, "match": object{"paths": list{"/" + name}}}
				rulePlanned := rule.plan(config)
				if ds := planned.diagnostics + p.apply(planned) + rule.apply(rulePlanned); ds != "" {
					t.Error(ds)
				}
				p.wantEmpty(pool(name, 80))
				rule.wantEmpty(config)
			})
		}
	})
}
