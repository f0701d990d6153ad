package plane

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/tunnel"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// crowd opens n WebSockets on a port.
func crowd(t *testing.T, port, n int) []*websocket.Conn {
	t.Helper()
	list := make([]*websocket.Conn, n)
	var all sync.WaitGroup
	for k := range 8 {
		all.Go(func() {
			for i := k; i < n; i += 8 {
				c, answer, err := websocket.DefaultDialer.Dial(fmt.Sprintf("ws://127.0.0.1:%d/", port), nil)
				if err != nil {
					t.Error(err)
					return
				}
				_ = answer.Body.Close()
				list[i] = c
			}
		})
	}
	all.Wait()
	t.Cleanup(func() {
		for _, c := range list {
			if c != nil {
				_ = c.Close()
			}
		}
	})
	if t.Failed() {
		t.FailNow()
	}
	return list
}

// view is the tunnels that a query finds, and fails the test where it has problems.
func (r *rig) view(q api.TunnelQuery) api.Tunnels {
	r.t.Helper()
	view, problems := r.plane.Tunnels(q)
	if problems != nil {
		r.t.Fatalf("%+v: %v", q, problems)
	}
	return view
}

// pages are all pages of a list.
func (r *rig) pages(q api.TunnelQuery, between func()) (list []api.Tunnel) {
	r.t.Helper()
	for {
		view := r.view(q)
		if len(view.Tunnels) > q.Limit {
			r.t.Fatalf("a page of %d has %d", q.Limit, len(view.Tunnels))
		}
		list = append(list, view.Tunnels...)
		if q.Next = view.Next; q.Next == "" {
			return list
		}
		between()
	}
}

// clientOf is how the view tells a WebSocket's client.
func clientOf(c *websocket.Conn) string { return c.LocalAddr().String() }

func (r *rig) clients(q api.TunnelQuery) []string {
	r.t.Helper()
	return told(r.view(q).Tunnels)
}

func told(tunnels []api.Tunnel) []string {
	list := []string{}
	for _, v := range tunnels {
		list = append(list, net.JoinHostPort(v.Client, strconv.Itoa(v.ClientPort)))
	}
	return list
}

// TestEveryTunnelIsListedOnce, by pages, from two loops, while others come and go.
func TestEveryTunnelIsListedOnce(t *testing.T) {
	r := newRig(t)
	port := freePort(t)
	r.route(port, echoServer(t, "a"))
	stay := crowd(t, port, 1000)
	want := map[string]bool{}
	for _, c := range stay {
		want[clientOf(c)] = true
	}
	for _, q := range []api.TunnelQuery{{Limit: 70}, {Limit: 333, Sort: api.NewestFirst}, {Limit: 1000, Sort: api.OldestFirst}} {
		var passing []*websocket.Conn
		tunnels := r.pages(q, func() {
			for _, c := range passing {
				_ = c.Close()
			}
			passing = crowd(t, port, 3)
		})
		seen, ids, loops := map[string]int{}, map[string]bool{}, map[string]int{}
		var last tunnel.ID
		for i, v := range tunnels {
			ids[v.ID] = true
			id, ok := tunnel.ParseID(v.ID)
			if !ok || i > 0 && (last.Compare(id) < 0) == (q.Sort == api.NewestFirst) {
				t.Fatalf("%v: %s stands behind %s", q, id, last)
			}
			last = id
			seen[fmt.Sprintf("%s:%d", v.Client, v.ClientPort)]++
			loop, _, _ := strings.Cut(v.ID, "-")
			loops[loop]++
		}
		for client := range want {
			if seen[client] != 1 {
				t.Fatalf("%v: %s is listed %d times", q, client, seen[client])
			}
		}
		if len(ids) != len(tunnels) || len(loops) != 2 {
			t.Errorf("%v: %d ids for %d tunnels of the loops %v", q, len(ids), len(tunnels), loops)
		}
		for _, c := range passing {
			_ = c.Close()
		}
		until(t, "those that came by are gone", func() bool { return r.view(api.TunnelQuery{Limit: 1}).Open == 1000 })
	}
	view := r.view(api.TunnelQuery{Limit: 7, TunnelSelector: api.TunnelSelector{Draining: new(false)}})
	if view.Open != 1000 || view.Selected != 1000 || len(view.Tunnels) != 7 || view.Next == "" {
		t.Errorf("want 7 of 1000, got %d of %d of %d, next %q", len(view.Tunnels), view.Selected, view.Open, view.Next)
	}
}

