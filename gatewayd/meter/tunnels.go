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
// followed. It is counted with every message, for which what everybody may read at any time would be dear: so its loop keeps
// a sum of its own, and tells it when it settles.
type Passed struct {
	own, told PassedFigures // of the loop alone; told is what was told of own
	noted     bool          // the loop knows that there is something to settle

	bytes, messages atomic.Uint64
}

// Add counts n bytes, in which messages ended. fresh says that the loop has to note it for Settle.
func (p *Passed) Add(n, messages uint64) (fresh bool) {
	p.own.Bytes += n
	p.own.Messages += messages
	fresh = !p.noted
	p.noted = true
	return fresh
}

// Tell lets everybody see what was counted so far.
func (p *Passed) Tell() {
	p.add(PassedFigures{p.own.Bytes - p.told.Bytes, p.own.Messages - p.told.Messages})
	p.told = p.own
}

// Settle tells, and ends the note.
func (p *Passed) Settle() {
	p.Tell()
	p.noted = false
}

// add adds what everybody may see. Any loop may call it.
func (p *Passed) add(f PassedFigures) {
	if f != (PassedFigures{}) {
		p.bytes.Add(f.Bytes)
		p.messages.Add(f.Messages)
	}
}

func (p *Passed) addTo(f *PassedFigures) {
	f.Bytes += p.bytes.Load()
	f.Messages += p.messages.Load()
}

// PassedFigures are the counts of a Passed.
type PassedFigures struct{ Bytes, Messages uint64 }
