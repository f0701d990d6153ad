package accesslog

import (
	"sync/atomic"
	"time"
)

const (
	blockSize = 64 << 10
	// blocks is how many blocks a loop has: those that are being written and those that wait for it.
	blocks = 16
	// FlushTime is how long a line may wait for others.
	FlushTime = 100 * time.Millisecond
)

// A Sink takes the lines of one loop. All its methods but those of the Log are called on that loop.
type Sink struct {
	log   *Log
	free  chan []byte // as many as blocks; nil is one that was not used yet
	block []byte      // being filled; nil without one

	// Query says what lines show of queries.
	Query Query

	lines, dropped atomic.Uint64

	second int64 // that stamp is of
	stamp  []byte
	wall   time.Duration // the wall clock less the loop's
	read   time.Duration // when it was read, by the loop's clock
}

func newSink(l *Log, q Query) *Sink {
	s := &Sink{log: l, free: make(chan []byte, blocks), Query: q, second: -1}
	for range blocks {
		s.free <- nil
	}
	return s
}

// Add takes a line with its newline, of which it keeps a copy, or drops it. first says that Flush has to be called after
// FlushTime.
func (s *Sink) Add(line []byte) (first bool) {
	if len(s.block)+len(line) > cap(s.block) {
		s.Flush()
		if first = s.begin(); !first || len(line) > cap(s.block) {
			s.dropped.Add(1)
			return first
		}
	}
	s.block = append(s.block, line...)
	s.lines.Add(1)
	return first
}

// begin takes a free block, if there is one.
func (s *Sink) begin() bool {
	select {
	case b := <-s.free:
		if b == nil {
			b = make([]byte, 0, blockSize)
		}
		s.block = b[:0]
		return true
	default:
		return false
	}
}

// Flush hands over what was added, and never waits.
func (s *Sink) Flush() {
	if s.block == nil {
		return
	}
	// There is room for every block.
	s.log.full <- full{s, s.block}
	s.block = nil
}

// AppendTime begins a line with the time, given by the clock of the loop. The wall clock is read once a second at most.
func (s *Sink) AppendTime(b []byte, now time.Duration) []byte {
	if s.second < 0 || now-s.read >= time.Second {
		s.wall, s.read = time.Duration(time.Now().UnixNano())-now, now
	}
	at := now + s.wall
	if second := int64(at / time.Second); second != s.second {
		s.second = second
		s.stamp = time.Unix(second, 0).UTC().AppendFormat(s.stamp[:0], "2006-01-02T15:04:05.")
	}
	b = append(b, `{"time":"`...)
	b = append(b, s.stamp...)
	micro := int64(at % time.Second / time.Microsecond)
	for unit := int64(100_000); unit > 0; unit /= 10 {
		b = append(b, byte('0'+micro/unit%10))
	}
	return append(b, `Z"`...)
}
