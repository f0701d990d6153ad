package proxy

import (
	"math"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
)

// holdMost is up to where the bytes of a request are held for another attempt.
const holdMost = 16 << 10

// room is how many bytes of content are welcome now: as much as comes while the backend takes it, and what can be held
// while its connection is not there yet.
func (x *exchange) room() int {
	switch u := x.up; {
	case u == nil || x.flags&xReached == 0:
		if !x.hold.here() {
			return 0
		}
		// Our chunk head may be longer than the client's.
		return max(0, holdMost-x.hold.len()-32)
	case u.stream.Queued() > 0:
		return 0
	}
	return math.MaxInt
}

// content forwards a piece of the request's body.
func (x *exchange) content(p []byte) {
	x.flags &^= xExpect // it did not wait for the 100 any longer
	x.forwarded(len(p), 0)
	if x.flags&xChunked == 0 {
		x.forward(p)
		return
	}
	x.body += int64(len(p))
	if most := x.route.Listener.MaxBodyBytes; most > 0 && x.body > most {
		x.refuse(refuse(ReasonBodyTooLarge)) // The backend's connection breaks off with it, before the last chunk.
		return
	}
	x.forward(http1.AppendChunkHead(x.w.small[:0], len(p)))
	x.forward(p)
	x.forward(chunkEnd)
}

var chunkEnd = []byte(http1.ChunkEnd)

// complete ends the request's body.
func (x *exchange) complete(t *http1.Trailer) {
	x.flags |= xComplete
	if x.flags&xChunked != 0 {
		x.forward(http1.AppendLastChunk(x.w.small[:0], t))
	}
	if x.flags&xReached != 0 {
		x.progress()
	}
}

// forward sends bytes of the request, or puts them with those that wait, and holds them for another attempt as long as
// that is possible.
func (x *exchange) forward(p []byte) {
	if x.hold.here() {
		full := x.flags&xReached != 0 && x.hold.len()+len(p) > holdMost
		if full || !x.hold.append(x.w.l, p) {
			x.hold.drop()
		}
	}
	if x.flags&xReached != 0 && x.up != nil {
		x.progress()
		x.w.out.write(x.up.stream, p)
	}
}

// drained says that the client took what it was sent.
func (x *exchange) drained() {
	if x.flags&xHead != 0 || x.interims > 0 {
		x.moved = x.w.l.Now()
		x.arm()
	}
	if x.up != nil {
		x.up.stream.Resume()
	}
}
