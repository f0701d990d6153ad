package health

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// few makes places so few that tests can fill them.
func few(l *limits) {
	l.places, l.parting = 8, 4
	l.brief, l.longest = millis(50), millis(300)
}

func patient(interval, timeout spec.Duration) *spec.Probe {
	return newProbe(func(p *spec.Probe) { p.Interval, p.Timeout = interval, timeout })
}

// TestHangingTargetsDelayNobody has a pool of targets that hang, ten times as many as there are places, beside targets
// that answer: one that was there before, one that is new, and one that is slow, with and without kept connections.
func TestHangingTargetsDelayNobody(t *testing.T) {
	for timeout, why := range map[spec.Duration]string{"200ms": "no answer within 200ms", "24h": "the probe was ended"} {
		for _, keep := range []time.Duration{0, time.Minute} {
			t.Run(fmt.Sprint(timeout, " ", keep), func(t *testing.T) {
				t.Parallel()
				besideHanging(t, timeout, keep, why)
			})
		}
	}
}

func besideHanging(t *testing.T, timeout spec.Duration, keep time.Duration, why string) {
	s, at := stand(t, func(a asked) string {
		switch {
		case strings.HasPrefix(a.host, "q"):
			return ""
		case strings.HasPrefix(a.host, "slow"):
			time.Sleep(100 * time.Millisecond) // more than brief
		}
		return ok
	})
	r := prober(t, few)
	old := append(r.targets("old", 1, at, patient("50ms", "10s")), r.targets("slow", 1, at, patient("300ms", "10s"))...)
	for i := range old {
		old[i].KeepFor = keep
	}
	r.Sync(old)
	until(t, "those that were there before are healthy", func() bool { return healthy(old) == 2 })
	hung := r.targets("q", 80, at, newProbe(func(p *spec.Probe) { p.Interval, p.Timeout, p.UnhealthyThreshold = "10ms", timeout, 1 }))
	r.Sync(append(old, hung...))
	fresh := r.targets("fresh", 1, at, patient("50ms", "10s"))
	r.Sync(append(append(fresh, old...), hung...))
	until(t, "the new one is healthy", func() bool { return healthy(fresh) == 1 })
	n, m := s.count("old0"), s.count("slow0")
	until(t, "those from before are probed", func() bool { return s.count("old0") > n+5 && s.count("slow0") > m+2 })
	until(t, "all that hang are known as such", func() bool {
		r.on(func() {
			if r.quick.n > 8 || r.slow.n > 8 || r.parting > 4 {
				t.Errorf("%d quick and %d slow probes have places, and %d connections part", r.quick.n, r.slow.n, r.parting)
			}
		})
		return known(hung, why) >= len(hung)-8
	})
	r.Close()
	for _, target := range append(old, fresh...) {
		if got := r.told(target.Health); got != "unknown-healthy " {
			t.Errorf("%s was told %s, %q", target.Host, got, target.Health.View().Reason)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.overlaps > 0 {
		t.Errorf("%d probes were sent beside another to one target", s.overlaps)
	}
}

// known is how many targets are unhealthy for a reason. Those that have a place that nobody else waits for have all of
// their timeout for it.
func known(list []Target, why string) int {
	n := 0
	for _, target := range list {
		if v := target.Health.View(); v.Status == backend.Unhealthy && strings.Contains(v.Reason, why) {
			n++
		}
	}
	return n
}

// TestTimeoutsAreKept: without others that wait, a probe may take as long as it says.
func TestTimeoutsAreKept(t *testing.T) {
	_, at := stand(t, func(asked) string {
		time.Sleep(500 * time.Millisecond) // more than longest
		return ok
	})
	r := prober(t, few)
	list := r.targets("p", 8, at, newProbe(func(p *spec.Probe) { p.Interval, p.UnhealthyThreshold = "50ms", 1 }))
	r.Sync(list)
	until(t, "all are healthy, twice", func() bool {
		for _, target := range list {
			if target.Health.View().Successes < 2 {
				return false
			}
		}
		return true
	})
	for _, target := range list {
		if got := r.told(target.Health); strings.Contains(got, "unhealthy") {
			t.Errorf("%s was told %s, %q", target.Host, got, target.Health.View().Reason)
		}
	}
}

// TestOneWarningIsEnough: probes that are put off are told of once a minute at most.
func TestOneWarningIsEnough(t *testing.T) {
	_, at := stand(t, always(""))
	var log lines
	lim := newLimits()
	few(&lim)
	p, err := newProber(Config{Log: slog.New(slog.NewTextHandler(&log, nil))}, lim)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	r := &rig{t: t, Prober: p}
	list := r.targets("q", 40, at, newProbe(func(p *spec.Probe) { p.Interval, p.Timeout, p.UnhealthyThreshold = "10ms", "1h", 1 }))
	p.Sync(list)
	until(t, "all were cut short", func() bool { return known(list, "the probe was ended") >= len(list)-8 })
	if n := strings.Count(log.String(), "probes put off"); n != 1 {
		t.Errorf("%d warnings, want 1:\n%s", n, log.String())
	}
}

// TestNobodyGoesForThoseWhoLeft: targets that are removed while their probes wait for a place cost none of those that
// stay theirs.
func TestNobodyGoesForThoseWhoLeft(t *testing.T) {
	gate := make(chan struct{})
	_, at := stand(t, func(asked) string {
		<-gate
		return ok
	})
	open := sync.OnceFunc(func() { close(gate) })
	defer open()
	r := prober(t, func(l *limits) {
		few(l)
		l.longest = millis(1e6)
	})
	probe := newProbe(func(p *spec.Probe) { p.Interval, p.Timeout, p.UnhealthyThreshold = "10ms", "1h", 1 })
	stay, leave := r.targets("stay", 8, at, probe), r.targets("leave", 40, at, probe)
	set := func(list []Target) {
		r.on(func() {
			r.sync(list)
			for _, w := range r.watches {
				w.slow = true
			}
		})
	}
	there := func(places, line int) func() bool {
		return func() (is bool) {
			r.on(func() { is = r.slow.n == places && r.slow.waiting.n == line })
			return is
		}
	}
	set(stay)
	until(t, "those that stay have all places", there(8, 0))
	set(append(slices.Clone(stay), leave...))
	until(t, "those that leave wait", there(8, 40))
	r.on(func() {
		r.slow.limit = 0 // Whoever has a place has to go, if somebody waits.
		r.sync(stay)
		r.slow.fill()
		if r.slow.n != 8 || r.slow.waiting.n != 0 {
			t.Errorf("%d have places and %d wait, want 8 and 0", r.slow.n, r.slow.waiting.n)
		}
	})
	open()
	until(t, "those that stay are healthy", func() bool { return healthy(stay) == 8 })
	r.Close()
	for _, target := range stay {
		if got := r.told(target.Health); got != "unknown-healthy " {
			t.Errorf("%s was told %s", target.Host, got)
		}
	}
}

func TestGroupsTakeTurns(t *testing.T) {
	r := &rig{t: t}
	var l line
	for _, pool := range []string{"p1", "gone", "p2", "q"} {
		n := map[string]int{"p1": 5, "gone": 3, "p2": 1, "q": 2}[pool]
		for i, target := range r.targets(pool, n, backend.Address{}, newProbe(nil)) {
			w := &watch{target: target, state: ready}
			if l.push(w); pool == "gone" || i == 4 {
				w.state = gone
			}
		}
	}
	l.sift()
	got := ""
	for l.n > 0 {
		got += l.pop().target.Health.Backend.Key.Pool + " "
	}
	if want := "p1 p2 q p1 q p1 p1 "; got != want {
		t.Errorf("the turns are %s, want %s", got, want)
	}
	if len(l.queues)+len(l.turns) != 0 {
		t.Errorf("an empty line holds %d queues", len(l.queues))
	}
}
