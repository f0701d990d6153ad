package health

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

func targets(r *backend.Registry, n int, probe *spec.Probe) []Target {
	return pooled(r, "p", n, probe)
}

// pooled makes targets of a pool, whose addresses no pool with another first letter has.
func pooled(r *backend.Registry, pool string, n int, probe *spec.Probe) []Target {
	list := make([]Target, n)
	for i := range list {
		a := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, pool[0] - 'p', byte(i >> 8), byte(i)}), 80)
		list[i] = Target{Health: r.Health(backend.Key{Pool: pool, Addr: backend.TCP(a)}, "s"), Addr: a, Probe: probe}
	}
	return list
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func every(interval spec.Duration) *spec.Probe {
	return newProbe(func(p *spec.Probe) { p.Interval, p.Timeout = interval, interval })
}

func TestFirstProbeComesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, r := newOracle(), &backend.Registry{}
		p := newProber(quiet(), o.ask)
		defer p.Close()
		list := targets(r, 100, every("30s"))
		p.Sync(list)
		time.Sleep(maxJitter)
		synctest.Wait()
		distinct := map[time.Time]bool{}
		for _, target := range list {
			times := o.times(target.Addr)
			if len(times) != 1 {
				t.Fatalf("%s was probed %d times in the first second, want once", target.Addr, len(times))
			}
			distinct[times[0]] = true
			if s := target.Health.Status(); s != backend.Healthy {
				t.Errorf("%s is %s after its first success, want healthy", target.Addr, s)
			}
		}
		if len(distinct) < 90 {
			t.Errorf("100 first probes came at %d different times", len(distinct))
		}
	})
}

func TestProbesKeepTheirInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, r := newOracle(), &backend.Registry{}
		o.takes.Store(int64(2 * time.Second))
		p := newProber(quiet(), o.ask)
		defer p.Close()
		list := targets(r, 50, every("10s"))
		p.Sync(list)
		time.Sleep(10 * time.Minute)
		for _, target := range list {
			times := o.times(target.Addr)
			for i := 2; i < len(times); i++ {
				if gap := times[i].Sub(times[i-1]); gap != 10*time.Second {
					t.Fatalf("%s was probed %s after the probe before, want 10s", target.Addr, gap)
				}
			}
			if len(times) < 59 {
				t.Errorf("%s was probed %d times in 10m, want about 60", target.Addr, len(times))
			}
		}
	})
}

func TestPhasesSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, r := newOracle(), &backend.Registry{}
		p := newProber(quiet(), o.ask)
		defer p.Close()
		list := targets(r, 1000, every("30s"))
		p.Sync(list)
		time.Sleep(5 * time.Minute)
		perSecond := map[int64]int{}
		for _, target := range list {
			times := o.times(target.Addr)
			perSecond[times[len(times)-1].Unix()]++
		}
		for second, n := range perSecond {
			if n > 120 {
				t.Errorf("%d of 1000 probes with an interval of 30s came in second %d", n, second)
			}
		}
	})
}

func TestThresholdsDecide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, r := newOracle(), &backend.Registry{}
		p := newProber(quiet(), o.ask)
		defer p.Close()
		probe := every("1s")
		probe.HealthyThreshold = 2
		list := targets(r, 1, probe)
		h := list[0].Health
		p.Sync(list)
		time.Sleep(10 * time.Second)
		if s := h.Status(); s != backend.Healthy {
			t.Fatalf("status %s, want healthy", s)
		}
		o.down.Store(true)
		before := len(o.times(list[0].Addr))
		for h.Status() == backend.Healthy {
			time.Sleep(10 * time.Millisecond)
			synctest.Wait()
		}
		if n := len(o.times(list[0].Addr)) - before; n != 3 {
			t.Errorf("the target left after %d failures, want 3", n)
		}
		if v := h.View(); v.Reason != "it is down" || v.Failures != 3 || v.Status != backend.Unhealthy {
			t.Errorf("the view is %+v", v)
		}
		o.down.Store(false)
		before = len(o.times(list[0].Addr))
		for h.Status() == backend.Unhealthy {
			time.Sleep(10 * time.Millisecond)
			synctest.Wait()
		}
		if n := len(o.times(list[0].Addr)) - before; n != 2 {
			t.Errorf("the target came back after %d successes, want 2", n)
		}
	})
}

func TestSyncDisturbsOnlyWhatChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, r := newOracle(), &backend.Registry{}
		p := newProber(quiet(), o.ask)
		defer p.Close()
		probe := every("10s")
		list := targets(r, 3, probe)
		p.Sync(list)
		time.Sleep(time.Minute)
		kept, changed, removed := list[0], list[1], list[2]
		last := o.times(kept.Addr)
		removedCount := len(o.times(removed.Addr))

		// The same probe under another name, and another one for the second target.
		renamed := *probe
		renamed.Name = "other"
		kept.Probe = &renamed
		slow := *probe
		slow.Path = "/slow"
		changed.Probe = &slow
		o.down.Store(true)
		before := changed.Health.View()
		changedCount := len(o.times(changed.Addr))
		p.Sync([]Target{kept, changed})
		time.Sleep(maxJitter)
		synctest.Wait()
		if n := len(o.times(changed.Addr)); n != changedCount+1 {
			t.Errorf("a changed target was probed %d times within a second, want once", n-changedCount)
		}
		if v := changed.Health.View(); v.Status != before.Status || v.Since != before.Since || v.Failures != 1 {
			t.Errorf("a changed probe made the view %+v out of %+v", v, before)
		}
		time.Sleep(time.Minute)
		times := o.times(kept.Addr)
		if gap := times[len(last)].Sub(last[len(last)-1]); gap != 10*time.Second {
			t.Errorf("an unchanged target was probed %s after the probe before, want 10s", gap)
		}
		if n := len(o.times(removed.Addr)); n != removedCount {
			t.Errorf("a removed target was probed %d times more", n-removedCount)
		}
	})
}

func TestStaleResultsAreNotReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, r := newOracle(), &backend.Registry{}
		p := newProber(quiet(), o.ask)
		defer p.Close()
		probe := every("1h")
		probe.UnhealthyThreshold = 1
		list := targets(r, 2, probe)
		o.takes.Store(int64(time.Minute))
		p.Sync(list)
		time.Sleep(2 * time.Second) // Both probes are in flight.
		other := *probe
		other.Path = "/other"
		o.takes.Store(0)
		p.Sync([]Target{{Health: list[0].Health, Addr: list[0].Addr, Probe: &other}})
		time.Sleep(time.Minute)
		if v := list[0].Health.View(); v.Status != backend.Healthy || v.Successes != 1 {
			t.Errorf("a target whose probe changed in flight is %+v, want healthy by the new probe alone", v)
		}
		if v := list[1].Health.View(); v.Status != backend.Unknown || !v.LastProbe.IsZero() {
			t.Errorf("a target that left while its probe was in flight is %+v, want unknown", v)
		}
		if _, overlaps, _ := o.marks(); overlaps > 0 {
			t.Errorf("%d probes were sent to a target that had one in flight", overlaps)
		}
	})
}

func TestManyTargetsEverySecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, r := newOracle(), &backend.Registry{}
		o.takes.Store(int64(5 * time.Millisecond))
		p := newProber(quiet(), o.ask)
		defer p.Close()
		p.Sync(targets(r, 10000, every("1s")))
		time.Sleep(2 * time.Second)
		before := o.total()
		time.Sleep(3 * time.Second)
		if n := o.total() - before; n < 29500 {
			t.Errorf("%d probes in 3s, want 30000", n)
		}
		if most, _, _ := o.marks(); most > bound() {
			t.Errorf("%d probes were in flight at once, want at most %d", most, bound())
		}
		if _, overlaps, _ := o.marks(); overlaps > 0 {
			t.Errorf("%d probes were sent to a target that had one in flight", overlaps)
		}
	})
}

func TestSlowTargetsDoNotHoldUpOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		quick, slow, r := newOracle(), newOracle(), &backend.Registry{}
		slow.takes.Store(int64(time.Hour))
		list := targets(r, 2000, every("1s"))
		p := newProber(quiet(), func(ctx context.Context, target *Target) outcome {
			if target.Addr.Addr().As4()[2] < 4 { // the first 1024
				return slow.ask(ctx, target)
			}
			return quick.ask(ctx, target)
		})
		defer p.Close()
		p.Sync(list)
		time.Sleep(20 * time.Second) // Until every black hole is known as one.
		before := quick.total()
		time.Sleep(10 * time.Second)
		if n := quick.total() - before; n < 9500 {
			t.Errorf("976 good targets beside 1024 black holes were probed %d times in 10s, want 9760", n)
		}
		if most, _, _ := slow.marks(); most > bound() {
			t.Errorf("%d probes were in flight at once, want at most %d", most, bound())
		}
	})
}

func TestCloseEndsProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, r := newOracle(), &backend.Registry{}
		o.takes.Store(int64(time.Hour))
		p := newProber(quiet(), o.ask)
		list := targets(r, 300, every("1h"))
		p.Sync(list)
		time.Sleep(2 * time.Second)
		p.Close()
		if _, _, flying := o.marks(); flying != 0 {
			t.Errorf("%d probes are in flight after Close", flying)
		}
		for _, target := range list {
			if v := target.Health.View(); !v.LastProbe.IsZero() {
				t.Fatalf("a probe that Close ended was reported: %+v", v)
			}
		}
	})
}

func TestDescriptorsAreOurFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &backend.Registry{}
		p := newProber(quiet(), func(context.Context, *Target) outcome { return outcome{reason: "none left", ours: true} })
		defer p.Close()
		list := targets(r, 1, every("1s"))
		p.Sync(list)
		time.Sleep(time.Minute)
		if v := list[0].Health.View(); v.Status != backend.Unknown || v.Failures != 0 {
			t.Errorf("probes that could not be sent made the view %+v", v)
		}
	})
}

// A statuses passes on each status that it hears of.
type statuses struct {
	health *backend.Health
	heard  chan backend.Status
}

// Refresh is backend.Follower's.
func (s statuses) Refresh() { s.heard <- s.health.Status() }

// TestRealTargets probes servers over TCP: one leaves its pool and comes back.
func TestRealTargets(t *testing.T) {
	var down atomic.Bool
	addr := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	r := &backend.Registry{}
	h := r.Health(backend.Key{Pool: "p", Addr: backend.TCP(addr)}, "s")
	changes := statuses{h, make(chan backend.Status, 10)}
	h.Follow(changes)
	p := New(quiet())
	defer p.Close()
	p.Sync([]Target{{Health: h, Addr: addr, Probe: newProbe(func(p *spec.Probe) { p.Interval = "100ms" })}})
	for i, want := range []backend.Status{backend.Healthy, backend.Unhealthy, backend.Healthy} {
		if got := <-changes.heard; got != want {
			t.Fatalf("change %d is to %s, want %s", i, got, want)
		}
		if v := h.View(); want == backend.Unhealthy && v.Reason != "the answer has status 503, expected 200-399" {
			t.Errorf("the reason is %q", v.Reason)
		}
		down.Store(!down.Load())
	}
}

// BenchmarkProbe is the cost of one probe among 10000 targets, without the network: alone, and while as many others hang.
func BenchmarkProbe(b *testing.B) {
	for _, hanging := range []int{0, 10000} {
		b.Run(fmt.Sprint(hanging, " hang"), func(b *testing.B) {
			r, known, done := &backend.Registry{}, make(chan struct{}), make(chan struct{})
			const before = 20000
			var sent atomic.Int64
			p := newProber(quiet(), func(ctx context.Context, target *Target) outcome {
				if target.Host == "hangs" {
					<-ctx.Done()
					return outcome{reason: "no answer", late: true}
				}
				switch sent.Add(1) {
				case before:
					close(known)
				case before + int64(b.N):
					close(done)
				}
				return outcome{}
			})
			defer p.Close()
			list := targets(r, 10000, every("10ms")) // More often than can be.
			p.Sync(list)
			<-known
			others := pooled(r, "q", hanging, patient("1s", "30s"))
			for i := range others {
				others[i].Host = "hangs"
			}
			p.Sync(append(others, list...))
			b.ReportAllocs()
			b.ResetTimer()
			<-done
		})
	}
}

func BenchmarkSync(b *testing.B) {
	for _, n := range []int{100, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			p := newProber(quiet(), newOracle().ask)
			defer p.Close()
			list := targets(&backend.Registry{}, n, every("24h"))
			p.Sync(list)
			b.ReportAllocs()
			for b.Loop() {
				p.Sync(list)
			}
		})
	}
}
