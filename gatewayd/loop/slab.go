package loop

const chunkSize = 256

// slab holds the loop's connections in chunks that never move and are never given back: at a million connections the
// garbage collector sees a few thousand large objects, and accepting allocates nothing after the first time.
type slab struct {
	chunks []*[chunkSize]Conn
	unused []uint32
	used   int
}

func (s *slab) get(index uint32) *Conn {
	if int(index/chunkSize) >= len(s.chunks) {
		return nil
	}
	return &s.chunks[index/chunkSize][index%chunkSize]
}

// alloc gives a connection that is empty but for its place and generation.
func (s *slab) alloc() *Conn {
	if len(s.unused) == 0 {
		base := uint32(len(s.chunks) * chunkSize)
		s.chunks = append(s.chunks, new([chunkSize]Conn))
		for i := uint32(chunkSize); i > 0; i-- {
			s.unused = append(s.unused, base+i-1)
		}
	}
	index := s.unused[len(s.unused)-1]
	s.unused = s.unused[:len(s.unused)-1]
	s.used++
	c := s.get(index)
	*c = Conn{index: index, gen: c.gen}
	return c
}

// free makes the entry's tokens stale before anybody may use it again.
func (s *slab) free(c *Conn) {
	*c = Conn{index: c.index, gen: c.gen + 1}
	s.unused = append(s.unused, c.index)
	s.used--
}

func (s *slab) each(f func(*Conn)) {
	for _, chunk := range s.chunks {
		for i := range chunk {
			if c := &chunk[i]; c.l != nil {
				f(c)
			}
		}
	}
}
