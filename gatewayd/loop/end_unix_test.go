//go:build linux || darwin || freebsd

package loop

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
)

func TestLastAnswerArrivesThoughThePeerKeepsSending(t *testing.T) {
	l := running(t)
	answer := pattern(300_000, 3)
	addr := listening(t, l, func(c *Conn) {
		c.SetHandler(&funcs{data: func([]byte) int { c.Write(answer); c.Close(); return 0 }})
	})
	c := dial(t, addr)
	sent := make(chan error, 1)
	go func() {
		for range 64 {
			if _, err := c.Write(make([]byte, 10_000)); err != nil {
				sent <- err
				return
			}
		}
		sent <- c.CloseWrite()
	}()
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(got, answer) {
		t.Errorf("read %d bytes of the answer's %d, %v", len(got), len(answer), err)
	}
}

func TestPeerResets(t *testing.T) {
	for _, tc := range []struct {
		name     string
		send     string
		fin      bool
		paused   bool
		wantData string
	}{
		{"idle", "", false, false, ""},
		{"idle and paused", "", false, true, ""},
		{"paused with bytes left", "pipelined", false, true, ""},
		{"behind bytes", "request", false, false, "request"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := running(t)
			type end struct {
				data string
				err  error
			}
			ended := make(chan end, 1)
			addr := listening(t, l, func(c *Conn) {
				data := ""
				c.SetHandler(&funcs{
					data:   func(b []byte) int { data += string(b); return len(b) },
					closed: func(err error) { ended <- end{data, err} },
				})
				if tc.paused {
					c.Pause()
				}
				c.Write([]byte("hello"))
			})
			c := dial(t, addr)
			mustRead(t, c, 5)
			if tc.send != "" {
				_, _ = c.Write([]byte(tc.send))
			}
			_ = c.SetLinger(0)
			_ = c.Close()
			got := <-ended
			var oe *OpError
			if !errors.Is(got.err, syscall.ECONNRESET) || !errors.As(got.err, &oe) {
				t.Errorf("Closed(%v), want ECONNRESET in an OpError", got.err)
			}
			if got.data != tc.wantData {
				t.Errorf("before the end came %q, want %q", got.data, tc.wantData)
			}
		})
	}
}

func TestResetAfterHalfCloseCancels(t *testing.T) {
	l := running(t)
	ended, eof := make(chan error, 1), make(chan struct{})
	addr := listening(t, l, func(c *Conn) {
		c.SetHandler(&funcs{eof: func() { close(eof) }, closed: func(err error) { ended <- err }})
		c.Write([]byte("x"))
	})
	c := dial(t, addr)
	mustRead(t, c, 1)
	_ = c.CloseWrite()
	<-eof
	_ = c.SetLinger(0)
	_ = c.Close()
	if err := <-ended; !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("Closed(%v) when a reset follows a FIN", err)
	}
}

// TestAResetInOneEvent: what comes before a reset, in the very event that tells of the reset, hides it from nobody, neither
// bytes whose handler wants no more nor a FIN, behind which no read tells it.
func TestAResetInOneEvent(t *testing.T) {
	for _, before := range []string{"nothing", "bytes", "FIN", "bytes and FIN"} {
		t.Run(before, func(t *testing.T) {
			l := running(t)
			accepted, ended := make(chan struct{}), make(chan error, 1)
			addr := listening(t, l, func(c *Conn) {
				c.SetHandler(&funcs{
					data:   func(b []byte) int { c.Pause(); return len(b) },
					closed: func(err error) { ended <- err },
				})
				close(accepted)
			})
			c := dial(t, addr)
			<-accepted
			on(t, l, func() { // The loop sees all of it at once.
				if strings.Contains(before, "bytes") {
					_, _ = c.Write([]byte("x"))
				}
				if strings.Contains(before, "FIN") {
					_ = c.CloseWrite()
				}
				_ = c.SetLinger(0)
				_ = c.Close()
			})
			if err := <-ended; !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("Closed(%v)", err)
			}
		})
	}
}

