package plane

import (
	"bytes"
	"cmp"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop/looptest"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/tunnel"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A held is a WebSocket, or a request, whose end a test waits for.
type held struct {
	*line
	rule string
}

// granted is the drain that a tunnel of a rule has by its setting, and the last part of it.
var granted = map[string][2]time.Duration{
	"r1": {30 * time.Second, 8 * time.Second}, "r2": {time.Hour, 5 * time.Minute}, "r3": {30 * time.Second, 8 * time.Second}, "r4": {30 * time.Second, 8 * time.Second},
}

// An hourglass is a plane whose loops live by a clock that the test moves on.
type hourglass struct {
	*rig
	clock *looptest.Clock
	lines loggedLines
	ill   *sick // the backend "a"
	bell  *sick // of a pool of its own
	doors map[string]place
	held  []*held
	hold  *holding
	asked []*held // requests that backends hold

	code int // of the Closes that are waited for

	mu     sync.Mutex
	told   map[*held]time.Duration // when a Close came
	echoes int                     // of those that are waited for and heard a message instead
}

// loggedLines is a log that can be read while it is written.
type loggedLines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (l *loggedLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *loggedLines) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), text)
}

// newHourglass starts a plane with 12 tunnels to each of four rules: on the listeners l and m; to the pool p of the targets
// a, b, c and d, of which c has the setting's port and d is an object of its own, and the pool q of the target e; by the
// settings s and, r2, t.
func newHourglass(t *testing.T, loops int, unhealthy string) *hourglass {
	t.Helper()
	h := &hourglass{clock: new(looptest.Clock), told: map[*held]time.Duration{}, code: websocket.CloseGoingAway, ill: &sick{}, bell: newSick(t), hold: newHolding()}
	h.rig = newRigOf(t, Config{Loops: loops, kernel: h.clock.Kernel, Log: slog.New(slog.NewTextHandler(&h.lines, nil))})
	one, two := lowPort(t), lowPort(t)
	at := map[string]int{"a": serveNamed(t, h.ill.before(named{"a", h.hold}), "127.0.0.1:0", nil)}
	for _, name := range []string{"b", "c", "d", "e"} {
		at[name] = serveNamed(t, named{name, h.hold}, "127.0.0.1:0", nil)
	}
	h.publish(func(d *spec.Draft) {
		h.put(d, spec.Listeners, `{"name":"l","address":"127.0.0.1","port":%d,"drain_timeout":"40s","close_spread":"12s"}`, one)
		h.put(d, spec.Listeners, `{"name":"m","address":"127.0.0.1","port":%d}`, two)
		h.put(d, spec.Pools, `{"name":"p","targets":{"a":{"address":"127.0.0.1","port":%d},"b":{"address":"127.0.0.1","port":%d},"c":{"address":"127.0.0.1"}}}`, at["a"], at["b"])
		h.put(d, spec.Pools, `{"name":"q","targets":{"e":{"address":"127.0.0.1","port":%d}}}`, at["e"])
		h.put(d, spec.Pools, `{"name":"bells","targets":{"bell":{"address":"127.0.0.1","port":%s}}}`, h.bell.at[len("127.0.0.1:"):])
		h.put(d, spec.Targets, `{"name":"d","pool":"p","address":"127.0.0.1","port":%d}`, at["d"])
		h.put(d, spec.Probes, `{"name":"up","interval":"100ms","unhealthy_threshold":1}`)
		h.put(d, spec.Settings, `{"name":"s","probe":"up","port":%d,"request_timeout":"24h","drain_timeout":"30s","close_spread":"8s","on_unhealthy":%q}`, at["c"], unhealthy)
		h.put(d, spec.Settings, `{"name":"t","probe":"up","port":%d,"request_timeout":"24h","drain_timeout":"1h","close_spread":"5m"}`, at["c"])
		h.put(d, spec.Rules, `{"name":"r1","listener":"l","pool":"p","setting":"s","match":{"paths":["/r1/*"]}}`)
		h.put(d, spec.Rules, `{"name":"r2","listener":"l","pool":"p","setting":"t","match":{"paths":["/r2/*"]}}`)
		h.put(d, spec.Rules, `{"name":"r3","listener":"m","pool":"p","setting":"s","match":{"paths":["/r3/*"]}}`)
		h.put(d, spec.Rules, `{"name":"r4","listener":"l","pool":"q","setting":"s","match":{"paths":["/r4/*"]}}`)
		h.put(d, spec.Rules, `{"name":"bell","listener":"m","pool":"bells","setting":"s","match":{"paths":["/bell"]}}`)
	})
	h.awaitHealthy("a", "b", "c", "target/d")
	for _, pair := range [][2]string{{"q", "e"}, {"bells", "bell"}} {
		until(t, pair[1]+" is healthy", func() bool {
			return h.plane.Health("").Pools[pair[0]].Settings["s"].Targets[pair[1]].State == "healthy"
		})
	}
	until(t, "all are healthy by the other setting", func() bool {
		for _, x := range h.plane.Health("").Pools["p"].Settings["t"].Targets {
			if x.State != "healthy" {
				return false
			}
		}
		return true
	})
	h.doors = map[string]place{}
	for rule, port := range map[string]int{"r1": one, "r2": one, "r3": two, "r4": one} {
		h.doors[rule] = place{address: fmt.Sprintf("127.0.0.1:%d", port), host: "a.example", path: "/" + rule + "/x"}
	}
	for i := range 48 {
		h.open([]string{"r1", "r2", "r3", "r4"}[i%4])
		if i%2 == 1 {
			h.ask([]string{"r1", "r2", "r3", "r4"}[i/2%4], i)
		}
	}
	h.at(3 * time.Second)
	return h
}

