package health

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// bound is how many probes may be in flight.
func bound() int {
	n := 0
	for _, l := range newLanes() {
		n += l.starts + l.room
	}
	return n
}

func patient(interval, timeout spec.Duration) *spec.Probe {
	return newProbe(func(p *spec.Probe) { p.Interval, p.Timeout = interval, timeout })
}

// A split is an oracle for the targets of pool q and another for those of all other pools.
type split struct{ q, others *oracle }

func newSplit() split { return split{newOracle(), newOracle()} }

func (s split) ask(ctx context.Context, t *Target) outcome {
	if t.Health.Backend.Key.Pool == "q" {
		return s.q.ask(ctx, t)
	}
	return s.others.ask(ctx, t)
}

// until waits for a status and says how long that took, at most limit.
func until(h *backend.Health, want backend.Status, limit time.Duration) time.Duration {
	began := time.Now()
	for h.Status() != want && time.Since(began) < limit {
		time.Sleep(10 * time.Millisecond)
		synctest.Wait()
	}
	return time.Since(began)
}

// TestHangingTargetsDelayNobody has a pool of targets that hang, and one target of another pool that answers.
func TestHangingTargetsDelayNobody(t *testing.T) {
	for n, timeout := range map[int]spec.Duration{1500: "30s", 10000: "24h"} {
		t.Run(fmt.Sprint(n, " for ", timeout), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { beside(t, n, timeout) })
		})
	}
}

func beside(t *testing.T, n int, timeout spec.Duration) {
	const hour = 24 * time.Hour
	s, r := newSplit(), &backend.Registry{}
	s.q.takes.Store(int64(2 * hour))
	p := newProber(quiet(), s.ask)
	defer p.Close()
	old := pooled(r, "r", 1, patient("1s", "1s"))
	p.Sync(old)
	time.Sleep(10 * time.Second)
	list := append(pooled(r, "q", n, patient("5s", timeout)), old...)
	p.Sync(list)
	time.Sleep(2 * time.Second)
	if took := until(old[0].Health, backend.Healthy, hour); took != 0 {
		t.Errorf("a target was not healthy")
	}
	fresh := pooled(r, "p", 1, patient("1s", "1s"))
	list = append(list, fresh...)
	p.Sync(list)
	if took := until(fresh[0].Health, backend.Healthy, hour); took > 3*time.Second {
		t.Errorf("a new target was found healthy after %s, want 3s at most", took)
	}
	s.others.down.Store(true)
	for _, h := range []*backend.Health{old[0].Health, fresh[0].Health} {
		if took := until(h, backend.Unhealthy, hour); took > 5*time.Second {
			t.Errorf("a target that fails was found after %s, want 5s at most", took)
		}
	}
	// It hangs as well, and comes back.
	s.others.takes.Store(int64(2 * hour))
	time.Sleep(10 * time.Second)
	s.others.down.Store(false)
	s.others.takes.Store(0)
	if took := until(old[0].Health, backend.Healthy, hour); took > 5*time.Second {
		t.Errorf("a target that was back was found after %s, want 5s at most", took)
	}
	if most, overlaps, _ := s.q.marks(); most > bound() || overlaps > 0 {
		t.Errorf("%d probes were in flight at once and %d beside another to one target, want at most %d and none", most, overlaps, bound())
	}
}

// TestNewTargetsTogether: those that answer and those that hang come in one change, in one pool.
func TestNewTargetsTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		quick, hung, r := newOracle(), newOracle(), &backend.Registry{}
		hung.takes.Store(int64(time.Hour))
		quick.takes.Store(int64(20 * time.Millisecond))
		p := newProber(quiet(), func(ctx context.Context, target *Target) outcome {
			if target.Addr.Addr().As4()[3]%2 == 0 {
				return hung.ask(ctx, target)
			}
			return quick.ask(ctx, target)
		})
		defer p.Close()
		list := targets(r, 5000, patient("30s", "30s"))
		p.Sync(list)
		time.Sleep(5 * time.Second)
		for _, target := range list {
			if target.Addr.Addr().As4()[3]%2 == 1 && target.Health.Status() != backend.Healthy {
				t.Fatalf("%s answers, and is %s", target.Addr, target.Health.Status())
			}
		}
	})
}

