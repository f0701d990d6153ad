package handshake

import (
	"crypto"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
)

func serverConfig(t testing.TB) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{certtest.New(certtest.Issue{}).TLS()}}
}

var anyServer = &tls.Config{InsecureSkipVerify: true}

// TestBytesBothWays sends much more than any queue takes, in pieces of every size, while the peer answers all of it.
func TestBytesBothWays(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			addr, ended := serving(t, running(t), serverConfig(t))
			config := anyServer.Clone()
			config.MinVersion, config.MaxVersion = version, version
			c := tls.Client(dial(t, addr), config)
			want := pattern(8<<20, 3)
			var writer sync.WaitGroup
			writer.Go(func() {
				for rest, n := want, 1; len(rest) > 0; n = n*3%100_003 + 1 {
					n = min(n, len(rest))
					if _, err := c.Write(rest[:n]); err != nil {
						t.Error(err)
						return
					}
					rest = rest[n:]
				}
				if err := c.CloseWrite(); err != nil {
					t.Error(err)
				}
			})
			got, err := io.ReadAll(c)
			if err != nil {
				t.Error(err)
			}
			writer.Wait()
			if string(got) != string(want) {
				t.Errorf("%d of %d bytes came back, or others", len(got), len(want))
			}
			_ = c.Close()
			if err := <-ended; err != nil {
				t.Errorf("Closed(%v)", err)
			}
		})
	}
}

// TestDribbledHandshake gives the loop a byte at a time.
func TestDribbledHandshake(t *testing.T) {
	addr, _ := serving(t, running(t), serverConfig(t))
	c := tls.Client(dribble{dial(t, addr)}, anyServer)
	if _, err := c.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "hello" {
		t.Errorf("got %q, %v", got, err)
	}
}

type dribble struct{ net.Conn }

