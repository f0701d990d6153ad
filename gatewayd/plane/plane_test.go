package plane

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/control"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A rig is a plane with a configuration that a test changes step by step.
type rig struct {
	t     testing.TB
	plane *Plane
	set   *spec.Set
	ids   map[string]string // by kind and name: what is created again keeps its id, as control sees to
}

func newRig(t *testing.T) *rig { return newRigOf(t, Config{Loops: 2}) }

func newRigOf(t testing.TB, cfg Config) *rig {
	p, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return &rig{t: t, plane: p, ids: map[string]string{}}
}

// next is the configuration after some objects were put and some removed.
func (r *rig) next(change func(d *spec.Draft)) *spec.Set {
	d := r.set.Draft(r.set.Revision() + 1)
	change(d)
	return d.Finish()
}

// put stores an object written as JSON.
func (r *rig) put(d *spec.Draft, kind *spec.Kind, format string, args ...any) {
	r.t.Helper()
	o, problems := spec.Decode(kind, fmt.Appendf(nil, format, args...))
	if problems != nil {
		r.t.Fatal(problems)
	}
	at := kind.Name + " " + o.Key()
	if r.ids[at] == "" {
		r.ids[at] = fmt.Sprintf("id-%d", len(r.ids))
	}
	d.Put(spec.NewEntry(r.ids[at], d.Revision(), o))
}

// publish makes a change serve and fails the test where that is refused.
func (r *rig) publish(change func(d *spec.Draft)) {
	r.t.Helper()
	next := r.next(change)
	prepared, problems := r.plane.Prepare(next, false)
	if prepared == nil {
		r.t.Fatalf("refused: %v", problems)
	}
	prepared.Publish()
	r.set = next
}

// route publishes a listener on a port whose requests all go to one target.
func (r *rig) route(port int, target string) {
	host, at, err := net.SplitHostPort(target)
	if err != nil {
		r.t.Fatal(err)
	}
	r.publish(func(d *spec.Draft) {
		r.put(d, spec.Listeners, `{"name":"l","address":"127.0.0.1","port":%d,"drain_timeout":"1s"}`, port)
		r.put(d, spec.Pools, `{"name":"p","targets":{"a":{"address":%q,"port":%s}}}`, host, at)
		r.put(d, spec.Probes, `{"name":"up","interval":"100ms"}`)
		r.put(d, spec.Settings, `{"name":"s","probe":"up","drain_timeout":"1s"}`)
		r.put(d, spec.Rules, `{"name":"r","listener":"l","pool":"p","setting":"s"}`)
	})
}

// echoServer is a backend that says its name and echoes on WebSockets.
func echoServer(t *testing.T, name string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serveEcho(t, l, name)
	return l.Addr().String()
}

// serveEcho serves an echoServer on a listening socket until the test's end.
func serveEcho(t *testing.T, l net.Listener, name string) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !websocket.IsWebSocketUpgrade(r) {
			_, _ = io.WriteString(w, name)
			return
		}
		echoes(w, r)
	})
	s := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
}

// echoes takes a WebSocket and echoes on it until it ends.
func echoes(w http.ResponseWriter, r *http.Request) {
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	c, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer func() { _ = c.Close() }()
	for {
		kind, b, err := c.ReadMessage()
		if err != nil || c.WriteMessage(kind, b) != nil {
			return
		}
	}
}

func freePort(t testing.TB) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

// ask requests / on a port over a connection of its own.
func ask(t *testing.T, port int) (status int, body string) {
	t.Helper()
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}
	answer, err := c.Get(fmt.Sprintf("http://127.0.0.1:%d/", port))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(b)
}

func dial(t *testing.T, port int) *websocket.Conn {
	t.Helper()
	c, answer, err := websocket.DefaultDialer.Dial(fmt.Sprintf("ws://127.0.0.1:%d/", port), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	t.Cleanup(func() { _ = c.Close() })
	// An end for a broken test, never a measure.
	if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return c
}

// says fails the test where a WebSocket does not echo.
func says(t *testing.T, c *websocket.Conn, text string) {
	t.Helper()
	if err := c.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		t.Fatal(err)
	}
	_, b, err := c.ReadMessage()
	if err != nil || string(b) != text {
		t.Fatalf("want %q back, got %q, %v", text, b, err)
	}
}

