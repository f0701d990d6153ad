package loop

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"testing"
)

// framed relays one message to another connection: a header of eight bytes that says how long the payload is, then the
// payload, by splice as far as the pipe goes, then, injected by the relay itself, a trailer and FIN.
type framed struct {
	c, to   *Conn
	left    int64
	started bool
	spliced int64
	trailer []byte
	refused int // SpliceTo answered no
}

func (f *framed) Connected() {}
func (f *framed) Data(b []byte) int {
	n := 0
	if !f.started {
		if len(b) < 8 {
			return 0
		}
		f.started, f.left = true, int64(binary.BigEndian.Uint64(b))
		f.to.Write(b[:8])
		n, b = 8, b[8:]
	}
	k := min(int64(len(b)), f.left)
	f.to.Write(b[:k])
	f.left -= k
	f.more()
	return n + int(k)
}

// more goes on with the payload or ends it.
func (f *framed) more() {
	switch {
	case f.left == 0:
		f.to.Write(f.trailer)
		f.to.CloseWrite()
	case f.c.SpliceTo(f.to, f.left):
	default:
		f.refused++
		if f.to.Queued() > 0 {
			f.c.Pause()
		}
	}
}

func (f *framed) Spliced(moved int64) {
	f.spliced += moved
	f.left -= moved
	if f.left == 0 {
		f.more()
	}
}
func (f *framed) EOF()         {}
func (f *framed) Drained()     {}
func (f *framed) Timeout()     {}
func (f *framed) Closed(error) { f.to.Reset() }

func TestSplicedBytesKeepTheirPlace(t *testing.T) {
	l := running(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	trailer := []byte("injected behind the payload")
	var f *framed
	ended := make(chan struct{})
	addr := listening(t, l, func(c *Conn) {
		f = &framed{c: c, trailer: trailer}
		c.Pause()
		c.SetHandler(f)
		f.to = l.Dial(Remote{Addr: ln.Addr().(*net.TCPAddr).AddrPort()}, &funcs{
			connected: func() { c.Resume() },
			drained:   func() { c.Resume() },
			eof:       func() { f.to.Close() },
			closed:    func(error) { c.Close(); close(ended) },
		})
	})
	c := dial(t, addr)
	peer, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	payload := pattern(12<<20, 5)
	go func() {
		var head [8]byte
		binary.BigEndian.PutUint64(head[:], uint64(len(payload)))
		_, _ = c.Write(head[:])
		_, _ = c.Write(payload)
		// Bytes behind the frame's end must stay where they are.
		_, _ = c.Write([]byte("next frame"))
	}()
	// Nothing is read until the pipe is stuck, so that its bytes stand in the queue.
	until(t, "the pipe is stuck", func() bool { return l.Stats().Pipes == 1 && l.Stats().Spliced > 0 })
	on(t, l, func() { f.to.Write(nil) })
	got, err := io.ReadAll(peer)
	if err != nil {
		t.Fatal(err)
	}
	want := append(append(binary.BigEndian.AppendUint64(nil, uint64(len(payload))), payload...), trailer...)
	if !bytes.Equal(got, want) {
		t.Errorf("got %d bytes, want %d, equal up to %d", len(got), len(want), common(got, want))
	}
	_ = peer.Close()
	<-ended
	s := l.Stats()
	on(t, l, func() {
		if f.spliced == 0 || s.Spliced != uint64(f.spliced) {
			t.Errorf("%d bytes were spliced by the statistics and %d by the handler", s.Spliced, f.spliced)
		}
		t.Logf("%d of %d bytes were spliced", f.spliced, len(payload))
	})
}

// TestInjectedFrameBehindAStuckPipe places a frame and FIN while spliced bytes stand in the queue.
func TestInjectedFrameBehindAStuckPipe(t *testing.T) {
	l := running(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	const total = 64 << 20 // more than any socket takes
	var src, dst *Conn
	var moved int64
	read := 0 // taken by Data and passed on
	told := make(chan struct{})
	addr := listening(t, l, func(c *Conn) {
		src = c
		c.Pause()
		dst = l.Dial(Remote{Addr: ln.Addr().(*net.TCPAddr).AddrPort()}, &funcs{connected: func() { c.Resume() }, eof: func() { dst.Close() }})
		c.SetHandler(&funcs{
			data: func(b []byte) int {
				dst.Write(b)
				read += len(b)
				if dst.Queued() > 0 {
					c.Pause()
				}
				return len(b)
			},
			spliced: func(n int64) { moved += n },
			closed:  func(error) { close(told) },
		})
	})
	c := dial(t, addr)
	peer, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = peer.Close() }()
	payload := pattern(total, 6)
	go func() { _, _ = c.Write(payload) }()
	until(t, "copied bytes stand in the queue and others wait behind them", func() bool {
		stuck := false
		on(t, l, func() { stuck = src != nil && dst.out != nil && src.flags&fReadable != 0 })
		return stuck
	})
	on(t, l, func() {
		if !src.SpliceTo(dst, total) {
			t.Error("unable to splice")
		}
		src.Resume()
	})
	until(t, "spliced bytes stand behind them", func() bool {
		stuck := false
		on(t, l, func() { stuck = dst.last != nil && dst.last.pipe != nil })
		return stuck
	})
	on(t, l, func() {
		moved += src.splice.moved
		dst.Write([]byte("close frame"))
		dst.CloseWrite()
		src.Reset() // its pipe stays in the queue
	})
	got, err := io.ReadAll(peer)
	if err != nil {
		t.Fatal(err)
	}
	<-told
	on(t, l, func() {
		want := append(payload[:int64(read)+moved:int64(read)+moved], "close frame"...)
		if !bytes.Equal(got, want) {
			t.Errorf("got %d bytes, want %d, equal up to %d", len(got), len(want), common(got, want))
		}
	})
	until(t, "the pipe is given back", func() bool { return l.Stats().Pipes == 0 && l.Stats().IdlePipes == 1 })
	on(t, l, func() {
		if none, one, again := l.FreePipes(0), l.FreePipes(3), l.FreePipes(3); none != 0 || one != 2 || again != 0 || l.IdlePipes() != 0 {
			t.Errorf("asked for 0, 3 and 3 descriptors the loop freed %d, %d and %d, and has %d pipes", none, one, again, l.IdlePipes())
		}
	})
}
