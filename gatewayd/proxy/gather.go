package proxy

import "github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"

// A gather collects in the loop's scratch memory what one turn of a handler sends to one stream, so that a head and
// the body bytes at hand leave in one write. It is empty between two handlers.
type gather struct {
	l     *loop.Loop
	to    loop.Stream // nil while it is empty
	buf   []byte
	body  []byte // stands behind the first split bytes of buf; nil where there is none
	split int
	parts loop.Parts
}

// refer is from how many bytes on content is sent from where it stands rather than copied.
const refer = 8 << 10

// copyMost is up to where copying body bytes behind others costs less than a write of their own.
const copyMost = 64 << 10

// open returns what is collected for s, having sent what was collected for another stream. Whoever appends to it
// stores the result with keep.
func (g *gather) open(s loop.Stream) []byte {
	if g.to != s {
		g.flush()
		g.to, g.buf = s, g.l.Scratch()
	}
	return g.buf
}

func (g *gather) keep(b []byte) { g.buf = b }

// content is write of bytes that stay where they are until the handler ends, as those that it was given do.
func (g *gather) content(s loop.Stream, p []byte) {
	_, gathers := s.(loop.Gatherer)
	if g.to == nil || g.to != s || len(p) < refer || !gathers || g.body != nil {
		g.write(s, p)
		return
	}
	g.body, g.split = p, len(g.buf)
}

// write sends p to s behind what is collected for it.
func (g *gather) write(s loop.Stream, p []byte) {
	if g.to == nil && len(p) >= 4<<10 {
		s.Write(p)
		return
	}
	b := g.open(s)
	if len(p) > copyMost || len(b)+len(p) > cap(b) || g.body != nil && len(p) >= refer {
		g.flush()
		s.Write(p)
		return
	}
	g.buf = append(b, p...)
}

// gathered is how much is collected for s.
func (g *gather) gathered(s loop.Stream) int {
	if g.to != s {
		return 0
	}
	return len(g.buf) + len(g.body)
}

func (g *gather) flush() {
	s := g.to
	if s == nil {
		return
	}
	g.to = nil
	switch body := g.body; {
	case body != nil:
		g.body = nil
		g.parts = loop.Parts{g.buf[:g.split], body, g.buf[g.split:]}
		s.(loop.Gatherer).WriteParts(&g.parts)
		g.parts = loop.Parts{}
	case len(g.buf) > 0:
		s.Write(g.buf)
	}
}

// drop forgets what a handler that panicked had collected.
func (g *gather) drop() { g.to, g.body, g.parts = nil, nil, loop.Parts{} }
