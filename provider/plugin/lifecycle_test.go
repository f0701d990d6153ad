package plugin_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// pool and others are configurations that the tests below start from.
func pool(name string, port int) object {
	return object{"name": name, "targets": object{"a": object{"address": "10.0.0.1", "port": port}}}
}

// poolOf is a pool as somebody else writes it.
func poolOf(name string, targets map[string]spec.PoolTarget) *spec.Pool {
	p := spec.Pools.New().(*spec.Pool)
	p.Name, p.Targets = name, targets
	return p
}

// want checks that a text holds every one of some parts.
func want(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("want %q in:\n%s", p, text)
		}
	}
}

func TestARenameIsAnUpdateInPlace(t *testing.T) {
	g := furnished(t)
	r := start(t, g, nil)
	p, rule := r.instance(spec.Pools), r.instance(spec.Rules)
	p.must(pool("old", 80))
	ruleConfig := object{"name": "r", "listener": "there", "setting": "there", "pool": "old"}
	rule.must(ruleConfig)
	_, old := g.entry(spec.Pools, "old")

	next := start(t, g, nil)
	p, rule = p.in(next), rule.in(next)
	planned := p.plan(pool("new", 80))
	if planned.diagnostics != "" {
		t.Fatal(planned.diagnostics)
	}
	// The rule follows in the gateway and, in the same apply, in its own configuration: under the revision it had.
	ruleConfig["pool"] = "new"
	rulePlanned := rule.plan(ruleConfig)
	if rulePlanned.diagnostics != "" {
		t.Fatalf("the rule's plan does not know of the pool's new name: %s", rulePlanned.diagnostics)
	}
	if ds := p.apply(planned) + rule.apply(rulePlanned); ds != "" {
		t.Fatal(ds)
	}
	_, renamed := g.entry(spec.Pools, "new")
	if p.named() != "new" || g.get(spec.Pools, "old") != nil || renamed.ID != old.ID {
		t.Errorf("want the same object under its new name, identity included; got %q", p.named())
	}
	p.wantEmpty(pool("new", 80))
	rule.wantEmpty(ruleConfig)
}

func TestARenameElsewhereIsDrift(t *testing.T) {
	g := newGateway(t)
	i := start(t, g, nil).instance(spec.Pools)
	i.must(pool("mine", 80))
	theirs := spec.Clone(g.get(spec.Pools, "mine")).(*spec.Pool)
	theirs.Name = "theirs"
	g.write(theirs, "mine")
	if ds := i.refresh(); ds != "" {
		t.Fatal(ds)
	}
	if name := at[string](t, i.state, "name"); name != "theirs" || i.named() != "theirs" {
		t.Fatalf("want the state to say that the pool is called theirs, got %q and %q", name, i.named())
	}
	i.must(pool("mine", 80))
	i.wantEmpty(pool("mine", 80))
}

// TestAWriteMeetsTheObjectThatWasPlanned: an object that somebody renamed since the plan is neither taken for gone nor
// for the one that has its name now.
func TestAWriteMeetsTheObjectThatWasPlanned(t *testing.T) {
	g := newGateway(t)
	i := start(t, g, nil).instance(spec.Pools)
	i.must(pool("mine", 80))
	plans := map[string]*plan{"update": i.plan(pool("mine", 81)), "delete": i.plan(nil)}
	refused := func(parts ...string) {
		t.Helper()
		for verb, p := range plans {
			want(t, i.in(start(t, g, nil)).apply(p), append(parts, "error: Unable to "+verb+` pool "mine": Somebody `, "Run terraform plan again")...)
		}
	}
	theirs := spec.Clone(g.get(spec.Pools, "mine")).(*spec.Pool)
	theirs.Name = "theirs"
	g.write(theirs, "mine")
	refused(`name: "mine" in the state, "theirs" on the gateway`)

	another := poolOf("mine", map[string]spec.PoolTarget{"z": {Address: "10.0.0.9", Weight: 1}})
	g.write(another, "mine")
	refused(`name: "mine" in the state, "theirs" on the gateway`)

	g.drop(spec.Pools, "theirs")
	refused("deleted the pool since Terraform read it and created another of its name", `targets["z"]: only on the gateway`)
	if got := g.get(spec.Pools, "mine"); got == nil || !spec.Equal(got, another) {
		t.Errorf("want the other pool untouched, got %v", got)
	}
}

