package plugin_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// left answers that so much is open, and until when.
func left(deadline time.Time, drains ...api.Drain) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		answer := api.Drains{Revision: 1}
		for _, d := range drains {
			d.Deadline = deadline.UTC().Format(time.RFC3339)
			answer.Open += d.Open
			answer.Drains = append(answer.Drains, d)
		}
		w.Header().Set("Content-Type", api.MediaJSON)
		// The client is of this process and reads it.
		_ = json.NewEncoder(w).Encode(answer)
	}
}

// drainOf is of a target that no configuration of these tests has at that address: it is known by its key.
func drainOf(pool, name string) api.Drain { return drainAt(pool, name, "10.0.9.9", 80) }

func drainAt(pool, name, address string, port int) api.Drain {
	return api.Drain{Kind: "target", Pool: pool, Name: name, Address: address, Port: port, Open: 2}
}

// TestWhatAWriteWaitsFor: the drains of the targets that it took out, of no other, and of none where it took none out.
func TestWhatAWriteWaitsFor(t *testing.T) {
	target := func(address string, port any) object { return object{"address": address, "port": port} }
	enrolled := func(name, pool, address string) object {
		return object{"name": name, "pool": pool, "address": address}
	}
	before := object{"name": "p", "targets": object{"a": target("10.0.0.1", 80), "b": target("app.example", nil)}}
	const never, notFor, waits = "does not ask", "asks once", "waits"
	for _, c := range []struct {
		name          string
		kind          *spec.Kind
		before, after object
		open          api.Drain
		want          string
	}{
		{"a member that is gone", spec.Pools, before, object{"name": "p", "targets": object{"b": target("app.example", nil)}}, drainOf("p", "a"), waits},
		{"a name that is gone", spec.Pools, before, object{"name": "p", "targets": object{"a": target("10.0.0.1", 80)}}, drainOf("p", "b@10.0.0.7"), waits},
		{"all members", spec.Pools, before, object{"name": "p"}, drainOf("p", "a"), waits},
		{"a member at another address", spec.Pools, before, object{"name": "p", "targets": object{"a": target("10.0.0.2", 80)}}, drainOf("p", "a"), waits},
		{"a member at another port", spec.Pools, before, object{"name": "p", "targets": object{"a": target("10.0.0.1", 81), "b": target("app.example", nil)}}, drainOf("p", "a"), waits},
		{"a member at the setting's port", spec.Pools, before, object{"name": "p", "targets": object{"a": target("10.0.0.1", nil)}}, drainOf("p", "a"), waits},
		{"a pool that gets another name too", spec.Pools, before, object{"name": "q"}, drainOf("q", "a"), waits},
		{"another member", spec.Pools, before, object{"name": "p", "targets": object{"b": target("app.example", nil)}}, drainOf("p", "b@10.0.0.7"), notFor},
		{"a member of another pool", spec.Pools, before, object{"name": "p"}, drainOf("q", "a"), notFor},
		{"a target that enrolled itself", spec.Pools, before, object{"name": "p"}, drainOf("p", "target/a"), notFor},
		{"a rule", spec.Pools, before, object{"name": "p"}, api.Drain{Kind: "rule", Name: "a", Open: 1}, notFor},
		{"what has ended", spec.Pools, before, object{"name": "p"}, api.Drain{Kind: "target", Pool: "p", Name: "a"}, notFor},
		{"no member", spec.Pools, before, object{"name": "p", "algorithm": "source_hash", "targets": object{"a": object{"address": "10.0.0.1", "port": 80, "weight": 0}, "b": target("app.example", nil), "c": target("10.0.0.3", nil)}}, drainOf("p", "a"), never},
		{"a pool that is deleted", spec.Pools, before, nil, drainOf("p", "a"), waits},
		{"a pool with a name that is deleted", spec.Pools, before, nil, drainOf("p", "b@10.0.0.7"), waits},
		{"a member of another pool than is deleted", spec.Pools, before, nil, drainOf("q", "a"), notFor},
		{"a pool without members that is deleted", spec.Pools, object{"name": "p"}, nil, drainOf("p", "a"), never},
		{"a member by the key of another", spec.Pools, before, object{"name": "p"}, drainAt("p", "target/other", "10.0.0.1", 80), waits},
		{"a member by the key of another, of a pool that is deleted", spec.Pools, before, nil, drainAt("p", "target/other", "10.0.0.1", 80), waits},
		{"a member at its address and another port", spec.Pools, before, object{"name": "p"}, drainAt("p", "target/other", "10.0.0.1", 81), notFor},
		{"a member at its address in another pool", spec.Pools, before, object{"name": "p"}, drainAt("q", "other", "10.0.0.1", 80), notFor},
		{"a member at the setting's port by the key of another", spec.Pools, object{"name": "p", "targets": object{"a": target("2001:DB8:0::5", nil)}}, object{"name": "p"}, drainAt("p", "other", "2001:db8::5", 8080), waits},
		{"a socket by the key of another", spec.Pools, object{"name": "p", "targets": object{"a": target("unix:/run/a.sock", nil)}}, object{"name": "p"}, drainAt("p", "target/other", "unix:/run/a.sock", 0), waits},
		{"a member that stays where another left", spec.Pools, before, object{"name": "p", "targets": object{"a": target("10.0.0.1", 80)}}, drainAt("p", "other", "10.0.0.1", 80), notFor},
		{"a target by the key of another", spec.Targets, enrolled("t", "there", "10.0.0.1"), nil, drainAt("there", "other", "10.0.0.1", 8080), waits},
		{"a target in another pool by the key of another", spec.Targets, enrolled("t", "there", "10.0.0.1"), enrolled("t", "other", "10.0.0.1"), drainAt("there", "other", "10.0.0.1", 80), waits},
		{"a target at its address in a third pool", spec.Targets, enrolled("t", "there", "10.0.0.1"), nil, drainAt("other", "t", "10.0.0.1", 80), notFor},
		{"a target that is deleted", spec.Targets, enrolled("t", "there", "10.0.0.1"), nil, drainOf("there", "target/t"), waits},
		{"a name that is deleted", spec.Targets, enrolled("t", "other", "app.example"), nil, drainOf("other", "target/t@10.0.0.7"), waits},
		{"a target at another address", spec.Targets, enrolled("t", "there", "10.0.0.1"), enrolled("t", "there", "10.0.0.2"), drainOf("there", "target/t"), waits},
		{"a target in another pool", spec.Targets, enrolled("t", "there", "10.0.0.1"), enrolled("t", "other", "10.0.0.1"), drainOf("there", "target/t"), waits},
		{"a target with another name too", spec.Targets, enrolled("t", "there", "10.0.0.1"), enrolled("u", "there", "10.0.0.2"), drainOf("there", "target/u"), waits},
		{"another target", spec.Targets, enrolled("t", "there", "10.0.0.1"), nil, drainOf("there", "target/u"), notFor},
		{"a member of the pool's own", spec.Targets, enrolled("t", "there", "10.0.0.1"), nil, drainOf("there", "t"), notFor},
		{"a target that is renamed", spec.Targets, enrolled("t", "there", "10.0.0.1"), enrolled("u", "there", "10.0.0.1"), drainOf("there", "target/t"), never},
		{"a setting", spec.Settings, object{"name": "s"}, nil, drainOf("p", "a"), never},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newGateway(t)
			r := start(t, g, nil)
			r.instance(spec.Pools).must(object{"name": "there"})
			r.instance(spec.Pools).must(object{"name": "other"})
			i := r.instance(c.kind)
			i.must(c.before)
			g.fault(func(g *gateway) {
				soon := time.Now().Add(time.Minute)
				g.drains = []http.HandlerFunc{left(soon, c.open), left(soon, drainOf("p", "elsewhere"))}
			})
			i.must(c.after)
			if got := []string{never, notFor, waits}[len(g.asked)]; got != c.want {
				t.Errorf("want that it %s, got that it %s: %v", c.want, got, g.asked)
			}
			for _, path := range g.asked {
				if want := fmt.Sprintf("%s/%d", api.PathDrains, g.revision()); path != want {
					t.Errorf("want %s to be asked for, got %s", want, path)
				}
			}
		})
	}
}

