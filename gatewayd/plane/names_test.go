package plane

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
	"github.com/miekg/dns"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/dnstest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// newNamedRig is a rig that asks a DNS server of its own.
func newNamedRig(t *testing.T) (*rig, *dnstest.Server) {
	server := dnstest.New(t)
	return newRigOf(t, Config{Loops: 2, DNSServers: []string{server.Addr()}}), server
}

// echoAt is an echoServer at an address of loopback and a port.
func echoAt(t *testing.T, address string, port int) {
	t.Helper()
	l, err := net.Listen("tcp", fmt.Sprintf("%s:%d", address, port))
	if err != nil {
		t.Fatal(err)
	}
	serveEcho(t, l, address)
}

// bodies asks until nothing but the wanted answers come, in any order.
func bodies(t *testing.T, port int, want ...string) {
	t.Helper()
	until(t, fmt.Sprintf("the answers are %v", want), func() bool {
		var got []string
		for range 4 * len(want) {
			status, body := ask(t, port)
			if status != http.StatusOK {
				return false
			}
			if !slices.Contains(got, body) {
				got = append(got, body)
			}
		}
		slices.Sort(got)
		return slices.Equal(got, want)
	})
}

// TestNamesAreFollowed: each address of a name is a backend, a change of the record is followed within its TTL, what
// left keeps its tunnels and gets nothing new, and a DNS that fails changes nothing but the reason.
func TestNamesAreFollowed(t *testing.T) {
	r, server := newNamedRig(t)
	port, backends := freePort(t), freePort(t)
	for _, address := range []string{"127.0.0.1", "127.0.0.2", "127.0.0.3"} {
		echoAt(t, address, backends)
	}
	server.Set("app.test", 1, "127.0.0.1", "127.0.0.2")
	r.door(port, fmt.Sprintf(`,"targets":{"web":{"address":"App.test","port":%d}}`, backends), `,"drain_timeout":"1s"`)
	if status, _ := ask(t, port); status != http.StatusOK {
		t.Fatalf("want the name to serve once the change is live, got %d", status)
	}
	r.awaitHealthy("web@127.0.0.1", "web@127.0.0.2")
	bodies(t, port, "127.0.0.1", "127.0.0.2")

	tunnels := oneEach(t, r, port, 2)
	server.Set("app.test", 1, "127.0.0.2", "127.0.0.3")
	bodies(t, port, "127.0.0.2", "127.0.0.3")
	if list := r.plane.Health("").Pools["p"].Draining; len(list) != 1 || list[0].Address != "127.0.0.1" || list[0].Open != 1 || list[0].Deadline != "" {
		t.Errorf("the address that left is told as %+v", list)
	}
	says(t, tunnels["127.0.0.1"], "it left the answer, and I am still here")

	server.Fail("app.test", dnstest.Fault{Rcode: dns.RcodeServerFailure})
	until(t, "the failure is told", func() bool {
		n := r.plane.Health("p").Pools["p"].Names["web"]
		return n.Name == "app.test" && n.Reason != "" && slices.Equal(n.Addresses, []string{"127.0.0.2", "127.0.0.3"})
	})
	bodies(t, port, "127.0.0.2", "127.0.0.3")
	server.Fail("app.test", dnstest.Fault{})
	server.Set("app.test", 1, "127.0.0.1", "127.0.0.3")
	bodies(t, port, "127.0.0.1", "127.0.0.3")
	until(t, "the tunnels of 127.0.0.2 alone are on their way out", func() bool {
		list := r.plane.Health("").Pools["p"].Draining
		return len(list) == 1 && list[0].Address == "127.0.0.2"
	})

	// Taken out of the pool, the name takes all its tunnels along, those of addresses that left too.
	r.publish(func(d *spec.Draft) { r.put(d, spec.Pools, `{"name":"p"}`) })
	for address, c := range tunnels {
		if _, _, err := c.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseGoingAway) {
			t.Errorf("%s: want Close 1001, got %v", address, err)
		}
	}
}

// oneEach opens a tunnel to each of n backends, and says which is whose by the address.
func oneEach(t *testing.T, r *rig, port, n int) map[string]*websocket.Conn {
	t.Helper()
	open := func() map[string]int64 {
		counts := map[string]int64{}
		for _, x := range r.plane.Health("").Pools["p"].Settings["s"].Targets {
			if x.Open > 0 {
				counts[x.Address] = x.Open
			}
		}
		return counts
	}
	tunnels := map[string]*websocket.Conn{}
	for len(tunnels) < n {
		before := len(tunnels)
		c := dial(t, port)
		says(t, c, "hello")
		for address := range open() {
			if tunnels[address] == nil {
				tunnels[address] = c
			}
		}
		if len(tunnels) > before {
			continue
		}
		_ = c.Close() // The second of one backend.
		until(t, "every backend has one tunnel", func() bool {
			for _, n := range open() {
				if n > 1 {
					return false
				}
			}
			return true
		})
	}
	return tunnels
}

// TestANameWithoutAddress is told on the object that names it, and serves once it has one.
func TestANameWithoutAddress(t *testing.T) {
	r, server := newNamedRig(t)
	port, backends := freePort(t), freePort(t)
	echoAt(t, "127.0.0.1", backends)
	r.door(port, "", "")
	next := r.next(func(d *spec.Draft) {
		r.put(d, spec.Pools, `{"name":"p","targets":{"web":{"address":"own.test","port":%d}}}`, backends)
		r.put(d, spec.Targets, `{"name":"other","pool":"p","address":"enrolled.test","port":%d}`, backends)
	})
	prepared, conditions := r.plane.Prepare(next, false)
	if prepared == nil || len(conditions) != 2 {
		t.Fatalf("want it served with two conditions, got %v", conditions)
	}
	for i, want := range []struct {
		kind       *spec.Kind
		name, path string
	}{{spec.Pools, "p", `targets["web"].address`}, {spec.Targets, "other", "address"}} {
		c := conditions[i]
		if c.Kind != want.kind || c.Name != want.name || c.Path != want.path || !c.Transient || !strings.Contains(c.Message, "NXDOMAIN") {
			t.Errorf("want a condition of %s %q at %s, got %+v", want.kind, want.name, want.path, c)
		}
	}
	prepared.Publish()
	r.set = next
	if status, _ := ask(t, port); status != http.StatusBadGateway {
		t.Errorf("want 502 without an address, got %d", status)
	}
	server.Set("own.test", 1, "127.0.0.1")
	server.Set("enrolled.test", 1, "127.0.0.1")
	bodies(t, port, "127.0.0.1")
}
