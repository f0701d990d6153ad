package daemon_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/gatewaytest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A shop is a gateway with three targets in one pool, whose clients come back to their target.
type shop struct {
	t       *testing.T
	g       *gatewaytest.Gateway
	port    int
	echoes  map[string]*gatewaytest.Echo
	pool    *spec.Pool
	setting *spec.Setting
	rule    *spec.Rule
	http    *http.Client
}

func newShop(t *testing.T) *shop {
	s := &shop{t: t, g: gatewaytest.Start(t, gatewaytest.Loops(1)), port: gatewaytest.FreePort(t), echoes: map[string]*gatewaytest.Echo{}}
	s.http = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
	s.pool = spec.Pools.New().(*spec.Pool)
	s.pool.Name, s.pool.Targets = "p", map[string]spec.PoolTarget{}
	for _, name := range []string{"a", "b", "c"} {
		s.echoes[name] = gatewaytest.StartEcho(t, name)
		port := int(s.echoes[name].Addr().Port())
		s.pool.Targets[name] = spec.PoolTarget{Address: "127.0.0.1", Port: &port, Weight: 1}
	}
	probe, up := spec.Probes.New().(*spec.Probe), "up"
	probe.Name, probe.Interval, probe.UnhealthyThreshold = up, "100ms", 1
	s.setting = spec.Settings.New().(*spec.Setting)
	s.setting.Name, s.setting.Probe = "s", &up
	s.setting.Affinity = &spec.Affinity{CookieName: "GatewaydAffinity"}
	listener := spec.Listeners.New().(*spec.Listener)
	listener.Name, listener.Address, listener.Port = "l", "127.0.0.1", s.port
	s.rule = &spec.Rule{Name: "r", Listener: "l", Pool: new("p"), Setting: new("s")}
	for _, o := range []spec.Object{listener, s.pool, probe, s.setting, s.rule} {
		if _, err := s.g.Client().Create(t.Context(), spec.KindOf(o), o, ""); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// put writes an object that is called name now.
func (s *shop) put(name string, o spec.Object) {
	s.t.Helper()
	if _, err := s.g.Client().Update(s.t.Context(), spec.KindOf(o), name, o, 0, ""); err != nil {
		s.t.Fatal(err)
	}
}

// ask says which target answers a client with a cookie, and which cookie it got; "" where it got none.
func (s *shop) ask(cookie string) (target, fresh string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), "GET", gatewaytest.URL("http", s.port, "/bytes/1"), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Cookie", cookie)
	answer, err := s.http.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != 200 {
		s.t.Fatalf("got %s", answer.Status)
	}
	if set := answer.Cookies(); len(set) > 0 {
		fresh = set[0].Name + "=" + set[0].Value
	}
	return answer.Header.Get(gatewaytest.BackendHeader), fresh
}

// home wants a client to be back at target a, with the cookie it has, and to be told so before.
func (s *shop) home(when, cookie string) {
	s.t.Helper()
	if told, want := s.told(cookie), fmt.Sprint([]uint16{s.echoes["a"].Addr().Port()}); told != want {
		s.t.Errorf("%s: explained is that the request goes to the ports %s; a has %s", when, told, want)
	}
	for range 4 {
		if target, fresh := s.ask(cookie); target != "a" || fresh != "" {
			s.t.Fatalf("%s: came to %s and got %q", when, target, fresh)
		}
	}
}

// told is the ports that a request with a cookie may go to, as it is explained.
func (s *shop) told(cookie string) string {
	s.t.Helper()
	e, err := s.g.Client().Explain(s.t.Context(), api.Question{
		URL: gatewaytest.URL("http", s.port, "/bytes/1"), Headers: []string{"Cookie: " + cookie},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	var ports []int
	for _, target := range e.Targets {
		if target.Choice {
			ports = append(ports, target.Port)
		}
	}
	return fmt.Sprint(ports)
}

// away wants a client to be at another target than a, with a fresh cookie that brings it there again.
func (s *shop) away(when, cookie string) {
	s.t.Helper()
	target, fresh := s.ask(cookie)
	if target == "a" || fresh == "" {
		s.t.Fatalf("%s: came to %s and got %q", when, target, fresh)
	}
	if again, another := s.ask(fresh); again != target || another != "" {
		s.t.Errorf("%s: the fresh cookie of %s led to %s and %q", when, target, again, another)
	}
}

func (s *shop) until(what string, holds func() bool) {
	s.t.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("in vain waited until %s", what)
		}
	}
}

// client has a cookie for target a.
func (s *shop) client() (cookie string) {
	s.t.Helper()
	s.until("a new client comes to a", func() bool {
		target, fresh := s.ask("")
		if fresh == "" {
			s.t.Fatal("a new client got no cookie")
		}
		cookie = fresh
		return target == "a"
	})
	return cookie
}

// steady waits until every target is healthy, so that nothing but the test moves a client.
func (s *shop) steady() {
	s.t.Helper()
	s.until("all targets are healthy", func() bool {
		h, err := s.g.Client().Health(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		healthy := 0
		for _, settings := range h.Pools[s.pool.Name].Settings {
			for _, target := range settings.Targets {
				if target.State == "healthy" {
					healthy++
				}
			}
		}
		return healthy == len(s.pool.Targets)
	})
}

// TestClientsComeBackThroughChanges: renames and restarts move nobody; a target that takes nothing loses its clients to
// others, and who kept the old cookie is back with it.
func TestClientsComeBackThroughChanges(t *testing.T) {
	s := newShop(t)
	s.steady()
	cookie := s.client()
	s.home("at once", cookie)

	s.pool.Name = "renamed"
	s.put("p", s.pool)
	s.home("the pool is renamed", cookie)
	s.setting.Name, s.setting.Retries = "other", 3
	s.put("s", s.setting)
	s.home("the setting is renamed and changed", cookie)
	s.pool.Targets["x"] = s.pool.Targets["a"]
	delete(s.pool.Targets, "a")
	s.put("renamed", s.pool)
	s.home("the target's key is another", cookie)
	s.g.Restart()
	s.steady()
	s.home("the gateway was restarted", cookie)

	s.echoes["a"].SetHealth(500)
	s.until("the target is out", func() bool { target, _ := s.ask(cookie); return target != "a" })
	s.away("the target is unhealthy", cookie)
	s.echoes["a"].SetHealth(200)
	s.steady()
	s.home("the target is healthy again", cookie)

	// A target that drains gets nothing new; what is open there stays.
	socket, err := gatewaytest.Dial(t.Context(), gatewaytest.URL("ws", s.port, "/"), http.Header{"Cookie": {cookie}})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	if s.echoes["a"].Upgrades() != 1 {
		t.Fatal("the WebSocket did not come back to its target")
	}
	leaving := s.pool.Targets["x"]
	delete(s.pool.Targets, "x")
	s.put("renamed", s.pool)
	s.away("the target drains", cookie)
	if heard, err := socket.Say("still there?"); heard != "still there?" || err != nil {
		t.Errorf("the WebSocket says %q, %v", heard, err)
	}
	s.pool.Targets["y"] = leaving
	s.put("renamed", s.pool)
	s.steady()
	s.home("the target is back", cookie)
	if heard, err := socket.Say("and still?"); heard != "and still?" || err != nil {
		t.Errorf("the WebSocket says %q, %v", heard, err)
	}

	leaving.Weight = 0
	s.pool.Targets["y"] = leaving
	s.put("renamed", s.pool)
	s.home("the target has weight 0", cookie)
	for range 9 {
		if target, _ := s.ask(""); target == "a" {
			t.Error("a new client came to the target of weight 0")
		}
	}

	s.setting.Affinity = nil
	s.put("other", s.setting)
	for range 9 {
		if target, fresh := s.ask(cookie); target == "a" || fresh != "" {
			t.Errorf("without affinity: came to %s and got %q", target, fresh)
		}
	}
}

// TestCookiesOfOthers: another gateway's, another setting's, and this one's from before its key was lost.
func TestCookiesOfOthers(t *testing.T) {
	s, other := newShop(t), newShop(t)
	s.steady()
	cookie := s.client()
	lost := func(when, cookie string) {
		t.Helper()
		seen := map[string]bool{}
		for range 3 {
			target, fresh := s.ask(cookie)
			if seen[target] = true; fresh == "" {
				t.Errorf("%s: no fresh cookie", when)
			}
		}
		if len(seen) != 3 {
			t.Errorf("%s: three requests came to %v", when, seen)
		}
	}
	lost("another gateway's", other.client())
	second := *s.setting
	second.Name = "second"
	if _, err := s.g.Client().Create(t.Context(), spec.Settings, &second, ""); err != nil {
		t.Fatal(err)
	}
	s.rule.Setting = new("second")
	s.put("r", s.rule)
	s.steady()
	s.until("the second setting knows its targets", func() bool {
		seen := map[string]bool{}
		for range 3 {
			target, _ := s.ask(cookie)
			seen[target] = true
		}
		return len(seen) == 3
	})
	lost("another setting's", cookie)
	s.rule.Setting = new("s")
	s.put("r", s.rule)
	s.home("under the setting of the cookie", cookie)
	s.g.Stop()
	if err := os.Remove(filepath.Join(s.g.DataDir, "affinity.key")); err != nil {
		t.Fatal(err)
	}
	s.g.Restart()
	s.steady()
	lost("from before the key was lost", cookie)
}

// TestTheKeyIsNowhere but in its file.
func TestTheKeyIsNowhere(t *testing.T) {
	s := newShop(t)
	path := filepath.Join(s.g.DataDir, "affinity.key")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	key := strings.TrimSpace(string(text))
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 || len(key) != 43 {
		t.Errorf("the key has %d characters, its file mode %v, %v", len(key), info.Mode(), err)
	}
	document, err := s.g.Client().Config(t.Context())
	if err != nil || strings.Contains(string(document), key) || !strings.Contains(string(document), "GatewaydAffinity") {
		t.Errorf("the configuration is %s, %v", document, err)
	}
	db, err := os.ReadFile(filepath.Join(s.g.DataDir, "gatewayd.db"))
	if err != nil || strings.Contains(string(db), key) {
		t.Errorf("the store holds the key, or: %v", err)
	}
}
