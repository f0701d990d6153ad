package tunnel

import (
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/ws"
)

// spliceLeast is the rest of a frame from which on splicing is worth its system calls.
const spliceLeast = loop.MaxBuffer

// pass forwards b but for the beginning of a frame header at its end, which is held back. It takes all of b.
func (t *Tunnel) pass(d *direction, src, dst loop.Stream, b []byte) {
	if d.drop {
		return
	}
	full := len(b) >= loop.MaxBuffer
	if d.n > 0 {
		s := append(t.set.l.Scratch(), d.part[:d.n]...)
		b = append(s, b...)
		d.n = 0
	}
	n, messages := 0, 0
	for n < len(b) {
		k, whole, ev, code := t.follow(d, b[n:])
		n += k
		messages += whole
		if d.follower.Closing() {
			t.closedBy(d, b[:n])
		}
		if code != 0 {
			t.send(d, dst, b[:n], messages)
			t.misfits(d, code)
			return
		}
		if ev == ws.NeedHeader {
			d.n = uint8(copy(d.part[:], b[n:]))
			break
		}
	}
	t.send(d, dst, b[:n], messages)
	t.pace(d, src, dst, full)
}

// send forwards b, in which messages ended.
func (t *Tunnel) send(d *direction, dst loop.Stream, b []byte, messages int) {
	if len(b) > 0 {
		t.passed(d, len(b), messages)
		dst.Write(b)
	}
}

// whole is how many messages ended by what the follower said last: 1 or 0.
func (d *direction) whole(ev ws.Event) int {
	if ev == ws.FrameEnd && d.follower.EndsMessage() {
		return 1
	}
	return 0
}

// pace stops the source while the other end does not take what it gets, and moves long payloads inside the kernel.
func (t *Tunnel) pace(d *direction, src, dst loop.Stream, full bool) {
	if !full {
		d.full = 0
	} else if d.full < 2 {
		d.full++
	}
	if left := d.follower.Left(); d.full == 2 && left >= spliceLeast && left <= 1<<62 {
		if s, ok := src.(loop.Splicer); ok && s.SpliceTo(dst, int64(left)) {
			d.splicing = true
			t.stall()
			return
		}
	}
	t.hold(src, dst)
}

// hold stops the source while there is something that the other end has not taken.
func (t *Tunnel) hold(src, dst loop.Stream) {
	if dst.Queued() > 0 {
		src.Pause()
		t.stall()
	}
}

// spliced accounts what went past inside the kernel.
func (t *Tunnel) spliced(d *direction, src, dst loop.Stream, moved int64) {
	d.splicing = false
	if moved > 0 {
		t.passed(d, int(moved), d.whole(d.follower.Skip(uint64(moved))))
	}
	if w := t.account.waiting; w != nil && dst.Took() { // Else whoever looks next would take it for the present.
		w[t.taker(d)].since = t.set.l.Now()
	}
	if moved < loop.MaxBuffer {
		d.full = 0
	}
	t.hold(src, dst)
}

// eof passes a FIN on, behind what was held back, and ends the tunnel behind the second one.
func (t *Tunnel) eof(d *direction, dst loop.Stream) {
	d.eof = true
	t.endedBy(t.sender(d), ws.CodeLost)
	if d.n > 0 && !d.drop {
		t.passed(d, int(d.n), 0)
		dst.Write(d.part[:d.n])
		d.n = 0
	}
	dst.CloseWrite()
	if t.fromClient.eof && t.fromBackend.eof {
		t.end()
		t.client.Close()
		t.backend.Close()
	}
}
