package proxy

import "github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"

// A span is a part of what is held, from start to before end.
type span struct{ start, end int32 }

// A hold is the beginning of a request, its head and perhaps of its body, as it was or will be sent: for a connection
// that does not stand yet, and for another attempt. A head as long as a listener may allow fills one buffer of the loop
// before the gateway's own fields are added, so there are two. The zero value holds nothing and says that what was sent
// is not here any more.
type hold struct{ first, more *loop.Buffer }

// start begins to hold, with room for a number of bytes at first.
func (h *hold) start(l *loop.Loop, size int) { h.first = l.Buffer(size) }

// here says that everything that was sent is still here.
func (h *hold) here() bool { return h.first != nil }

func (h *hold) len() int {
	n := h.first.Len()
	if h.more != nil {
		n += h.more.Len()
	}
	return n
}

// append puts p behind what is held, or reports false where it does not fit; then the hold is good for nothing.
func (h *hold) append(l *loop.Loop, p []byte) bool {
	if h.more == nil {
		n := min(len(p), loop.MaxBuffer-h.first.Len())
		h.first.Append(p[:n])
		if p = p[n:]; len(p) == 0 {
			return true
		}
		h.more = l.Buffer(len(p))
	}
	return h.more.Append(p)
}

// drop lets go of what is held.
func (h *hold) drop() {
	h.first.Release()
	h.more.Release()
	*h = hold{}
}

// send writes what is held. host, where it is not empty, takes the place of the bytes at a span in the first buffer.
func (h *hold) send(g *gather, to loop.Stream, host []byte, at span) {
	b := h.first.Bytes()
	if len(host) > 0 {
		g.write(to, b[:at.start])
		g.write(to, host)
		b = b[at.end:]
	}
	g.write(to, b)
	if h.more != nil {
		g.write(to, h.more.Bytes())
	}
}