// open opens a tunnel by a rule.
func (h *hourglass) open(rule string) {
	h.t.Helper()
	l, err := connect(h.doors[rule])
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = l.Close() })
	if err := l.upgrade(); err != nil {
		h.t.Fatal(err)
	}
	h.held = append(h.held, &held{l, rule})
}

// settle returns when everything has come about on the loops that was due.
func (h *hourglass) settle() {
	h.plane.each(func(int) {})
	h.plane.each(func(int) {})
}

// figures are those of the tunnels of all loops, when everything has come about that was due.
func (h *hourglass) figures() (all tunnel.Stats) {
	h.settle()
	for i := range h.plane.workers {
		h.plane.each(func(on int) {
			if on == i {
				all.Add(h.plane.workers[on].Stats().Tunnels)
			}
		})
	}
	return all
}

// at moves the clock to a time, and returns when everything has come about that was due by then: Closes have come to their
// clients, who answered them, and these tunnels are over.
func (h *hourglass) at(then time.Duration) {
	h.t.Helper()
	h.clock.Advance(then - h.clock.Gone())
	closed := int(h.figures().Closed)
	until(h.t, fmt.Sprintf("%d Closes have come to their clients", closed), func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.told) == closed
	})
	until(h.t, "those that were told are over", func() bool { return h.figures().Open == len(h.held)-closed })
}

// wait waits for the Closes of some tunnels, and gives those of the others back.
func (h *hourglass) wait(own func(*held) bool) (owned, others []*held) {
	h.t.Helper()
	for _, x := range h.held {
		if !own(x) {
			others = append(others, x)
			continue
		}
		owned = append(owned, x)
		go func() {
			code := x.next()
			h.mu.Lock()
			defer h.mu.Unlock()
			switch code {
			case 0:
				h.echoes++
			case h.code:
				h.told[x] = h.clock.Gone()
			default:
				h.told[x] = -1
			}
		}()
	}
	if len(owned) == 0 || len(others) == 0 && h.code != websocket.CloseServiceRestart {
		h.t.Fatalf("%d tunnels are its own, and %d are not", len(owned), len(others))
	}
	return owned, others
}

// speak wants tunnels to be open.
func (h *hourglass) speak(when string, all []*held) {
	h.t.Helper()
	for _, x := range all {
		if err := x.say(); err != nil {
			h.t.Fatalf("%s: %v", when, err)
		}
	}
}

// ring has the bell's verdict turn, and returns when all that turned before is known to the loops: verdicts are told in
// their order.
func (h *hourglass) ring() {
	h.t.Helper()
	before := h.lines.count("backend=" + h.bell.at)
	h.bell.set(!h.bell.ill.Load())
	until(h.t, "the bell has rung", func() bool { return h.lines.count("backend="+h.bell.at) > before })
	h.settle()
}

// fall has the backend a fall ill, or recover.
func (h *hourglass) fall(ill bool) {
	h.t.Helper()
	h.ill.set(ill)
	state := map[bool]string{true: "unhealthy", false: "healthy"}[ill]
	for _, setting := range []string{"s", "t"} {
		until(h.t, "a is "+state, func() bool { return h.plane.Health("").Pools["p"].Settings[setting].Targets["a"].State == state })
	}
	h.ring()
}

// restore publishes a configuration of before.
func (h *hourglass) restore(before *spec.Set) {
	h.publish(func(d *spec.Draft) {
		for _, kind := range spec.Kinds() {
			for _, e := range h.set.All(kind) {
				if before.Get(kind, e.Name()) == nil {
					d.Remove(kind, e.Name())
				}
			}
			for _, e := range before.All(kind) {
				d.Put(e)
			}
		}
	})
}

