package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/client"
)

// runAsGatewayd makes the test binary a gatewayd, so that tests meet a process of its own with signals and exit codes.
const runAsGatewayd = "GATEWAYD_TEST_RUN_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(runAsGatewayd) != "" {
		os.Exit(Run("1.2.3-test", os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// gatewayd runs a command to its end.
func gatewayd(t *testing.T, args ...string) (out, errOut string, code int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	c := command(args...)
	c.Stdout, c.Stderr = &stdout, &stderr
	err := c.Run()
	if c.ProcessState == nil {
		t.Fatal(err)
	}
	return stdout.String(), stderr.String(), c.ProcessState.ExitCode()
}

func command(args ...string) *exec.Cmd {
	c := exec.Command(os.Args[0], args...)
	c.Env = []string{runAsGatewayd + "=1", "HOME=" + os.Getenv("HOME"), "PATH=" + os.Getenv("PATH")}
	return c
}

// limit, where a test sets it, changes the command of the next gatewayd.
var limit func(*exec.Cmd)

// A process is a gatewayd that serves.
type process struct {
	cmd    *exec.Cmd
	dir    string
	admin  string
	client *client.Client
	exited chan struct{}

	mu  sync.Mutex
	log bytes.Buffer
}

// serveIn starts a gatewayd on a data directory and waits until it is ready.
func serveIn(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	return serveTo(t, nil, dir, args...)
}

// serveTo is serveIn for a gatewayd that logs to a file; with none the log is collected.
func serveTo(t *testing.T, log *os.File, dir string, args ...string) *process {
	t.Helper()
	p := &process{dir: dir, exited: make(chan struct{})}
	p.admin = freeAddress(t)
	p.cmd = command(append([]string{"serve", "--data-dir", dir, "--admin", p.admin, "--admin-socket", "off", "--loops", "2"}, args...)...)
	if limit != nil {
		limit(p.cmd)
	}
	p.cmd.Stderr = p
	if log != nil {
		p.cmd.Stderr = log
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = p.cmd.Wait(); close(p.exited) }()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.exited
		if t.Failed() {
			t.Logf("log of gatewayd:\n%s", p.text())
		}
	})
	var err error
	p.client, err = client.New(client.Config{
		Endpoints: []string{"http://" + p.admin}, TokenFile: filepath.Join(dir, "admin.token"), RetryMax: -1,
	})
	if err != nil {
		t.Fatal(err)
	}
	patience := time.After(time.Minute)
	for p.status("/readyz") != http.StatusOK {
		select {
		case <-p.exited:
			t.Fatalf("gatewayd ended: %s\n%s", p.cmd.ProcessState, p.text())
		case <-patience:
			t.Fatal("gatewayd does not become ready")
		case <-time.After(10 * time.Millisecond):
		}
	}
	return p
}

// Write collects the log.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(b)
}

func (p *process) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// status asks the admin API for a URL that needs no token; 0 means that nobody answered.
func (p *process) status(path string) int {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.admin+path, nil)
	if err != nil {
		return 0
	}
	request.Close = true
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// wait waits for the end of the process and returns its exit code.
func (p *process) wait(t *testing.T) int {
	t.Helper()
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(time.Minute):
		t.Fatalf("gatewayd does not end:\n%s", p.text())
		return -1
	}
}

// fill writes to a pipe until it takes no more.
func fill(t *testing.T, w *os.File) {
	t.Helper()
	raw, err := w.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	page := bytes.Repeat([]byte("fill\n"), 4096)[:4096]
	err = raw.Write(func(fd uintptr) bool { // It does not block: a pipe of ours has the runtime's poller.
		for {
			if _, err := syscall.Write(int(fd), page); err != nil && err != syscall.EINTR {
				return true
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// get reads a path of the admin API, which must be there.
func (p *process) get(t *testing.T, path string) (text []byte, header http.Header) {
	t.Helper()
	token, err := os.ReadFile(filepath.Join(p.dir, "admin.token"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+p.admin+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Body.Close() }()
	text, err = io.ReadAll(a.Body)
	if err != nil || a.StatusCode != http.StatusOK {
		t.Errorf("%s: %d, %v: %s", path, a.StatusCode, err, text)
	}
	return text, a.Header
}

// freeAddress is a loopback address that was free just now.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func portOf(t *testing.T, address string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// configFile writes a configuration: a listener whose every request goes to one backend, by a setting that drains for
// two seconds.
func configFile(t *testing.T, listen, backend string) string {
	t.Helper()
	host, port, err := net.SplitHostPort(backend)
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`{
		"listeners": [{"name": "web", "address": "127.0.0.1", "port": %s}],
		"pools":     [{"name": "app", "targets": {"a": {"address": %q, "port": %s}}}],
		"probes":    [{"name": "up", "path": "/health", "interval": "100ms", "timeout": "1s"}],
		"settings":  [{"name": "plain", "probe": "up", "drain_timeout": "2s"}],
		"rules":     [{"name": "all", "listener": "web", "pool": "app", "setting": "plain"}]
	}`, portOf(t, listen), host, port)
	file := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// want fails the test where a text lacks one of the words.
func want(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("want %q in:\n%s", w, text)
		}
	}
}
