package acctest

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/gatewaytest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// askedAs is the backend that answers a request with a header.
func askedAs(tb testing.TB, port int, name, value string) string {
	tb.Helper()
	r, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, gatewaytest.URL("http", port, "/bytes/1"), nil)
	if err != nil {
		tb.Fatal(err)
	}
	r.Header.Set(name, value)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		tb.Error(err)
		return ""
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		tb.Errorf("want 200, got %s", answer.Status)
	}
	return answer.Header.Get(gatewaytest.BackendHeader)
}

// TestAlgorithms: each is set in place, balances what comes next, and ends no WebSocket.
func TestAlgorithms(t *testing.T) {
	s := newStage(t)
	port := s.port("port")
	backends := map[string]int{}
	for _, name := range []string{"red", "green", "blue"} {
		backends[name] = int(gatewaytest.StartEcho(t, name).Addr().Port())
	}
	s.variables["backends"] = backends
	var talks []*talk
	// used is how often each backend answers, of n requests with a header.
	used := func(n int, value func(int) string) map[string]int {
		count := map[string]int{}
		for i := range n {
			count[askedAs(t, port, "X-Session-Id", value(i))]++
		}
		return count
	}
	same := func(int) string { return "same" }
	var steps []resource.TestStep
	for _, a := range []struct {
		algorithm  string
		header     any
		start      string
		balanced   func() bool
		promiseOf  string
		firstTalks bool
	}{
		{algorithm: "round_robin", start: "0s", firstTalks: true, promiseOf: "in turn", balanced: func() bool { return len(used(6, same)) == 3 }},
		// Blue and green have a WebSocket, red has none.
		{algorithm: "least_connections", start: "0s", promiseOf: "red alone, which has the least", balanced: func() bool { return used(6, same)["red"] == 6 }},
		{algorithm: "power_of_two", start: "1m", promiseOf: "answers", balanced: func() bool { return used(6, same)[""] == 0 }},
		{algorithm: "source_hash", start: "0s", promiseOf: "one for one client", balanced: func() bool { return len(used(6, same)) == 1 }},
		{algorithm: "header_hash", header: "X-Session-Id", start: "0s", promiseOf: "one for one value, others for others", balanced: func() bool {
			return len(used(6, same)) == 1 && len(used(60, func(i int) string { return fmt.Sprint(i) })) == 3
		}},
		{algorithm: "round_robin", start: "0s", promiseOf: "in turn", balanced: func() bool { return len(used(6, same)) == 3 }},
	} {
		s.variables["algorithm"], s.variables["hash_header"], s.variables["slow_start"] = a.algorithm, a.header, a.start
		step := s.step("algorithms", after(func() {
			if a.firstTalks {
				s.healthy("chat", "chat", "blue", "green", "red")
				talks = []*talk{talkTo(t, port, "blue"), talkTo(t, port, "green")}
			}
			eventually(t, a.algorithm+": "+a.promiseOf, a.balanced)
			for _, talk := range talks {
				talk.alive(t, "under "+a.algorithm)
			}
		}))
		if !a.firstTalks {
			planned(actions(map[string]string{"gatewayd_pool.chat": "update"}))(&step)
		}
		steps = append(steps, step)
	}
	steps = append(steps, s.step("algorithms", after(func() {
		for _, talk := range talks {
			talk.end(t, "through all algorithms")
		}
	})))
	s.run(steps...)
}

// crowd is how many machines enrol in one apply.
const crowd = 200

// TestACrowdEnrols: many targets are made by one apply, and all of them serve; half of them leave by another.
func TestACrowdEnrols(t *testing.T) {
	s := newStage(t)
	port := s.port("port")
	e, err := gatewaytest.NewEcho("app", "0.0.0.0:0") // It answers on all addresses that begin with 127.
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	s.variables["app"] = int(e.Addr().Port())
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}
	t.Cleanup(client.CloseIdleConnections)
	// serving counts the targets that answer as many requests as there are targets.
	serving := func(n int) int {
		hosts := map[string]bool{}
		for range n {
			hosts[hostOf(t, client, port)] = true
		}
		return len(hosts)
	}
	var all, half []int
	for n := range crowd {
		if all = append(all, n); n%2 == 1 {
			half = append(half, n)
		}
	}
	enrolled := func(n int) func(*resource.TestStep) {
		return after(func() {
			began := time.Now()
			eventually(t, fmt.Sprintf("%d targets serve", n), func() bool { return serving(n) == n })
			t.Logf("%d of %d targets serve %s after the apply and its empty plan", n, n, time.Since(began).Round(time.Millisecond))
			targets := s.health("web", "web")
			for key, h := range targets {
				if h.State != api.Healthy {
					t.Errorf("%s is %s: %s", key, h.State, h.Reason)
				}
			}
			if len(targets) != n {
				t.Errorf("want %d targets, got %d", n, len(targets))
			}
		})
	}
	s.variables["machines"] = all
	first := s.step("crowd", enrolled(crowd))
	s.variables["machines"] = half
	second := s.step("crowd", enrolled(crowd/2))
	s.variables["machines"] = []int{}
	s.run(first, second, s.step("crowd")) // The test framework cannot end with a for_each in the state.
}