func TestPublishIsLiveWhenItReturns(t *testing.T) {
	r := newRig(t)
	a, b := echoServer(t, "a"), echoServer(t, "b")
	port := freePort(t)
	r.route(port, a)
	for i := range 20 {
		want, target := "b", b
		if i%2 == 1 {
			want, target = "a", a
		}
		r.route(port, target)
		if status, body := ask(t, port); status != 200 || body != want {
			t.Fatalf("round %d: want 200 %q, got %d %q", i, want, status, body)
		}
	}
	r.publish(func(d *spec.Draft) { d.Remove(spec.Rules, "r") })
	if status, _ := ask(t, port); status != http.StatusNotFound {
		t.Errorf("want 404 without a rule, got %d", status)
	}
	r.publish(func(d *spec.Draft) { d.Remove(spec.Listeners, "l") })
	if c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("want a refused connect without a listener, got %v %v", c, err)
	}
}

func TestRefusedPrepareLeavesNothing(t *testing.T) {
	r := newRig(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	free, busy := freePort(t), taken.Addr().(*net.TCPAddr).Port
	change := func(d *spec.Draft) {
		r.put(d, spec.Listeners, `{"name":"good","address":"127.0.0.1","port":%d}`, free)
		r.put(d, spec.Listeners, `{"name":"bad","address":"127.0.0.1","port":%d}`, busy)
		r.put(d, spec.Listeners, `{"name":"foreign","address":"192.0.2.1","port":%d}`, free)
	}
	prepared, problems := r.plane.Prepare(r.next(change), false)
	if prepared != nil || len(problems) != 2 {
		t.Fatalf("want two problems and nothing prepared, got %v %v", prepared, problems)
	}
	paths := map[string]string{}
	for _, p := range problems {
		paths[p.Name] = p.Path
		if !p.Transient {
			t.Errorf("%v: want it transient", p)
		}
	}
	if paths["bad"] != "port" || paths["foreign"] != "address" {
		t.Errorf("want problems at bad's port and foreign's address, got %v", problems)
	}
	if c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", free)); err == nil {
		_ = c.Close()
		t.Error("the good listener's port was left bound")
	}

	// The same leniently serves the rest, and all of it once the port is free.
	next := r.next(change)
	lenient, problems := r.plane.Prepare(next, true)
	if lenient == nil || len(problems) != 2 {
		t.Fatalf("want it served with two conditions, got %v", problems)
	}
	lenient.Publish()
	r.set = next
	if status, _ := ask(t, free); status != http.StatusNotFound {
		t.Errorf("want the good listener to answer, got %d", status)
	}
	_ = taken.Close()
	lenient, problems = r.plane.Prepare(next, true)
	if len(problems) != 1 {
		t.Errorf("want only the foreign address left, got %v", problems)
	}
	lenient.Publish()
	if status, _ := ask(t, busy); status != http.StatusNotFound {
		t.Errorf("want the freed port to answer, got %d", status)
	}
}