func TestDriftOfAFieldShows(t *testing.T) {
	g := newGateway(t)
	i := start(t, g, nil).instance(spec.Settings)
	config := object{"name": "s", "port": 8080}
	i.must(config)
	theirs := spec.Clone(g.get(spec.Settings, "s")).(*spec.Setting)
	theirs.KeepAlive.MaxIdle = 7
	g.write(theirs, "s")
	if ds := i.refresh(); ds != "" {
		t.Fatal(ds)
	}
	if p := i.plan(config); p.value.Equal(i.state) {
		t.Error("want a plan that puts max_idle back")
	}
	i.must(config)
	if n := g.get(spec.Settings, "s").(*spec.Setting).KeepAlive.MaxIdle; n != 64 {
		t.Errorf("want max_idle at its default again, got %d", n)
	}
	i.wantEmpty(config)
}

// TestAChangeSinceThePlanIsToldFieldByField: an update and a delete rest on the revision that the plan saw.
func TestAChangeSinceThePlanIsToldFieldByField(t *testing.T) {
	g := newGateway(t)
	i := start(t, g, nil).instance(spec.Pools)
	i.must(pool("web", 80))
	update, destroy := i.plan(pool("web", 81)), i.plan(nil)
	theirs := spec.Clone(g.get(spec.Pools, "web")).(*spec.Pool)
	b := theirs.Targets["a"]
	b.Weight = 5
	theirs.Targets["a"] = b
	theirs.Targets["c"] = spec.PoolTarget{Address: "10.0.0.3", Weight: 1}
	g.write(theirs, "web")
	for verb, p := range map[string]*plan{"update": update, "delete": destroy} {
		ds := i.in(start(t, g, nil)).apply(p)
		want(t, ds, "error: Unable to "+verb+` pool "web": Somebody changed the pool`, "it was at revision 1 and is at 2 now",
			`targets["a"].weight: 1 in the state, 5 on the gateway`, `targets["c"]: only on the gateway`, "Run terraform plan again")
	}
	if n := g.get(spec.Pools, "web").(*spec.Pool).Targets["a"].Weight; n != 5 {
		t.Errorf("want the other's write to stand, got weight %d", n)
	}
	// The plan that the message asks for works.
	if ds := i.refresh(); ds != "" {
		t.Fatal(ds)
	}
	i.must(pool("web", 81))
}

func TestWhatIsGoneIsPlannedAnew(t *testing.T) {
	g := newGateway(t)
	i := start(t, g, nil).instance(spec.Pools)
	i.must(pool("web", 80))
	update := i.plan(pool("web", 81))
	g.drop(spec.Pools, "web")
	stale := *i
	want(t, stale.apply(update), `Unable to update pool "web"`, "not on the gateway any more", "terraform apply again")
	for name, old := range map[string]*instance{"with an identity": i, "without one, as Terraform before 1.12": {run: i.run, kind: i.kind, typeName: i.typeName, schema: i.schema, state: i.state, private: i.private}} {
		old := *old
		if ds := old.refresh(); ds != "" {
			t.Fatalf("%s: %s", name, ds)
		}
		if !old.state.IsNull() {
			t.Errorf("%s: want the pool out of the state, got %s", name, old.state)
		}
	}
	destroy := *i
	if ds := destroy.apply(destroy.plan(nil)); ds != "" {
		t.Errorf("deleting what is gone: %s", ds)
	}
	again := i.instance(spec.Pools)
	again.must(pool("web", 81))
}

// TestALostAnswerLosesNothing: the write is repeated under its key and gets the first answer.
func TestALostAnswerLosesNothing(t *testing.T) {
	g := newGateway(t)
	i := start(t, g, nil).instance(spec.Pools)
	for _, config := range []object{pool("web", 80), pool("web", 81), pool("web2", 81), nil} {
		p := i.plan(config)
		g.fault(func(g *gateway) { g.loseAnswer = true })
		if ds := p.diagnostics + i.apply(p); ds != "" || !g.lost() {
			t.Fatalf("%v: %s", config, ds)
		}
		if config != nil {
			i.wantEmpty(config)
		}
	}
	if g.get(spec.Pools, "web2") != nil {
		t.Error("want the pool gone")
	}
}