// hostOf is the Host that a backend is asked for.
func hostOf(tb testing.TB, client *http.Client, port int) string {
	tb.Helper()
	answer, err := client.Get(gatewaytest.URL("http", port, "/headers"))
	if err != nil {
		tb.Error(err)
		return ""
	}
	defer answer.Body.Close()
	var seen gatewaytest.Seen
	if err := json.NewDecoder(answer.Body).Decode(&seen); err != nil || answer.StatusCode != http.StatusOK {
		tb.Errorf("%s: %v", answer.Status, err)
	}
	return seen.Host
}

// TestATargetMoves: new names of pool and target, another weight, another resource for the same server, and -replace
// leave its WebSocket alone.
func TestATargetMoves(t *testing.T) {
	s := newStage(t)
	port := s.port("port")
	s.backend("app")
	s.variables["wait"] = false // It would wait for the first of two writes to drain.
	var tunnel *talk
	var id string
	step := func(pool, target string, weight int, want map[string]string, more ...func(*resource.TestStep)) resource.TestStep {
		s.variables["pool"], s.variables["target"], s.variables["weight"] = pool, target, weight
		return s.step("moves", slices.Concat([]func(*resource.TestStep){planned(actions(want)), after(func() {
			if tunnel == nil {
				s.healthy(pool, "chat", "target/"+target)
				tunnel = startTalk(t, port, "/", 20*time.Millisecond)
				_, meta, err := s.gateway.Client().Get(t.Context(), spec.Targets, target, "")
				if err != nil {
					t.Fatal(err)
				}
				id = meta.ID
			}
			tunnel.alive(t, fmt.Sprintf("in pool %q to target %q", pool, target))
			if d := s.draining(pool); len(d) > 0 {
				t.Errorf("want nothing to drain, got %+v", d)
			}
		})}, more)...)
	}
	const pool, target, rule = "gatewayd_pool.chat", "gatewayd_target.chat[0]", "gatewayd_rule.chat"
	s.run(
		step("chat", "app", 1, map[string]string{pool: "create", target: "create", rule: "create", "gatewayd_setting.chat": "create", "gatewayd_listener.chat": "create"}),
		step("talk", "app", 1, map[string]string{pool: "update", target: "update", rule: "update"}, after(func() {
			o, meta, err := s.gateway.Client().Get(t.Context(), spec.Targets, "app", "")
			if err != nil || meta.ID != id || o.(*spec.Target).Pool != "talk" {
				t.Errorf("want the target of before in the renamed pool, got %+v, %+v and %v", o, meta, err)
			}
		})),
		step("talk", "server", 7, map[string]string{target: "update"}),
		step("talk", "server", 7, map[string]string{target: "replace"}, func(step *resource.TestStep) { step.Taint = []string{target} }),
		step("talk", "", 2, map[string]string{pool: "update", target: "delete"}),
		step("talk", "back", 3, map[string]string{pool: "update", target: "create"}),
		step("talk", "back", 0, map[string]string{target: "update"}, after(func() { tunnel.end(t, "to a target that moved") })),
	)
}

// TestAPoolGoesBeforeItsTargets: Terraform destroys the pool first, which serves its targets until the last is gone.
func TestAPoolGoesBeforeItsTargets(t *testing.T) {
	s := newStage(t)
	s.run(s.step("orders/1-create"),
		s.step("orders/2-turned", planned(plancheck.ExpectEmptyPlan())),
		s.step("errors/empty", planned(actions(map[string]string{"gatewayd_pool.web": "delete", "gatewayd_target.web[0]": "delete",
			"gatewayd_target.web[1]": "delete", "gatewayd_target.web[2]": "delete"})), after(func() {
			if err := s.isEmpty(); err != nil {
				t.Error(err)
			}
		})))
}

