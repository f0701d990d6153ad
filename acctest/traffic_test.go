package acctest

import (
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// TestChangesUnderTraffic: whatever happens to the objects that requests and WebSockets use, none of them fails. Between
// all steps requests run and two WebSockets talk: one to the pool that was there first and is destroyed, one to its
// successor.
func TestChangesUnderTraffic(t *testing.T) {
	s := newStage(t)
	port := s.port("port")
	s.backend("blue")
	s.backend("green")
	var requests *load
	var first, second *talk
	var pool string
	var byHand uint64
	id := func(name string) string {
		_, meta, err := s.gateway.Client().Get(t.Context(), spec.Pools, name, "")
		if err != nil {
			t.Error(err)
		}
		return meta.ID
	}
	served := func(by string) func(*resource.TestStep) {
		return after(func() {
			if got := servedBy(t, port, "/bytes/1"); got != by {
				t.Errorf("want an answer of %s, got %s", by, got)
			}
			requests.wait(50)
			first.alive(t, "to the first pool")
			if second != nil {
				second.alive(t, "to the second pool")
			}
		})
	}
	s.run(
		s.step("traffic/1-create", after(func() {
			requests = startLoad(t, port)
			first = startTalk(t, port, "/first", 20*time.Millisecond)
		})),
		// Terraform deletes the old pool before it writes the rule.
		s.step("traffic/2-pool-swapped", served("green"), planned(actions(map[string]string{
			"gatewayd_pool.blue": "delete", "gatewayd_pool.green": "create", "gatewayd_rule.web": "update"}))),
		// As terraform apply -replace does: the pool is away while it is in use, and comes back as what it was.
		s.step("traffic/2-pool-swapped", before(func() {
			second = startTalk(t, port, "/second", 20*time.Millisecond)
			pool = id("green")
		}), func(step *resource.TestStep) { step.Taint = []string{"gatewayd_pool.green"} }, served("green"),
			planned(actions(map[string]string{"gatewayd_pool.green": "replace"}))),
		s.step("traffic/3-renamed", before(func() {
			meta, err := s.gateway.Client().Create(t.Context(), spec.Rules, &spec.Rule{Name: "by-hand", Listener: "web", Pool: new("green"), Setting: new("web"),
				Match: &spec.Match{Paths: []string{"/by/hand"}}}, "")
			if err != nil {
				t.Fatal(err)
			}
			byHand = meta.Revision
			if now := id("green"); now != pool {
				t.Errorf("the pool was replaced and is another: its id was %s and is %s", pool, now)
			}
		}), served("green"), planned(actions(map[string]string{
			"gatewayd_listener.web": "update", "gatewayd_pool.green": "update", "gatewayd_probe.web": "update",
			"gatewayd_setting.web": "update", "gatewayd_rule.web": "update"})), after(func() {
			// A rule that is not Terraform's followed, and its revision is that of its own last write.
			o, revision := s.get(spec.Rules, "by-hand")
			if r := o.(*spec.Rule); r.Listener != "front" || *r.Pool != "emerald" || *r.Setting != "patient" || revision != byHand {
				t.Errorf("the rule is %+v at revision %d, and was written at %d", r, revision, byHand)
			}
			if _, err := s.gateway.Client().Delete(t.Context(), spec.Rules, "by-hand", revision, ""); err != nil {
				t.Error(err)
			}
		})),
		s.step("traffic/4-probe-changed", served("green"), planned(actions(map[string]string{"gatewayd_probe.web": "update"}))),
		s.step("traffic/4-probe-changed", func(step *resource.TestStep) {
			step.Taint = []string{"gatewayd_setting.web", "gatewayd_probe.web"}
		}, after(func() {
			requests.wait(50)
			requests.end()
			first.end(t, "to the first pool")
			second.end(t, "to the second pool")
		})),
	)
}

// TestRulesMove: priorities swap, rules move between listeners, exchange what they name and exchange their hosts, with
// conditions or without, each in one apply, while requests run.
func TestRulesMove(t *testing.T) {
	s := newStage(t)
	port, other := s.port("port"), s.port("other")
	s.backend("blue")
	s.backend("green")
	var requests *load
	var tunnel *talk
	set := func(first, second int, moving string, swapped bool) {
		s.variables["first"], s.variables["second"], s.variables["moving"], s.variables["swapped"] = first, second, moving, swapped
	}
	routes := func(web, bytes, elsewhere, left, right string) func(*resource.TestStep) {
		return after(func() {
			if requests == nil {
				requests = startLoad(t, port)
				tunnel = startTalk(t, port, "/", 20*time.Millisecond)
			}
			for _, r := range []struct {
				port       int
				path, want string
			}{{port, "/status/200", web}, {port, "/bytes/1", bytes}, {other, "/bytes/1", elsewhere}, {other, "/health", left}, {other, "/status/200", right}} {
				if got := servedBy(t, r.port, r.path); got != r.want {
					t.Errorf("port %d %s: want %s, got %s", r.port, r.path, r.want, got)
				}
			}
			for host, want := range map[string]string{"north.example": left, "south.example": right} {
				for send, want := range map[string]string{
					"GET /chunked/1?v=2.1 X-Team:red":                 "200 of " + want,
					"GET /chunked/1?v=2.1 X-Team:red X-Opt-Out:yes":   "503 the rest",
					"GET /chunked/1?v=1 X-Team:red":                   "503 the rest",
					"GET /chunked/1?v=2 X-Team:green":                 "503 the rest",
					"POST /chunked/1?v=2.1 X-Team:red Accept:text/v2": "503 the rest",
				} {
					if got := sent(t, other, "Host:"+host+" "+send); got != want {
						t.Errorf("%s at %s: want %s, got %s", send, host, want, got)
					}
				}
			}
			requests.wait(20)
			tunnel.alive(t, "of a rule that changes")
		})
	}
	var steps []resource.TestStep
	set(10, 20, "web", false)
	steps = append(steps, s.step("rules", routes("blue", "green", "404 Not Found", "blue", "green")))
	set(20, 10, "web", false)
	steps = append(steps, s.step("rules", routes("green", "green", "404 Not Found", "blue", "green"),
		planned(actions(map[string]string{"gatewayd_rule.first": "update", "gatewayd_rule.second": "update", "gatewayd_rule.rest": "update"}))))
	set(10, 20, "other", false)
	steps = append(steps, s.step("rules", routes("blue", "blue", "green", "blue", "green"),
		planned(actions(map[string]string{"gatewayd_rule.first": "update", "gatewayd_rule.second": "update", "gatewayd_rule.rest": "update", "gatewayd_rule.moving": "update"}))))
	set(10, 20, "web", true)
	steps = append(steps, s.step("rules", routes("blue", "green", "404 Not Found", "green", "blue"),
		planned(actions(map[string]string{"gatewayd_rule.left": "update", "gatewayd_rule.right": "update", "gatewayd_rule.moving": "update",
			"gatewayd_rule.north": "update", "gatewayd_rule.south": "update"})),
		after(func() {
			requests.end()
			tunnel.end(t, "of a rule that changes")
		})))
	s.run(steps...)
}

// TestReplacedKeepsItsTunnels: a rule, listener, pool or setting that is replaced is away for a moment only. Its
// WebSockets are there when it is back, and stay when the time that they had to end is over.
func TestReplacedKeepsItsTunnels(t *testing.T) {
	s := newStage(t)
	port := s.port("port")
	s.backend("blue")
	talks := map[string]*talk{}
	replaced := func(labels ...string) resource.TestStep {
		want := map[string]string{}
		for _, label := range labels {
			want["gatewayd_"+label+".web"] = "replace"
		}
		what := strings.Join(labels, " and ")
		return s.step("replaced", before(func() { talks[what] = startTalk(t, port, "/", 20*time.Millisecond) }),
			planned(actions(want)), func(step *resource.TestStep) {
				for address := range want {
					step.Taint = append(step.Taint, address)
				}
			})
	}
	s.run(s.step("replaced"), replaced("pool"), replaced("setting", "pool"), replaced("rule"), replaced("listener"), replaced("rule", "listener"),
		s.step("replaced", after(func() {
			said := map[string]int64{}
			for what, talk := range talks {
				said[what] = talk.said.Load()
			}
			// Three seconds of talking, which is longer than any drain here.
			for what, talk := range talks {
				talk.beyond(t, said[what]+150, "that was open while its "+what+" was replaced")
				talk.end(t, "that was open while its "+what+" was replaced")
			}
		})))
}
