//go:build linux || darwin || freebsd

package loop

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"
)

// errAgain says that no bytes are there now. crypto/tls keeps its state over an error that is temporary.
type errAgain struct{}

func (errAgain) Error() string   { return "no bytes yet" }
func (errAgain) Timeout() bool   { return false }
func (errAgain) Temporary() bool { return true }

// bytePipe is all that crypto/tls sees of a connection. While the handshake runs in a goroutine of its own Read waits
// and what is written is posted to the loop; afterwards, on the loop, Read never waits and output is collected.
type bytePipe struct {
	c *Conn

	mu     sync.Mutex // guards what follows
	came   sync.Cond
	in     []byte
	out    []byte
	onLoop bool
	ended  bool
}

func (p *bytePipe) Read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.in) == 0 {
		switch {
		case p.ended:
			return 0, io.EOF
		case p.onLoop:
			return 0, errAgain{}
		}
		p.came.Wait()
	}
	n := copy(b, p.in)
	p.in = p.in[n:]
	return n, nil
}

func (p *bytePipe) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.onLoop {
		p.out = append(p.out, b...)
	} else {
		b := bytes.Clone(b)
		p.c.Loop().Post(func() { p.c.Write(b) })
	}
	return len(b), nil
}

func (p *bytePipe) push(b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.in = append(p.in, b...)
	p.came.Signal()
}

func (p *bytePipe) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	p.came.Signal()
}

func (p *bytePipe) Close() error                     { return nil }
func (p *bytePipe) LocalAddr() net.Addr              { return nil }
func (p *bytePipe) RemoteAddr() net.Addr             { return nil }
func (p *bytePipe) SetDeadline(time.Time) error      { return nil }
func (p *bytePipe) SetReadDeadline(time.Time) error  { return nil }
func (p *bytePipe) SetWriteDeadline(time.Time) error { return nil }

// tlsEcho is a handler that answers every byte of a TLS connection.
type tlsEcho struct {
	c       *Conn
	p       *bytePipe
	conn    *tls.Conn
	started bool
	ready   bool
	ended   chan error
	buf     [4 << 10]byte
}

func newTLSEcho(c *Conn, config *tls.Config, ended chan error) *tlsEcho {
	e := &tlsEcho{c: c, p: &bytePipe{c: c}, ended: ended}
	e.p.came.L = &e.p.mu
	e.conn = tls.Server(e.p, config)
	return e
}

func (e *tlsEcho) Connected() {}

func (e *tlsEcho) Data(b []byte) int {
	e.p.push(b)
	switch {
	case e.ready:
		e.records()
	case !e.started:
		e.started = true
		go func() {
			err := e.conn.Handshake()
			e.c.Loop().Post(func() { e.shaken(err) })
		}()
	}
	return len(b)
}

func (e *tlsEcho) shaken(err error) {
	if err != nil {
		e.c.Close()
		return
	}
	e.p.mu.Lock()
	e.p.onLoop = true
	e.p.mu.Unlock()
	e.ready = true
	e.records() // whatever came right behind the handshake
}

// records reads what is there. What crypto/tls itself writes in a Read, such as the answer to a KeyUpdate, goes out
// before the bytes that this Read gave are answered.
func (e *tlsEcho) records() {
	for {
		n, err := e.conn.Read(e.buf[:])
		e.flush()
		if n > 0 {
			_, _ = e.conn.Write(e.buf[:n])
			e.flush()
		}
		var again errAgain
		switch {
		case err == nil:
		case errors.As(err, &again):
			return
		case err == io.EOF:
			_ = e.conn.CloseWrite()
			e.flush()
			e.c.Close()
			return
		default:
			e.c.Close()
			return
		}
	}
}

func (e *tlsEcho) flush() {
	e.c.Write(e.p.out)
	e.p.out = e.p.out[:0]
}

func (e *tlsEcho) EOF()     { e.p.end(); e.c.Close() }
func (e *tlsEcho) Drained() {}
func (e *tlsEcho) Timeout() {}
func (e *tlsEcho) Closed(err error) {
	e.p.end()
	e.ended <- err
}