// socketServer answers on a Unix socket that ends with the test: WebSockets say back what they hear.
func socketServer(t *testing.T, name string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "app.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{gatewaytest.BackendHeader: {name}}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !websocket.IsWebSocketUpgrade(r) {
			w.Header().Set(gatewaytest.BackendHeader, name)
			return
		}
		c, err := (&websocket.Upgrader{}).Upgrade(w, r, header)
		if err != nil {
			return // Upgrade has answered.
		}
		defer c.Close()
		for {
			kind, message, err := c.ReadMessage()
			if err != nil || c.WriteMessage(kind, message) != nil {
				return
			}
		}
	})}
	served := make(chan struct{})
	go func() {
		defer close(served)
		// It always ends with an error, since it is closed.
		_ = server.Serve(l)
	}()
	t.Cleanup(func() {
		server.Close()
		<-served
	})
	return path
}

// TestNamesAndSockets: a target by its DNS name and one by its Unix socket serve requests and WebSockets, and the health
// of both is in the data source. An address that leaves the name keeps its WebSocket.
func TestNamesAndSockets(t *testing.T) {
	t.Parallel()
	names := gatewaytest.NewDNS(t)
	names.Set("app.example", 1, "127.0.0.1", "127.0.0.2")
	s := onStage(t, gatewaytest.Start(t, gatewaytest.Loops(2), gatewaytest.DNSServers(names.Addr())))
	port := s.port("port")
	e, err := gatewaytest.NewEcho("app", "0.0.0.0:0") // It answers on both.
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	s.variables["app"], s.variables["socket"] = int(e.Addr().Port()), socketServer(t, "socket")
	pool := tfjsonpath.New("pools").AtMapKey("web")
	name := func(attribute string) tfjsonpath.Path {
		return pool.AtMapKey("names").AtMapKey("named").AtMapKey(attribute)
	}
	target := func(key, attribute string) tfjsonpath.Path {
		return pool.AtMapKey("settings").AtMapKey("web").AtMapKey("targets").AtMapKey(key).AtMapKey(attribute)
	}
	draining := pool.AtMapKey("draining")
	health := func(at tfjsonpath.Path, c knownvalue.Check) statecheck.StateCheck {
		return statecheck.ExpectKnownValue("data.gatewayd_health.now", at, c)
	}
	addresses := func(all ...string) knownvalue.Check {
		var checks []knownvalue.Check
		for _, a := range all {
			checks = append(checks, knownvalue.StringExact(a))
		}
		return knownvalue.ListExact(checks)
	}
	const first, second, local = "named@127.0.0.1", "named@127.0.0.2", "target/local"
	var talks []*talk
	s.run(
		s.step("names", after(func() {
			s.healthy("web", "web", first, second, local)
			for _, backend := range []string{"app", "app", "socket"} {
				talks = append(talks, talkTo(t, port, backend))
				eventually(t, backend+" answers", func() bool { return servedBy(t, port, "/bytes/1") == backend })
			}
		})),
		s.step("names", states(
			health(name("name"), knownvalue.StringExact("app.example")),
			health(name("reason"), knownvalue.StringExact("")),
			health(name("addresses"), addresses("127.0.0.1", "127.0.0.2")),
			health(target(first, "address"), knownvalue.StringExact("127.0.0.1")),
			health(target(local, "address"), knownvalue.StringExact("unix:"+s.variables["socket"].(string))),
			health(target(local, "port"), knownvalue.Int64Exact(0)),
			health(target(local, "state"), knownvalue.StringExact(api.Healthy)),
			health(target(local, "ejected"), knownvalue.StringExact("")),
			health(draining, knownvalue.ListSizeExact(0)),
		)),
		s.step("names", before(func() {
			names.Set("app.example", 1, "127.0.0.3")
			s.healthy("web", "web", "named@127.0.0.3", local)
		}), states(
			health(name("addresses"), addresses("127.0.0.3")),
			health(draining.AtSliceIndex(0).AtMapKey("target"), knownvalue.StringFunc(contains("named@127.0.0."))),
			health(draining.AtSliceIndex(0).AtMapKey("deadline"), knownvalue.StringExact("")),
		), after(func() {
			for _, talk := range talks {
				talk.alive(t, "to an address that may have left")
				talk.end(t, "to an address that may have left")
			}
		})),
	)
}
