package loop

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestSpliceFromAUnixSocket relays what a dialled Unix socket sends to a TCP client.
func TestSpliceFromAUnixSocket(t *testing.T) {
	l := running(t)
	ln, path := unixSocket(t)
	addr := listening(t, l, func(client *Conn) {
		var c *Conn
		splice := func() {
			if !c.SpliceTo(client, 1<<40) && client.Queued() > 0 {
				c.Pause()
			}
		}
		c = l.Dial(Remote{Path: path}, &funcs{
			data:    func(b []byte) int { client.Write(b); splice(); return len(b) },
			spliced: func(int64) { splice() },
			eof:     func() { client.Close(); c.Close() },
		})
		client.SetHandler(&funcs{drained: c.Resume})
	})
	client := dial(t, addr)
	peer := acceptUnix(t, ln)
	want := pattern(12<<20, 3)
	go func() {
		_, _ = peer.Write(want)
		_ = peer.Close()
	}()
	got, err := io.ReadAll(client)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %d bytes, %v; want %d, equal up to %d", len(got), err, len(want), common(got, want))
	}
	if l.Stats().Spliced == 0 {
		t.Error("nothing was spliced")
	}
}

// TestFullBacklogOfAUnixSocket: such a connect does not wait, as one to a TCP port would.
func TestFullBacklogOfAUnixSocket(t *testing.T) {
	l := running(t)
	ln, path := unixSocket(t)
	raw, err := ln.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) { _ = unix.Listen(int(fd), 0) }); err != nil {
		t.Fatal(err)
	}
	outcome := make(chan error, 4) // which takes the end of the one that stands, too, when the loop stops
	on(t, l, func() {
		for range cap(outcome) {
			l.Dial(Remote{Path: path}, &funcs{
				connected: func() { outcome <- nil },
				closed:    func(err error) { outcome <- err },
			})
		}
	})
	stood := 0
	for range cap(outcome) {
		if err := <-outcome; err == nil {
			stood++
		} else if !errors.Is(err, syscall.EAGAIN) {
			t.Errorf("Closed(%v), want EAGAIN", err)
		}
	}
	if stood != 1 {
		t.Errorf("%d connects stood, want the one that the backlog has room for", stood)
	}
}

func TestDialFromAnAddress(t *testing.T) {
	l := running(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	from := netip.MustParseAddr("127.0.0.2")
	own := make(chan netip.AddrPort, 1)
	late := -1
	var c *Conn
	on(t, l, func() {
		c = l.Dial(Remote{
			Addr: ln.Addr().(*net.TCPAddr).AddrPort(), From: netip.AddrFrom16(from.As16()), // mapped: as good as from itself
		}, &funcs{connected: func() {
			// Without it all destinations together had the ports that one has with it.
			late, _ = unix.GetsockoptInt(int(c.fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT)
			own <- c.LocalAddr()
			c.Close()
		}})
	})
	peer, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = peer.Close() }()
	seen := peer.RemoteAddr().(*net.TCPAddr).AddrPort()
	if got := <-own; seen.Addr() != from || seen != got {
		t.Errorf("the peer sees %v and we %v, want %v and any port", seen, got, from)
	}
	if late != 1 {
		t.Error("the port was chosen before the destination was known")
	}
}