func (d dribble) Write(b []byte) (int, error) {
	for i := range b {
		if _, err := d.Conn.Write(b[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(b), nil
}

// TestFinIsNoEnd: FIN without close_notify may be anybody's, so it is no end of what the peer has to say.
func TestFinIsNoEnd(t *testing.T) {
	addr, ended := serving(t, running(t), serverConfig(t))
	raw := dial(t, addr)
	c := tls.Client(raw, anyServer)
	if _, err := c.Write([]byte("half a")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	_ = raw.CloseWrite()
	if err := <-ended; !errors.Is(err, loop.ErrTruncated) {
		t.Errorf("Closed(%v), want %v", err, loop.ErrTruncated)
	}
}

// TestForgedRecord: what was changed on the way is never handed over, and its sender is told.
func TestForgedRecord(t *testing.T) {
	r, ended := shakeHands(t)
	record := r.seal(recordData, []byte("hello"))
	record[len(record)-1] ^= 1
	if _, err := r.raw.Write(record); err != nil {
		t.Fatal(err)
	}
	r.expect(recordAlert, []byte{2, 20}) // bad_record_mac
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "bad record MAC") {
		t.Errorf("Closed(%v)", err)
	}
}

// TestWaitingCostsNoSlot: while clients keep their handshakes waiting, others are served by the only slot there is.
func TestWaitingCostsNoSlot(t *testing.T) {
	addr, _ := serving(t, running(t), asideBy(serverConfig(t)))
	for range 20 {
		raw := dial(t, addr)
		mute := &muted{Conn: raw, after: 1}
		go func() { _ = tls.Client(mute, anyServer).Handshake() }()
		// The server's flight proves that this handshake runs and waits for its client.
		if _, err := raw.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	c := tls.Client(dial(t, addr), anyServer)
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
}

// A muted connection says only so many things, and hears none.
type muted struct {
	net.Conn
	after int
}

func (m *muted) Write(b []byte) (int, error) {
	if m.after--; m.after >= 0 {
		return m.Conn.Write(b)
	}
	return len(b), nil
}

func (m *muted) Read([]byte) (int, error) { return 0, io.EOF }

// TestGoneClientCostsNoHandshake: nobody computes for a client that was gone, or too late, before its turn came. Or a flood
// of those would keep all others waiting until they are too late as well.
func TestGoneClientCostsNoHandshake(t *testing.T) {
	l, pair := running(t), certtest.New(certtest.Issue{}).TLS()
	signed := &counted{Signer: pair.PrivateKey.(crypto.Signer)}
	pair.PrivateKey = signed
	slots := NewSlots(1)
	addr, ended := servingBy(t, l, slots, asideBy(&tls.Config{Certificates: []tls.Certificate{pair}}))
	slots.take(true) // Others compute.
	for range 10 {
		raw := dial(t, addr)
		if err := tls.Client(&muted{Conn: raw, after: 1}, anyServer).Handshake(); err == nil {
			t.Fatal("a muted handshake succeeded")
		}
		_ = raw.SetLinger(0)
		_ = raw.Close()
		if err := <-ended; !errors.Is(err, ErrClosed) {
			t.Errorf("a handshake ended with %v", err)
		}
	}
	slots.give(true)
	c := tls.Client(dial(t, addr), anyServer)
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	if n := signed.n.Load(); n != 1 {
		t.Errorf("%d handshakes were computed, want 1", n)
	}
}

// A counted key counts its signatures.
type counted struct {
	crypto.Signer
	n atomic.Int64
}

func (k *counted) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	k.n.Add(1)
	return k.Signer.Sign(rand, digest, opts)
}

// TestSilenceCostsNoGoroutine: connections that say nothing, or half a ClientHello, are memory and a timer.
func TestSilenceCostsNoGoroutine(t *testing.T) {
	l := running(t)
	addr, _ := serving(t, l, serverConfig(t))
	before := runtime.NumGoroutine()
	const n = 200
	for i := range n {
		raw := dial(t, addr)
		if i%2 == 0 {
			if _, err := raw.Write([]byte{recordHandshake, 3, 1, 1, 0, clientHello, 0, 0, 200, 3}); err != nil {
				t.Fatal(err)
			}
		}
	}
	accepted := func() bool { return l.Stats().Conns == n && l.Stats().Buffers == n/2 }
	for end := time.Now().Add(patience); !accepted(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("there are %d connections that hold %d buffers", l.Stats().Conns, l.Stats().Buffers)
		}
	}
	if now := runtime.NumGoroutine(); now > before+5 {
		t.Errorf("%d goroutines more", now-before)
	}
}

// TestOf: whoever chooses the terms of a handshake finds again what it was begun for, beside the loop too.
func TestOf(t *testing.T) {
	type client struct{ found int }
	l := running(t)
	config := serverConfig(t)
	for _, aside := range []bool{false, true} {
		choosing := &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			Of(hello.Context()).(*client).found++
			if aside {
				if err := Aside(hello.Context()); err != nil {
					return nil, err
				}
			}
			return config, nil
		}}
		r, clients, ended := NewRunner(l, NewSlots(1)), make(chan *client, 2), make(chan error, 2)
		addr := listening(t, l, func(c *loop.Conn) {
			of := new(client)
			r.Serve(c, choosing, of, func(c *loop.Conn, _ *tls.ConnectionState, err error) {
				c.SetHandler(&echo{c: c, ended: ended})
				clients <- of
			})
		})
		for range 2 {
			raw := dial(t, addr)
			if err := tls.Client(raw, anyServer).Handshake(); err != nil {
				t.Fatal(err)
			}
			want := 1
			if aside {
				want = 2
			}
			if of := <-clients; of.found != want {
				t.Errorf("aside %t: found %d times, want %d", aside, of.found, want)
			}
			_ = raw.Close()
			<-ended
		}
	}
	if Of(t.Context()) != nil {
		t.Error("something was found where no handshake is")
	}
}

