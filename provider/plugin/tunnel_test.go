package plugin_test

import (
	"errors"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/client"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/gatewaytest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A line is a listener, setting, rule and pool with one server behind it, and a WebSocket through them.
type line struct {
	*gateway
	backend *gatewaytest.Echo
	port    int
	ended   chan error // why the WebSocket ended
}

// newLine has an empty pool, "chat"; what leaves it drains for so long.
func newLine(t *testing.T, drain spec.Duration) *line {
	t.Helper()
	l := &line{gateway: newGateway(t), backend: gatewaytest.StartEcho(t, "app"), port: gatewaytest.FreePort(t), ended: make(chan error, 1)}
	listener, setting, rule := spec.Listeners.New().(*spec.Listener), spec.Settings.New().(*spec.Setting), spec.Rules.New().(*spec.Rule)
	listener.Name, listener.Address, listener.Port = "chat", "127.0.0.1", l.port
	setting.Name, setting.DrainTimeout = "chat", drain
	rule.Name, rule.Listener, rule.Pool, rule.Setting = "chat", "chat", new("chat"), new("chat")
	for _, o := range []spec.Object{listener, setting, poolOf("chat", nil), rule} {
		l.write(o, "chat")
	}
	return l
}

// member is the server in the map of a pool.
func (l *line) member() object {
	return object{"address": "127.0.0.1", "port": int(l.backend.Addr().Port())}
}

// connect opens the WebSocket, once there is somebody to take it, and hears until it ends.
func (l *line) connect() {
	l.Helper()
	var socket *gatewaytest.Socket
	var err error
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if socket, err = gatewaytest.Dial(l.Context(), gatewaytest.URL("ws", l.port, "/"), nil); err == nil {
			break
		}
	}
	if err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() { socket.Close() })
	go func() {
		_, _, err := socket.ReadMessage() // Nobody says anything to it.
		l.ended <- err
	}()
}

// tunnels are those that are open now.
func (l *line) tunnels() int64 {
	l.Helper()
	status, err := l.real.Client().Status(l.Context())
	if err != nil {
		l.Fatal(err)
	}
	return status.Activity.Tunnels
}

// ways are the writes that take the server out, after those that put it in.
func ways(l *line) map[string]func(*run) (put, take func() string) {
	apply := func(i *instance, config object) func() string {
		return func() string {
			i.Helper()
			p := i.plan(config)
			return p.diagnostics + i.apply(p)
		}
	}
	enrolled := func(address string) object {
		return object{"name": "app", "pool": "chat", "address": address, "port": l.member()["port"]}
	}
	inMap := func(r *run, after object) (put, take func() string) {
		i := r.instance(spec.Pools)
		if ds := i.importName("chat", false); ds != "" {
			r.Fatal(ds)
		}
		return apply(i, object{"name": "chat", "targets": object{"app": l.member()}}), apply(i, after)
	}
	return map[string]func(*run) (put, take func() string){
		"a target that is destroyed": func(r *run) (put, take func() string) {
			i := r.instance(spec.Targets)
			return apply(i, enrolled("127.0.0.1")), apply(i, nil)
		},
		"a target that moves": func(r *run) (put, take func() string) {
			i := r.instance(spec.Targets)
			return apply(i, enrolled("127.0.0.1")), apply(i, enrolled("127.0.0.2"))
		},
		"a member that leaves the map": func(r *run) (put, take func() string) {
			return inMap(r, object{"name": "chat"})
		},
		"a member that moves": func(r *run) (put, take func() string) {
			return inMap(r, object{"name": "chat", "targets": object{"app": object{"address": "127.0.0.2", "port": l.member()["port"]}}})
		},
	}
}

// TestAWriteReturnsWhenNothingIsOpen: when a write that took a target out has returned, its WebSocket has got its Close,
// and the gateway has none any more.
func TestAWriteReturnsWhenNothingIsOpen(t *testing.T) {
	for name := range ways(&line{}) {
		t.Run(name, func(t *testing.T) {
			l := newLine(t, "1s")
			put, take := ways(l)[name](start(t, l.gateway, nil))
			if ds := put(); ds != "" {
				t.Fatal(ds)
			}
			l.connect()
			if ds := take(); ds != "" {
				t.Fatal(ds)
			}
			if n := l.tunnels(); n != 0 {
				t.Errorf("the write returned with %d WebSockets open", n)
			}
			var closed *websocket.CloseError
			if err := <-l.ended; !errors.As(err, &closed) || closed.Code != websocket.CloseGoingAway {
				t.Errorf("want Close 1001, got %v", err)
			}
			if len(l.asked) < 2 {
				t.Errorf("want the gateway to be asked again and again, got %v", l.asked)
			}
		})
	}
}

