package loop

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// script is a Kernel of pure memory: sockets whose other ends are scripted peers, with the edges, partial writes and
// errors of the real one, at every place where chance has it. It gives out the lowest free descriptor, as the real one
// does, so that numbers are reused at once. It tells what it sees as epoll does or as a kqueue does.
type script struct {
	r     *rand.Rand
	now   Time
	open  map[int]any // *sock, *half or *door
	peers []*peer
	woken bool
	spent []uint64 // tokens of closed sockets
	limit int      // of descriptors
	door  *door
	rude  bool // resets and refusals happen
	calls int
	stuck bool

	kqueue bool
	polled registered // of a kqueue

	coming      []*peer // will connect
	receiveRoom int     // of a socket
	sendRoom    int
}

// door is the listening socket.
type door struct {
	queue  []*peer
	token  uint64
	polled bool
}

// sock is the loop's end of a connection.
type sock struct {
	peer    *peer
	token   uint64
	watched bool
	edges   Ready // not yet told
	in      []byte
	fin     bool // the peer's
	err     syscall.Errno
	reset   bool
	out     []byte // taken from the loop, not yet by the peer
	full    bool   // a write came up short: the next room is an edge
	shut    bool
	joining bool // connect has not ended
	closed  bool
}

// half is one end of a pipe.
type half struct{ p *memoryPipe }

type memoryPipe struct {
	b    []byte
	ends int
}

// peer is who the loop talks to.
type peer struct {
	name   string
	s      *sock
	send   []byte // still to be sent
	sent   []byte
	fin    bool // FIN was sent
	resets bool // ends by RST
	polite bool // sends FIN only after it saw one
	slow   int  // one in slow times it reads
	got    []byte
	gotFin bool
	gotRst bool
}

func newScript(seed uint64, rude bool) *script {
	return &script{
		r: rand.New(rand.NewPCG(seed, 77)), now: 1, open: map[int]any{}, limit: 1 << 20, door: &door{}, rude: rude,
		kqueue:      seed%4 >= 2,
		receiveRoom: 1 << (9 + seed%11), sendRoom: 1 << (8 + seed/11%12),
	}
}

// chance is true once in n times.
func (k *script) chance(n int) bool { return k.r.IntN(n) == 0 }

func (k *script) add(x any) (int, syscall.Errno) {
	if len(k.open) >= k.limit {
		return -1, syscall.EMFILE
	}
	fd := 3
	for k.open[fd] != nil {
		fd++
	}
	k.open[fd] = x
	return fd, 0
}

func (k *script) socket(fd int) *sock {
	s, ok := k.open[fd].(*sock)
	if !ok {
		panic(fmt.Sprintf("the loop uses descriptor %d, which is no open socket", fd))
	}
	return s
}

// disturb lets the world go on in the middle of a call.
func (k *script) disturb() {
	k.calls++
	if k.chance(4) && len(k.peers) > 0 {
		k.act(k.peers[k.r.IntN(len(k.peers))])
	}
}

// act has a peer do something, and says whether there was anything to do.
func (k *script) act(p *peer) bool {
	s := p.s
	if s == nil || s.reset && len(s.out) == 0 {
		return false
	}
	if s.joining {
		s.joining = false
		if k.rude && k.chance(8) {
			s.err, s.reset = syscall.ECONNREFUSED, true
			s.edges |= ReadyIn | ReadyOut | ReadyErr | ReadyHup
			p.gotRst = true
			return true
		}
		s.edges |= ReadyOut
		return true
	}
	did := false
	if len(s.out) > 0 && (p.slow <= 1 || k.chance(p.slow)) {
		n := 1 + k.r.IntN(len(s.out))
		p.got = append(p.got, s.out[:n]...)
		s.out = s.out[n:]
		if (s.full || k.kqueue) && len(s.out) < k.sendRoom*2/3 { // a kqueue tells of all room, not only of what was wanted
			s.full = false
			s.edges |= ReadyOut
		}
		did = true
	} else if len(s.out) > 0 {
		did = true // another time
	}
	if s.shut && len(s.out) == 0 && !p.gotFin {
		p.gotFin, did = true, true
	}
	switch {
	case p.fin || p.gotRst:
	case p.resets && (len(p.send) == 0 || k.chance(20)):
		s.err, s.reset, p.fin = syscall.ECONNRESET, true, true
		s.out, p.gotRst = nil, true
		s.edges |= ReadyIn | ReadyOut | ReadyErr | ReadyHup
		did = true
	case len(p.send) == 0 && p.polite && !p.gotFin && !s.closed:
	case len(p.send) == 0:
		s.fin, p.fin, did = true, true, true
		s.edges |= ReadyIn | ReadyHup
	case s.closed:
		p.gotRst, s.reset = true, true // bytes for a closed socket
		s.out = nil
		did = true
	case len(s.in) < k.receiveRoom:
		n := min(len(p.send), k.receiveRoom-len(s.in), 1+k.r.IntN(1<<k.r.IntN(18)))
		s.in = append(s.in, p.send[:n]...)
		p.sent = append(p.sent, p.send[:n]...)
		p.send = p.send[n:]
		s.edges |= ReadyIn
		did = true
	}
	return did
}