// TestOnlyWhatIsGoneEnds changes everything around a WebSocket, then takes away what it uses.
func TestOnlyWhatIsGoneEnds(t *testing.T) {
	for name, remove := range map[string]func(r *rig, d *spec.Draft){
		"listener": func(_ *rig, d *spec.Draft) { d.Remove(spec.Listeners, "l") },
		"rule":     func(_ *rig, d *spec.Draft) { d.Remove(spec.Rules, "r") },
		"pool":     func(_ *rig, d *spec.Draft) { d.Remove(spec.Rules, "r"); d.Remove(spec.Pools, "p") },
		"target":   func(r *rig, d *spec.Draft) { r.put(d, spec.Pools, `{"name":"p"}`) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			port := freePort(t)
			r.route(port, echoServer(t, "a"))
			c := dial(t, port)
			says(t, c, "before")
			r.publish(func(d *spec.Draft) { // A rule that is used by nobody's connection, and one that takes all new ones.
				r.put(d, spec.Pools, `{"name":"q"}`)
				r.put(d, spec.Rules, `{"name":"first","priority":1,"listener":"l","pool":"q","setting":"s"}`)
			})
			says(t, c, "another rule")
			r.publish(func(d *spec.Draft) { r.put(d, spec.Settings, `{"name":"s","request_timeout":"1s"}`) })
			says(t, c, "another setting")
			for range 2 { // Gone and back within the drain, then gone for good.
				before := r.set
				r.publish(func(d *spec.Draft) { remove(r, d) })
				says(t, c, "draining")
				r.publish(func(d *spec.Draft) {
					for _, kind := range spec.Kinds() {
						for _, e := range before.All(kind) {
							d.Put(e)
						}
					}
				})
				says(t, c, "back")
			}
			r.publish(func(d *spec.Draft) { remove(r, d) })
			_, _, err := c.ReadMessage()
			if !websocket.IsCloseError(err, websocket.CloseGoingAway) {
				t.Errorf("want a Close 1001, got %v", err)
			}
		})
	}
}

// TestUnusedPoolKeepsItsTunnels: no rule names the pool any more, but it is still there, and so are its targets.
func TestUnusedPoolKeepsItsTunnels(t *testing.T) {
	r := newRig(t)
	port := freePort(t)
	r.route(port, echoServer(t, "a"))
	c := dial(t, port)
	says(t, c, "before")
	r.publish(func(d *spec.Draft) {
		r.put(d, spec.Pools, `{"name":"q"}`)
		r.put(d, spec.Rules, `{"name":"r","listener":"l","pool":"q","setting":"s"}`)
	})
	if status, _ := ask(t, port); status != http.StatusBadGateway {
		t.Errorf("want 502 from the empty pool, got %d", status)
	}
	r.publish(func(d *spec.Draft) { r.put(d, spec.Probes, `{"name":"up","interval":"200ms"}`) })
	says(t, c, "unused")
	r.publish(func(d *spec.Draft) { d.Remove(spec.Pools, "p") })
	if _, _, err := c.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseGoingAway) {
		t.Errorf("want a Close 1001 once the pool is gone, got %v", err)
	}
}

func TestHealthIsShownByNameAndSurvivesChanges(t *testing.T) {
	r := newRig(t)
	port := freePort(t)
	r.route(port, echoServer(t, "a"))
	state := func(pool, setting string) string {
		return r.plane.Health("").Pools[pool].Settings[setting].Targets["a"].State
	}
	for state("p", "s") != "healthy" {
		time.Sleep(5 * time.Millisecond)
	}
	r.publish(func(d *spec.Draft) { // A rename: the id stays, the rule follows.
		pool := *r.set.Get(spec.Pools, "p").Object.(*spec.Pool)
		d.Remove(spec.Pools, "p")
		pool.Name = "renamed"
		d.Put(spec.NewEntry(r.ids["pool p"], d.Revision(), &pool))
		r.put(d, spec.Rules, `{"name":"r","listener":"l","pool":"renamed","setting":"s"}`)
	})
	if got := state("renamed", "s"); got != "healthy" {
		t.Errorf("want the health to survive a rename, got %q", got)
	}
	if status, body := ask(t, port); status != 200 || body != "a" {
		t.Errorf("got %d %q", status, body)
	}
	if a := r.plane.Activity(); a.Loops != 2 {
		t.Errorf("got %+v", a)
	}
}

