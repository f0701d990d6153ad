package proxy

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"golang.org/x/sys/unix"
)

// zeroes are written by whoever must not allocate.
var zeroes [64 << 10]byte

// lean is a backend that keeps hardly any memory of its own: fn is called with each connection, and a buffer for it. One
// without fn reads nothing.
func lean(t *testing.T, fn func(c net.Conn, buf []byte)) netip.AddrPort {
	t.Helper()
	ln, err := (&net.ListenConfig{Control: narrow}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				if fn == nil {
					<-t.Context().Done()
					return
				}
				fn(c, make([]byte, 2<<10))
			})
		}
	})
	t.Cleanup(func() { ln.Close(); all.Wait() })
	return ln.Addr().(*net.TCPAddr).AddrPort()
}

// gush reads a request and answers it with more than anybody takes.
func gush(head string, chunks bool) func(net.Conn, []byte) {
	return func(c net.Conn, buf []byte) {
		if _, err := c.Read(buf); err != nil {
			return
		}
		if _, err := io.WriteString(c, head); err != nil {
			return
		}
		for {
			if chunks {
				if _, err := io.WriteString(c, "10000\r\n"); err != nil {
					return
				}
			}
			if _, err := c.Write(zeroes[:]); err != nil {
				return
			}
			if chunks {
				if _, err := io.WriteString(c, "\r\n"); err != nil {
					return
				}
			}
		}
	}
}

// swallow reads whatever comes and answers nothing.
func swallow(c net.Conn, buf []byte) {
	for {
		if _, err := c.Read(buf); err != nil {
			return
		}
	}
}

// A hanging is what the gateway keeps for clients that hang.
type hanging struct {
	buffers int   // that are lent
	waiting int   // clients of whose bytes somebody does not take some
	most    int   // bytes that wait for one client or its target
	passed  int64 // bytes of requests that have come
	heads   int   // that are not complete
}

func (r *rig) hanging() (h hanging) {
	r.t.Helper()
	r.on(func() {
		h.buffers = int(r.l.Stats().Buffers)
		for _, d := range r.w.doors {
			for c := d.first; c != nil; c = c.next {
				n := c.stream.Queued()
				if c.x != nil {
					h.passed += c.x.account.received
					if c.x.up != nil && c.x.up.stream != nil {
						n += c.x.up.stream.Queued()
					}
				}
				if n > 0 {
					h.waiting++
				}
				if c.flags&cPartial != 0 {
					h.heads++
				}
				h.most = max(h.most, n)
			}
		}
	})
	return h
}

// narrow makes sockets for which the system keeps little, so that it soon takes nothing more: what it keeps goes by the
// size of segments, which are large on loopback.
func narrow(_, _ string, c syscall.RawConn) (err error) {
	bad := c.Control(func(fd uintptr) {
		err = errors.Join(unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_MAXSEG, 1400),
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 16<<10))
	})
	return errors.Join(bad, err)
}

// inUse is the memory of the process's heap, behind a collection.
func inUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse)
}

// Two hundred clients that hang, whichever way, cost little: who does not take his answer holds one read buffer, who does
// not send his body next to nothing.
func TestHangingClientsHoldLittle(t *testing.T) {
	const n, framing, stalled = 200, 64, 100 << 10
	waiting := func(h hanging) bool { return h.waiting == n }
	passed := func(h hanging) bool { return h.passed >= n*stalled && h.buffers == 0 }
	heads := func(h hanging) bool { return h.heads == n }
	length := "HTTP/1.1 200 OK\r\nContent-Length: 1099511627776\r\n\r\n"
	for _, c := range []struct {
		name    string
		backend func(net.Conn, []byte)
		send    string
		zeros   int // bytes of a body behind it
		hang    func(hanging) bool
		buffers int // of one client
	}{
		{"answers that nobody takes", gush(length, false), get, 0, waiting, 1},
		{"answers in chunks that nobody takes", gush(begun, true), get, 0, waiting, 2},
		{"bodies that stall", swallow, posted + "Content-Length: 1048576\r\n\r\n", stalled, passed, 0},
		{"chunks that stall", swallow, inChunks + "100000\r\n", stalled, passed, 0},
		{"bodies that can be sent again and stall", swallow, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n", stalled, passed, 0},
		{"a little of bodies that can be sent again", swallow, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n", 20 << 10,
			func(h hanging) bool { return h.passed >= n*20<<10 }, 1},
		{"bodies that nobody takes", nil, posted + "Content-Length: 1099511627776\r\n\r\n", 16 << 20, waiting, 2},
		{"heads that stall", swallow, "GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 900), 0, heads, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, func(r *rig) {
				inClear(r) // The memory of the test's own TLS clients would be counted.
				r.listener.HeaderTimeout, r.listener.BodyTimeout, r.setting.StreamIdleTimeout = "1h", "1h", "0s"
			}, lean(t, c.backend))
			before := inUse()
			var senders sync.WaitGroup
			var conns []net.Conn
			for range n {
				conn, err := (&net.Dialer{Control: narrow}).Dial("tcp", r.addr)
				if err != nil {
					t.Fatal(err)
				}
				conns = append(conns, conn)
				senders.Go(func() {
					if _, err := io.WriteString(conn, c.send); err != nil {
						return
					}
					for left := c.zeros; left > 0; {
						k, err := conn.Write(zeroes[:min(left, len(zeroes))])
						if left -= k; err != nil {
							return
						}
					}
				})
			}
			t.Cleanup(func() {
				for _, conn := range conns {
					conn.Close()
				}
				senders.Wait()
			})
			until(t, "all hang", func() bool { return c.hang(r.hanging()) })
			h := r.hanging()
			if grown := inUse() - before; h.buffers > c.buffers*n || h.most > loop.MaxBuffer+framing || grown > 16<<20 {
				t.Errorf("%d clients hold %d buffers, for one of them %d bytes wait, and the heap grew by %d KiB", n, h.buffers, h.most, grown>>10)
			}
		})
	}
}
