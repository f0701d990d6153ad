package meter

import "sync/atomic"

// Tunnels are the tunnels of one loop, and the handshakes for one. Of what is counted when a tunnel ends, Ended is last: who
// sees it there finds it everywhere.
type Tunnels struct {
	Handshakes     [Handshakes]atomic.Uint64
	Opened         atomic.Uint64
	Ended          [Ends]atomic.Uint64
	Codes          [Codes]atomic.Uint64 // of the Closes that ended them
	Lives          Lives
	Received, Sent Passed // behind the handshake: from clients, and to them
}

func (t *Tunnels) addTo(f *TrafficFigures) {
	// What ended is read first: it was opened before.
	for e := range f.TunnelsEnded {
		f.TunnelsEnded[e] += t.Ended[e].Load()
	}
	f.TunnelsOpened += t.Opened.Load()
	for h := range f.Handshakes {
		f.Handshakes[h] += t.Handshakes[h].Load()
	}
	for c := range f.TunnelsCodes {
		f.TunnelsCodes[c] += t.Codes[c].Load()
	}
	t.Lives.addTo(&f.TunnelsLives)
	t.Received.addTo(&f.TunnelsReceived)
	t.Sent.addTo(&f.TunnelsSent)
}

// TunnelsOpen is how many tunnels are open.
func (f *TrafficFigures) TunnelsOpen() uint64 { return f.TunnelsOpened - sum(f.TunnelsEnded[:]) }

func sum(counts []uint64) (n uint64) {
	for _, k := range counts {
		n += k
	}
	return n
}

// A Passed is what passed in one direction of tunnels. Messages are those that ended, as long as their framing could be
// followed.
type Passed struct{ Bytes, Messages atomic.Uint64 }

// Add counts n bytes, in which messages ended.
func (p *Passed) Add(n, messages uint64) {
	p.Bytes.Add(n)
	if messages > 0 {
		p.Messages.Add(messages)
	}
}

func (p *Passed) addTo(f *PassedFigures) {
	f.Bytes += p.Bytes.Load()
	f.Messages += p.Messages.Load()
}

// PassedFigures are the counts of a Passed.
type PassedFigures struct{ Bytes, Messages uint64 }
