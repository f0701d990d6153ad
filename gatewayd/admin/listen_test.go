package admin

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func newLog(g *gateway) *slog.Logger { return slog.New(slog.NewTextHandler(g.log, nil)) }

func TestListenOnLoopbackOnly(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", "[::]:0", ":0", "10.0.0.1:9180", "example.com:9180", "192.168.1.1:0", "127.0.0.1", "nonsense"} {
		if l, err := Listen(addr, ""); err == nil {
			l[0].Close()
			t.Errorf("%s was opened", addr)
		} else if !strings.Contains(err.Error(), addr) {
			t.Errorf("%s: the error does not name it: %v", addr, err)
		}
	}
	for _, addr := range []string{"127.0.0.1:0", "localhost:0"} {
		l, err := Listen(addr, "")
		if err != nil {
			t.Errorf("%s: %v", addr, err)
			continue
		}
		l[0].Close()
	}
}

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin.sock")
	first, err := Listen("", path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != os.ModeSocket|0o660 {
		t.Errorf("the socket has mode %v: %v", info.Mode(), err)
	}
	if l, err := Listen("", path); err == nil {
		l[0].Close()
		t.Error("a socket that somebody answers on was taken")
	}
	first[0].Close()
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("the closed socket's file: %v", err)
	}

	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	stale.Close()
	second, err := Listen("", path)
	if err != nil {
		t.Fatalf("a stale socket was not replaced: %v", err)
	}
	second[0].Close()

	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if l, err := Listen("", path); err == nil {
		l[0].Close()
		t.Error("a file that is no socket was replaced")
	}
	if l, err := Listen("127.0.0.1:0", path); err == nil {
		l[0].Close()
		t.Error("one of two addresses was opened alone")
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("something was left behind: %v %v", entries, err)
	}
}

func TestServerFinishesWhatIsUnderWay(t *testing.T) {
	listeners, err := Listen("127.0.0.1:0", "")
	if err != nil {
		t.Fatal(err)
	}
	entered, release := make(chan struct{}), make(chan struct{})
	server := Serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-release
		io.WriteString(w, "done")
	}), listeners, slog.New(slog.DiscardHandler))
	var wait sync.WaitGroup
	wait.Go(func() {
		response, err := http.Get("http://" + listeners[0].Addr().String())
		if err != nil {
			t.Error(err)
			return
		}
		defer response.Body.Close()
		if text, err := io.ReadAll(response.Body); err != nil || string(text) != "done" {
			t.Errorf("%q %v", text, err)
		}
	})
	<-entered
	closed := make(chan error)
	go func() { closed <- server.Close(context.Background()) }()
	close(release)
	if err := <-closed; err != nil {
		t.Error(err)
	}
	wait.Wait()
	if c, err := net.DialTimeout("tcp", listeners[0].Addr().String(), time.Second); err == nil {
		c.Close()
		t.Error("the closed server accepts")
	}
}