func TestAnObjectOfTheNameIsInTheWay(t *testing.T) {
	g := newGateway(t)
	first := start(t, g, nil)
	other := first.instance(spec.Pools)
	other.must(pool("web", 80))
	i := start(t, g, nil).instance(spec.Pools)
	p := i.plan(pool("web", 80))
	want(t, p.diagnostics, `warning on AttributeName("name"): Applying pool "web" may fail`, "name is taken", "If this plan removes or changes what is in the way, nothing is wrong.")
	want(t, i.apply(p), `error on AttributeName("name"): Unable to create pool "web": name is taken: a pool "web" is on the gateway already, at revision 1.`, "It is just as this configuration wants it.", "terraform import ADDRESS web", "create_before_destroy")

	i.must(pool("api", 80))
	rename := i.in(start(t, g, nil))
	want(t, rename.apply(rename.plan(pool("web", 80))), `error on AttributeName("name"): Unable to update pool "api"`, `name cannot become "web"`,
		"run terraform apply again", "exchange their names", "a third name")
}

func TestAnImportOfNothing(t *testing.T) {
	i := start(t, newGateway(t), nil).instance(spec.Pools)
	if ds := i.importName("web", false); ds != "" || !i.state.IsNull() {
		t.Errorf("want nothing imported and no other error than Terraform's own, got %s %s", ds, i.state)
	}
}

// TestAGatewayOneFieldOlder: a field at its default is not sent, so the older gateway does not mind; a value is refused
// with the gateway's version.
func TestAGatewayOneFieldOlder(t *testing.T) {
	for _, c := range []struct {
		kind    *spec.Kind
		field   string
		without object
		with    object
	}{
		{spec.Listeners, "drain_timeout", object{"name": "l", "port": 80}, object{"name": "l", "port": 80, "drain_timeout": "1s"}},
		{spec.Settings, "keep_alive.max_idle", object{"name": "s", "keep_alive": object{"idle_timeout": "1s"}}, object{"name": "s", "keep_alive": object{"max_idle": 1}}},
		{spec.Probes, "match.body", object{"name": "p"}, object{"name": "p", "match": object{"body": "ok"}}},
	} {
		g := newGateway(t)
		g.fault(func(g *gateway) { g.older = c.field })
		i := start(t, g, nil).instance(c.kind)
		i.must(c.without)
		i.wantEmpty(c.without)
		i = i.in(start(t, g, nil))
		p := i.plan(c.with)
		want(t, p.diagnostics, "warning on AttributeName(", c.field+" is not a known field of gatewayd "+version)
		want(t, i.apply(p), "error on AttributeName(", `: Unable to update `, c.field+" is not a known field of gatewayd "+version+"; remove it, or upgrade the gateway")
	}
}

// TestAMissingReference: at plan a warning says how to order two objects, and none where the other is planned; at apply
// the gateway refuses on the attribute.
func TestAMissingReference(t *testing.T) {
	g := furnished(t)
	rule := object{"name": "r", "listener": "there", "setting": "late", "pool": "late"}
	r := start(t, g, nil)
	i := r.instance(spec.Rules)
	p := i.plan(rule)
	want(t, p.diagnostics, `warning on AttributeName("pool"): Applying rule "r" may fail`, `pool names pool "late", which does not exist`,
		`refer to it (pool = gatewayd_pool.LABEL.name)`, `warning on AttributeName("setting")`)
	want(t, i.apply(p), `error on AttributeName("pool"): Unable to create rule "r": pool names pool "late"`)
	for kind, o := range map[*spec.Kind]object{
		spec.Listeners: {"name": "l", "port": 443, "protocol": "https", "certificates": list{"late"}},
		spec.Settings:  {"name": "s", "protocol": "https", "tls": object{"ca_bundles": list{"late"}}},
	} {
		p := start(t, g, nil).instance(kind).plan(o)
		want(t, p.diagnostics, "warning on AttributeName(", map[*spec.Kind]string{
			spec.Listeners: `refer to it (certificates = [gatewayd_certificate.LABEL.name])`,
			spec.Settings:  `refer to it (ca_bundles = [gatewayd_ca_bundle.LABEL.name])`,
		}[kind])
	}

	r = start(t, g, nil)
	if p := r.instance(spec.Probes).plan(object{"name": "late"}); p.diagnostics != "" {
		t.Fatal(p.diagnostics)
	}
	if p := r.instance(spec.Settings).plan(object{"name": "late", "probe": "late"}); p.diagnostics != "" {
		t.Errorf("a setting whose probe is planned: %s", p.diagnostics)
	}
	// A pool with an unknown address cannot be imagined, so nothing that names it is.
	unknownPool := object{"name": "late", "targets": object{"a": object{"address": unknown{}}}}
	if p := r.instance(spec.Pools).plan(unknownPool); p.diagnostics != "" {
		t.Fatal(p.diagnostics)
	}
	if p := r.instance(spec.Rules).plan(rule); p.diagnostics != "" {
		t.Errorf("a rule whose pool is planned in part: %s", p.diagnostics)
	}
}

