package acctest

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/gatewaytest"
)

// browserPatience bounds everything that is done with the browser.
const browserPatience = 3 * time.Minute

// TestBrowser: a real browser, which believes the certificate by its authority and its name and by nothing else, loads a
// page through the gateway over https; the page opens wss to where it came from and finds that text, binary, large
// messages and Closes come through, in both directions.
func TestBrowser(t *testing.T) {
	b := findBrowser(t)
	site := startSite(t)
	root := certtest.New(certtest.Issue{Names: []string{"browser root"}, CA: true})
	pair := certtest.New(certtest.Issue{Names: []string{"chat.example"}, By: root})
	s := onStage(t, gatewaytest.Start(t, gatewaytest.Loops(2)))
	port := s.port("port")
	s.variables["target"], s.variables["certificate"], s.variables["key"] = site.port, pair.Certificate, pair.Key
	s.run(s.step("browser", after(func() {
		b.trust(root)
		ended := b.open("https://chat.example:" + strconv.Itoa(port) + "/")
		select {
		case said := <-site.results:
			site.compare(t, said)
		case <-ended:
			t.Errorf("the browser ended and the page has told nothing: %s", b.complaints())
		case <-time.After(browserPatience):
			t.Errorf("the page has told nothing: %s", b.complaints())
		}
	})))
}

// A site is what stands behind the gateway: the page, what it talks to, and where it tells what it saw.
type site struct {
	port    int
	results chan map[string]any
	closed  chan string // how each socket ended, as the server sees it
}

func startSite(t *testing.T) *site {
	s := &site{results: make(chan map[string]any, 1), closed: make(chan string, 2)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, "testdata/browser/page.html") })
	mux.HandleFunc("GET /socket", func(w http.ResponseWriter, r *http.Request) { s.talk(w, r, nil) })
	mux.HandleFunc("GET /goodbye", func(w http.ResponseWriter, r *http.Request) {
		s.talk(w, r, websocket.FormatCloseMessage(websocket.CloseNormalClosure, "closing time"))
	})
	mux.HandleFunc("POST /result", func(w http.ResponseWriter, r *http.Request) {
		var said map[string]any
		if err := json.NewDecoder(r.Body).Decode(&said); err != nil {
			said = map[string]any{"failed": err.Error()}
		}
		s.results <- said
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	s.port = server.Listener.Addr().(*net.TCPAddr).Port
	return s
}

// talk sends back what comes, or says goodbye at once, and notes how it ends.
func (s *site) talk(w http.ResponseWriter, r *http.Request, goodbye []byte) {
	upgrader := websocket.Upgrader{Subprotocols: []string{"chat"}, EnableCompression: true}
	c, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // Upgrade has answered.
	}
	defer c.Close()
	if goodbye != nil {
		err = c.WriteControl(websocket.CloseMessage, goodbye, time.Now().Add(browserPatience))
	}
	for err == nil {
		var kind int
		var message []byte
		if kind, message, err = c.ReadMessage(); err == nil {
			err = c.WriteMessage(kind, message)
		}
	}
	s.closed <- err.Error()
}

// compare wants the page to have seen all, and the server the same Closes.
func (s *site) compare(t *testing.T, said map[string]any) {
	t.Helper()
	want := map[string]any{
		"secure": true, "protocol": "https:", "subprotocol": "chat", "extensions": "permessage-deflate",
		"text": "Grüße, 世界 🚀", "binary": "256 bytes", "large": "1048576 bytes", "long": "327680 characters",
		"closed": "1000, clean", "closedByServer": "1000 closing time, clean",
	}
	for name, value := range want {
		if said[name] != value {
			t.Errorf("%s: the page says %v, want %v", name, said[name], value)
		}
	}
	if said["failed"] != nil {
		t.Fatalf("the page failed: %v", said["failed"])
	}
	for _, want := range []string{"websocket: close 1000 (normal): all said", "websocket: close 1000 (normal): closing time"} {
		select {
		case got := <-s.closed:
			if got != want {
				t.Errorf("the server saw %q, want %q", got, want)
			}
		case <-time.After(browserPatience):
			t.Fatalf("the server has seen no end, want %q", want)
		}
	}
}

// A browser is Chromium with a profile, and a home, of its own.
type browser struct {
	*testing.T
	chromium, certutil string
	home               string
}

// findBrowser finds what the test needs, or skips it.
func findBrowser(t *testing.T) *browser {
	t.Helper()
	b := &browser{T: t, home: t.TempDir()}
	for name, path := range map[string]*string{"chromium": &b.chromium, "certutil": &b.certutil, "timeout": new(string)} {
		found, err := exec.LookPath(name)
		if err != nil {
			t.Skipf("there is no %s on PATH; Debian has it in chromium, libnss3-tools, coreutils", name)
		}
		*path = found
	}
	if strings.HasPrefix(b.chromium, "/snap/") {
		t.Skip("Chromium is a snap, which sees no directory of the test; a package of the distribution would do")
	}
	return b
}

// trust adds an authority to those that the browser believes, as its user would.
func (b *browser) trust(root *certtest.Pair) {
	b.Helper()
	dir, file := filepath.Join(b.home, ".pki", "nssdb"), filepath.Join(b.home, "root.pem")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(root.Certificate), 0o600); err != nil {
		b.Fatal(err)
	}
	for _, args := range [][]string{{"-N", "--empty-password"}, {"-A", "-n", "root", "-t", "C,,", "-i", file}} {
		if out, err := exec.CommandContext(b.Context(), b.certutil, append([]string{"-d", "sql:" + dir}, args...)...).CombinedOutput(); err != nil {
			b.Fatalf("certutil %v: %v\n%s", args, err, out)
		}
	}
}

// open shows a page until the test is over. What it returns is closed when the browser has ended.
func (b *browser) open(url string) <-chan struct{} {
	b.Helper()
	log, err := os.Create(b.log())
	if err != nil {
		b.Fatal(err)
	}
	defer log.Close()
	// Whatever becomes of the test, timeout ends the browser with all of its processes.
	c := exec.Command("timeout", "--signal=KILL", strconv.Itoa(int(browserPatience.Seconds()))+"s", b.chromium,
		"--headless", "--user-data-dir="+filepath.Join(b.home, "profile"),
		// It asks nobody else: no name but this one leads anywhere, and nothing runs that would want one.
		"--host-resolver-rules=MAP chat.example 127.0.0.1, MAP * ~NOTFOUND", "--no-proxy-server",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions", "--disable-default-apps",
		"--no-first-run", "--no-default-browser-check", "--no-pings", "--metrics-recording-only", "--disable-breakpad", "--disable-domain-reliability",
		// A machine of CI: everybody is root, there is neither a screen nor much of /dev/shm.
		"--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--password-store=basic", "--remote-debugging-port=0", url)
	c.Env = []string{"HOME=" + b.home, "TMPDIR=" + b.home, "PATH=" + os.Getenv("PATH")}
	c.Stdout, c.Stderr = log, log
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = c.Wait() // How it ends tells nothing: it is killed.
	}()
	b.Cleanup(func() {
		_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL) // They may have ended.
		<-ended
		// Its processes are about to end, and may write until then.
		eventually(b, "the profile is removed", func() bool { return os.RemoveAll(b.home) == nil })
	})
	return ended
}

func (b *browser) log() string { return filepath.Join(b.home, "chromium.log") }

// complaints are the last that the browser has said.
func (b *browser) complaints() string {
	text, err := os.ReadFile(b.log())
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-4096):])
}