// TestTunnelsInOrder: by the last byte, and by all bytes.
func TestTunnelsInOrder(t *testing.T) {
	r := newRig(t)
	port := freePort(t)
	r.route(port, echoServer(t, "a"))
	a, b, c := dial(t, port), dial(t, port), dial(t, port)
	says(t, b, strings.Repeat("b", 1000))
	says(t, c, strings.Repeat("c", 100))
	says(t, a, "a")
	for sort, want := range map[string][]*websocket.Conn{
		"": {a, b, c}, api.NewestFirst: {c, b, a}, api.ActiveFirst: {a, c, b}, api.BusiestFirst: {b, c, a},
	} {
		var names []string
		for _, ws := range want {
			names = append(names, clientOf(ws))
		}
		if diff := cmp.Diff(names, r.clients(api.TunnelQuery{Sort: sort})); diff != "" {
			t.Errorf("sorted by %q (-want +got):\n%s", sort, diff)
		}
		if diff := cmp.Diff(names[:2], r.clients(api.TunnelQuery{Sort: sort, Limit: 2})); diff != "" {
			t.Errorf("the first two by %q (-want +got):\n%s", sort, diff)
		}
	}
	v := r.view(api.TunnelQuery{Sort: api.BusiestFirst}).Tunnels[0]
	if v.ReceivedBytes != 1008 || v.SentBytes != 1004 || v.ReceivedMessages != 1 || v.SentMessages != 1 || v.Protocol != "ws" || v.Draining || v.EndedBy != "" || v.Deadline != "" {
		t.Errorf("%+v", v)
	}
}

