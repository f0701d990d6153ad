package tunnel

import (
	"bytes"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/ws"
)

// quiet is a stream that takes everything and sends nothing.
type quiet struct{ written int }

func (*quiet) SetHandler(loop.Handler)    {}
func (*quiet) Loop() *loop.Loop           { return nil }
func (q *quiet) Write(b []byte)           { q.written += len(b) }
func (*quiet) Queued() int                { return 0 }
func (*quiet) Unsent() int                { return 0 }
func (*quiet) Took() bool                 { return true }
func (*quiet) Pulse() loop.Pulse          { return loop.Pulse{} }
func (*quiet) Pause()                     {}
func (*quiet) Resume()                    {}
func (*quiet) CloseWrite()                {}
func (*quiet) Close()                     {}
func (*quiet) Reset()                     {}
func (*quiet) SetDeadline(loop.Time)      {}
func (*quiet) RemoteAddr() netip.AddrPort { return netip.AddrPort{} }
func (*quiet) LocalAddr() netip.AddrPort  { return netip.AddrPort{} }

// BenchmarkRelay is what a tunnel does with reads of messages of 125 bytes, one or many in a read, beside the system calls.
func BenchmarkRelay(b *testing.B) {
	for name, n := range map[string]int{"one": 1, "many": 64} {
		b.Run(name, func(b *testing.B) {
			r := newRig(b)
			r.on(func() {
				client, target := &quiet{}, &quiet{}
				t := r.start(client, target)
				one := append(ws.AppendHeader(nil, 0x82, 125, &[4]byte{1, 2, 3, 4}), make([]byte, 125)...)
				read := bytes.Repeat(one, n)
				b.ReportAllocs()
				for b.Loop() {
					(*clientEnd)(t).Data(read)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/message")
				if target.written != b.N*len(read) {
					b.Errorf("%d bytes passed of %d", target.written, b.N*len(read))
				}
				r.end(t)
			})
		})
	}
}

// BenchmarkIdle is the memory of idle tunnels with an idle_timeout and a longest lifetime, beside those of their streams: a
// connection of gatewayd/loop is 224 bytes, and a tunnel has two.
func BenchmarkIdle(b *testing.B) {
	r := newRig(b)
	r.limits = Limits{Idle: time.Hour, Lifetime: 24 * time.Hour}
	r.on(func() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		client, target := &quiet{}, &quiet{}
		list := make([]*Tunnel, 0, b.N)
		b.ResetTimer()
		for range b.N {
			list = append(list, r.start(client, target))
		}
		b.StopTimer()
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(int64(after.HeapAlloc)-int64(before.HeapAlloc))/float64(b.N)-8, "B/tunnel")
		for _, t := range list {
			r.end(t)
		}
	})
}

// start begins a tunnel between two streams, on the loop.
func (r *rig) start(client, target loop.Stream) *Tunnel {
	r.backend.Take(0)
	r.set.Start(client, target, r.terms())
	return r.set.lists[Subject{Rule: "rule"}].first
}

// end tells a tunnel that both of its streams are gone.
func (r *rig) end(t *Tunnel) {
	t.client, t.backend = nowhere{}, nowhere{}
	t.flags |= clientGone | backendGone
	r.set.release(t)
}
