package main

import (
	"bufio"
	"context"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// counts are what was done.
type counts struct {
	tunnels, messages, requests      atomic.Int64
	broken, lost                     atomic.Int64 // WebSockets and requests that ended otherwise than they should
	writes, applies, kills, removals atomic.Int64
}

// A sample is what the gateway's process says of itself.
type sample struct {
	time                                                 time.Duration // since the beginning
	tunnels, clients, goroutines, descriptors, heap, rss float64
	panics                                               float64 // on the loops
}

const panics = "gatewayd_loop_panics_total" // of each loop

// sample reads /metrics.
func (s *soak) sample() (sample, error) {
	r, err := http.NewRequest(http.MethodGet, "http://"+s.gateway.Admin+"/metrics", nil)
	if err != nil {
		return sample{}, err
	}
	r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(s.token))
	answer, err := (&http.Client{Timeout: patience, Transport: http.DefaultTransport}).Do(r)
	if err != nil {
		return sample{}, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return sample{}, fmt.Errorf("/metrics: %s", answer.Status)
	}
	now := sample{time: time.Since(s.began)}
	wanted := map[string]*float64{
		"gatewayd_tunnels": &now.tunnels, "gatewayd_client_connections": &now.clients, "go_goroutines": &now.goroutines,
		panics: &now.panics, "process_open_fds": &now.descriptors, "go_memstats_heap_alloc_bytes": &now.heap, "process_resident_memory_bytes": &now.rss,
	}
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if strings.HasPrefix(name, "gatewayd_loop_panics_total{") {
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return sample{}, err
			}
			now.panics += n
			delete(wanted, panics)
		}
		if to := wanted[name]; to != nil {
			if *to, err = strconv.ParseFloat(value, 64); err != nil {
				return sample{}, err
			}
			delete(wanted, name)
		}
	}
	for name := range wanted {
		return sample{}, fmt.Errorf("/metrics has no %s", name)
	}
	return now, lines.Err()
}

// above says what is more than before anything passed. A few goroutines come and go with the calls of the admin API.
func (now sample) above(start sample) error {
	switch {
	case now.tunnels > 0 || now.clients > 0:
		return fmt.Errorf("%.0f WebSockets and %.0f connections of clients are left", now.tunnels, now.clients)
	case now.descriptors > start.descriptors:
		return fmt.Errorf("%.0f descriptors are open, %.0f were at the start", now.descriptors, start.descriptors)
	case now.goroutines > start.goroutines+4:
		return fmt.Errorf("there are %.0f goroutines, %.0f were at the start", now.goroutines, start.goroutines)
	}
	return nil
}

// watch takes a sample every second, and tells of some, until it is over.
func (s *soak) watch(ctx context.Context) error {
	fmt.Printf("%8s %8s %9s %10s %7s %7s %8s %6s %8s %8s %8s %11s %11s\n", "time", "tunnels", "messages", "requests", "writes",
		"applies", "removals", "kills", "RSS MiB", "heap MiB", "descr.", "goroutines", "explained")
	tells := min(max(s.length/60, 2*time.Second), time.Minute)
	told := time.Duration(0)
	for pause(ctx, time.Second) {
		select {
		case <-s.gateway.Gone:
			return fmt.Errorf("gatewayd ended")
		default:
		}
		now, err := s.sample()
		if err != nil {
			return err
		}
		s.samples = append(s.samples, now)
		if now.time-told >= tells {
			told = now.time
			s.tell(now)
		}
	}
	return nil
}

func (s *soak) tell(now sample) {
	c := &s.counts
	fmt.Printf("%8s %8.0f %9d %10d %7d %7d %8d %6d %8.1f %8.1f %8.0f %11.0f %11d\n", now.time.Round(time.Second), now.tunnels,
		c.messages.Load(), c.requests.Load(), c.writes.Load(), c.applies.Load(), c.removals.Load(), c.kills.Load(), now.rss/(1<<20), now.heap/(1<<20),
		now.descriptors, now.goroutines, c.broken.Load()+c.lost.Load())
}

// windows are the samples behind the warm-up, a quarter of the time, in three parts that are equally long: long enough
// that every kind of disturbance is in each.
func (s *soak) windows() (parts [3][]sample) {
	for _, x := range s.samples {
		if i := int(4*x.time/s.length) - 1; i >= 0 && i < len(parts) {
			parts[i] = append(parts[i], x)
		}
	}
	return parts
}