// TestTunnelSelectors: each finds what it means and nothing else, several find what fits all, and a name that nothing has
// is a mistake.
func TestTunnelSelectors(t *testing.T) {
	r := newRig(t)
	one, two := freePort(t), freePort(t)
	a, b := echoServer(t, "a"), echoServer(t, "b")
	_, at, _ := net.SplitHostPort(a)
	r.publish(func(d *spec.Draft) {
		r.put(d, spec.Listeners, `{"name":"one","address":"127.0.0.1","port":%d}`, one)
		r.put(d, spec.Listeners, `{"name":"two","address":"127.0.0.1","port":%d,"trusted_proxies":["127.0.0.1"]}`, two)
		r.put(d, spec.Pools, `{"name":"p","targets":{"key":{"address":"127.0.0.1","port":%s}}}`, at)
		r.put(d, spec.Settings, `{"name":"s"}`)
		r.put(d, spec.Rules, `{"name":"r1","listener":"one","pool":"p","setting":"s"}`)
		r.put(d, spec.Pools, `{"name":"q"}`)
		r.put(d, spec.Targets, `{"name":"t","pool":"q","address":"127.0.0.1","port":%s}`, b[len("127.0.0.1:"):])
		r.put(d, spec.Rules, `{"name":"r2","listener":"two","pool":"q","setting":"s"}`)
	})
	first := dial(t, one)
	second, answer, err := websocket.DefaultDialer.Dial(fmt.Sprintf("ws://127.0.0.1:%d/", two), http.Header{"X-Forwarded-For": {"2001:db8::9"}})
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	t.Cleanup(func() { _ = second.Close() })
	says(t, first, "both")
	says(t, second, "stand")
	const behind = "[2001:db8::9]:0"
	both := []string{clientOf(first), behind}
	for name, c := range map[string]struct {
		selector api.TunnelSelector
		want     []string
	}{
		"all":            {api.TunnelSelector{}, both},
		"listener":       {api.TunnelSelector{Listener: new("one")}, both[:1]},
		"rule":           {api.TunnelSelector{Rule: new("r2")}, both[1:]},
		"pool":           {api.TunnelSelector{Pool: new("q")}, both[1:]},
		"target":         {api.TunnelSelector{Target: new("key")}, both[:1]},
		"own target":     {api.TunnelSelector{Target: new("target/t")}, both[1:]},
		"client":         {api.TunnelSelector{Client: new("127.0.0.1")}, both[:1]},
		"mapped":         {api.TunnelSelector{Client: new("::ffff:127.0.0.1")}, both[:1]},
		"range":          {api.TunnelSelector{Client: new("2001:db8::/32")}, both[1:]},
		"other client":   {api.TunnelSelector{Client: new("127.0.0.2")}, both[:0]},
		"idle":           {api.TunnelSelector{IdleFor: new(spec.Duration("1h"))}, both[:0]},
		"older":          {api.TunnelSelector{OlderThan: new(spec.Duration("1h"))}, both[:0]},
		"at least 0s":    {api.TunnelSelector{IdleFor: new(spec.Duration("0s")), OlderThan: new(spec.Duration("0s"))}, both},
		"draining":       {api.TunnelSelector{Draining: new(true)}, both[:0]},
		"not draining":   {api.TunnelSelector{Draining: new(false)}, both},
		"several":        {api.TunnelSelector{Listener: new("one"), Rule: new("r1"), Pool: new("p"), Target: new("key"), Client: new("127.0.0.0/8")}, both[:1]},
		"none fits both": {api.TunnelSelector{Listener: new("one"), Rule: new("r2")}, both[:0]},
	} {
		if diff := cmp.Diff(c.want, r.clients(api.TunnelQuery{TunnelSelector: c.selector})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for path, q := range map[string]api.TunnelQuery{
		"listener":   {TunnelSelector: api.TunnelSelector{Listener: new("three")}},
		"rule":       {TunnelSelector: api.TunnelSelector{Rule: new("one")}},
		"pool":       {TunnelSelector: api.TunnelSelector{Pool: new("")}},
		"target":     {TunnelSelector: api.TunnelSelector{Target: new("t")}},
		"client":     {TunnelSelector: api.TunnelSelector{Client: new("example.com")}},
		"idle_for":   {TunnelSelector: api.TunnelSelector{IdleFor: new(spec.Duration("-1s"))}},
		"older_than": {TunnelSelector: api.TunnelSelector{OlderThan: new(spec.Duration("long"))}},
		"sort":       {Sort: "size"},
		"next":       {Next: "0-zz"},
	} {
		if _, ps := r.plane.Tunnels(q); len(ps) != 1 || ps[0].Path != path {
			t.Errorf("%s: problems %v", path, ps)
		}
	}
	zeros := spec.Duration(strings.Repeat("0", 1000) + "s") // A duration to Go, which nobody writes.
	if _, ps := r.plane.Tunnels(api.TunnelQuery{TunnelSelector: api.TunnelSelector{IdleFor: &zeros, OlderThan: &zeros}}); len(ps) != 2 {
		t.Errorf("durations of any length: %v", ps)
	}
	if _, ps := r.plane.Tunnels(api.TunnelQuery{Sort: api.ActiveFirst, Next: r.view(api.TunnelQuery{Limit: 1}).Next}); len(ps) != 1 || ps[0].Path != "next" {
		t.Errorf("a second page of what moves: %v", ps)
	}
}

// TestTunnelsByTheNamesOfNow: what is renamed has its new name, what is gone its last one, with the end that it brings.
func TestTunnelsByTheNamesOfNow(t *testing.T) {
	r := newRig(t)
	port := freePort(t)
	_, at, _ := net.SplitHostPort(echoServer(t, "a"))
	r.publish(func(d *spec.Draft) {
		r.put(d, spec.Listeners, `{"name":"l","address":"127.0.0.1","port":%d,"drain_timeout":"1h"}`, port)
		r.put(d, spec.Pools, `{"name":"p","targets":{"a":{"address":"127.0.0.1","port":%s}}}`, at)
		r.put(d, spec.Settings, `{"name":"s","drain_timeout":"30m"}`)
		r.put(d, spec.Rules, `{"name":"r","listener":"l","pool":"p","setting":"s"}`)
	})
	says(t, dial(t, port), "open")
	only := func(s api.TunnelSelector) api.Tunnel {
		t.Helper()
		view := r.view(api.TunnelQuery{TunnelSelector: s})
		if len(view.Tunnels) != 1 {
			t.Fatalf("%d tunnels", len(view.Tunnels))
		}
		return view.Tunnels[0]
	}
	began := only(api.TunnelSelector{Rule: new("r")})
	names := func(v api.Tunnel) []string { return []string{v.Listener, v.Rule, v.Pool, v.Setting, v.Target} }
	if diff := cmp.Diff([]string{"l", "r", "p", "s", "a"}, names(began)); diff != "" || len(began.Gone) > 0 {
		t.Errorf("at first, gone %v (-want +got):\n%s", began.Gone, diff)
	}
	rename := func(d *spec.Draft, kind *spec.Kind, name, format string, args ...any) {
		r.ids[kind.Name+" "+name+"2"] = r.ids[kind.Name+" "+name]
		d.Remove(kind, name)
		r.put(d, kind, format, args...)
	}
	r.publish(func(d *spec.Draft) {
		rename(d, spec.Listeners, "l", `{"name":"l2","address":"127.0.0.1","port":%d,"drain_timeout":"1h"}`, port)
		rename(d, spec.Pools, "p", `{"name":"p2","targets":{"b":{"address":"127.0.0.1","port":%s}}}`, at)
		rename(d, spec.Settings, "s", `{"name":"s2","drain_timeout":"30m"}`)
		rename(d, spec.Rules, "r", `{"name":"r2","listener":"l2","pool":"p2","setting":"s2"}`)
	})
	v := only(api.TunnelSelector{Listener: new("l2"), Rule: new("r2"), Pool: new("p2"), Target: new("b")})
	if diff := cmp.Diff([]string{"l2", "r2", "p2", "s2", "b"}, names(v)); diff != "" || len(v.Gone) > 0 || v.Draining || v.ID != began.ID {
		t.Errorf("renamed, gone %v (-want +got):\n%s", v.Gone, diff)
	}
	if _, ps := r.plane.Tunnels(api.TunnelQuery{TunnelSelector: api.TunnelSelector{Rule: new("r")}}); len(ps) != 1 {
		t.Errorf("by the name of before: %v", ps)
	}
	r.publish(func(d *spec.Draft) { d.Remove(spec.Rules, "r2") })
	gone := time.Now()
	r.publish(func(d *spec.Draft) { d.Remove(spec.Settings, "s2") })
	v = only(api.TunnelSelector{Rule: new("r2"), Draining: new(true)})
	deadline, err := time.Parse(time.RFC3339, v.Deadline)
	if err != nil || deadline.After(gone.Add(31*time.Minute)) || deadline.Before(gone.Add(29*time.Minute)) {
		t.Errorf("the deadline is %s, want half an hour from %s", v.Deadline, gone)
	}
	if diff := cmp.Diff([]string{"l2", "r2", "p2", "s2", "b"}, names(v)); diff != "" || v.EndedBy != "change" || !v.Draining || !slices.Equal(v.Gone, []string{"rule", "setting"}) {
		t.Errorf("behind its rule: %+v (-want +got):\n%s", v, diff)
	}
	r.publish(func(d *spec.Draft) { d.Remove(spec.Pools, "p2") })
	if v = only(api.TunnelSelector{Pool: new("p2"), Target: new("b")}); !slices.Equal(v.Gone, []string{"rule", "pool", "setting", "target"}) {
		t.Errorf("behind its pool: %+v", v)
	}
}

// TestTunnelOverTLS is told as what it is.
func TestTunnelOverTLS(t *testing.T) {
	r := newRig(t)
	port := freePort(t)
	_, at, _ := net.SplitHostPort(echoServer(t, "a"))
	pair := certtest.New(certtest.Issue{Names: []string{"127.0.0.1"}})
	r.publish(func(d *spec.Draft) {
		r.put(d, spec.Certificates, `{"name":"c","certificate_pem":%q,"private_key_pem":%q}`, pair.Certificate, pair.Key)
		r.put(d, spec.Listeners, `{"name":"l","address":"127.0.0.1","port":%d,"protocol":"https","certificates":["c"]}`, port)
		r.put(d, spec.Pools, `{"name":"p","targets":{"a":{"address":"127.0.0.1","port":%s}}}`, at)
		r.put(d, spec.Settings, `{"name":"s"}`)
		r.put(d, spec.Rules, `{"name":"r","listener":"l","pool":"p","setting":"s"}`)
	})
	dialer := websocket.Dialer{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	c, answer, err := dialer.Dial(fmt.Sprintf("wss://127.0.0.1:%d/", port), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	t.Cleanup(func() { _ = c.Close() })
	says(t, c, "hello")
	if v := r.view(api.TunnelQuery{}).Tunnels; len(v) != 1 || v[0].Protocol != "wss" || told(v)[0] != clientOf(c) || v[0].ReceivedBytes != 11 {
		t.Errorf("%+v", v)
	}
}