// TestSlowHandshakeEnds: nobody keeps a handshake for longer than the loop waits, whether it began or not.
func TestSlowHandshakeEnds(t *testing.T) {
	l := running(t)
	config := serverConfig(t)
	r, ended, conns := NewRunner(l, NewSlots(1)), make(chan error, 2), make(chan *loop.Conn, 2)
	addr := listening(t, l, func(c *loop.Conn) {
		r.Serve(c, config, nil, func(_ *loop.Conn, _ *tls.ConnectionState, err error) { ended <- err })
		conns <- c
	})
	silent, halfway := dial(t, addr), dial(t, addr)
	if err := tls.Client(&muted{Conn: halfway, after: 1}, anyServer).Handshake(); err == nil {
		t.Fatal("a client that hears nothing finished its handshake")
	}
	if _, err := io.ReadFull(halfway, make([]byte, 1)); err != nil {
		t.Fatal(err) // It was answered.
	}
	late := []*loop.Conn{<-conns, <-conns}
	on(t, l, func() {
		for _, c := range late {
			c.SetDeadline(1)
		}
	})
	for range 2 {
		if err := <-ended; !errors.Is(err, ErrTimeout) {
			t.Errorf("a handshake ended with %v", err)
		}
	}
	if _, err := io.Copy(io.Discard, silent); err == nil {
		t.Log("the silent connection ended by FIN")
	}
}

// TestFirstBytes: who speaks something else is told apart before anything computes for it.
func TestFirstBytes(t *testing.T) {
	for name, c := range map[string]struct {
		first string
		want  error
	}{
		"HTTP":                {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", ErrNotTLS},
		"SSL 2":               {"\x80\x2e\x01\x00\x02", ErrNotTLS},
		"no hello":            {"\x16\x03\x01\x00\x04\x02\x00\x00\x00", ErrHello},
		"empty record":        {"\x16\x03\x01\x00\x00", ErrHello},
		"large record":        {"\x16\x03\x01\xff\xff", ErrHello},
		"large hello":         {"\x16\x03\x01\x00\x05\x01\x00\xff\xff\x00", ErrHello},
		"other version":       {"\x16\x02\x00\x00\x05\x01", ErrHello},
		"split header":        {"\x16\x03\x01\x00\x01\x02\x16\x03\x01\x00\x03\x00\x00\x00", ErrHello},
		"another record type": {"\x16\x03\x01\x00\x01\x01\x15\x03\x01\x00\x02\x00\x00", ErrHello},
	} {
		t.Run(name, func(t *testing.T) {
			addr, ended := serving(t, running(t), serverConfig(t))
			raw := dial(t, addr)
			if _, err := raw.Write([]byte(c.first)); err != nil {
				t.Fatal(err)
			}
			if err := <-ended; err != c.want {
				t.Errorf("ended with %v, want %v", err, c.want)
			}
		})
	}
}

// FuzzHello: a ClientHello is whole at one place, however it is cut into pieces and records.
func FuzzHello(f *testing.F) {
	f.Add([]byte{recordHandshake, 3, 1, 0, 6, clientHello, 0, 0, 2, 9, 9}, 3)
	f.Add([]byte{recordHandshake, 3, 1, 0, 2, clientHello, 0, recordHandshake, 3, 1, 0, 3, 0, 1, 9}, 8)
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), 1)
	f.Fuzz(func(t *testing.T, b []byte, n int) {
		whole, err := helloIn(b)
		if n < 0 || n > len(b) {
			return
		}
		early, wrong := helloIn(b[:n])
		if early && !whole || wrong != nil && err == nil && !whole {
			t.Errorf("%x: %v, %v; its first %d bytes: %v, %v", b, whole, err, n, early, wrong)
		}
		if whole && err != nil {
			t.Errorf("%x is whole and wrong: %v", b, err)
		}
	})
}

