package handshake

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
)

// target listens, and hands its first connection to fn.
func target(t *testing.T, fn func(*net.TCPConn)) loop.Remote {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(patience))
		fn(c.(*net.TCPConn))
	}()
	t.Cleanup(func() { _ = ln.Close(); <-ended })
	return loop.Remote{Addr: ln.Addr().(*net.TCPAddr).AddrPort()}
}

// A dialled is what became of a call.
type dialled struct {
	told, ended chan error
	connected   chan struct{}
	c           *loop.Conn
}

// dialling makes a call on a loop; its connection echoes.
func dialling(t *testing.T, l *loop.Loop, slots *Slots, call Call) *dialled {
	t.Helper()
	d := &dialled{told: make(chan error, 2), ended: make(chan error, 1), connected: make(chan struct{}, 1)}
	if call.Config == nil {
		call.Config = anyServer.Clone()
		call.Config.ServerName = "loop.test"
	}
	call.Connected = func() { d.connected <- struct{}{} }
	on(t, l, func() {
		d.c = NewRunner(l, slots).Dial(&call, func(c *loop.Conn, _ *tls.ConnectionState, err error) {
			if err == nil {
				c.SetHandler(&echo{c: c, ended: d.ended})
			}
			d.told <- err
		})
	})
	return d
}

// TestDial: bytes go both ways behind a handshake, and what goes before it is in clear.
func TestDial(t *testing.T) {
	const before = "PROXY UNKNOWN\r\n"
	want := pattern(1<<20, 5)
	config := serverConfig(t)
	served := make(chan error, 1)
	to := target(t, func(c *net.TCPConn) {
		head := make([]byte, len(before))
		if _, err := io.ReadFull(c, head); err != nil || string(head) != before {
			t.Errorf("before the handshake came %q, %v", head, err)
		}
		over := tls.Server(c, config)
		go func() {
			_, _ = over.Write(want)
			_ = over.CloseWrite()
		}()
		got, err := io.ReadAll(over)
		if string(got) != string(want) {
			t.Errorf("%d of %d bytes came back, or others: %v", len(got), len(want), err)
		}
		served <- err
	})
	d := dialling(t, running(t), NewSlots(1), Call{To: to, Before: []byte(before)})
	if err := <-d.told; err != nil {
		t.Fatal(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	if err := <-d.ended; err != nil {
		t.Errorf("Closed(%v)", err)
	}
}

// TestDialFails: done hears once why there is no session, at once and not when the peer has taken leave.
func TestDialFails(t *testing.T) {
	closed := target(t, func(*net.TCPConn) {})
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = gone.Close()
	strict := &tls.Config{ServerName: "loop.test"}
	asking := serverConfig(t)
	asking.ClientAuth = tls.RequireAnyClientCert
	asking.MaxVersion = tls.VersionTLS12
	for name, c := range map[string]struct {
		to     loop.Remote
		config *tls.Config
		is     func(error) bool
	}{
		"nobody there":    {loop.Remote{Addr: gone.Addr().(*net.TCPAddr).AddrPort()}, nil, func(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }},
		"the end at once": {closed, nil, func(err error) bool { return errors.Is(err, ErrClosed) }},
		"clear text first": {target(t, func(c *net.TCPConn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
			_, _ = io.Copy(io.Discard, c)
		}), nil, notTLS},
		"clear text behind": {target(t, func(c *net.TCPConn) {
			_, _ = c.Read(make([]byte, 1024))
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
		}), nil, notTLS},
		"a stranger":         {target(t, func(c *net.TCPConn) { _ = tls.Server(c, serverConfig(t)).Handshake(); _, _ = io.Copy(io.Discard, c) }), strict, isUnverified},
		"a word and the end": {target(t, func(c *net.TCPConn) { _ = tls.Server(c, asking).Handshake() }), nil, func(err error) bool { alert, ok := Alert(err); return ok && alert == 40 }},
	} {
		t.Run(name, func(t *testing.T) {
			d := dialling(t, running(t), NewSlots(1), Call{To: c.to, Config: c.config})
			if err := <-d.told; !c.is(err) {
				t.Errorf("told %v", err)
			}
			if len(d.told) > 0 {
				t.Error("told twice")
			}
		})
	}
}

func notTLS(err error) bool {
	return errors.Is(err, ErrNotTLS)
}

func isUnverified(err error) bool {
	var unverified *tls.CertificateVerificationError
	return errors.As(err, &unverified)
}

// TestDialEnds: whoever gives a call up, or waits no longer, is told once, and nothing of the handshake stays.
func TestDialEnds(t *testing.T) {
	l, slots := running(t), NewSlots(1)
	before := runtime.NumGoroutine()
	silent := func() loop.Remote { return target(t, func(c *net.TCPConn) { _, _ = io.Copy(io.Discard, c) }) }
	late := dialling(t, l, slots, Call{To: silent()})
	on(t, l, func() { late.c.SetDeadline(l.Now() + loop.Time(50*time.Millisecond)) })
	if err := <-late.told; !errors.Is(err, ErrTimeout) {
		t.Errorf("behind its deadline told %v, want %v", err, ErrTimeout)
	}
	at := dialling(t, l, slots, Call{To: silent()})
	<-at.connected
	on(t, l, func() { at.c.Reset() })
	if err := <-at.told; err == nil || strings.Contains(err.Error(), "timeout") {
		t.Errorf("given up in its handshake: told %v", err)
	}
	var early *dialled
	on(t, l, func() {
		early = &dialled{told: make(chan error, 2)}
		call := &Call{To: silent(), Config: anyServer}
		c := NewRunner(l, slots).Dial(call, func(_ *loop.Conn, _ *tls.ConnectionState, err error) { early.told <- err })
		c.Reset()
	})
	if err := <-early.told; err == nil {
		t.Error("given up while it connects: told nil")
	}
	for end := time.Now().Add(patience); runtime.NumGoroutine() > before+3; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines are left", runtime.NumGoroutine()-before)
		}
	}
}