func (k *script) Now() Time { k.now += 100; return k.now }

func (k *script) Wait(events []Event, timeout time.Duration) (int, syscall.Errno) {
	for range k.r.IntN(4) {
		k.disturb()
	}
	if len(k.coming) > 0 && k.chance(8) {
		k.arrive()
	}
	if k.chance(50) {
		return 0, 0 // interrupted
	}
	for idle := 0; ; {
		if n := k.collect(events); n > 0 || timeout == 0 || k.woken {
			k.woken = false
			return n, 0
		}
		did := false
		for _, p := range k.peers {
			did = k.act(p) || did
		}
		if !did && len(k.coming) > 0 {
			k.arrive()
			did = true
		}
		if did || k.pending() {
			continue
		}
		if timeout > 0 {
			k.now += Time(timeout)
			return 0, 0
		}
		if idle++; idle > 3 {
			k.stuck = true // nobody will ever wake the loop
			return 0, 0
		}
	}
}

// pending says whether an edge was held back.
func (k *script) pending() bool {
	for _, x := range k.open {
		if s, ok := x.(*sock); ok && s.watched && s.edges != 0 {
			return true
		}
	}
	return false
}

func (k *script) arrive() {
	k.door.queue = append(k.door.queue, k.coming[0])
	k.coming = k.coming[1:]
}

// collect gives the edges, in any order, and among them some of sockets that are closed.
func (k *script) collect(events []Event) int {
	n := 0
	for fd := 3; fd < 3+len(k.open)*2+8; fd++ {
		s, ok := k.open[fd].(*sock)
		switch {
		case !ok || !s.watched || s.edges == 0 || k.chance(6) || n >= len(events)-4:
		case k.kqueue:
			n += k.filters(fd, s, events[n:])
		default:
			events[n] = Event{Token: s.token, Ready: s.edges}
			s.edges = 0
			n++
		}
	}
	if k.door.polled && len(k.door.queue) > 0 {
		events[n] = Event{Token: k.door.token, Ready: ReadyIn}
		n++
	}
	if n > 0 && len(k.spent) > 0 && k.chance(2) {
		events[n] = Event{Token: k.spent[k.r.IntN(len(k.spent))], Ready: Ready(k.r.IntN(16))}
		n++
	}
	k.r.Shuffle(n, func(i, j int) { events[i], events[j] = events[j], events[i] })
	return n
}

// filters tells a socket's edges as the two filters of a kqueue do, one of them perhaps later.
func (k *script) filters(fd int, s *sock, events []Event) int {
	n := 0
	if s.edges&^ReadyOut != 0 && !k.chance(4) {
		events[n] = k.polled.event(kevent{fd: fd, eof: s.edges&ReadyHup != 0, fault: s.edges&ReadyErr != 0})
		s.edges &= ReadyOut
		n++
	}
	if s.edges&ReadyOut != 0 && !k.chance(4) {
		events[n] = k.polled.event(kevent{fd: fd, write: true, eof: s.shut || s.reset, fault: s.err != 0})
		s.edges &^= ReadyOut
		n++
	}
	return n
}

func (k *script) Wake() { k.woken = true }

func (k *script) Watch(fd int, token uint64) syscall.Errno {
	s := k.socket(fd)
	s.token, s.watched = token, true
	k.polled.set(fd, token)
	if len(s.in) > 0 {
		s.edges |= ReadyIn
	}
	if s.fin {
		s.edges |= ReadyIn | ReadyHup
	}
	if !s.joining {
		s.edges |= ReadyOut
	}
	return 0
}

func (k *script) Listen(_ int, token uint64) syscall.Errno {
	k.door.token, k.door.polled = token, true
	return 0
}

func (k *script) Unlisten(int) { k.door.polled = false }
func (k *script) Release()     {}

func (k *script) Accept(int) (int, netip.AddrPort, syscall.Errno) {
	if len(k.open) >= k.limit {
		return -1, netip.AddrPort{}, syscall.EMFILE
	}
	if len(k.door.queue) == 0 {
		return -1, netip.AddrPort{}, syscall.EAGAIN
	}
	p := k.door.queue[0]
	k.door.queue = k.door.queue[1:]
	if k.rude && k.chance(10) {
		p.gotRst = true
		return -1, netip.AddrPort{}, syscall.ECONNABORTED
	}
	p.s = &sock{peer: p}
	k.peers = append(k.peers, p)
	fd, e := k.add(p.s)
	return fd, netip.AddrPort{}, e
}

