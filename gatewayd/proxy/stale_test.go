package proxy

import (
	"io"
	"math/rand/v2"
	"runtime"
	"testing"
)

// A backend that closes kept connections, whenever and however, never costs a request that may be repeated an error, also
// without retries and without another target; and a POST reaches it once at most.
func TestKeptConnectionsThatClose(t *testing.T) {
	end := map[string]func(p *peer){
		"FIN": func(p *peer) { p.CloseWrite(); p.gone() },
		"RST": func(p *peer) { p.reset() },
	}
	for name, behind := range map[string]func(l *ledger, p *peer, end func(*peer)){
		"at once": func(_ *ledger, p *peer, end func(*peer)) { end(p) },
		"on the next request": func(l *ledger, p *peer, end func(*peer)) {
			if l.asked(p) {
				end(p)
			}
		},
		"on the first byte of the next request": func(_ *ledger, p *peer, end func(*peer)) {
			if _, err := p.r.ReadByte(); err == nil {
				end(p)
			}
		},
		"somewhere about the next request": func(_ *ledger, p *peer, end func(*peer)) {
			for range rand.IntN(40) {
				runtime.Gosched()
			}
			end(p)
		},
	} {
		for how, end := range end {
			t.Run(name+" by "+how, func(t *testing.T) {
				t.Parallel()
				var l ledger
				s := newServer(t, func(p *peer) {
					if l.asked(p) {
						_, _ = io.WriteString(p.Conn, ok("good")) // The gateway may have been told to end meanwhile.
						behind(&l, p, end)
					}
				})
				r := newRig(t, func(r *rig) { r.setting.Retries = 0 }, s.addr)
				const n = 600
				if got := r.load(n, storm(false), nil); got[200] != n {
					t.Errorf("requests that may be repeated were answered %v", got)
				}
				posts := r.load(n/2, storm(true), nil)
				if often := l.often("post-"); len(often) > 0 {
					t.Errorf("POSTs reached the backend more than once: %v", often)
				}
				if posts[200] == 0 || posts[0] > 0 {
					t.Errorf("POSTs were answered %v", posts)
				}
			})
		}
	}
}
