//go:build linux || darwin || freebsd

package loop

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// unixSocket listens on a Unix socket in a directory of the test's own.
func unixSocket(t *testing.T) (*net.UnixListener, string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "loop") // the test's own TempDir may be longer than a socket's path can be
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return ln, path
}

func acceptUnix(t *testing.T, ln *net.UnixListener) *net.UnixConn {
	t.Helper()
	_ = ln.SetDeadline(time.Now().Add(patience))
	c, err := ln.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return c
}

func TestDialUnixSocket(t *testing.T) {
	l := running(t)
	ln, path := unixSocket(t)
	request, answer := pattern(3<<20, 1), pattern(2<<20, 2)
	var got []byte
	closed := make(chan error, 1)
	var c *Conn
	on(t, l, func() {
		c = l.Dial(Remote{Path: path}, &funcs{
			connected: func() {
				if c.RemoteAddr().IsValid() || c.LocalAddr().IsValid() {
					t.Errorf("the addresses are %v and %v, want none", c.RemoteAddr(), c.LocalAddr())
				}
			},
			data:   func(b []byte) int { got = append(got, b...); return len(b) },
			eof:    func() { c.Close() },
			closed: func(err error) { closed <- err },
		})
		c.Write(request)
		c.CloseWrite()
	})
	peer := acceptUnix(t, ln)
	if b, err := io.ReadAll(peer); err != nil || !bytes.Equal(b, request) {
		t.Fatalf("the peer read %d bytes, %v; want the %d sent and the end", len(b), err, len(request))
	}
	if _, err := peer.Write(answer); err != nil { // the other direction is still open
		t.Fatal(err)
	}
	_ = peer.CloseWrite()
	if err := <-closed; err != nil {
		t.Errorf("Closed(%v)", err)
	}
	if !bytes.Equal(got, answer) {
		t.Errorf("got %d bytes, want the %d of the answer", len(got), len(answer))
	}
}

// TestResetOfAUnixSocketIsAClose: a Unix socket has no reset, so that its peer reads what was sent and the end.
func TestResetOfAUnixSocketIsAClose(t *testing.T) {
	l := running(t)
	ln, path := unixSocket(t)
	var c *Conn
	on(t, l, func() {
		c = l.Dial(Remote{Path: path}, &funcs{connected: func() { c.Write([]byte("word")); c.Reset() }})
	})
	if b, err := io.ReadAll(acceptUnix(t, ln)); err != nil || string(b) != "word" {
		t.Errorf("the peer read %q, %v; want the word and the end", b, err)
	}
}

func TestDialErrors(t *testing.T) {
	l := running(t)
	gone, path := unixSocket(t)
	gone.SetUnlinkOnClose(false)
	_ = gone.Close()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	addr := ln.Addr().(*net.TCPAddr).AddrPort()
	for _, tc := range []struct {
		name string
		to   Remote
		want syscall.Errno
	}{
		{"nothing", Remote{}, syscall.EINVAL},
		{"address and path", Remote{Addr: addr, Path: path}, syscall.EINVAL},
		{"relative path", Remote{Path: "s"}, syscall.EINVAL},
		{"name outside the file system", Remote{Path: "@s"}, syscall.EINVAL},
		{"path too long for a socket", Remote{Path: "/" + string(bytes.Repeat([]byte("x"), 200))}, syscall.EINVAL},
		{"no such path", Remote{Path: path + "-none"}, syscall.ENOENT},
		{"nobody listens on the path", Remote{Path: path}, syscall.ECONNREFUSED},
		{"own address of another machine", Remote{Addr: addr, From: netip.MustParseAddr("192.0.2.1")}, syscall.EADDRNOTAVAIL},
		{"own address of the other family", Remote{Addr: addr, From: netip.MustParseAddr("::1")}, syscall.EAFNOSUPPORT},
	} {
		t.Run(tc.name, func(t *testing.T) {
			closed := make(chan error, 1)
			on(t, l, func() {
				l.Dial(tc.to, &funcs{
					connected: func() { t.Error("Connected was called") },
					closed:    func(err error) { closed <- err },
				}).Write([]byte("lost"))
			})
			var oe *OpError
			if err := <-closed; !errors.As(err, &oe) || oe.Op != "connect" || !errors.Is(err, tc.want) {
				t.Errorf("Closed(%v), want a connect that ends with %v", err, tc.want)
			}
		})
	}
}