func TestInspectTellsTiesAndBindsNothing(t *testing.T) {
	r := newRig(t)
	port := freePort(t)
	next := r.next(func(d *spec.Draft) {
		r.put(d, spec.Listeners, `{"name":"l","address":"127.0.0.1","port":%d}`, port)
		r.put(d, spec.Pools, `{"name":"p"}`)
		r.put(d, spec.Settings, `{"name":"s"}`)
		r.put(d, spec.Rules, `{"name":"one","listener":"l","pool":"p","setting":"s"}`)
		r.put(d, spec.Rules, `{"name":"two","listener":"l","pool":"p","setting":"s"}`)
	})
	var tied []string
	for _, c := range r.plane.Inspect(next) {
		tied = append(tied, c.Kind.Name+" "+c.Name)
	}
	if len(tied) != 1 || tied[0] != "rule two" {
		t.Errorf("want rule two to be told that it is tied, got %v", tied)
	}
	if c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
		_ = c.Close()
		t.Error("Inspect bound the port")
	}
	var _ control.Plane = r.plane
}

// TestDrainIsForgottenWhenItsBackendReturns: a backend that was removed from an unused pool, and that the registry still
// knows, is as good as new when pool and rule are back.
func TestDrainIsForgottenWhenItsBackendReturns(t *testing.T) {
	r := newRig(t)
	port := freePort(t)
	r.route(port, echoServer(t, "a"))
	full := r.set.Get(spec.Pools, "p")
	c := dial(t, port)
	says(t, c, "before")
	r.publish(func(d *spec.Draft) {
		r.put(d, spec.Pools, `{"name":"q"}`)
		r.put(d, spec.Settings, `{"name":"s","probe":"up","drain_timeout":"0s"}`)
		r.put(d, spec.Rules, `{"name":"r","listener":"l","pool":"q","setting":"s"}`)
	})
	_ = c.Close()
	for r.plane.Activity().Tunnels > 0 {
		time.Sleep(time.Millisecond)
	}
	r.publish(func(d *spec.Draft) { r.put(d, spec.Pools, `{"name":"p"}`) })
	r.publish(func(d *spec.Draft) {
		d.Put(full)
		r.put(d, spec.Rules, `{"name":"r","listener":"l","pool":"p","setting":"s"}`)
	})
	c = dial(t, port)
	says(t, c, "again")
	// What was drained by mistake would be closed at once; half a second without a Close is enough.
	if err := c.SetReadDeadline(time.Now().Add(500 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	var timeout net.Error
	if _, _, err := c.ReadMessage(); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("want a silent WebSocket, got %v", err)
	}
}

// TestMovedListener: a listener that moves to another port serves there at once, and no more at the old.
func TestMovedListener(t *testing.T) {
	r := newRig(t)
	from, to := freePort(t), freePort(t)
	r.route(from, echoServer(t, "a"))
	c := dial(t, from)
	says(t, c, "before")
	// A connection that rests between two requests would find nothing at the old port.
	resting, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", from))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resting.Close() }()
	if _, err := io.WriteString(resting, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewReader(resting)
	answer, err := http.ReadResponse(answers, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()

	r.publish(func(d *spec.Draft) { r.put(d, spec.Listeners, `{"name":"l","address":"127.0.0.1","port":%d}`, to) })
	if b, err := answers.ReadByte(); err != io.EOF {
		t.Errorf("want the resting connection closed, got %q %v", b, err)
	}
	if status, _ := ask(t, to); status != 200 {
		t.Errorf("want 200 on the new port, got %d", status)
	}
	if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", from)); err != nil {
		t.Errorf("the old port is still taken: %v", err)
	} else {
		_ = l.Close()
	}
	says(t, c, "the listener is still there")
}

// TestEveryAddressHasTwoNames: "" and "::" are one place, and a listener may go from one to the other.
func TestEveryAddressHasTwoNames(t *testing.T) {
	r := newRig(t)
	port := freePort(t)
	for _, address := range []string{"", "::", ""} {
		r.publish(func(d *spec.Draft) { r.put(d, spec.Listeners, `{"name":"l","address":%q,"port":%d}`, address, port) })
		if status, _ := ask(t, port); status != http.StatusNotFound {
			t.Errorf("%q: want an answer, got %d", address, status)
		}
	}
	r.publish(func(d *spec.Draft) {
		r.put(d, spec.Listeners, `{"name":"m","address":"::","port":%d,"hostnames":["m.example"]}`, port)
	})
}