// TestTargetsThatBeginToHang: thousands that answered hang all at once, beside a pool that goes on answering.
func TestTargetsThatBeginToHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, r := newSplit(), &backend.Registry{}
		p := newProber(quiet(), s.ask)
		defer p.Close()
		good := pooled(r, "p", 20, patient("1s", "30s"))
		p.Sync(append(pooled(r, "q", 5000, patient("1s", "30s")), good...))
		time.Sleep(10 * time.Second)
		s.q.takes.Store(int64(time.Hour))
		time.Sleep(time.Minute)
		for _, target := range good {
			times := s.others.times(target.Addr)
			for i := 3; i < len(times); i++ {
				if gap := times[i].Sub(times[i-1]); gap > 2200*time.Millisecond {
					t.Fatalf("%s was probed %s after the probe before", target.Addr, gap)
				}
			}
		}
	})
}

// TestHangingTargetsAreJudged: all of those that hang leave their pool in time, however many they are.
func TestHangingTargetsAreJudged(t *testing.T) {
	for timeout, reason := range map[spec.Duration]string{"30s": "no answer", "5m": "the probe was ended"} {
		t.Run(string(timeout), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o, r := newOracle(), &backend.Registry{}
				p := newProber(quiet(), o.ask)
				defer p.Close()
				list := targets(r, 1500, patient("30s", timeout))
				p.Sync(list)
				time.Sleep(time.Minute)
				o.takes.Store(int64(100 * time.Hour))
				time.Sleep(10 * time.Minute)
				left, told := 0, 0
				for _, target := range list {
					v := target.Health.View()
					if v.Status != backend.Unhealthy {
						left++
					} else if strings.Contains(v.Reason, reason) {
						told++
					}
				}
				if left > 0 || told < 700 {
					t.Errorf("%d of 1500 targets that hang are not known as such, and of %d the reason says %q", left, told, reason)
				}
			})
		})
	}
}

// TestTimeoutsAreKept: without others that wait, a probe may take as long as it says.
func TestTimeoutsAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, r := newOracle(), &backend.Registry{}
		o.takes.Store(int64(5 * time.Minute))
		p := newProber(quiet(), o.ask)
		defer p.Close()
		list := targets(r, 100, patient("1s", "10m"))
		p.Sync(list)
		time.Sleep(6 * time.Minute)
		for _, target := range list {
			if s := target.Health.Status(); s != backend.Healthy {
				t.Fatalf("a target that answers after 5m is %s, want healthy", s)
			}
		}
	})
}

// TestSlowAnswersBesideHangingTargets: those that take long to answer, and did so before, keep their time.
func TestSlowAnswersBesideHangingTargets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, r := newSplit(), &backend.Registry{}
		s.others.takes.Store(int64(8 * time.Second))
		s.q.takes.Store(int64(time.Hour))
		p := newProber(quiet(), s.ask)
		defer p.Close()
		slow := pooled(r, "p", 200, patient("10s", "30s"))
		p.Sync(slow)
		time.Sleep(time.Minute)
		p.Sync(append(pooled(r, "q", 1500, patient("10s", "30s")), slow...))
		before := s.others.total()
		time.Sleep(5 * time.Minute)
		if n := s.others.total() - before; n < 200*29 {
			t.Errorf("200 targets were probed %d times in 5m, want 6000", n)
		}
		for _, target := range slow {
			if v := target.Health.View(); v.Status != backend.Healthy || v.Failures > 0 || v.Successes < 30 {
				t.Fatalf("a target that answers after 8s is %+v", v)
			}
		}
	})
}

// TestEndedEarly tells probes that were put off from those that were cut short, over TCP.
func TestEndedEarly(t *testing.T) {
	for why, want := range map[fate]outcome{
		putOff:   {putOff: true},
		cutShort: {reason: "no whole answer within 30s; the probe was ended then, because too many targets do not answer", late: true},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		addr := speak(t, hang)
		p := New(quiet())
		h := (&backend.Registry{}).Health(backend.Key{Addr: backend.TCP(addr)}, "s")
		f := &flight{target: Target{Health: h, Addr: addr, Probe: newProbe(nil)}}
		f.fate.Store(why)
		cancel()
		f.outcome = ask(ctx, &f.target)
		p.curtailed(f)
		if f.outcome != want {
			t.Errorf("the outcome is %+v, want %+v", f.outcome, want)
		}
		p.Close()
	}
}

func TestGroupsTakeTurns(t *testing.T) {
	r := &backend.Registry{}
	var l line
	for _, pool := range []string{"p1", "p2", "q"} {
		for _, target := range pooled(r, pool, map[string]int{"p1": 4, "p2": 1, "q": 2}[pool], newProbe(nil)) {
			l.push(&watch{target: target})
		}
	}
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
