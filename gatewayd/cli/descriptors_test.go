package cli

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/gatewaytest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A gateway with 256 descriptors meets a flood of 1000 clients: those who are too many are told, and meanwhile it is
// ready, takes changes, binds sockets and probes. When the flood is over, everything is as before.
func TestFloodAtFewDescriptors(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no sh to set a limit with")
	}
	limit = func(c *exec.Cmd) {
		c.Args = append([]string{shell, "-c", `ulimit -n 256 && exec "$0" "$@"`, c.Path}, c.Args[1:]...)
		c.Path = shell
	}
	defer func() { limit = nil }()
	var probes atomic.Int64
	echo := gatewaytest.StartEcho(t, "a")
	probed := probeServer(t, &probes)
	listen := freeAddress(t)
	p := serveIn(t, t.TempDir(), "--config", configFile(t, listen, echo.Addr().String()))
	if err := put(t, p, spec.Pools, &spec.Pool{Name: "probed", Algorithm: spec.RoundRobin, SlowStart: "0s", Targets: map[string]spec.PoolTarget{
		"a": {Address: "127.0.0.1", Port: &probed, Weight: 1}}}); err != nil {
		t.Fatal(err)
	}
	pool, setting := "probed", "plain"
	if err := put(t, p, spec.Rules, &spec.Rule{Name: "probed", Listener: "web", Pool: &pool, Setting: &setting, Match: &spec.Match{Paths: []string{"/probed"}}}); err != nil {
		t.Fatal(err)
	}

	flood := newFlood(t, listen, 1000)
	if flood.refused.Load() > 0 {
		t.Errorf("%d connects were refused", flood.refused.Load())
	}
	// Meanwhile.
	if got := p.status("/readyz"); got != http.StatusOK {
		t.Errorf("/readyz answers %d under the flood", got)
	}
	second, err := strconv.Atoi(portOf(t, freeAddress(t)))
	if err != nil {
		t.Fatal(err)
	}
	l := spec.Listeners.New().(*spec.Listener)
	l.Name, l.Address, l.Port = "second", "127.0.0.1", second
	if err := put(t, p, spec.Listeners, l); err != nil {
		t.Errorf("a listener under the flood: %v", err)
	}
	before := probes.Load()
	eventually(t, "probes go on under the flood", func() bool { return probes.Load() > before+3 })
	flood.end()
	if flood.told.Load() == 0 {
		t.Error("nobody was told that there is no room")
	}

	began := time.Now()
	eventually(t, "requests are served again", func() bool { return get("http://"+listen+"/health") == http.StatusOK })
	t.Logf("served again %s behind the flood, of which %d were told 503 and %d closed", time.Since(began).Round(time.Millisecond), flood.told.Load(), flood.closed.Load())
	for range 20 {
		if got := get("http://" + listen + "/health"); got != http.StatusOK {
			t.Errorf("behind the flood a request got %d", got)
		}
	}
}

// put creates an object by the admin API.
func put(t *testing.T, p *process, kind *spec.Kind, o spec.Object) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err := p.client.Create(ctx, kind, o, "")
	return err
}

// get is the status of an answer over a connection of its own, 0 without one.
func get(url string) int {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0
	}
	r.Close = true
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

// eventually waits for what must happen.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("in vain waited until %s", what)
		}
	}
}

// probeServer answers probes and counts them, each over a connection of its own.
func probeServer(t *testing.T, n *atomic.Int64) (port int) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n.Add(1)
		w.Header().Set("Connection", "close")
	})}
	go func() { _ = s.Serve(ln) }()
	t.Cleanup(func() { _ = s.Close() })
	return ln.Addr().(*net.TCPAddr).Port
}

// A flood is many clients that connect and ask; those that are served stay.
type flood struct {
	open                  []net.Conn
	told, closed, refused atomic.Int64
	readers               sync.WaitGroup
}

// newFlood connects and asks, and returns once some were told that there is no room.
func newFlood(t *testing.T, address string, n int) *flood {
	t.Helper()
	f := &flood{}
	t.Cleanup(f.end)
	for range n {
		c, err := net.Dial("tcp", address)
		if err != nil {
			f.count(err)
			continue
		}
		f.open = append(f.open, c)
		f.readers.Go(func() {
			if _, err := io.WriteString(c, "GET /health HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
				f.closed.Add(1)
				return
			}
			b := make([]byte, len("HTTP/1.1 503"))
			if _, err := io.ReadFull(c, b); err != nil {
				f.closed.Add(1)
			} else if string(b) == "HTTP/1.1 503" {
				f.told.Add(1)
			}
		})
	}
	eventually(t, "somebody is turned away", func() bool { return f.told.Load() > 0 && f.told.Load()+f.closed.Load() > int64(n)/2 })
	return f
}

// count tells a connect that the gateway took and ended from one that nobody took.
func (f *flood) count(err error) {
	if os.IsTimeout(err) {
		f.refused.Add(1)
		return
	}
	f.closed.Add(1)
}

// end closes every client.
func (f *flood) end() {
	for _, c := range f.open {
		_ = c.Close()
	}
	f.readers.Wait()
}
