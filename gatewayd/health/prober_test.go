package health

import (
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// TestFirstProbesComeAtOnce: all targets of a change get their first probe long before their interval is over, and one.
func TestFirstProbesComeAtOnce(t *testing.T) {
	s, at := stand(t, always(ok))
	r := prober(t, nil)
	list := r.targets("p", 200, at, every("24h"))
	r.Sync(list)
	until(t, "all are healthy", func() bool { return healthy(list) == len(list) })
	for _, target := range list {
		if n := s.count(target.Host); n != 1 {
			t.Errorf("%s was probed %d times, want once", target.Host, n)
		}
		if got := r.told(target.Health); got != "" && got != "unknown-healthy " {
			t.Errorf("%s: told %s", target.Host, got)
		}
	}
}

// TestPhasesSpread: first probes come within half a second and one after the other; later ones are spread evenly over
// the interval, and no target waits much longer than its interval.
func TestPhasesSpread(t *testing.T) {
	for _, interval := range []spec.Duration{"300ms", "1s", "30s", "24h"} {
		for _, n := range []int{1, 10, 1000} {
			r := prober(t, nil)
			list := r.targets("p", n, backend.Address{Path: "/nowhere"}, every(interval))
			var first, second []loop.Time
			each := loop.Time(interval.Value())
			r.on(func() {
				now := r.l.Now()
				r.sync(list)
				for _, target := range list {
					w := r.watches[target.Health]
					first = append(first, w.due-now)
					w.rearm()
					second = append(second, w.due-now)
				}
			})
			slots := map[loop.Time]int{}
			for i := range list {
				if first[i] < 0 || first[i] > min(maxDelay, each, loop.Time(n)*paceOfFirst) {
					t.Errorf("%s, %d targets: a first probe comes after %s", interval, n, time.Duration(first[i]))
				}
				if gap := second[i] - first[i]; gap < each/4 || gap > each+each/4 {
					t.Errorf("%s, %d targets: a second probe comes %s after the first", interval, n, time.Duration(gap))
				}
				slots[(second[i]%each)*10/each]++
			}
			slices.Sort(first)
			if apart := len(slices.Compact(first)); apart < n*9/10 {
				t.Errorf("%s, %d targets: first probes come at %d different times", interval, n, apart)
			}
			for slot, m := range slots {
				if m > n/10+n/20+1 {
					t.Errorf("%s: %d of %d targets are probed in tenth %d of the interval", interval, m, n, slot)
				}
			}
			r.Close()
		}
	}
}

// TestProbesKeepTheirPhase: over hundreds of probes, each at a whole number of intervals from the first ones, and never
// beside another one to the same target.
func TestProbesKeepTheirPhase(t *testing.T) {
	s, at := stand(t, func(a asked) string {
		if a.nth%7 == 0 {
			time.Sleep(250 * time.Millisecond) // longer than the interval
		}
		return ok
	})
	r := prober(t, nil)
	list := r.targets("p", 30, at, every("100ms"))
	r.Sync(list)
	anchors := map[*backend.Health]loop.Time{}
	r.on(func() {
		for h, w := range r.watches {
			anchors[h] = w.anchor
		}
	})
	until(t, "10 probes of each", func() bool {
		return !slices.ContainsFunc(list, func(x Target) bool { return s.count(x.Host) < 10 })
	})
	r.on(func() {
		for h, w := range r.watches {
			if off := (w.due - anchors[h]) % millis(100); off != 0 {
				t.Errorf("a probe is due %s off its phase", time.Duration(off))
			}
		}
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.overlaps > 0 {
		t.Errorf("%d probes were sent to a target that had one in flight", s.overlaps)
	}
}

// TestThresholdsDecide plays scripts of answers, after which the target is healthy for good, and hears what turned.
func TestThresholdsDecide(t *testing.T) {
	tests := []struct {
		name, script string // + and - are good and bad answers
		want         string
	}{
		{"healthy at once", "++++", "unknown-healthy "},
		{"flapping under the threshold", "+--+--+-+--+--+--+--+--+--+--+", "unknown-healthy "},
		{"at the threshold", "+---++", "unknown-healthy healthy-unhealthy unhealthy-healthy "},
		{"one success is not enough to return", "+---+-+--+-++", "unknown-healthy healthy-unhealthy unhealthy-healthy "},
		{"never judged, and bad under the threshold", "--+", "unknown-healthy "},
		{"bad from the beginning", "---++", "unknown-unhealthy unhealthy-healthy "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, at := stand(t, func(a asked) string {
				if a.nth <= len(tt.script) && tt.script[a.nth-1] == '-' {
					return down
				}
				return ok
			})
			r := prober(t, nil)
			list := r.targets("p", 1, at, newProbe(func(p *spec.Probe) { p.Interval, p.HealthyThreshold = "10ms", 2 }))
			list[0].KeepFor = time.Minute
			r.Sync(list)
			until(t, "the script is played", func() bool { return s.count("p0") > len(tt.script)+2 })
			r.Close()
			if got := r.told(list[0].Health); got != tt.want {
				t.Errorf("%s told %s, want %s", tt.script, got, tt.want)
			}
		})
	}
}

func TestSyncDisturbsOnlyWhatChanged(t *testing.T) {
	s, at := stand(t, func(a asked) string {
		if a.path == "/slow" {
			return down
		}
		return ok
	})
	r := prober(t, nil)
	probe := every("24h")
	list := r.targets("p", 3, at, probe)
	r.Sync(list)
	until(t, "all are healthy", func() bool { return healthy(list) == 3 })
	kept, changed, removed := list[0], list[1], list[2]

	// The same probe under another name, and another one for the second target.
	renamed := *probe
	renamed.Name = "other"
	kept.Probe, kept.KeepFor = &renamed, time.Hour
	slow := *probe
	slow.Path = "/slow"
	changed.Probe = &slow
	before := changed.Health.View()
	r.Sync([]Target{kept, changed})
	until(t, "the changed target is probed", func() bool { return s.count(changed.Host) == 2 })
	until(t, "the verdict counts", func() bool { return changed.Health.View().Failures > 0 })
	if v := changed.Health.View(); v.Status != before.Status || v.Since != before.Since || v.Failures != 1 {
		t.Errorf("a changed probe made the view %+v out of %+v", v, before)
	}
	// As good as a barrier: whatever a change brings on comes before the probe that it brings on.
	if k, x := s.count(kept.Host), s.count(removed.Host); k != 1 || x != 1 {
		t.Errorf("the target that did not change was probed %d times and the removed one %d times, want once", k, x)
	}
	r.on(func() {
		if len(r.watches) != 2 || r.watches[kept.Health].target.KeepFor != time.Hour {
			t.Errorf("there are %d watches, and the kept one has %v", len(r.watches), r.watches[kept.Health].target.KeepFor)
		}
	})
}

// TestStaleResultsAreNotRecorded changes and removes targets while their probes are in flight, whose answers are sent
// then.
func TestStaleResultsAreNotRecorded(t *testing.T) {
	changing := make(chan struct{})
	s, at := stand(t, func(a asked) string {
		if a.path == "/" {
			<-changing
			return down
		}
		return ok
	})
	r := prober(t, nil)
	probe := newProbe(func(p *spec.Probe) { p.Interval, p.Timeout, p.UnhealthyThreshold = "24h", "10s", 1 })
	list := r.targets("p", 2, at, probe)
	r.Sync(list)
	until(t, "both are asked", func() bool { return s.count("p0") == 1 && s.count("p1") == 1 })
	other := *probe
	other.Path = "/other"
	changed := list[0]
	changed.Probe = &other
	r.Sync([]Target{changed})
	close(changing)
	until(t, "the new probe decides", func() bool { return list[0].Health.Status() == backend.Healthy })
	if got := r.told(list[0].Health); strings.Contains(got, "unhealthy") {
		t.Errorf("a target whose probe changed in flight was told %s", got)
	}
	if v := list[1].Health.View(); v.Status != backend.Unknown || !v.LastProbe.IsZero() {
		t.Errorf("a target that left while its probe was in flight is %+v, want unknown", v)
	}
	until(t, "the old connections are gone", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.open == 0 })
}

// TestCloseEndsProbes: what was in flight is not recorded, and nothing is left behind.
func TestCloseEndsProbes(t *testing.T) {
	descriptors := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	s, at := stand(t, func(a asked) string {
		if strings.HasPrefix(a.host, "hangs") {
			return ""
		}
		return ok
	})
	before := descriptors()
	r := prober(t, nil)
	hung := r.targets("hangs", 50, at, every("24h"))
	list := append(r.targets("p", 50, at, every("50ms")), hung...)
	for i := range list {
		list[i].KeepFor = time.Minute
	}
	r.Sync(append(list, r.targets("refused", 20, refusing(t), every("50ms"))...))
	until(t, "all are asked", func() bool { return healthy(list) == 50 && s.count("hangs49") == 1 && s.count("hangs0") == 1 })
	r.Close()
	for _, target := range hung {
		if v := target.Health.View(); !v.LastProbe.IsZero() {
			t.Fatalf("a probe that Close ended was recorded: %+v", v)
		}
	}
	st := r.l.Stats()
	if st.Conns != 0 || st.Buffers != 0 || r.kept != 0 || r.parting != 0 || r.quick.n != 0 || r.slow.n != 0 || st.Panics != 0 {
		t.Errorf("left behind: %d connections, %d buffers, %d kept, %d parting, %d and %d places; %d panics",
			st.Conns, st.Buffers, r.kept, r.parting, r.quick.n, r.slow.n, st.Panics)
	}
	until(t, "no descriptor is left", func() bool { return descriptors() <= before })
	r.Sync(list) // which nobody hears
}

// TestDescriptorsAreOurFault takes all descriptors away, so that no probe can be sent, and gives them back.
func TestDescriptorsAreOurFault(t *testing.T) {
	var was unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	_, at := stand(t, always(ok))
	var log lines
	p, err := New(Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	r := &rig{t: t, Prober: p}
	list := r.targets("p", 20, at, newProbe(func(p *spec.Probe) { p.Interval, p.UnhealthyThreshold = "10ms", 1 }))
	none := was
	none.Cur = 0 // those that are open stay
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	p.Sync(list)
	dialled := p.l.Stats().Dialled
	until(t, "some rounds", func() bool { return p.l.Stats().Dialled > dialled+100 })
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &was); err != nil {
		t.Fatal(err)
	}
	until(t, "all are healthy", func() bool { return healthy(list) == len(list) })
	p.Close()
	if text := log.String(); strings.Contains(text, "unhealthy") || strings.Count(text, "probe not sent") != 1 {
		t.Errorf("want one warning and no verdict against a target, got\n%s", text)
	}
}

// lines is a log that can be read while it is written.
type lines struct {
	mu sync.Mutex
	strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Builder.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Builder.String()
}

// TestOneLineAChange: log and Changed hear of each turn once, and those who hold up Changed hold up no probe.
func TestOneLineAChange(t *testing.T) {
	var bad atomic.Bool
	s, at := stand(t, func(asked) string {
		if bad.Load() {
			return down
		}
		return ok
	})
	var log lines
	held, heard := make(chan struct{}), make(chan backend.Status, 10)
	p, err := New(Config{Log: slog.New(slog.NewTextHandler(&log, nil)), Changed: func(_ *backend.Health, _, after backend.Status, _ string) {
		heard <- after
		<-held
	}})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, Prober: p}
	list := r.targets("p", 1, at, every("10ms"))
	p.Sync(list)
	if got := <-heard; got != backend.Healthy {
		t.Errorf("heard %s first, want healthy", got)
	}
	n := s.count("p0")
	until(t, "probes go on while Changed does not return", func() bool { return s.count("p0") > n+5 })
	bad.Store(true)
	until(t, "the target is unhealthy", func() bool { return list[0].Health.Status() == backend.Unhealthy })
	close(held)
	if got := <-heard; got != backend.Unhealthy {
		t.Errorf("heard %s second, want unhealthy", got)
	}
	p.Close()
	for text, want := range map[string]int{"backend changed": 2, "status=healthy": 1, `status=unhealthy reason="the answer has status 503, expected 200-399"`: 1} {
		if n := strings.Count(log.String(), text); n != want {
			t.Errorf("%d lines say %q, want %d:\n%s", n, text, want, log.String())
		}
	}
}

