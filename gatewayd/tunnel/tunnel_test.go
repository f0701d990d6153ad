package tunnel

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/ws"
)

const (
	hello      = "\x81\x05hello"
	masked     = "\x81\x85\x01\x02\x03\x04hello"
	away       = "\x88\x02\x03\xe9" // Close 1001
	restart    = "\x88\x02\x03\xf4" // Close 1012
	ownClose   = "\x88\x82\x00\x00\x00\x00\x03\xe8"
	replyClose = "\x88\x02\x03\xe8"
)

func TestTunnelIsSmall(t *testing.T) {
	if n := unsafe.Sizeof(Tunnel{}); n > 256 {
		t.Errorf("a tunnel takes %d bytes", n)
	}
}

func TestBytesPassUntouched(t *testing.T) {
	r := newRig(t)
	c, s := r.open()
	for range 3 {
		c.send(masked)
		s.expect(masked)
		s.send(hello, "\x01\x02ab", "\x80\x01c") // fragments
		c.expect(hello + "\x01\x02ab\x80\x01c")
	}
	s.send("this is no WebSocket at all: \xff\xff\xff\xff")
	c.expect("this is no WebSocket at all: \xff\xff\xff\xff")
	c.send("\x88\x00 behind a Close")
	s.expect("\x88\x00 behind a Close")
}

// A frame header that comes in pieces is held back, and leaves with what follows or with the end.
func TestHeadersInPieces(t *testing.T) {
	r := newRig(t)
	c, s := r.open()
	frame := ws.AppendHeader(nil, 0x82, 70_000, &[4]byte{1, 2, 3, 4})
	for _, b := range frame {
		c.send(string([]byte{b}))
	}
	c.send(string(zeros[:70_000]))
	s.expect(string(frame))
	s.expect(string(zeros[:70_000]))
	c.send("\x82\xff\x00")
	c.CloseWrite()
	s.expect("\x82\xff\x00")
	s.ends()
}

func TestHalfClose(t *testing.T) {
	r := newRig(t)
	c, s := r.open()
	c.send(masked)
	c.CloseWrite()
	s.expect(masked)
	s.ends()
	for range 3 {
		s.send(hello)
		c.expect(hello)
	}
	s.CloseWrite()
	c.ends()
	until(t, "the tunnel is gone", func() bool { return r.stats().Open == 0 })
}

// A reset of one end takes the other with it: the backend sees a reset, the client an end without a Close.
func TestResetPasses(t *testing.T) {
	r := newRig(t)
	c, s := r.open()
	c.send(masked)
	s.expect(masked)
	c.reset()
	if _, err := s.r.ReadByte(); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the backend saw %v", err)
	}
	c, s = r.open()
	s.send(hello)
	c.expect(hello)
	s.reset()
	c.ends()
	c.Close()
	until(t, "the tunnels are gone", func() bool { return r.stats().Open == 0 })
}

// What one end sent before it was reset still reaches the other one, as far as the gateway had taken it.
func TestResetDestroysNothing(t *testing.T) {
	r := newRig(t)
	for i := range 2 {
		c, s := r.open()
		if i == 1 {
			c, s = s, c
		}
		sent, stalled := make(chan int64), make(chan bool)
		go func() {
			n := int64(0)
			for {
				select {
				case <-stalled:
					sent <- n
					return
				default:
				}
				s.SetWriteDeadline(time.Now().Add(10 * time.Millisecond))
				k, _ := s.Write(zeros[:1000])
				n += int64(k)
			}
		}()
		until(t, "the tunnel stands still", func() bool {
			queued := 0
			r.only(func(t *Tunnel) { queued = t.client.Queued() + t.backend.Queued() })
			return queued > 0
		})
		stalled <- true
		most := <-sent
		s.reset()
		if i == 1 {
			// A reset that is heard of behind the last byte is passed on as one.
			until(t, "the gateway heard of it", func() bool {
				heard := false
				r.only(func(t *Tunnel) { heard = t.flags&clientGone != 0 })
				return heard
			})
		}
		got, err := io.Copy(io.Discard, c.r)
		if err != nil || got == 0 || got > most {
			t.Errorf("%d: got %d of %d bytes: %v", i, got, most, err)
		}
		c.Close()
		until(t, "the tunnel is gone", func() bool { return r.stats().Open == 0 })
	}
}