// A removal takes away what some tunnels belong to.
type removal struct {
	name      string
	take      func(h *hourglass)
	own       func(x *held) bool
	drain     func(rule string) [2]time.Duration // nil is what the rule's setting granted
	unhealthy string                             // the setting's on_unhealthy, where it is not keep
	code      int                                // of the Closes, where it is not 1001
	back      bool                               // it is back before anybody is told,
	late      bool                               // or when some are told
}

// terms are the drain of a tunnel and the last part of it.
func (r *removal) terms(x *held) (timeout, spread time.Duration) {
	d := granted[x.rule]
	if r.drain != nil {
		d = r.drain(x.rule)
	}
	return d[0], d[1]
}

// moments are when a test looks at the drains of tunnels: before the last part of each, in tenths of it, and at the end.
func (r *removal) moments(own []*held) []time.Duration {
	all := map[time.Duration]bool{}
	for _, x := range own {
		timeout, spread := r.terms(x)
		all[timeout-spread-time.Millisecond], all[timeout-time.Millisecond], all[timeout+looptest.Late] = true, true, true
		for i := range 10 {
			all[timeout-spread+spread*time.Duration(i+1)/10] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// TestExactlyItsOwnEnd: what is taken away ends its own WebSockets and no others: each by the end of its own drain, and not
// before the last close_spread of it. What is back within the drain keeps those that were not told yet.
func TestExactlyItsOwnEnd(t *testing.T) {
	for _, c := range contract() {
		for _, r := range c.ends {
			t.Run(r.name, func(t *testing.T) {
				t.Parallel()
				loops := 2
				if r.code != 0 || r.late { // Each loop spreads its own Closes, and may have very few.
					loops = 1
				}
				h := newHourglass(t, loops, cmp.Or(r.unhealthy, spec.Keep))
				h.code = cmp.Or(r.code, websocket.CloseGoingAway)
				own, others := h.wait(r.own)
				before := h.set
				begin := h.clock.Gone()
				r.take(h)
				h.speak("when it is gone", others)
				if r.back || r.late {
					r.returns(h, own, before)
				} else {
					r.ends(h, own, begin)
				}
				if got := h.figures(); got.Cut != 0 {
					t.Errorf("%d were cut", got.Cut)
				}
				if len(others) > 0 {
					h.hours()
					h.speak("hours later", others)
				}
				h.release(func(x *held) bool { return r.back || r.late || !r.own(x) })
			})
		}
	}
}

// hours lets more time go by than any drain has.
func (h *hourglass) hours() {
	h.t.Helper()
	for range 3 {
		h.at(h.clock.Gone() + time.Hour)
	}
}

func (r *removal) ends(h *hourglass, own []*held, begin time.Duration) {
	h.t.Helper()
	asked, _ := h.requests(r.own)
	for _, moment := range r.moments(append(asked, own...)) {
		h.at(begin + moment)
		r.cut(h, asked, moment)
	}
	if h.t.Failed() {
		return // What was not cut has no answer.
	}
	for _, x := range asked {
		if answer, _, err := x.answer(); err != nil || answer.StatusCode != http.StatusGatewayTimeout || answer.Header.Get("Gatewayd-Reason") != "drained" {
			h.t.Errorf("a request that was cut was answered %+v, %v", answer, err)
		}
		_ = x.Close()
	}
	for _, x := range own {
		timeout, spread := r.terms(x)
		at, told := h.told[x]
		if at -= begin; !told || at < timeout-spread || at > timeout {
			h.t.Errorf("the WebSocket of rule %s to %s has a drain of %v, told in the last %v: told %v, at %v", x.rule, x.backend, timeout, spread, told, at)
		}
	}
}

// returns brings back what was taken away, just before the first Close or in the middle of the Closes.
func (r *removal) returns(h *hourglass, own []*held, before *spec.Set) {
	h.t.Helper()
	at := time.Duration(1<<63 - 1)
	for _, x := range own {
		timeout, spread := r.terms(x)
		moment := timeout - spread - time.Millisecond
		if r.late {
			moment = timeout - spread/2
		}
		at = min(at, moment)
	}
	h.at(h.clock.Gone() + at)
	if r.unhealthy != "" {
		h.fall(false)
	} else {
		h.restore(before)
	}
	h.hours()
	left := 0
	for _, x := range own {
		if _, told := h.told[x]; !told {
			left++
			if _, err := x.send(); err != nil {
				h.t.Error(err)
			}
		}
	}
	until(h.t, fmt.Sprintf("%d of %d speak on", left, len(own)), func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.echoes == left
	})
	if told := len(own) - left; told > 0 != r.late || left == 0 {
		h.t.Errorf("%d of %d were told", told, len(own))
	}
}
