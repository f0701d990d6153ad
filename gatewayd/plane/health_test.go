package plane

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// answering is a backend that answers everything with one status.
func answering(t *testing.T, status int) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u.Port()
}

// A sick is an echoing backend whose probes can be made to fail while its WebSockets go on.
type sick struct {
	at  string
	ill atomic.Bool
}

func newSick(t *testing.T) *sick {
	b := &sick{}
	s := httptest.NewServer(b.before(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if websocket.IsWebSocketUpgrade(r) {
			echoes(w, r)
		}
	})))
	t.Cleanup(s.Close)
	b.at = s.Listener.Addr().String()
	return b
}

// before has the requests to a backend fail while it is ill, but for WebSockets.
func (b *sick) before(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if b.ill.Load() && !websocket.IsWebSocketUpgrade(r) {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		h.ServeHTTP(w, r)
	})
}

func (b *sick) set(ill bool) { b.ill.Store(ill) }

// TestReplacedObjectsKeepTheHealthOfTargets takes away what leads to a pool, puts it back, and sends requests at once: a
// target that is known to be dead gets none of them.
func TestReplacedObjectsKeepTheHealthOfTargets(t *testing.T) {
	for name, remove := range map[string]func(d *spec.Draft){
		"rule":     func(d *spec.Draft) { d.Remove(spec.Rules, "r") },
		"listener": func(d *spec.Draft) { d.Remove(spec.Rules, "r"); d.Remove(spec.Listeners, "l") },
		"pool":     func(d *spec.Draft) { d.Remove(spec.Rules, "r"); d.Remove(spec.Pools, "p") },
		"setting":  func(d *spec.Draft) { d.Remove(spec.Rules, "r"); d.Remove(spec.Settings, "s") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			port := freePort(t)
			good, dead := answering(t, http.StatusOK), answering(t, http.StatusServiceUnavailable)
			r.publish(func(d *spec.Draft) {
				r.put(d, spec.Listeners, `{"name":"l","address":"127.0.0.1","port":%d}`, port)
				r.put(d, spec.Pools, `{"name":"p","targets":{"good":{"address":"127.0.0.1","port":%s},"dead":{"address":"127.0.0.1","port":%s}}}`, good, dead)
				r.put(d, spec.Probes, `{"name":"often","interval":"100ms"}`)
				r.put(d, spec.Settings, `{"name":"s","probe":"often","drain_timeout":"0s"}`)
				r.put(d, spec.Rules, `{"name":"r","listener":"l","pool":"p","setting":"s"}`)
			})
			states := func() string {
				targets := r.plane.Health("").Pools["p"].Settings["s"].Targets
				return fmt.Sprintf("good is %s, dead is %s", targets["good"].State, targets["dead"].State)
			}
			const want = "good is healthy, dead is unhealthy"
			for states() != want {
				time.Sleep(5 * time.Millisecond)
			}
			// Rarely, so that no probe of the new life can make good what was forgotten.
			r.publish(func(d *spec.Draft) { r.put(d, spec.Probes, `{"name":"often","interval":"24h"}`) })
			before := r.set
			r.publish(remove)
			if got := len(r.plane.Health("").Pools); got != 0 {
				t.Errorf("%d pools are in use, want none", got)
			}
			r.publish(func(d *spec.Draft) {
				for _, kind := range spec.Kinds() {
					for _, e := range before.All(kind) {
						d.Put(e)
					}
				}
			})
			if got := states(); got != want {
				t.Errorf("after the return %s, want that %s", got, want)
			}
			for range 20 {
				if status, _ := ask(t, port); status != http.StatusOK {
					t.Fatalf("a request was answered with %d", status)
				}
			}
		})
	}
}
