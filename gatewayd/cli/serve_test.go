package cli

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/gatewaytest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

func TestFirstStartMakesWhatIsMissing(t *testing.T) {
	echo := gatewaytest.StartEcho(t, "a")
	listen := freeAddress(t)
	dir := filepath.Join(t.TempDir(), "new", "data")
	config := configFile(t, listen, echo.Addr().String())
	p := serveIn(t, dir, "--config", config)
	for file, mode := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, "admin.token"): 0o600, filepath.Join(dir, "gatewayd.db"): 0o600} {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != mode {
			t.Errorf("%s: want mode %o, got %o", file, mode, got)
		}
	}
	answer, err := http.Get("http://" + listen + "/health")
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("want 200 through the gateway, got %s", answer.Status)
	}

	token := []string{"--endpoints", "http://" + p.admin, "--data-dir", dir}
	out, errOut, code := gatewayd(t, append([]string{"status"}, token...)...)
	if code != 0 {
		t.Fatalf("status: %d %s", code, errOut)
	}
	want(t, out, "1.2.3-test", "revision", "listeners", "tunnels")
	out, errOut, code = gatewayd(t, append([]string{"health"}, token...)...)
	if code != 0 {
		t.Fatalf("health: %d %s", code, errOut)
	}
	want(t, out, "POOL", "app", "plain", echo.Addr().Addr().String())
	out, errOut, code = gatewayd(t, append([]string{"health", "app"}, token...)...)
	if code != 0 {
		t.Fatalf("health app: %d %s", code, errOut)
	}
	want(t, out, "LAST RESULTS", "app", "healthy")
	if _, errOut, code = gatewayd(t, append([]string{"health", "nobody"}, token...)...); code != 1 || !strings.Contains(errOut, `There is no pool "nobody"`) {
		t.Errorf("health of a pool that is not there: %d %s", code, errOut)
	}
	out, _, _ = gatewayd(t, append([]string{"status", "--json"}, token...)...)
	want(t, out, `"version": "1.2.3-test"`)

	// A second start leaves the file alone, whatever it holds, because the store is not empty.
	p.signal(t, syscall.SIGKILL)
	p.wait(t)
	if err := os.WriteFile(config, []byte(`broken`), 0o600); err != nil {
		t.Fatal(err)
	}
	p = serveIn(t, dir, "--config", config)
	if _, _, err := p.client.Get(context.Background(), spec.Rules, "all", ""); err != nil {
		t.Error(err)
	}
}