func TestEarlyAnswerIsReadThoughWritingFails(t *testing.T) {
	l := running(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	var c *Conn
	var data []byte
	connected, ended := make(chan struct{}), make(chan error, 1)
	on(t, l, func() {
		c = l.Dial(Remote{Addr: ln.Addr().(*net.TCPAddr).AddrPort()}, &funcs{
			connected: func() { close(connected) },
			data:      func(b []byte) int { data = append(data, b...); return len(b) },
			closed:    func(err error) { ended <- err },
		})
		c.Pause() // as if the client did not read
	})
	peer, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	<-connected
	answer := pattern(100_000, 4)
	if _, err := peer.Write(answer); err != nil {
		t.Fatal(err)
	}
	_ = peer.(*net.TCPConn).SetLinger(0)
	_ = peer.Close()
	until(t, "the connection is broken", func() bool {
		broken := false
		on(t, l, func() {
			c.Write([]byte("more of the request"))
			broken = c.flags&fBroken != 0
		})
		return broken
	})
	on(t, l, func() {
		if c.flags&fDead != 0 {
			t.Error("the connection ended before its handler read the answer")
		}
		c.Resume()
	})
	if err := <-ended; !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		t.Errorf("Closed(%v)", err)
	}
	if !bytes.Equal(data, answer) {
		t.Errorf("of the early answer's %d bytes came %d", len(answer), len(data))
	}
}

func TestPanicEndsOneConnection(t *testing.T) {
	l := running(t)
	ended := make(chan error, 1)
	addr := listening(t, l, func(c *Conn) {
		c.SetHandler(&funcs{
			data: func(b []byte) int {
				if string(b) == "boom" {
					panic("boom")
				}
				c.Write(b)
				return len(b)
			},
			eof: func() { c.Close() },
			closed: func(err error) {
				ended <- err
				panic("again")
			},
		})
	})
	good, bad := dial(t, addr), dial(t, addr)
	_, _ = bad.Write([]byte("boom"))
	if err := <-ended; !errors.Is(err, ErrPanic) {
		t.Errorf("Closed(%v), want ErrPanic", err)
	}
	_, _ = good.Write([]byte("fine"))
	mustRead(t, good, 4)
	on(t, l, func() {
		if n := l.Stats().Panics; n != 2 {
			t.Errorf("%d panics counted, want 2", n)
		}
	})
	_ = good.Close()
	<-ended
}

func TestStopEndsEverything(t *testing.T) {
	l := running(t)
	ended := make(chan error, 1)
	accepted := make(chan struct{})
	addr := listening(t, l, func(c *Conn) {
		c.SetHandler(&funcs{closed: func(err error) { ended <- err }})
		close(accepted)
	})
	_ = dial(t, addr)
	<-accepted
	ran := false
	l.Post(func() { l.Stop(); l.Post(func() { ran = true }) })
	if err := <-ended; !errors.Is(err, ErrStopped) {
		t.Errorf("Closed(%v), want ErrStopped", err)
	}
	if ran || l.Post(func() {}) {
		t.Error("a stopped loop takes functions")
	}
}

// Unsent counts what the kernel took and the peer has no room for, and is 0 once the peer took it.
func TestUnsent(t *testing.T) {
	l := running(t)
	accepted := make(chan *Conn, 1)
	addr := listening(t, l, func(c *Conn) {
		c.SetHandler(&funcs{})
		accepted <- c
	})
	peer := dial(t, addr)
	c := <-accepted
	sent := 0
	unsent := func() (n, queued int) {
		on(t, l, func() { n, queued = c.Unsent(), c.Queued() })
		return n, queued
	}
	until(t, "the peer has no room", func() bool {
		on(t, l, func() { c.Write(make([]byte, 1000)) })
		sent += 1000
		n, _ := unsent()
		return n > 10_000
	})
	if n, queued := unsent(); queued > 0 || n > sent {
		t.Errorf("%d bytes of %d are unsent, %d of them queued; want them in the kernel", n, sent, queued)
	}
	mustRead(t, peer, sent)
	until(t, "all is sent", func() bool { n, _ := unsent(); return n == 0 })
}
