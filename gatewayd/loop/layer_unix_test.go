//go:build linux || darwin || freebsd

package loop

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// A mask is a layer that changes every byte but one, which stands for the end.
type mask struct {
	out    []byte
	chatty int // bytes that it says of its own accord whenever it is asked
}

const (
	masking = 0x55
	lastly  = 0x00
)

func (m *mask) Open(dst, wire []byte) (n, used int, err error) {
	m.out = append(m.out, make([]byte, m.chatty)...)
	n = min(len(dst), len(wire))
	end := bytes.IndexByte(wire[:n], lastly)
	if end >= 0 {
		n, err = end, io.EOF
	}
	for i := 0; i < n; {
		i += subtle.XORBytes(dst[i:n], wire[i:n], pad[:])
	}
	if err != nil {
		return n, n + 1, err
	}
	return n, n, nil
}

func (m *mask) Seal(p []byte) {
	start := len(m.out)
	m.out = append(m.out, p...)
	for b := m.out[start:]; len(b) > 0; {
		b = b[subtle.XORBytes(b, b, pad[:]):]
	}
}

// pad is what bytes are masked with. To go byte by byte takes a race detector very long.
var pad = [readSize]byte(bytes.Repeat([]byte{masking}, readSize))

func (m *mask) End() { m.out = append(m.out, lastly) }

func (m *mask) Output() []byte {
	b := m.out
	m.out = nil
	return b
}

// masked makes bytes that have none which, masked, would be the end.
func masked(b []byte) []byte {
	for i := range b {
		if b[i] == masking {
			b[i]++
		}
	}
	return b
}

// TestLayerCarriesEverything sends much more than the loop queues through a layer to a handler that pauses, and ends its side.
func TestLayerCarriesEverything(t *testing.T) {
	l := running(t)
	ended := make(chan error, 1)
	addr := listening(t, l, func(c *Conn) {
		c.SetLayer(&mask{})
		c.SetHandler(&echo{c, func(err error) { ended <- err }})
	})
	c := dial(t, addr)
	want := masked(pattern(4<<20, 5))
	go func() {
		wire := new(mask)
		wire.Seal(want)
		wire.End()
		_, _ = c.Write(wire.Output())
	}()
	wire, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(wire))
	n, _, err := new(mask).Open(got, wire)
	if err != io.EOF {
		t.Errorf("the end was not said: %v", err)
	}
	if same := common(got[:n], want); same != len(want) || n != same {
		t.Errorf("%d bytes of %d came back, of which %d are right", n, len(want), same)
	}
	_ = c.Close()
	if err := <-ended; err != nil {
		t.Errorf("Closed(%v)", err)
	}
}

// TestLayerHoldsBack: a handler that takes bytes one by one gets all of them, also those that the layer would still say
// when no more come.
func TestLayerHoldsBack(t *testing.T) {
	l := running(t)
	want := masked(pattern(300<<10, 6))
	got := make(chan byte, len(want))
	addr := listening(t, l, func(c *Conn) {
		c.SetLayer(&mask{})
		c.SetHandler(&nibbler{c: c, got: got})
	})
	c := dial(t, addr)
	wire := new(mask)
	wire.Seal(want)
	if _, err := c.Write(wire.Output()); err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if b := <-got; b != want[i] {
			t.Fatalf("byte %d is %x, want %x", i, b, want[i])
		}
	}
}

// A nibbler takes up to 1000 bytes and rests for the rest of the turn.
type nibbler struct {
	c     *Conn
	got   chan byte
	timer Timer
}

func (h *nibbler) Connected() {}

func (h *nibbler) Data(b []byte) int {
	n := min(len(b), 1000)
	for _, x := range b[:n] {
		h.got <- x
	}
	h.c.Pause()
	h.c.Loop().SetTimer(&h.timer, h.c.Loop().Now(), func() { h.c.Resume() })
	return n
}

func (h *nibbler) EOF()         {}
func (h *nibbler) Drained()     {}
func (h *nibbler) Timeout()     {}
func (h *nibbler) Closed(error) { h.c.Loop().StopTimer(&h.timer) }

// TestLayerTruncated: FIN that the layer does not know of is no end.
func TestLayerTruncated(t *testing.T) {
	l := running(t)
	ended := make(chan error, 1)
	addr := listening(t, l, func(c *Conn) {
		c.SetLayer(&mask{})
		c.SetHandler(&echo{c, func(err error) { ended <- err }})
	})
	c := dial(t, addr)
	_, _ = c.Write([]byte{1, 2, 3})
	_ = c.CloseWrite()
	if err := <-ended; !errors.Is(err, ErrTruncated) {
		t.Errorf("Closed(%v), want %v", err, ErrTruncated)
	}
}

// TestLayerUnread: what a layer says of its own accord does not fill the memory where nobody reads it.
func TestLayerUnread(t *testing.T) {
	l := running(t)
	ended := make(chan error, 1)
	addr := listening(t, l, func(c *Conn) {
		c.SetLayer(&mask{chatty: 4 << 10})
		c.SetHandler(&mute{ended})
	})
	c := dial(t, addr)
	for n := range 1 << 20 {
		select {
		case err := <-ended:
			if !errors.Is(err, ErrUnread) {
				t.Errorf("Closed(%v), want %v", err, ErrUnread)
			}
			return
		default:
			_, _ = c.Write([]byte{byte(n) | 1})
		}
	}
	t.Fatal("the layer's output was queued without end")
}

