//go:build linux || darwin || freebsd

package loop

import (
	"net"
	"testing"
)

// TestQuiet asks at moments when the loop itself cannot have told the handler: within one call on the loop.
func TestQuiet(t *testing.T) {
	for name, end := range map[string]func(*net.TCPConn) error{
		"bytes": func(c *net.TCPConn) error { _, err := c.Write([]byte("x")); return err },
		"FIN":   func(c *net.TCPConn) error { return c.CloseWrite() },
		"reset": func(c *net.TCPConn) error { _ = c.SetLinger(0); return c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			l := running(t)
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = ln.Close() }()
			var c *Conn
			connected := make(chan bool)
			on(t, l, func() {
				c = l.Dial(Remote{Addr: ln.Addr().(*net.TCPAddr).AddrPort()}, &funcs{connected: func() { close(connected) }})
				if c.Quiet() {
					t.Error("a connection that does not stand yet is quiet")
				}
			})
			peer, err := ln.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = peer.Close() }()
			<-connected
			on(t, l, func() {
				if !c.Quiet() {
					t.Error("a connection to which nothing came is not quiet")
				}
				if err := end(peer.(*net.TCPConn)); err != nil {
					t.Error(err)
				}
				for c.Quiet() { // loopback delivers before the call above returns, or soon
				}
			})
		})
	}
}