// TestWarningsOfTheGatewayAreShown: at plan, at apply and at every read, as of two rules that tie.
func TestWarningsOfTheGatewayAreShown(t *testing.T) {
	g := furnished(t)
	i := start(t, g, nil).instance(spec.Rules)
	p := i.plan(object{"name": "zz", "listener": "there", "setting": "there", "pool": "there"})
	for _, got := range []string{"plan: " + p.diagnostics, "apply: " + i.apply(p), "read: " + i.refresh()} {
		want(t, got, ": warning", `Mind rule "zz": `, `"there"`)
	}
}

// TestDeletingWhatIsInUse: the gateway retires it, and Terraform goes on.
func TestDeletingWhatIsInUse(t *testing.T) {
	g := furnished(t)
	r := start(t, g, nil)
	i := r.instance(spec.Pools)
	i.must(pool("web", 80))
	r.instance(spec.Rules).must(object{"name": "r", "listener": "there", "setting": "there", "pool": "web"})
	i.must(nil)
	if names := g.retired(spec.Pools); !slices.Equal(names, []string{"web"}) {
		t.Errorf("want the pool to be retired, got %v", names)
	}
}

func TestDataSources(t *testing.T) {
	g := furnished(t)
	r := start(t, g, nil)
	for _, k := range spec.Kinds() {
		v, ds := r.read("gatewayd_"+k.Name, object{"name": "there"})
		if ds != "" {
			t.Fatal(ds)
		}
		i := r.instance(k)
		if ds := i.importName("there", false); ds != "" {
			t.Fatal(ds)
		}
		if diff := fmt.Sprint(v.Diff(withoutSecrets(k, i.state))); diff != "[] <nil>" {
			t.Errorf("%s: the data source is not the resource: %s", k, diff)
		}
		_, ds = r.read("gatewayd_"+k.Name, object{"name": "none"})
		want(t, ds, `error on AttributeName("name"): Unable to read `+k.Name+` "none"`, "has no "+k.Name+" of that name")
	}
}

func TestViews(t *testing.T) {
	g := furnished(t)
	port := 1
	g.write(poolOf("there", map[string]spec.PoolTarget{"a": {Address: "127.0.0.1", Port: &port, Weight: 1}}), "there")
	g.drop(spec.Pools, "there") // The rule holds it.
	r := start(t, g, nil)
	v, ds := r.read("gatewayd_health", object{})
	if ds != "" {
		t.Fatal(ds)
	}
	if address := at[string](t, v, `pools["there"].settings["there"].targets["a"].address`); address != "127.0.0.1" {
		t.Errorf("want the target's address, got %q", address)
	}
	v, ds = r.read("gatewayd_status", object{})
	if ds != "" {
		t.Fatal(ds)
	}
	if got := at[string](t, v, "version") + " " + at[string](t, v, "retired[0].name") + " " + at[string](t, v, "retired[0].holders[0].name"); got != version+" there there" {
		t.Errorf("want version, retired pool and holder, got %q", got)
	}
}