func TestMistakesAreToldOnStart(t *testing.T) {
	used := serveIn(t, t.TempDir())
	broken := filepath.Join(t.TempDir(), "broken.json")
	if err := os.WriteFile(broken, []byte(`{"pools":[{"name":"p","targets":{"a":{"address":"x y"}}}],"rules":[{"name":"r"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	misspelt := filepath.Join(t.TempDir(), "misspelt.json")
	if err := os.WriteFile(misspelt, []byte(`{"pools":[{"name":"p","size":1}],"rules":[{"name":"r","hosts":[]}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	corrupt := t.TempDir()
	if err := os.WriteFile(filepath.Join(corrupt, "gatewayd.db"), []byte("not a database, and long enough to be looked at"), 0o600); err != nil {
		t.Fatal(err)
	}
	serve := func(args ...string) []string {
		return append([]string{"serve", "--admin", "127.0.0.1:0", "--admin-socket", "off"}, args...)
	}
	for name, c := range map[string]struct {
		args  []string
		code  int
		words []string
	}{
		"unknown flag":    {[]string{"serve", "--prot", "1"}, 2, []string{"--prot", "--help"}},
		"unknown command": {[]string{"run"}, 2, []string{"run"}},
		"open address":    {[]string{"serve", "--data-dir", t.TempDir(), "--admin", "0.0.0.0:0", "--admin-socket", "off"}, 1, []string{"0.0.0.0:0", "loopback"}},
		"taken address":   {[]string{"serve", "--data-dir", t.TempDir(), "--admin", used.admin, "--admin-socket", "off"}, 1, []string{used.admin, "in use"}},
		"taken directory": {serve("--data-dir", used.dir), 1, []string{used.dir, "lock"}},
		"corrupt store":   {serve("--data-dir", corrupt), 1, []string{"gatewayd.db"}},
		"no config file":  {serve("--data-dir", t.TempDir(), "--config", "/does/not/exist"), 1, []string{"/does/not/exist"}},
		"broken config":   {serve("--data-dir", t.TempDir(), "--config", broken), 1, []string{`targets["a"].address`, "IP address"}},
		"two faults":      {serve("--data-dir", t.TempDir(), "--config", broken), 1, []string{`pool "p"`, `rule "r"`}},
		"two misspelt":    {serve("--data-dir", t.TempDir(), "--config", misspelt), 1, []string{"misspelt.json:\n  pools[0].size: ", "\n  rules[0].hosts: "}},
		"long directory":  {[]string{"serve", "--data-dir", filepath.Join(t.TempDir(), strings.Repeat("d", 120)), "--admin", "127.0.0.1:0"}, 1, []string{"107 bytes", "--admin-socket"}},
		"short timeout":   {serve("--data-dir", t.TempDir(), "--shutdown-timeout", "1s"), 1, []string{"--shutdown-timeout", "--shutdown-delay"}},
		"DNS by name":     {serve("--data-dir", t.TempDir(), "--dns-server", "dns.example:53"), 1, []string{"--dns-server", "10.0.0.2:53"}},
		"no token":        {[]string{"status", "--data-dir", t.TempDir()}, 1, []string{"admin.token", "--token-file"}},
		"nobody there":    {[]string{"status", "--token", "x", "--endpoints", "http://" + freeAddress(t)}, 1, []string{"refused"}},
		"wrong token":     {[]string{"status", "--token", "wrong", "--endpoints", "http://" + used.admin}, 1, []string{"token"}},
		"access log":      {serve("--data-dir", t.TempDir(), "--access-log", "/does/not/exist/log"), 1, []string{"access log", "/does/not/exist/log"}},
		"log of queries":  {serve("--data-dir", t.TempDir(), "--access-log-query", "some"), 2, []string{"access-log-query", "names", "full"}},
		"no command":      {nil, 0, nil},
	} {
		out, errOut, code := gatewayd(t, c.args...)
		if code != c.code {
			t.Errorf("%s: want exit code %d, got %d: %s%s", name, c.code, code, out, errOut)
		}
		t.Run(name, func(t *testing.T) { want(t, errOut, c.words...) })
	}
}

func TestTerminationIsPolite(t *testing.T) {
	echo := gatewaytest.StartEcho(t, "a")
	listen := freeAddress(t)
	p := serveIn(t, t.TempDir(), "--config", configFile(t, listen, echo.Addr().String()),
		"--shutdown-delay", "500ms", "--shutdown-timeout", "5s")
	socket, answer, err := websocket.DefaultDialer.Dial("ws://"+listen+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	defer func() { _ = socket.Close() }()

	// Somebody who only connected to the admin API must not make the stop a failure.
	silent, err := net.Dial("tcp", p.admin)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()

	p.signal(t, syscall.SIGTERM)
	for p.status("/readyz") == http.StatusOK {
		time.Sleep(time.Millisecond)
	}
	if got := p.status("/readyz"); got != http.StatusServiceUnavailable {
		t.Errorf("want /readyz to answer 503 while stopping, got %d", got)
	}
	late, err := http.Get("http://" + listen + "/health")
	if err != nil {
		t.Fatalf("a connection within the delay: %v", err)
	}
	_ = late.Body.Close()

	_, _, err = socket.ReadMessage()
	if !websocket.IsCloseError(err, websocket.CloseServiceRestart) {
		t.Errorf("want a Close 1012 for the open WebSocket, got %v", err)
	}
	if code := p.wait(t); code != 0 {
		t.Errorf("want exit code 0, got %d:\n%s", code, p.text())
	}
}

// TestNobodyHoldsTheLog: whoever read the log is gone, and the gateway goes on.
func TestNobodyHoldsTheLog(t *testing.T) {
	reader, log := pipe(t)
	p := serveTo(t, log, t.TempDir(), "--log-level", "debug", "--shutdown-delay", "0s", "--shutdown-timeout", "5s")
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, name := range []string{"one", "two", "three"} { // Each of these is a line of the log.
		o := spec.Pools.New().(*spec.Pool)
		o.Name = name
		if _, err := p.client.Create(ctx, spec.Pools, o, ""); err != nil {
			t.Fatal(err)
		}
	}
	p.signal(t, syscall.SIGTERM)
	if code := p.wait(t); code != 0 {
		t.Errorf("want exit code 0, got %d", code)
	}
}

// TestNobodyReadsTheLog: with a pipe as its log that is full from the beginning, a gateway starts, finds out who is
// healthy, takes changes and ends.
func TestNobodyReadsTheLog(t *testing.T) {
	var status atomic.Int32
	status.Store(http.StatusOK)
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(status.Load())) }))
	defer target.Close()
	listen := freeAddress(t)
	_, log := pipe(t)
	fill(t, log)
	p := serveTo(t, log, t.TempDir(), "--config", configFile(t, listen, target.Listener.Addr().String()),
		"--log-level", "debug", "--shutdown-delay", "0s", "--shutdown-timeout", "5s")
	answers := func(want int) {
		t.Helper()
		for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
			answer, err := http.Get("http://" + listen + "/")
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
			if answer.StatusCode == want {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("want an answer %d, got %s", want, answer.Status)
			}
		}
	}
	answers(http.StatusOK)
	for range 2 {
		status.Store(http.StatusInternalServerError)
		answers(http.StatusBadGateway) // nobody is healthy
		status.Store(http.StatusOK)
		answers(http.StatusOK)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, meta, err := p.client.Get(ctx, spec.Rules, "all", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.client.Delete(ctx, spec.Rules, "all", meta.Revision, "once"); err != nil {
		t.Fatal(err)
	}
	answers(http.StatusNotFound)
	p.signal(t, syscall.SIGTERM)
	if code := p.wait(t); code != 0 {
		t.Errorf("want exit code 0, got %d", code)
	}
}

func TestSecondSignalEndsNow(t *testing.T) {
	echo := gatewaytest.StartEcho(t, "a")
	listen := freeAddress(t)
	p := serveIn(t, t.TempDir(), "--config", configFile(t, listen, echo.Addr().String()),
		"--shutdown-delay", "1h", "--shutdown-timeout", "2h")
	p.signal(t, syscall.SIGTERM)
	for p.status("/readyz") == http.StatusOK {
		time.Sleep(time.Millisecond)
	}
	p.signal(t, syscall.SIGTERM)
	if code := p.wait(t); code != 0 {
		t.Errorf("want exit code 0, got %d:\n%s", code, p.text())
	}
}

// TestKillLosesNothing kills a gateway in the middle of writes, again and again: what it acknowledged is there after the
// next start, and it serves.
func TestKillLosesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a dozen processes")
	}
	dir := t.TempDir()
	acknowledged := 0
	for round := range 8 {
		p := serveIn(t, dir)
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		for i := range acknowledged {
			if _, _, err := p.client.Get(ctx, spec.Pools, fmt.Sprintf("p%d", i), ""); err != nil {
				t.Errorf("round %d: pool %d was acknowledged: %v", round, i, err)
			}
		}
		var written atomic.Int64
		done := make(chan int)
		go func() {
			n := acknowledged
			for ctx.Err() == nil {
				pool := spec.Pools.New().(*spec.Pool)
				pool.Name = fmt.Sprintf("p%d", n)
				if _, err := p.client.Create(ctx, spec.Pools, pool, ""); err != nil {
					// The write that was under way may have been kept; its name is not used again.
					break
				}
				n++
				written.Add(1)
			}
			done <- n
		}()
		for written.Load() < int64(5*(round+1)) && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		p.signal(t, syscall.SIGKILL)
		p.wait(t)
		acknowledged = <-done
		cancel()
		// Remove what was perhaps kept without an answer, so that the next round can create it.
		q := serveIn(t, dir)
		name := fmt.Sprintf("p%d", acknowledged)
		if _, meta, err := q.client.Get(context.Background(), spec.Pools, name, ""); err == nil {
			if _, err := q.client.Delete(context.Background(), spec.Pools, name, meta.Revision, ""); err != nil {
				t.Error(err)
			}
		}
		q.signal(t, syscall.SIGKILL)
		q.wait(t)
	}
	if acknowledged == 0 {
		t.Error("nothing was written")
	}
}