// TestALostAnswerIsWaitedFor: the repetition of a deletion gets the first answer again, with the revision to ask for.
func TestALostAnswerIsWaitedFor(t *testing.T) {
	for kind, c := range map[*spec.Kind]struct {
		config object
		open   api.Drain
	}{
		spec.Pools:   {pool("p", 80), drainOf("p", "a")},
		spec.Targets: {object{"name": "t", "pool": "there", "address": "10.0.0.1"}, drainOf("there", "target/t")},
	} {
		g := newGateway(t)
		r := start(t, g, nil)
		r.instance(spec.Pools).must(object{"name": "there"})
		i := r.instance(kind)
		i.must(c.config)
		g.fault(func(g *gateway) {
			g.loseAnswer = true
			soon := time.Now().Add(time.Minute)
			g.drains = []http.HandlerFunc{left(soon, c.open), left(soon)}
		})
		i.must(nil)
		path := fmt.Sprintf("%s/%d", api.PathDrains, g.revision())
		if want := []string{path, path}; !g.lost() || !slices.Equal(g.asked, want) {
			t.Errorf("a %s: want %q to be asked for, got %q; its answer was lost: %t", kind, want, g.asked, g.lost())
		}
	}
}

// TestAWaitThatCannotGoOn: the write is done, so it is a warning, and none where the gateway knows no drains.
func TestAWaitThatCannotGoOn(t *testing.T) {
	ago := time.Now().Add(-time.Minute)
	refused := func(reason api.Reason) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			e := api.NewError(reason, "It is %s.", reason)
			w.Header().Set("Content-Type", api.MediaProblem)
			w.WriteHeader(e.Status)
			// The client is of this process and reads it.
			_ = json.NewEncoder(w).Encode(e)
		}
	}
	for _, c := range []struct {
		name    string
		answers []http.HandlerFunc
		want    []string
	}{
		{"an older gateway", []http.HandlerFunc{refused(api.UnknownPath)}, nil},
		{"a gateway that was restarted", []http.HandlerFunc{left(time.Now().Add(time.Minute), drainOf("p", "a")), refused(api.NotFound)}, nil},
		{"a gateway that fails", []http.HandlerFunc{left(time.Now().Add(time.Minute), drainOf("p", "a")), refused(api.Internal)},
			[]string{"The gateway does not say any more what is open", "internal error: It is internal", `target "a" of pool "p" at 10.0.9.9 port 80: 2 open`}},
		{"a deadline that is long over", []http.HandlerFunc{left(ago, drainOf("p", "a"), drainOf("p", "b"))},
			[]string{"Their time was over at " + ago.UTC().Format(time.RFC3339), `target "a"`, "2 open", "The change itself is made and serves."}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newGateway(t)
			i := start(t, g, g.arguments(object{"wait_for_drain": true})).instance(spec.Pools)
			i.must(pool("p", 80))
			p := i.plan(object{"name": "p"})
			g.fault(func(g *gateway) { g.drains = slices.Clone(c.answers) })
			ds := i.apply(p)
			if c.want == nil && ds != "" {
				t.Errorf("want nothing said, got %s", ds)
			}
			want(t, ds, c.want...)
			if c.want != nil && !strings.HasPrefix(ds, `warning: Not everything of pool "p" had ended: `) || strings.Contains(ds, `target "b"`) {
				t.Errorf("want a warning of what is left of its own, got %s", ds)
			}
			if len(g.asked) != len(c.answers) {
				t.Errorf("want %d questions, got %v", len(c.answers), g.asked)
			}
			i.wantEmpty(object{"name": "p"})
		})
	}
}

