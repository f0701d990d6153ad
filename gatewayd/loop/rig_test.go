package loop

import (
	"runtime"
	"testing"
	"time"
)

// patience is how long a test waits for what must happen. It is an end for a broken test, never a measure.
const patience = 20 * time.Second

// funcs is a handler of functions; what is nil does nothing, and Data takes everything.
type funcs struct {
	connected func()
	data      func(b []byte) int
	eof       func()
	drained   func()
	timeout   func()
	closed    func(err error)
	spliced   func(moved int64)
}

func (f *funcs) Connected() {
	if f.connected != nil {
		f.connected()
	}
}

func (f *funcs) Data(b []byte) int {
	if f.data != nil {
		return f.data(b)
	}
	return len(b)
}

func (f *funcs) EOF() {
	if f.eof != nil {
		f.eof()
	}
}

func (f *funcs) Drained() {
	if f.drained != nil {
		f.drained()
	}
}

func (f *funcs) Timeout() {
	if f.timeout != nil {
		f.timeout()
	}
}

func (f *funcs) Closed(err error) {
	if f.closed != nil {
		f.closed(err)
	}
}

func (f *funcs) Spliced(moved int64) {
	if f.spliced != nil {
		f.spliced(moved)
	}
}

func checkEmpty(t testing.TB, l *Loop) {
	t.Helper()
	s := l.Stats()
	if s.Conns != 0 || s.Buffers != 0 || s.Pipes != 0 || s.IdlePipes != 0 || l.slab.used != 0 || l.pipes.open != 0 {
		t.Errorf("left behind: %d connections, %d buffers, %d pipes, %d idle pipes, %d slab entries, %d open pipes",
			s.Conns, s.Buffers, s.Pipes, s.IdlePipes, l.slab.used, l.pipes.open)
	}
}

// until waits for a condition that only other goroutines can bring about.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("in vain waited until %s", what)
		}
		time.Sleep(200 * time.Microsecond)
	}
}

// pattern is n bytes that repeat nowhere near.
func pattern(n int, seed uint32) []byte {
	b := make([]byte, n)
	x := seed*2654435761 + 1
	for i := range b {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		b[i] = byte(x)
	}
	return b
}

// common is how many bytes a and b have in common at their beginning.
func common(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