func certificate(t testing.TB) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"loop.test"}, NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// shakeHands connects a client to a TLS echo on a loop and gives the connection with the keys of both directions.
func shakeHands(t *testing.T) (*records, chan error) {
	t.Helper()
	l := running(t)
	config := &tls.Config{
		Certificates: []tls.Certificate{certificate(t)}, MinVersion: tls.VersionTLS13,
		SessionTicketsDisabled: true, // so that the first record after the handshake is the first echo
	}
	ended := make(chan error, 1)
	addr := listening(t, l, func(c *Conn) { c.SetHandler(newTLSEcho(c, config, ended)) })
	raw := dial(t, addr)
	var keys bytes.Buffer
	client := tls.Client(raw, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13, KeyLogWriter: &keys})
	if err := client.Handshake(); err != nil {
		t.Fatal(err)
	}
	if suite := client.ConnectionState().CipherSuite; suite != tls.TLS_AES_128_GCM_SHA256 {
		t.Fatalf("the handshake chose %s, but this test knows TLS_AES_128_GCM_SHA256 alone", tls.CipherSuiteName(suite))
	}
	return &records{
		t: t, raw: raw,
		ours:   newTrafficKey(t, secretOf(t, keys.String(), "CLIENT_TRAFFIC_SECRET_0")),
		theirs: newTrafficKey(t, secretOf(t, keys.String(), "SERVER_TRAFFIC_SECRET_0")),
	}, ended
}

func TestTLSRecordsOnTheLoop(t *testing.T) {
	r, ended := shakeHands(t)
	r.echo([]byte("hello"))
	// Records of one byte, and a record that arrives a byte at a time.
	for _, b := range []byte("one byte a record") {
		r.echo([]byte{b})
	}
	for _, b := range r.seal(recordData, []byte("dribbled")) {
		if _, err := r.raw.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	r.expect(recordData, []byte("dribbled"))
	big := pattern(16<<10, 7)
	r.echo(big)
	// close_notify is answered by one, behind everything.
	r.send(recordAlert, []byte{1, 0})
	r.expect(recordAlert, []byte{1, 0})
	if _, err := r.raw.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("after close_notify came %v, want the end", err)
	}
	_ = r.raw.Close()
	if err := <-ended; err != nil {
		t.Errorf("Closed(%v)", err)
	}
}

func TestTLSKeyUpdateBothWays(t *testing.T) {
	r, ended := shakeHands(t)
	r.echo([]byte("before"))
	// Only our direction changes its keys.
	r.updateKeys(false)
	r.echo([]byte("under our second keys"))
	for range 20 {
		// The peer is asked to change its own, too; its answer must stand before the echo of what comes right behind.
		update := r.seal(recordHandshake, []byte{keyUpdate, 0, 0, 1, 1})
		r.ours.next()
		data := r.seal(recordData, []byte("right behind"))
		if _, err := r.raw.Write(append(update, data...)); err != nil {
			t.Fatal(err)
		}
		r.expect(recordHandshake, []byte{keyUpdate, 0, 0, 1, 0})
		r.theirs.next()
		r.expect(recordData, []byte("right behind"))
		r.echo(pattern(5000, 8))
	}
	// Several at once, without data between.
	for range 10 {
		r.updateKeys(true)
	}
	for range 10 {
		r.expect(recordHandshake, []byte{keyUpdate, 0, 0, 1, 0})
		r.theirs.next()
	}
	r.echo([]byte("after"))
	_ = r.raw.Close()
	<-ended
}

func TestTLSKeyUpdateFloodIsEnded(t *testing.T) {
	r, ended := shakeHands(t)
	for range 200 {
		record := r.seal(recordHandshake, []byte{keyUpdate, 0, 0, 1, 1})
		r.ours.next()
		if _, err := r.raw.Write(record); err != nil {
			break // ended already
		}
	}
	answers := 0
	for {
		kind, b, err := r.open()
		if err != nil {
			t.Fatalf("after %d answers the flood ended without an alert: %v", answers, err)
		}
		if kind == recordAlert {
			if !bytes.Equal(b, []byte{2, 10}) {
				t.Errorf("the alert is %v, want unexpected_message", b)
			}
			break
		}
		r.theirs.next()
		if answers++; answers > 20 {
			t.Fatalf("%d KeyUpdates in a row were answered", answers)
		}
	}
	_ = r.raw.Close()
	if err := <-ended; err != nil {
		t.Errorf("Closed(%v)", err)
	}
}
