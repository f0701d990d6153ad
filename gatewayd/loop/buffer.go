package loop

// The size classes of pooled buffers. What a loop keeps of each is bounded, so that a burst leaves at most about 5 MiB
// behind.
var classes = [...]struct{ size, keep int }{{1 << 10, 1024}, {4 << 10, 256}, {16 << 10, 64}, {64 << 10, 32}}

// MaxBuffer is the size of the largest pooled buffer, and the most a connection holds back for its handler.
const MaxBuffer = 64 << 10

// A Buffer is a pooled piece of memory that belongs to whoever got it from Loop.Buffer until Release. It is used on
// its loop only.
type Buffer struct {
	l     *Loop
	mem   []byte // the whole class
	start int    // the bytes held are mem[start:end]
	end   int
	class uint8
	used  bool
}

// Buffer lends an empty buffer with room for size bytes, or MaxBuffer where size is more.
func (l *Loop) Buffer(size int) *Buffer {
	class := 0
	for class < len(classes)-1 && classes[class].size < size {
		class++
	}
	free := l.buffers[class]
	var b *Buffer
	if n := len(free); n > 0 {
		b, l.buffers[class] = free[n-1], free[:n-1]
	} else {
		b = &Buffer{l: l, mem: make([]byte, classes[class].size), class: uint8(class)}
	}
	b.start, b.end, b.used = 0, 0, true
	l.stats.buffers.Add(1)
	return b
}

// Release gives the buffer back. Its bytes must not be touched any more. Releasing nil does nothing.
func (b *Buffer) Release() {
	if b == nil {
		return
	}
	if !b.used {
		panic("loop: buffer released twice")
	}
	l := b.l
	b.used = false
	l.stats.buffers.Add(-1)
	if free := l.buffers[b.class]; len(free) < classes[b.class].keep {
		l.buffers[b.class] = append(free, b)
	}
}

// Bytes are what the buffer holds, valid until the next call on it.
func (b *Buffer) Bytes() []byte { return b.mem[b.start:b.end] }

// Len is the number of bytes held.
func (b *Buffer) Len() int { return b.end - b.start }

// Append copies p behind what the buffer holds, growing up to MaxBuffer. Where p does not fit whole it takes nothing
// and reports false.
func (b *Buffer) Append(p []byte) bool {
	if b.Len()+len(p) > MaxBuffer {
		return false
	}
	b.room(len(p))
	b.end += copy(b.mem[b.end:], p)
	return true
}

// Cut drops the first n bytes.
func (b *Buffer) Cut(n int) {
	if n < 0 || n > b.Len() {
		panic("loop: cut beyond the buffer")
	}
	if b.start += n; b.start == b.end {
		b.start, b.end = 0, 0
	}
}

// room makes space for n bytes behind what is held, by moving to the front or to a larger class, as far as MaxBuffer
// allows.
func (b *Buffer) room(n int) {
	if len(b.mem)-b.end >= n {
		return
	}
	if need := b.Len() + n; need <= len(b.mem) || len(b.mem) == MaxBuffer {
		b.end = copy(b.mem, b.Bytes())
		b.start = 0
		return
	}
	larger := b.l.Buffer(b.Len() + n)
	larger.end = copy(larger.mem, b.Bytes())
	// The two change bodies, so that the holder's pointer stays good.
	b.mem, larger.mem = larger.mem, b.mem
	b.class, larger.class = larger.class, b.class
	b.start, b.end = 0, larger.end
	larger.Release()
}

// take appends as much of p as the present class has room for and gives the rest.
func (b *Buffer) take(p []byte) []byte {
	n := copy(b.mem[b.end:], p)
	b.end += n
	return p[n:]
}

// Scratch is an empty slice with room for at least 128 KiB, one for the whole loop, for assembling output. It is good
// until the handler that asked for it returns, and only one user at a time may fill it: what was assembled goes to
// Write before anything else runs that may ask for it, too.
func (l *Loop) Scratch() []byte { return l.scratch[:0] }
