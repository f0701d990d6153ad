package resolve

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/dnstest"
)

// brisk is the pace of tests that wait for something to happen again. Answers with a time to live of 0 live 20ms.
var brisk = pace{minTTL: 20 * time.Millisecond, hosts: 20 * time.Millisecond, grace: 10 * time.Second, head: 10 * time.Second,
	patience: 100 * time.Millisecond, longest: 20 * time.Second, timeout: 10 * time.Second}

// hasty is the pace of tests whose server does not answer.
func hasty() pace {
	p := brisk
	p.grace, p.timeout = 50*time.Millisecond, 100*time.Millisecond
	return p
}

// A rig is a resolver and the DNS server that it asks.
type rig struct {
	*Resolver
	t     *testing.T
	dns   *dnstest.Server
	conf  string // file names
	hosts string
	log   logBuffer

	mu      sync.Mutex
	changes []string // the names of each call of Changed
}

// newRig starts both at some pace. edit may be nil. At the end of the test the resolver is closed and must have left no
// goroutine.
func newRig(t *testing.T, p pace, edit func(*Config)) *rig {
	t.Helper()
	r := &rig{t: t, dns: dnstest.New(t), conf: filepath.Join(t.TempDir(), "resolv.conf"), hosts: filepath.Join(t.TempDir(), "hosts")}
	r.write(r.conf, "search .\noptions attempts:1\n")
	r.write(r.hosts, "")
	cfg := Config{ResolvConf: r.conf, Hosts: r.hosts, Servers: []string{r.dns.Addr()}, Changed: r.note, Log: slog.New(slog.NewTextHandler(&r.log, nil))}
	if edit != nil {
		edit(&cfg)
	}
	r.Resolver = newResolver(cfg, p)
	t.Cleanup(func() {
		r.Close()
		if left := goroutines(); left != "" {
			t.Errorf("the resolver is closed and left goroutines:\n%s", left)
		}
	})
	return r
}

func (r *rig) note(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changes = append(r.changes, name)
}

// changed counts the calls of Changed for a name.
func (r *rig) changed(name string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, c := range r.changes {
		if c == name {
			n++
		}
	}
	return n
}

// write replaces a file at once, as whoever cares for it does.
func (r *rig) write(name, text string) {
	r.t.Helper()
	if err := os.WriteFile(name+".new", []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		r.t.Fatal(err)
	}
}

// settle makes names the ones that are wanted and waits for their first answers.
func (r *rig) settle(names ...string) {
	r.t.Helper()
	r.Sync(names)
	r.Await(r.t.Context(), names)
}

// until waits for a condition.
func (r *rig) until(what string, holds func() bool) {
	r.t.Helper()
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if holds() {
			return
		}
	}
	r.t.Fatalf("not within 15s: %s", what)
}

// expect waits until a name has some addresses, as "10.0.0.1 ::1", and a reason that begins in some way; "" is none.
func (r *rig) expect(name, addrs, reason string) {
	r.t.Helper()
	var a Answer
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		a = r.Lookup(name)
		if a.Known && words(a) == addrs && strings.HasPrefix(a.Reason, reason) && (reason != "" || a.Reason == "") {
			return
		}
	}
	r.t.Fatalf("%s has the addresses [%s] and the reason %q,\nwant [%s] and %q", name, words(a), a.Reason, addrs, reason)
}

// again waits until the server was asked for a name some more times.
func (r *rig) again(name string, times int) {
	r.t.Helper()
	before := r.dns.Asked(name)
	r.until("more questions for "+name, func() bool { return r.dns.Asked(name) >= before+times })
}

func words(a Answer) string { return strings.Trim(fmt.Sprint(a.Addrs), "[]") }

// server is the rig's DNS server as it begins a reason.
func (r *rig) server() string { return "DNS server " + r.dns.Addr() + " " }

// goroutines are the stacks of those that run code of a resolver, each once; "" where there are none after a while.
func goroutines() string {
	var left string
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		var profile bytes.Buffer
		if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
			return err.Error()
		}
		stacks := strings.Split(profile.String(), "\n\n")
		stacks = slices.DeleteFunc(stacks, func(s string) bool {
			return !strings.Contains(s, "resolve.(*Resolver)") && !strings.Contains(s, "resolve.(*look)") && !strings.Contains(s, "resolve.exchange")
		})
		if left = strings.Join(stacks, "\n\n"); left == "" {
			return ""
		}
	}
	return left
}

// A logBuffer keeps what is logged.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
