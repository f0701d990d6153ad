package plane

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// TestASplitShareLeaves: other weights and a share that leaves end nothing as long as its pool is there. Where the pool
// goes too, the tunnels of that share drain, and those of the others stay, though they are at the same server.
func TestASplitShareLeaves(t *testing.T) {
	r := newRig(t)
	port := freePort(t)
	server := echoServer(t, "a")
	r.route(port, server)
	host, at, err := net.SplitHostPort(server)
	if err != nil {
		t.Fatal(err)
	}
	split := func(shares ...string) func(d *spec.Draft) {
		text := strings.Join(shares, ",")
		return func(d *spec.Draft) { r.put(d, spec.Rules, `{"name":"r","listener":"l","split":{%s}}`, text) }
	}
	share := func(pool string, weight int) string {
		return fmt.Sprintf(`%q:{"pool":%[1]q,"setting":"s","weight":%d}`, pool, weight)
	}
	tunnels := map[string]*websocket.Conn{}
	all := func(what string) {
		t.Helper()
		for pool, c := range tunnels {
			says(t, c, what+" for "+pool)
		}
	}
	for _, pool := range []string{"p", "q", "o"} {
		r.publish(func(d *spec.Draft) {
			r.put(d, spec.Pools, `{"name":%q,"targets":{"a":{"address":%q,"port":%s}}}`, pool, host, at)
		})
	}
	for _, pool := range []string{"p", "q", "o"} {
		weights := map[string]int{pool: 1}
		r.publish(split(share("p", weights["p"]), share("q", weights["q"]), share("o", weights["o"])))
		tunnels[pool] = dial(t, port)
		all("other weights")
	}
	drains := func(want string) {
		t.Helper()
		d, known := r.plane.Drains(r.set.Revision())
		got := ""
		for _, x := range d.Drains {
			got += fmt.Sprintf("%s %s of %s: %d;", x.Kind, x.Name, x.Pool, x.Open)
		}
		if !known || got != want {
			t.Errorf("draining is %q, want %q", got, want)
		}
	}
	opened := map[string]uint64{}
	for _, f := range r.plane.Figures(time.Minute).Traffic {
		opened[f.Rule+" "+f.Pool] += f.TunnelsOpened
	}
	for pool := range tunnels {
		if opened["r "+pool] != 1 {
			t.Errorf("the rule counts %d WebSockets to its share %s, want one", opened["r "+pool], pool)
		}
	}
	r.publish(split(share("p", 1), share("o", 1)))
	all("a share left")
	drains("")
	r.publish(split(share("p", 1), share("q", 0), share("o", 1)))
	all("it is back")
	r.publish(func(d *spec.Draft) {
		split(share("p", 1), share("o", 1))(d)
		d.Remove(spec.Pools, "q")
	})
	drains("target a of q: 1;")
	if _, _, err := tunnels["q"].ReadMessage(); !websocket.IsCloseError(err, websocket.CloseGoingAway) {
		t.Errorf("want a Close 1001 with the pool of the share that left, got %v", err)
	}
	delete(tunnels, "q")
	all("the others")
	// As the whole rule goes, so do they.
	r.publish(func(d *spec.Draft) { d.Remove(spec.Rules, "r") })
	for pool, c := range tunnels {
		if _, _, err := c.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseGoingAway) {
			t.Errorf("want a Close 1001 of %s with the rule, got %v", pool, err)
		}
	}
}