// A measure is what has to be flat: from the first window to the last one it may grow by a share and a fixed amount.
type measure struct {
	name  string
	of    func(sample) float64
	from  func([]float64) float64 // what stands for a window
	share float64
	more  float64
	unit  float64
}

// The limits are what the same load makes of itself from one window to the next. Goroutines are those of the admin API, by the
// calls that are under way, beside those that there are anyway. Of descriptors those count that are neither a client's nor a
// WebSocket's: connections to targets, in use and kept, which are a matter of when a backend was killed last, and pipes. The
// heap is compared where it is the least, behind a collection, between two commits with more or less to say. The resident
// memory is what the runtime has from the system, once and a half that when the machine leaves it time for more traffic.
var measures = []measure{
	{"goroutines", func(x sample) float64 { return x.goroutines }, median, 0, 5, 1},
	{"descriptors", func(x sample) float64 { return x.descriptors - x.clients - x.tunnels }, median, 0.05, 20, 1},
	{"heap, MiB", func(x sample) float64 { return x.heap }, slices.Min[[]float64], 0.10, 4 << 20, 1 << 20},
	{"RSS, MiB", func(x sample) float64 { return x.rss }, median, 0.10, 24 << 20, 1 << 20},
}

// settled is how long a soak has to be for its memory to be compared. The collector runs a few times in a minute, and less
// often before the first one: windows of seconds would tell of single collections.
const settled = 5 * time.Minute

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}

// flat compares the last window with the first.
func (s *soak) flat() {
	parts := s.windows()
	fmt.Printf("\n%-14s %10s %10s %10s %10s\n", "flat", "window 1", "window 2", "window 3", "at most")
	for _, m := range measures {
		var got [3]float64
		for i, part := range parts {
			if len(part) == 0 {
				s.fail("the soak was too short to compare windows")
				return
			}
			var values []float64
			for _, x := range part {
				values = append(values, m.of(x))
			}
			got[i] = m.from(values)
		}
		limit := got[0]*(1+m.share) + m.more
		if m.unit > 1 && s.length < settled {
			limit = math.Inf(1)
		}
		fmt.Printf("%-14s %10.1f %10.1f %10.1f %10.1f\n", m.name, got[0]/m.unit, got[1]/m.unit, got[2]/m.unit, limit/m.unit)
		if got[2] > limit {
			s.fail("%s grew from %.1f to %.1f", m.name, got[0]/m.unit, got[2]/m.unit)
		}
	}
}

// complete wants everything to have happened that a soak is about, and no loop to have panicked: that ends a connection, and
// might be taken for a kill.
func (s *soak) complete() {
	c := &s.counts
	for _, x := range []struct {
		what string
		n    int64
	}{
		{"WebSockets", c.tunnels.Load()}, {"messages", c.messages.Load()}, {"requests", c.requests.Load()}, {"writes", c.writes.Load()},
		{"kills", c.kills.Load()}, {"removals", c.removals.Load()}, {"WebSockets that a kill or a removal ended", c.broken.Load()},
		{"applies", c.applies.Load()},
	} {
		if x.n == 0 && (x.what != "applies" || s.terraform != "") {
			s.fail("there were no %s, so that nothing is known of them", x.what)
		}
	}
	if n := s.samples[len(s.samples)-1].panics; n > 0 {
		s.fail("%.0f panics on the loops of gatewayd: its log has them", n)
	}
}

// table prints what was done, and what was there before and afterwards.
func (s *soak) table() {
	c := &s.counts
	fmt.Printf("\n%d WebSockets, %d messages; %d requests; %d writes, %d applies, %d removals, %d kills, in %s\n", c.tunnels.Load(), c.messages.Load(),
		c.requests.Load(), c.writes.Load(), c.applies.Load(), c.removals.Load(), c.kills.Load(), s.length)
	fmt.Printf("%d WebSockets and %d requests ended as a kill or a removal explains\n", c.broken.Load(), c.lost.Load())
	if n := len(s.samples); n > 0 {
		last := s.samples[n-1]
		fmt.Printf("\n%-14s %10s %10s\n", "", "start", "end")
		for _, m := range append(measures, measure{name: "WebSockets", of: func(x sample) float64 { return x.tunnels }, unit: 1}) {
			fmt.Printf("%-14s %10.1f %10.1f\n", m.name, m.of(s.start)/m.unit, m.of(last)/m.unit)
		}
	}
}
