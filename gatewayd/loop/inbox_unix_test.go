//go:build linux || darwin || freebsd

package loop

import (
	"io"
	"testing"
)

// TestNext: what is put off runs in a later turn, whatever it puts off in one later still, and meanwhile the loop serves its
// connections. A panic among them costs no other.
func TestNext(t *testing.T) {
	l := running(t)
	addr := listening(t, l, func(c *Conn) { c.SetHandler(&echo{c: c}) })
	c := dial(t, addr)
	served, turns := make(chan struct{}), []uint32{}
	done := make(chan struct{})
	var again func()
	again = func() {
		turns = append(turns, l.turn)
		select {
		case <-served:
			close(done)
		default:
			l.Next(again)
		}
	}
	on(t, l, func() {
		l.Next(func() { panic("on purpose") })
		l.Next(again)
	})
	if _, err := c.Write([]byte("a")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	close(served)
	<-done
	for i := 1; i < len(turns); i++ {
		if turns[i] == turns[i-1] {
			t.Fatalf("it ran twice in turn %d", turns[i])
		}
	}
	if n := l.Stats().Panics; n != 1 {
		t.Errorf("%d panics are counted, want 1", n)
	}
}
