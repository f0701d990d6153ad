//go:build linux || darwin || freebsd

package loop

import (
	"crypto/sha256"
	"crypto/tls"
	"io"
	"net"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
)

// storm computes as the rest of a busy process does: one goroutine hashes, and as many handshakes run at once as beside
// one loop may. It returns a function that ends it and says how many handshakes there were.
func storm(tb testing.TB, config *tls.Config) (stop func() int64) {
	tb.Helper()
	procs := runtime.GOMAXPROCS(GOMAXPROCS(1))
	var over atomic.Bool
	var handshakes atomic.Int64
	var all sync.WaitGroup
	all.Go(func() {
		for b := make([]byte, 1<<20); !over.Load(); {
			sum := sha256.Sum256(b)
			copy(b, sum[:])
		}
	})
	for range Handshakes(1) {
		all.Go(func() {
			for !over.Load() {
				a, b := net.Pipe()
				client := tls.Client(a, &tls.Config{InsecureSkipVerify: true})
				server := tls.Server(b, config)
				done := make(chan error, 1)
				go func() { done <- server.Handshake() }()
				if err := client.Handshake(); err != nil {
					tb.Error(err)
				}
				_ = b.Close()
				_ = a.Close()
				<-done
				handshakes.Add(1)
			}
		})
	}
	return func() int64 {
		over.Store(true)
		all.Wait()
		runtime.GOMAXPROCS(procs)
		return handshakes.Load()
	}
}

// TestLagBesideAStorm measures and reports; that the loop goes on at all and counts is what it demands.
func TestLagBesideAStorm(t *testing.T) {
	l := running(t)
	addr := listening(t, l, func(c *Conn) { c.SetHandler(&echo{c: c}) })
	c := dial(t, addr)
	var timer Timer
	var fired atomic.Int64
	var again func()
	again = func() {
		fired.Add(1)
		l.SetTimer(&timer, l.Now()+Time(5*time.Millisecond), again)
	}
	on(t, l, again)
	stop := storm(t, &tls.Config{Certificates: []tls.Certificate{certtest.New(certtest.Issue{}).TLS()}})
	const rounds = 500
	trips := make([]time.Duration, 0, rounds)
	msg := make([]byte, 125)
	for range rounds {
		start := time.Now()
		if _, err := c.Write(msg); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, msg); err != nil {
			t.Fatal(err)
		}
		trips = append(trips, time.Since(start))
		on(t, l, func() {})
	}
	handshakes := stop()
	on(t, l, func() { l.StopTimer(&timer) })
	slices.Sort(trips)
	s := l.Stats()
	t.Logf("beside %d handshakes: lag p50 %v, p99 %v of %d; busy p99 %v of %d turns; round trip p50 %v, p99 %v", handshakes,
		s.Lag.Quantile(0.5), s.Lag.Quantile(0.99), s.Lag.Count, s.Busy.Quantile(0.99), s.Turns, trips[rounds/2],
		trips[rounds*99/100])
	if s.Lag.Count < rounds || s.Busy.Count == 0 || s.Turns < rounds || fired.Load() < 2 {
		t.Errorf("%d lags, %d turns of %d measured, %d timers", s.Lag.Count, s.Busy.Count, s.Turns, fired.Load())
	}
}

// BenchmarkLagBesideAStorm reports the 99th percentile of the loop's lag, in microseconds, as an upper bound.
func BenchmarkLagBesideAStorm(b *testing.B) {
	l := running(b)
	stop := storm(b, &tls.Config{Certificates: []tls.Certificate{certtest.New(certtest.Issue{}).TLS()}})
	for b.Loop() {
		on(b, l, func() {})
	}
	stop()
	s := l.Stats()
	b.ReportMetric(float64(s.Lag.Quantile(0.5).Microseconds()), "lag-p50-µs")
	b.ReportMetric(float64(s.Lag.Quantile(0.99).Microseconds()), "lag-p99-µs")
}
