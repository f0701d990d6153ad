package listen

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
)

// backlog is how many established connections may wait for their loop. The kernel lowers it to net.core.somaxconn.
const backlog = 4096

// Sockets are the listening sockets of a process. Its methods may be called from any goroutine but a loop's.
type Sockets struct {
	loops  []*loop.Loop
	one    bool // a group has one socket, which all loops poll
	accept func(l *loop.Loop, g *Group, c *loop.Conn)

	mu     sync.Mutex // held over a whole Bind, so that two do not find the same port free
	groups []*Group   // those whose sockets are open
}

// New makes an empty set. accept is called on the loop of every accepted connection and must set its handler.
func New(loops []*loop.Loop, accept func(l *loop.Loop, g *Group, c *loop.Conn)) *Sockets {
	return &Sockets{loops: loops, one: !spreads, accept: accept}
}

// A Group is the sockets of one address and port, all open until Close: one for each loop, or one for all where the
// system does not spread connections over several.
type Group struct {
	s    *Sockets
	addr netip.AddrPort
	all  bool // address "": every address of both families

	mu      sync.Mutex // guards started and closed
	started bool
	closed  bool
	members []member
}

// member is what a loop has of a group. The acceptor belongs to the loop.
type member struct {
	socket   *socket
	loop     *loop.Loop
	acceptor *loop.Acceptor
}

// socket is a listening socket and the number of the members that may still accept on it.
type socket struct {
	fd    int
	users atomic.Int32
}

// release closes the socket once its last member lets go of it.
func (s *socket) release() {
	if s.users.Add(-1) == 0 {
		closeSocket(s.fd)
	}
}

// Bind binds and listens on an address and port, and accepts nothing yet: connects wait in the backlog until Start.
// address is an IP literal, or "" for every address of IPv4 and, where the system has it, IPv6. Port 0 takes a free
// one. An address and the same port on "" may be bound both; the kernel prefers the literal one. The error is a
// *BindError.
func (s *Sockets) Bind(address string, port int) (*Group, error) {
	at := netip.AddrPortFrom(netip.IPv6Unspecified(), uint16(port))
	if address != "" {
		ip, err := netip.ParseAddr(address)
		if err != nil {
			return nil, &BindError{Addr: at, Err: ErrAddress}
		}
		at = netip.AddrPortFrom(ip.Unmap(), uint16(port))
	}
	if port < 0 || port > 65535 {
		return nil, &BindError{Addr: at, Err: syscall.EINVAL}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g := &Group{s: s, addr: at, all: address == ""}
	overlap := false
	for _, o := range s.groups {
		switch g.relation(o) {
		case same:
			return nil, &BindError{Addr: at, Err: syscall.EADDRINUSE}
		case overlapping:
			overlap = true
		}
	}
	if err := g.bind(overlap); err != nil {
		return nil, &BindError{Addr: at, Err: err}
	}
	s.groups = append(s.groups, g)
	return g, nil
}

type relation int

const (
	apart       relation = iota
	same                 // the kernel could not tell for whom a connection is
	overlapping          // one is more specific than the other
)

func (g *Group) relation(o *Group) relation {
	if g.addr.Port() != o.addr.Port() || g.addr.Port() == 0 {
		return apart
	}
	a, b := g.addr.Addr(), o.addr.Addr()
	switch {
	case a == b: // "" and "::" have the same one
		return same
	case g.all || o.all:
		return overlapping
	case a.Is4() == b.Is4() && (a.IsUnspecified() || b.IsUnspecified()):
		return overlapping
	}
	return apart
}

// bind opens the sockets. A port that somebody else holds is found by a probing bind, because a bind with SO_REUSEPORT
// next to another process of the same user succeeds and takes part of its connections. The probe would also meet our
// own socket on an overlapping address, so there it is left out.
func (g *Group) bind(overlap bool) error {
	family := familyOf(g.addr.Addr(), g.all)
	if !overlap && g.addr.Port() != 0 {
		fd, err := open(&family, g.addr, false)
		if err != nil {
			return err
		}
		closeSocket(fd)
	}
	for i, l := range g.s.loops {
		if i > 0 && g.s.one {
			g.join(l, g.members[0].socket)
			continue
		}
		fd, err := open(&family, g.addr, true)
		if err != nil {
			g.leaveAll()
			return err
		}
		g.join(l, &socket{fd: fd})
		if g.addr.Port() == 0 {
			port, err := portOf(fd)
			if err != nil {
				g.leaveAll()
				return err
			}
			g.addr = netip.AddrPortFrom(g.addr.Addr(), port)
		}
	}
	if family == ipv4 && g.all {
		g.addr = netip.AddrPortFrom(netip.IPv4Unspecified(), g.addr.Port())
	}
	return nil
}

func (g *Group) join(l *loop.Loop, s *socket) {
	s.users.Add(1)
	g.members = append(g.members, member{socket: s, loop: l})
}

// leaveAll is for a group on which nobody accepts yet.
func (g *Group) leaveAll() {
	for i := range g.members {
		g.members[i].socket.release()
	}
	g.members = nil
}

// Addr is what the group is bound to; for address "" the unspecified address, of IPv6 where the system has it.
func (g *Group) Addr() netip.AddrPort { return g.addr }

// Start makes the loops accept, beginning with what waits in the backlog. It returns at once. Starting twice, or a
// closed group, does nothing.
func (g *Group) Start() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.started || g.closed {
		return
	}
	g.started = true
	for i := range g.members {
		m := &g.members[i]
		m.loop.Post(func() {
			m.acceptor = m.loop.Accept(m.socket.fd, func(c *loop.Conn) { g.s.accept(m.loop, g, c) })
		})
	}
}

// Close stops accepting on all loops and closes the sockets. What is queued on them is accepted first, because a close
// would reset it; only a connect that completes in the instant between can still be lost. It returns when the sockets
// are closed, so the loops have to run, and a loop must not call it. Accepted connections go on.
func (g *Group) Close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return
	}
	g.closed = true
	var wait sync.WaitGroup
	for i := range g.members {
		m := &g.members[i]
		wait.Add(1)
		posted := m.loop.Post(func() {
			defer wait.Done()
			if m.acceptor != nil {
				m.acceptor.Drain(2 * backlog)
			}
			m.socket.release()
		})
		if !posted { // the loop was stopped
			m.socket.release()
			wait.Done()
		}
	}
	wait.Wait()
	g.s.mu.Lock()
	defer g.s.mu.Unlock()
	g.s.groups = slices.DeleteFunc(g.s.groups, func(o *Group) bool { return o == g })
}
