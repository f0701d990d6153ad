package loop

import "math/bits"

const (
	// chunkSize is how many connections there are in a chunk: as many as a word of its room has bits.
	chunkSize = 64
	// keepChunks is how many chunks without a connection are kept for the next ones.
	keepChunks = 16
)

// A slab holds the loop's connections in chunks that never move: at a million connections the garbage collector sees some
// thousand large objects, and accepting allocates nothing while there is room. A new connection goes to the first chunk that
// has room, so that the last ones become empty behind a burst. They are given back.
type slab struct {
	chunks []chunk  // by index
	room   []uint64 // a bit for each chunk that has memory and room
	first  int      // no word of room before this one has a bit
	gone   []int    // chunks without memory
	empty  int      // chunks with memory and no connection
	used   int
	gen    uint32
}

type chunk struct {
	conns *[chunkSize]Conn // nil where it was given back
	room  uint64           // a bit for each entry that is unused
}

const allRoom = ^uint64(0)

// get is nil where there is no such entry.
func (s *slab) get(index uint32) *Conn {
	at := int(index / chunkSize)
	if at >= len(s.chunks) || s.chunks[at].conns == nil {
		return nil
	}
	return &s.chunks[at].conns[index%chunkSize]
}

// alloc gives a connection that is empty but for its place, and a generation that no other one has.
func (s *slab) alloc() *Conn {
	for s.first < len(s.room) && s.room[s.first] == 0 {
		s.first++
	}
	if s.first == len(s.room) {
		s.grow()
	}
	at := s.first*64 + bits.TrailingZeros64(s.room[s.first])
	k := &s.chunks[at]
	if k.room == allRoom {
		s.empty--
	}
	slot := bits.TrailingZeros64(k.room)
	if k.room &^= 1 << slot; k.room == 0 {
		s.room[at/64] &^= 1 << (at % 64)
	}
	s.used++
	if s.gen++; s.gen == 0 {
		s.gen = 1 // 0 is that of no connection
	}
	c := &k.conns[slot]
	*c = Conn{index: uint32(at*chunkSize + slot), gen: s.gen}
	return c
}

// grow adds an empty chunk, in the place of one that was given back where there is one.
func (s *slab) grow() {
	at := len(s.chunks)
	if n := len(s.gone); n > 0 {
		at, s.gone = s.gone[n-1], s.gone[:n-1]
	} else {
		s.chunks = append(s.chunks, chunk{})
		if at/64 == len(s.room) {
			s.room = append(s.room, 0)
		}
	}
	s.chunks[at] = chunk{new([chunkSize]Conn), allRoom}
	s.hasRoom(at)
	s.empty++
}

func (s *slab) hasRoom(at int) {
	s.room[at/64] |= 1 << (at % 64)
	s.first = min(s.first, at/64)
}

// free makes the entry's tokens stale before anybody may use it again.
func (s *slab) free(c *Conn) {
	at, slot := int(c.index/chunkSize), c.index%chunkSize
	*c = Conn{index: c.index}
	k := &s.chunks[at]
	k.room |= 1 << slot
	s.hasRoom(at)
	s.used--
	switch {
	case k.room != allRoom:
	case s.empty < keepChunks:
		s.empty++
	default:
		k.conns = nil
		s.room[at/64] &^= 1 << (at % 64)
		s.gone = append(s.gone, at)
	}
}

// each calls f with every connection.
func (s *slab) each(f func(*Conn)) {
	for _, k := range s.chunks {
		if k.conns == nil {
			continue
		}
		for used := ^k.room; used != 0; used &= used - 1 {
			if c := &k.conns[bits.TrailingZeros64(used)]; c.l != nil {
				f(c)
			}
		}
	}
}