// TestAWriteReturnsAtOnce where the provider does not wait, and where nothing of its own drains; the WebSocket goes on.
func TestAWriteReturnsAtOnce(t *testing.T) {
	l := newLine(t, "10m")
	r := start(t, l.gateway, nil)
	target := r.instance(spec.Targets)
	config := object{"name": "app", "pool": "chat", "address": "127.0.0.1", "port": l.member()["port"]}
	target.must(config)
	l.connect()
	other := r.instance(spec.Targets)
	other.must(object{"name": "other", "pool": "chat", "address": "127.0.0.2"})
	goesOn := func() {
		t.Helper()
		if n := l.tunnels(); n != 1 {
			t.Fatalf("want the WebSocket to go on, got %d", n)
		}
	}
	other.must(object{"name": "other", "pool": "chat", "address": "127.0.0.3"})
	goesOn()
	other.must(nil)
	goesOn()
	target.must(object{"name": "again", "pool": "chat", "address": "127.0.0.1", "port": l.member()["port"], "weight": 7})
	goesOn()
	hasty := target.in(start(t, l.gateway, l.arguments(object{"wait_for_drain": false})))
	p := hasty.plan(nil)
	want(t, p.diagnostics, `warning: Mind target "again": The target ends 1 of the 1 requests and WebSockets that are open now, within 10m.`)
	if ds := hasty.apply(p); ds != "" {
		t.Fatal(ds)
	}
	goesOn()
	// Back within its drain, under another name.
	l.write(&spec.Target{Name: "back", Pool: "chat", Address: "127.0.0.1", Port: new(l.member()["port"].(int)), Weight: 1}, "back")
	drains, _, err := l.real.Client().Drains(t.Context(), l.revision()-1)
	if err != nil || len(drains.Drains) != 0 {
		t.Errorf("want nothing to drain any more, got %+v and %v", drains, err)
	}
	goesOn()
}

// TestAMemberUnderAnotherKey is the same member: nothing drains, and nobody waits.
func TestAMemberUnderAnotherKey(t *testing.T) {
	l := newLine(t, "10m")
	i := start(t, l.gateway, nil).instance(spec.Pools)
	if ds := i.importName("chat", false); ds != "" {
		t.Fatal(ds)
	}
	i.must(object{"name": "chat", "targets": object{"a": l.member()}})
	l.connect()
	i.must(object{"name": "chat", "targets": object{"b": l.member(), "c": object{"address": "127.0.0.2"}}})
	if n := l.tunnels(); n != 1 || len(l.asked) != 1 {
		t.Errorf("want one WebSocket and one question, got %d and %v", n, l.asked)
	}
}

// revision is that of the configuration.
func (g *gateway) revision() uint64 {
	g.Helper()
	_, revision, err := g.real.Client().ConfigRevision(g.Context())
	if err != nil {
		g.Fatal(err)
	}
	return revision
}

// TestARestartEndsAWait: a gateway that comes back has nothing open, and remembers nothing of what drained.
func TestARestartEndsAWait(t *testing.T) {
	l := newLine(t, "10m")
	i := start(t, l.gateway, nil).instance(spec.Targets)
	i.must(object{"name": "app", "pool": "chat", "address": "127.0.0.1", "port": l.member()["port"]})
	l.connect()
	p := i.plan(nil)
	done := make(chan string)
	go func() { done <- i.apply(p) }()
	for l.questions() < 2 {
		select {
		case ds := <-done:
			t.Fatalf("the write returned while a WebSocket was open: %s", ds)
		case <-time.After(5 * time.Millisecond):
		}
	}
	l.real.Restart()
	if ds := <-done; ds != "" {
		t.Errorf("want nothing said, got %s", ds)
	}
	if _, _, err := l.real.Client().Get(t.Context(), spec.Targets, "app", ""); !api.IsNotFound(err) || client.IsUnreachable(err) {
		t.Errorf("want the target gone, got %v", err)
	}
}

// questions counts how often it was asked what is draining.
func (g *gateway) questions() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.asked)
}