// A follower counts refreshes, and takes its time for each.
type follower struct {
	mu        sync.Mutex
	refreshes int
	list      []Target
	seen      int // healthy ones, at the last refresh
}

func (f *follower) Refresh() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refreshes++
	f.seen = healthy(f.list)
	time.Sleep(20 * time.Millisecond)
}

// TestFollowersAreToldTogether: a group that takes long to be laid out is not laid out once for each of its members.
func TestFollowersAreToldTogether(t *testing.T) {
	_, at := stand(t, always(ok))
	r := prober(t, nil)
	f := &follower{list: r.targets("p", 500, at, every("24h"))}
	for _, target := range f.list {
		target.Health.Follow(f)
	}
	r.Sync(f.list)
	until(t, "the follower knows of all", func() bool { f.mu.Lock(); defer f.mu.Unlock(); return f.seen == len(f.list) })
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refreshes > len(f.list)/4 {
		t.Errorf("%d verdicts that came together made %d refreshes", len(f.list), f.refreshes)
	}
}

func BenchmarkSync(b *testing.B) {
	p, err := New(Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer p.Close()
	list := (&rig{Prober: p}).targets("p", 10000, backend.Address{Path: "/nowhere"}, every("24h"))
	p.Sync(list)
	b.ReportAllocs()
	for b.Loop() {
		p.Sync(list)
	}
}