// An owed is a backend that has not taken everything.
type owed struct {
	nowhere
	asked *int
}

func (o owed) Unsent() int { *o.asked++; return 1 }

// TestOwesBackend: what a backend has not taken is no loss only where it is the request, which it answered. Then nobody asks.
func TestOwesBackend(t *testing.T) {
	for name, change := range map[string]func(t *Tunnel){
		"nothing was sent":      func(*Tunnel) {},
		"bytes of the client's": func(t *Tunnel) { t.account.received.Bytes = 1 },
		"a Close of ours":       func(t *Tunnel) { t.flags |= closeSent },
		"a FIN":                 func(t *Tunnel) { t.fromClient.eof = true },
		"the end of a misfit":   func(t *Tunnel) { t.fromClient.drop = true },
	} {
		asked := 0
		k := &Tunnel{account: new(account), backend: owed{asked: &asked}}
		change(k)
		if owes, want := k.owesBackend(), name != "nothing was sent"; owes != want || want != (asked == 1) {
			t.Errorf("%s: it owes: %v, asked %d times", name, owes, asked)
		}
	}
}

// Large messages both ways at once, with a reader that lags: everything arrives in order, spliced or not.
func TestLargeMessages(t *testing.T) {
	r := newRig(t)
	c, s := r.open()
	const n = 24
	run := func(from, to *peer, mask *[4]byte, seed uint64) chan error {
		done := make(chan error, 2)
		content := make([]byte, 3<<20)
		for i := range content {
			content[i] = byte(uint64(i)*seed + uint64(i)>>8)
		}
		sizes := rand.New(rand.NewPCG(seed, 1))
		var all [][]byte
		for range n {
			size := sizes.IntN(len(content))
			all = append(all, ws.AppendHeader(nil, 0x82, uint64(size), mask), content[:size])
		}
		go func() {
			for _, b := range all {
				if _, err := from.Write(b); err != nil {
					done <- err
					return
				}
			}
			done <- from.CloseWrite()
		}()
		go func() {
			for i, b := range all {
				got := make([]byte, len(b))
				if _, err := io.ReadFull(to.r, got); err != nil {
					done <- err
					return
				}
				if !bytes.Equal(got, b) {
					done <- errors.New("other bytes arrived")
					return
				}
				if i%7 == 0 {
					time.Sleep(time.Millisecond) // the reader lags
				}
			}
			done <- nil
		}()
		return done
	}
	up, down := run(c, s, &[4]byte{9, 8, 7, 6}, 3), run(s, c, nil, 5)
	for range 2 {
		if err := <-up; err != nil {
			t.Fatal(err)
		}
		if err := <-down; err != nil {
			t.Fatal(err)
		}
	}
	until(t, "the tunnel is gone", func() bool { return r.stats().Open == 0 })
	if r.l.Stats().Spliced == 0 {
		t.Errorf("nothing was spliced")
	}
}

// A reader that takes nothing stops the writer at the other end.
func TestBackPressure(t *testing.T) {
	r := newRig(t)
	c, s := r.open()
	go func() {
		for {
			if _, err := s.Write(append(ws.AppendHeader(nil, 0x82, 1000, nil), zeros[:1000]...)); err != nil {
				return
			}
		}
	}()
	queued := func() (n int) {
		r.only(func(t *Tunnel) { n = t.client.Queued() })
		return n
	}
	until(t, "the tunnel stands still", func() bool { return queued() > 0 })
	for range 50 {
		if n := queued(); n > 64<<10+14 {
			t.Fatalf("%d bytes are queued", n)
		}
	}
	if n, err := io.CopyN(io.Discard, c.r, 20<<20); n != 20<<20 {
		t.Errorf("got %d bytes: %v", n, err)
	}
	s.Close()
}