// Connect finds its peer by the port, which is an index into dialled.
func (k *script) Connect(to Remote) (int, syscall.Errno) {
	p := k.peers[to.Addr.Port()]
	if k.rude && k.chance(10) {
		p.gotRst = true
		return -1, syscall.ENETUNREACH
	}
	s := &sock{peer: p, joining: true}
	fd, e := k.add(s)
	if e != 0 {
		p.gotRst = true
		return -1, e
	}
	p.s = s
	return fd, 0
}

func (k *script) KeepAlive(fd int) { k.socket(fd) }

func (k *script) Read(fd int, b []byte) (int, syscall.Errno) {
	k.disturb()
	s := k.socket(fd)
	switch {
	case k.chance(40):
		return 0, syscall.EINTR
	case len(s.in) > 0:
		n := copy(b, s.in)
		s.in = s.in[n:]
		return n, 0
	case s.fin:
		return 0, 0
	case s.err != 0:
		e := s.err
		s.err = 0
		return 0, e
	case s.reset:
		return 0, 0
	}
	return 0, syscall.EAGAIN
}

func (k *script) Peek(fd int) (int, syscall.Errno) {
	s := k.socket(fd)
	switch {
	case len(s.in) > 0:
		return 1, 0
	case s.fin || s.reset:
		return 0, 0
	}
	return 0, syscall.EAGAIN
}

// Unsent: what a script writes has arrived.
func (k *script) Unsent(int) int { return 0 }

// Pulse: nor does anything wait to be confirmed.
func (k *script) Pulse(int) Pulse { return Pulse{} }

func (k *script) WriteParts(fd int, parts *Parts) (int, syscall.Errno) {
	return k.Write(fd, slices.Concat(parts[:]...))
}

func (k *script) Write(fd int, b []byte) (int, syscall.Errno) {
	k.disturb()
	s := k.socket(fd)
	switch {
	case s.shut:
		panic("the loop writes behind its FIN")
	case s.joining:
		panic("the loop writes while it connects")
	case k.chance(40):
		return 0, syscall.EINTR
	case s.err != 0 && !k.kqueue: // there the error stays with the socket
		e := s.err
		s.err = 0
		return 0, e
	case s.reset:
		return 0, syscall.EPIPE
	}
	n := min(len(b), max(0, k.sendRoom-len(s.out)))
	if k.chance(3) {
		n = k.r.IntN(n + 1)
	}
	s.out = append(s.out, b[:n]...)
	if n < len(b) {
		s.full = true
		if len(s.out) == 0 {
			s.full = false
			s.edges |= ReadyOut
		}
	}
	if n == 0 {
		return 0, syscall.EAGAIN
	}
	return n, 0
}

func (k *script) Shutdown(fd int) {
	s := k.socket(fd)
	s.shut = true
	if k.kqueue {
		s.edges |= ReadyOut // the write filter ends
	}
}

func (k *script) SocketError(fd int) syscall.Errno {
	s := k.socket(fd)
	e := s.err
	s.err = 0
	return e
}

func (k *script) LocalAddr(int) netip.AddrPort { return netip.AddrPort{} }

func (k *script) Close(fd int, reset bool) {
	k.polled.forget(fd)
	switch x := k.open[fd].(type) {
	case nil:
		panic(fmt.Sprintf("descriptor %d is closed twice", fd))
	case *half:
		x.p.ends--
	case *sock:
		x.closed, x.watched = true, false
		k.spent = append(k.spent, x.token)
		if reset || len(x.in) > 0 {
			x.reset, x.out, x.peer.gotRst = true, nil, true
		}
		x.shut = true
	}
	delete(k.open, fd)
}

func (k *script) Spare() (int, syscall.Errno) { return k.add("spare") }

func (k *script) Pipe(int) (r, w int, e syscall.Errno) {
	if k.chance(20) {
		return -1, -1, syscall.EMFILE
	}
	p := &memoryPipe{ends: 2}
	if r, e = k.add(&half{p}); e != 0 {
		return -1, -1, e
	}
	if w, e = k.add(&half{p}); e != 0 {
		k.Close(r, false)
		return -1, -1, e
	}
	return r, w, 0
}

func (k *script) Splice(from, to int, n int) (int, syscall.Errno) {
	if h, ok := k.open[from].(*half); ok {
		m, e := k.Write(to, h.p.b[:min(n, len(h.p.b))])
		h.p.b = h.p.b[m:]
		return m, e
	}
	h := k.open[to].(*half)
	if len(h.p.b) > 0 {
		panic("the loop splices into a pipe that has bytes")
	}
	n = min(n, 1+k.r.IntN(pipeSize))
	b := make([]byte, n)
	m, e := k.Read(from, b)
	h.p.b = append(h.p.b[:0], b[:m]...)
	return m, e
}