// TestLayerKeepsAnAnswerBeforeItsReset: what came before the peer's reset is for the handler, also what the layer has not
// opened yet because there was no room for it.
func TestLayerKeepsAnAnswerBeforeItsReset(t *testing.T) {
	l := running(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	want := masked(pattern(50_000, 8))
	var c *Conn
	var got []byte
	begun, paused, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	on(t, l, func() {
		c = l.Dial(Remote{Addr: ln.Addr().(*net.TCPAddr).AddrPort()}, &funcs{
			connected: func() { c.SetLayer(&mask{}) },
			data: func(b []byte) int {
				if len(b) == 1 {
					close(begun) // half a head, as it were
					return 0
				}
				if got = append(got, b...); len(got) == len(b) {
					c.Pause() // as if the client did not read
					close(paused)
				}
				return len(b)
			},
			closed: func(err error) { ended <- err },
		})
	})
	peer, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	wire := new(mask)
	wire.Seal(want)
	answer := wire.Output()
	_, _ = peer.Write(answer[:1])
	<-begun
	if _, err := peer.Write(answer[1:]); err != nil {
		t.Fatal(err)
	}
	<-paused
	_ = peer.(*net.TCPConn).SetLinger(0)
	_ = peer.Close()
	until(t, "the connection is broken", func() bool {
		broken := false
		on(t, l, func() {
			if broken = len(ended) > 0; !broken {
				c.Write([]byte("more of the request"))
				broken = c.flags&fBroken != 0
			}
		})
		return broken
	})
	on(t, l, func() {
		if len(ended) == 0 {
			c.Resume()
		}
	})
	<-ended
	if !bytes.Equal(got, want) {
		t.Errorf("of the answer's %d bytes came %d", len(want), len(got))
	}
}

// TestLayerThatSaysNothing: bytes that come to nothing are work all the same, and have their end in a turn. A peer that
// sends empty records as fast as it can does not keep the loop to itself.
func TestLayerThatSaysNothing(t *testing.T) {
	l := running(t)
	ended := make(chan error, 1)
	var h *hollow
	addr := listening(t, l, func(c *Conn) {
		h = &hollow{l: l}
		c.SetLayer(h)
		c.SetHandler(&mute{ended})
	})
	c := dial(t, addr)
	until(t, "it is accepted", func() bool { on(t, l, func() {}); return l.Stats().Conns == 1 })
	sent := 0
	on(t, l, func() { // Meanwhile the loop reads nothing, and the systems of both sides take as much as they can.
		_ = c.SetWriteDeadline(time.Now().Add(time.Second))
		sent, _ = c.Write(make([]byte, 1<<20))
	})
	until(t, "everything is opened", func() bool {
		total := 0
		on(t, l, func() { total = h.total })
		return total == sent
	})
	on(t, l, func() {
		if h.most > turnBudget+readSize {
			t.Errorf("%d bytes were opened in one turn", h.most)
		}
	})
	_ = c.Close()
	<-ended
}

// A hollow layer has bytes come to nothing, and counts them.
type hollow struct {
	l                 *Loop
	turn              uint32
	here, most, total int
}

func (h *hollow) Open(_, wire []byte) (n, used int, err error) {
	if h.turn != h.l.turn {
		h.turn, h.here = h.l.turn, 0
	}
	h.here += len(wire)
	h.total += len(wire)
	h.most = max(h.most, h.here)
	return 0, len(wire), nil
}

func (h *hollow) Seal([]byte)    {}
func (h *hollow) End()           {}
func (h *hollow) Output() []byte { return nil }

// A mute handler takes everything and says nothing.
type mute struct{ ended chan error }

func (m *mute) Connected()        {}
func (m *mute) Data(b []byte) int { return len(b) }
func (m *mute) EOF()              {}
func (m *mute) Drained()          {}
func (m *mute) Timeout()          {}
func (m *mute) Closed(err error)  { m.ended <- err }

// A stumbler panics in the middle of what it says, into memory that it shares with other layers.
type stumbler struct {
	mask
	shared *[]byte
	falls  bool
}

func (s *stumbler) Seal(p []byte) {
	for i, b := range p {
		if s.falls && i == len(p)/2 {
			panic("stumbled")
		}
		*s.shared = append(*s.shared, b^masking)
	}
}

func (s *stumbler) Output() []byte {
	b := *s.shared
	*s.shared = nil
	return b
}

// TestLayerThatStumbles: what a layer had half said when it panicked is said to nobody.
func TestLayerThatStumbles(t *testing.T) {
	l := running(t)
	shared, falls := new([]byte), true
	addr := listening(t, l, func(c *Conn) {
		c.SetLayer(&stumbler{shared: shared, falls: falls})
		c.SetHandler(&echo{c, func(error) {}})
		falls = false
	})
	wire := new(mask)
	wire.Seal([]byte("secret of the first"))
	first := dial(t, addr)
	if _, err := first.Write(wire.Output()); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(first); len(b) > 0 {
		t.Errorf("the first got %q, %v", b, err)
	}
	wire.Seal([]byte("hello"))
	second, got := dial(t, addr), make([]byte, 64)
	if _, err := second.Write(wire.Output()); err != nil {
		t.Fatal(err)
	}
	n, err := second.Read(got)
	if err != nil {
		t.Fatal(err)
	}
	plain := make([]byte, n)
	if n, _, _ = new(mask).Open(plain, got[:n]); string(plain[:n]) != "hello" {
		t.Errorf("the second got %q", plain[:n])
	}
}