// TestAnInterruptEndsAWait: whoever presses Ctrl-C does not wait for the conversations of others.
func TestAnInterruptEndsAWait(t *testing.T) {
	g := newGateway(t)
	r := start(t, g, nil)
	i := r.instance(spec.Pools)
	i.must(pool("p", 80))
	p := i.plan(object{"name": "p"})
	still := left(time.Now().Add(time.Hour), drainOf("p", "a"))
	g.fault(func(g *gateway) {
		g.drains = []http.HandlerFunc{still, func(w http.ResponseWriter, question *http.Request) {
			if _, err := r.server.StopProvider(t.Context(), &tfprotov6.StopProviderRequest{}); err != nil {
				t.Error(err)
			}
			still(w, question)
		}}
	})
	want(t, i.apply(p), `warning: Not everything of pool "p" had ended: Terraform was interrupted while it waited.`, `target "a" of pool "p"`)
	if p := g.get(spec.Pools, "p").(*spec.Pool); len(p.Targets) > 0 {
		t.Errorf("want the write to stand, got %+v", p)
	}
}

// TestNobodyWaits where the provider is told so, by its block or by the environment.
func TestNobodyWaits(t *testing.T) {
	for _, c := range []struct {
		name   string
		config object
		env    string
		asks   bool
	}{
		{"the block", object{"wait_for_drain": false}, "true", false},
		{"the environment", object{}, "0", false},
		{"the block before the environment", object{"wait_for_drain": true}, "false", true},
		{"nothing", object{}, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newGateway(t)
			r := start(t, g, object{})
			t.Setenv("GATEWAYD_WAIT_FOR_DRAIN", c.env)
			if ds := r.configure(g.arguments(c.config)); ds != "" {
				t.Fatal(ds)
			}
			i := r.instance(spec.Pools)
			i.must(pool("p", 80))
			i.must(object{"name": "p"})
			if asks := len(g.asked) > 0; asks != c.asks {
				t.Errorf("want the gateway to be asked: %t, got %v", c.asks, g.asked)
			}
		})
	}
	r := start(t, newGateway(t), nil)
	t.Setenv("GATEWAYD_WAIT_FOR_DRAIN", "perhaps")
	want(t, r.configure(object{}), "GATEWAYD_WAIT_FOR_DRAIN=perhaps, which must be true or false")
}