// TestClientThatSaysAllAtOnce: a client may say what it has to say, and that this is all, before anybody has had the time to
// look at the end of its handshake.
func TestClientThatSaysAllAtOnce(t *testing.T) {
	for name, config := range map[string]*tls.Config{"on the loop": serverConfig(t), "beside it": asideBy(serverConfig(t))} {
		t.Run(name, func(t *testing.T) { sayAllAtOnce(t, config, name == "on the loop") })
	}
}

func sayAllAtOnce(t *testing.T, config *tls.Config, onLoop bool) {
	l, slots, let := running(t), NewSlots(1), make(chan struct{})
	addr, ended := servingBy(t, l, slots, config)
	raw := dial(t, addr)
	busy := &held{Conn: raw, let: func() {
		if !onLoop {
			slots.take(true)
		} else if stopped := make(chan struct{}); l.Post(func() { close(stopped); <-let }) {
			<-stopped
		}
	}}
	c := tls.Client(busy, anyServer)
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("all of it")); err != nil {
		t.Fatal(err)
	}
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if err := raw.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if close(let); !onLoop {
		// What came is with the handshake, which cannot go on; the loop has had turns enough to see that nothing follows.
		for range 100 {
			on(t, l, func() {})
		}
		slots.give(true)
	}
	if got, err := io.ReadAll(c); err != nil || string(got) != "all of it" {
		t.Errorf("got %q, %v", got, err)
	}
	if err := <-ended; err != nil {
		t.Errorf("Closed(%v)", err)
	}
}

// A held connection calls let behind the first bytes that it hears.
type held struct {
	net.Conn
	let func()
}

func (h *held) Read(b []byte) (int, error) {
	n, err := h.Conn.Read(b)
	if h.let != nil {
		h.let()
		h.let = nil
	}
	return n, err
}

// TestStopLeavesNothing: a loop that stops takes with it what waits for its peers, and what waits for its turn.
func TestStopLeavesNothing(t *testing.T) {
	for name, config := range map[string]*tls.Config{"on the loop": serverConfig(t), "beside it": asideBy(serverConfig(t))} {
		t.Run(name, func(t *testing.T) {
			before := runtime.NumGoroutine()
			t.Run("stop", func(t *testing.T) {
				l := running(t)
				addr, _ := serving(t, l, config)
				const n = 20
				var clients [n]*net.TCPConn
				for i := range clients {
					clients[i] = dial(t, addr)
					mute := &muted{Conn: clients[i], after: 1}
					_ = tls.Client(mute, anyServer).Handshake()
					if _, err := clients[i].Read(make([]byte, 1)); err != nil {
						t.Fatal(err)
					}
				}
				// These go on in the turn that would follow the one in which the loop stops.
				on(t, l, func() {
					for _, c := range clients {
						_, _ = c.Write([]byte("no record"))
					}
					l.Stop()
				})
			})
			for end := time.Now().Add(patience); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("%d goroutines are left", runtime.NumGoroutine()-before)
				}
			}
		})
	}
}

// TestPanicBehindHandshake: a connection that nobody took over ends, and does not stay for ever.
func TestPanicBehindHandshake(t *testing.T) {
	for name, config := range map[string]*tls.Config{"on the loop": serverConfig(t), "beside it": asideBy(serverConfig(t))} {
		t.Run(name, func(t *testing.T) {
			l := running(t)
			r := NewRunner(l, NewSlots(1))
			addr := listening(t, l, func(c *loop.Conn) {
				r.Serve(c, config, nil, func(*loop.Conn, *tls.ConnectionState, error) { panic("nobody takes it") })
			})
			c := tls.Client(dial(t, addr), anyServer)
			_ = c.Handshake()
			var late net.Error
			if _, err := c.Read(make([]byte, 1)); err == nil || errors.As(err, &late) && late.Timeout() {
				t.Errorf("the connection did not end: %v", err)
			}
		})
	}
}
