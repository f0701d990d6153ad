package gatewaytest

import (
	"net"
	"net/netip"
	"sync"
)

// sockets is a listener that remembers what it accepted, so that closing it ends every connection, also those that a
// handler took over.
type sockets struct {
	net.Listener

	mu     sync.Mutex
	open   map[net.Conn]bool // guarded by mu
	closed bool              // guarded by mu
}

// listen binds an address such as "127.0.0.1:0".
func listen(address string) (*sockets, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	return &sockets{Listener: l, open: map[net.Conn]bool{}}, nil
}

// Accept takes the next connection and remembers it.
func (s *sockets) Accept() (net.Conn, error) {
	c, err := s.Listener.Accept()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		c.Close()
		return nil, net.ErrClosed
	}
	s.open[c] = true
	return &socket{Conn: c, of: s}, nil
}

// Close stops accepting and ends every connection.
func (s *sockets) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	err := s.Listener.Close()
	s.cut()
	return err
}

// cut ends every connection that is open now.
func (s *sockets) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.open {
		c.Close()
		delete(s.open, c)
	}
}

func (s *sockets) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}

func (s *sockets) address() netip.AddrPort {
	return s.Addr().(*net.TCPAddr).AddrPort()
}

// A socket is one accepted connection; closing it forgets it.
type socket struct {
	net.Conn
	of *sockets
}

// Close ends the connection.
func (c *socket) Close() error {
	c.of.mu.Lock()
	delete(c.of.open, c.Conn)
	c.of.mu.Unlock()
	return c.Conn.Close()
}
