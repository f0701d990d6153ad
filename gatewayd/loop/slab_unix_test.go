//go:build linux || darwin || freebsd

package loop

import (
	"net/netip"
	"runtime"
	"testing"
	"weak"
)

// TestNothingKeepsAChunk: however many connections end in one turn, none of the loop's lists keeps their memory.
func TestNothingKeepsAChunk(t *testing.T) {
	l := running(t)
	var chunks []weak.Pointer[[chunkSize]Conn]
	on(t, l, func() {
		for range chunkSize * (keepChunks + 20) {
			c := l.open(-1, netip.AddrPort{}, 0)
			l.schedule(c)
			c.yield()
			c.Reset()
		}
		for _, k := range l.slab.chunks {
			chunks = append(chunks, weak.Make(k.conns))
		}
	})
	until(t, "the memory is free", func() bool {
		runtime.GC()
		on(t, l, func() {}) // The next turn begins.
		kept := 0
		for _, k := range chunks {
			if k.Value() != nil {
				kept++
			}
		}
		return kept <= keepChunks
	})
}
