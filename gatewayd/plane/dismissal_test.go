package plane

import (
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// TestCloseTunnels: an order to close ends those that are meant, on both loops, with its code and reason, and nobody else. A
// dry run ends none.
func TestCloseTunnels(t *testing.T) {
	r := newRig(t)
	port, other := freePort(t), freePort(t)
	_, at, _ := net.SplitHostPort(echoServer(t, "a"))
	r.publish(func(d *spec.Draft) {
		r.put(d, spec.Listeners, `{"name":"l","address":"127.0.0.1","port":%d}`, port)
		r.put(d, spec.Listeners, `{"name":"other","address":"127.0.0.1","port":%d}`, other)
		r.put(d, spec.Pools, `{"name":"p","targets":{"a":{"address":"127.0.0.1","port":%s}}}`, at)
		r.put(d, spec.Settings, `{"name":"s"}`)
		r.put(d, spec.Rules, `{"name":"r","listener":"l","pool":"p","setting":"s"}`)
		r.put(d, spec.Rules, `{"name":"r2","listener":"other","pool":"p","setting":"s"}`)
	})
	const n = 100
	meant, stays := crowd(t, port, n), dial(t, other)
	order := func(c api.TunnelClose, dryRun bool) api.TunnelsClosed {
		t.Helper()
		closed, problems := r.plane.CloseTunnels(&c, dryRun)
		if problems != nil {
			t.Fatal(problems)
		}
		return closed
	}
	body := api.TunnelClose{
		TunnelSelector: api.TunnelSelector{Rule: new("r")}, Code: new(4001), Reason: "signed out", Within: new(spec.Duration("200ms")),
	}
	if got := order(body, true); got != (api.TunnelsClosed{Ends: n}) {
		t.Errorf("a dry run: %+v", got)
	}
	for _, c := range meant {
		says(t, c, "still here")
	}
	later := body
	later.Within = new(spec.Duration("1h"))
	if got := order(later, false); got != (api.TunnelsClosed{Ends: n}) {
		t.Errorf("within an hour: %+v", got)
	}
	says(t, stays, "here")
	if v := r.view(api.TunnelQuery{TunnelSelector: api.TunnelSelector{Draining: new(true)}, Limit: 1}); v.Selected != n || v.Tunnels[0].EndedBy != "admin" || v.Tunnels[0].Deadline == "" {
		t.Errorf("seen of those that have an hour: %+v", v)
	}
	if got := order(body, false); got != (api.TunnelsClosed{Ending: n}) {
		t.Errorf("sooner: %+v", got)
	}
	var all sync.WaitGroup
	for _, c := range meant {
		all.Go(func() {
			if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
				t.Error(err)
			}
			_, _, err := c.ReadMessage()
			if e, ok := errors.AsType[*websocket.CloseError](err); !ok || e.Code != 4001 || e.Text != "signed out" {
				t.Errorf("ended by %v", err)
			}
			_ = c.Close()
		})
	}
	all.Wait()
	says(t, stays, "still here")
	until(t, "only the other is left", func() bool { return r.view(api.TunnelQuery{}).Open == 1 })

	left := r.view(api.TunnelQuery{}).Tunnels[0]
	if got := order(api.TunnelClose{IDs: []string{left.ID, meantID}, Within: new(spec.Duration("0s"))}, false); got != (api.TunnelsClosed{Ends: 1}) {
		t.Errorf("by id: %+v", got)
	}
	if _, _, err := stays.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseGoingAway) {
		t.Errorf("by id, ended by %v", err)
	}
	if got := order(api.TunnelClose{All: true}, false); got.Ends != 0 {
		t.Errorf("of none: %+v", got)
	}
}

// meantID is the id of a tunnel that is not open.
const meantID = "0-1"

// TestCloseTunnelsRefuses what does not say well what is meant, and names the field.
func TestCloseTunnelsRefuses(t *testing.T) {
	r := newRig(t)
	for _, row := range []struct {
		path string
		c    api.TunnelClose
	}{
		{"", api.TunnelClose{}},
		{"all", api.TunnelClose{All: true, IDs: []string{meantID}}},
		{"all", api.TunnelClose{All: true, TunnelSelector: api.TunnelSelector{Client: new("10.0.0.1")}}},
		{"ids", api.TunnelClose{IDs: []string{}, TunnelSelector: api.TunnelSelector{Draining: new(true)}}},
		{"ids", api.TunnelClose{IDs: make([]string, api.MaxPage+1)}},
		{"ids[1]", api.TunnelClose{IDs: []string{meantID, "1"}}},
		{"rule", api.TunnelClose{TunnelSelector: api.TunnelSelector{Rule: new("gone")}}},
		{"target", api.TunnelClose{TunnelSelector: api.TunnelSelector{Target: new("")}}},
		{"within", api.TunnelClose{All: true, Within: new(spec.Duration("61m"))}},
		{"within", api.TunnelClose{All: true, Within: new(spec.Duration("-1s"))}},
		{"within", api.TunnelClose{All: true, Within: new(spec.Duration(""))}},
		{"code", api.TunnelClose{All: true, Code: new(0)}},
		{"code", api.TunnelClose{All: true, Code: new(1006)}},
		{"code", api.TunnelClose{All: true, Code: new(5000)}},
		{"code", api.TunnelClose{All: true, Code: new(65536 + 1000)}},
		{"reason", api.TunnelClose{All: true, Reason: string(make([]byte, 124))}},
		{"reason", api.TunnelClose{All: true, Reason: "\xff"}},
	} {
		if _, ps := r.plane.CloseTunnels(&row.c, false); len(ps) != 1 || ps[0].Path != row.path {
			t.Errorf("%+v: %v, want a problem of %q", row.c, ps, row.path)
		}
	}
	for _, code := range []int{1000, 1001, 1008, 1012, 1013, 3000, 4999} {
		if _, ps := r.plane.CloseTunnels(&api.TunnelClose{All: true, Code: &code}, true); ps != nil {
			t.Errorf("%d: %v", code, ps)
		}
	}
}
