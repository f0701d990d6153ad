package daemon_test

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/client"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/gatewaytest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A counter is a gateway whose https listener shows the certificate "c" and has an Echo behind it.
type counter struct {
	*testing.T
	g    *gatewaytest.Gateway
	addr string
	port int
}

func newCounter(t *testing.T, first *certtest.Pair) *counter {
	c := &counter{T: t, g: gatewaytest.Start(t, gatewaytest.Loops(2)), port: gatewaytest.FreePort(t)}
	c.addr = fmt.Sprintf("127.0.0.1:%d", c.port)
	port := int(gatewaytest.StartEcho(t, "one").Addr().Port())
	listener, pool, setting := spec.Listeners.New().(*spec.Listener), spec.Pools.New().(*spec.Pool), spec.Settings.New().(*spec.Setting)
	listener.Name, listener.Address, listener.Port = "l", "127.0.0.1", c.port
	listener.Protocol, listener.Certificates = spec.HTTPS, []string{"c"}
	pool.Name, pool.Targets = "p", map[string]spec.PoolTarget{"a": {Address: "127.0.0.1", Port: &port, Weight: 1}}
	setting.Name = "s"
	for _, o := range []spec.Object{inPEM(first), listener, pool, setting, &spec.Rule{Name: "r", Listener: "l", Pool: new("p"), Setting: new("s")}} {
		if _, err := c.g.Client().Create(t.Context(), spec.KindOf(o), o, ""); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func inPEM(p *certtest.Pair) *spec.Certificate {
	return &spec.Certificate{Name: "c", CertificatePEM: &p.Certificate, PrivateKeyPEM: &p.Key}
}

// trusting is what a client goes by that looks at the certificate itself.
func trusting(cache tls.ClientSessionCache) *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, ServerName: "localhost", ClientSessionCache: cache}
}

// A visitor is a connection that asks, and may ask again.
type visitor struct {
	*tls.Conn
	in *bufio.Reader
}

// visit shakes hands.
func (c *counter) visit(cache tls.ClientSessionCache) (*visitor, error) {
	raw, err := net.Dial("tcp", c.addr)
	if err != nil {
		return nil, err
	}
	_ = raw.SetDeadline(time.Now().Add(2 * time.Minute)) // An end for a broken test, never a measure.
	over := tls.Client(raw, trusting(cache))
	if err := over.Handshake(); err != nil {
		_ = raw.Close()
		return nil, err
	}
	return &visitor{over, bufio.NewReader(over)}, nil
}

// ask wants an answer, and to be allowed to ask again.
func (v *visitor) ask() error {
	if _, err := io.WriteString(v, "GET /bytes/3 HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		return err
	}
	answer, err := http.ReadResponse(v.in, nil)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK || len(body) != 3 || answer.Close {
		return fmt.Errorf("%s, %d bytes, the last answer: %t, %w", answer.Status, len(body), answer.Close, err)
	}
	return nil
}

// serial is which certificate a client was shown.
func (v *visitor) serial() string {
	return v.ConnectionState().PeerCertificates[0].SerialNumber.String()
}

// shows wants the next handshake to show a certificate.
func (c *counter) shows(p *certtest.Pair) {
	c.Helper()
	v, err := c.visit(nil)
	if err != nil {
		c.Fatal(err)
	}
	defer v.Close()
	if got := v.serial(); got != p.Leaf.SerialNumber.String() {
		c.Fatalf("the handshake behind the answer shows another certificate, of %v", v.ConnectionState().PeerCertificates[0].DNSNames)
	}
}

// A crowd shakes hands without end, with and without sessions to take up.
type crowd struct {
	c                *counter
	order            map[string]int64 // of each certificate by its serial
	written, started atomic.Int64     // the last certificate that was answered, and the last that was sent
	over             atomic.Bool
	all              sync.WaitGroup
	full, resumed    atomic.Int64
	failed           atomic.Pointer[error]
}

func (w *crowd) come(resuming bool) {
	w.all.Go(func() {
		var cache tls.ClientSessionCache
		if resuming {
			cache = tls.NewLRUClientSessionCache(4)
		}
		for !w.over.Load() {
			if err := w.once(cache); err != nil {
				w.failed.CompareAndSwap(nil, &err)
				return
			}
		}
	})
}

// once shakes hands and asks. Without a session, the certificate must be the last one that was answered before, or a later one.
func (w *crowd) once(cache tls.ClientSessionCache) error {
	oldest := w.written.Load()
	v, err := w.c.visit(cache)
	if err != nil {
		return fmt.Errorf("a handshake failed: %w", err)
	}
	defer v.Close()
	newest := w.started.Load()
	if v.ConnectionState().DidResume {
		w.resumed.Add(1)
	} else {
		w.full.Add(1)
		if n, known := w.order[v.serial()]; !known || n < oldest || n > newest {
			return fmt.Errorf("a handshake showed certificate %d (known: %t) while those from %d to %d could be shown", n, known, oldest, newest)
		}
	}
	return v.ask()
}

// TestRotation: behind the answer to each of 200 changes of a certificate the first handshake shows the new one; meanwhile
// no handshake of others fails or shows one that was replaced before it began, and what is open notices nothing.
func TestRotation(t *testing.T) {
	const rotations = 200
	pairs := make([]*certtest.Pair, rotations+1)
	w := &crowd{order: map[string]int64{}}
	for i := range pairs {
		pairs[i] = certtest.New(certtest.Issue{})
		w.order[pairs[i].Leaf.SerialNumber.String()] = int64(i)
	}
	c := newCounter(t, pairs[0])
	w.c = c
	visitors, sockets := c.open(3)
	for i := range 4 {
		w.come(i%2 == 1)
	}
	defer func() { w.over.Store(true); w.all.Wait() }()
	for i := 1; i <= rotations; i++ {
		w.started.Store(int64(i))
		if meta, err := c.g.Client().Update(t.Context(), spec.Certificates, "c", inPEM(pairs[i]), 0, ""); err != nil || len(meta.Warnings) > 0 {
			t.Fatalf("rotation %d: %v, %v", i, err, meta.Warnings)
		}
		w.written.Store(int64(i))
		c.shows(pairs[i])
		c.undisturbed(i, visitors, sockets)
		if err := w.failed.Load(); err != nil {
			t.Fatalf("rotation %d: %v", i, *err)
		}
	}
	until(t, "all kinds of handshakes were made", func() bool { return w.full.Load() > 10 && w.resumed.Load() > 10 || w.failed.Load() != nil })
	w.over.Store(true)
	w.all.Wait()
	if err := w.failed.Load(); err != nil {
		t.Error(*err)
	}
	t.Logf("beside %d rotations there were %d full handshakes and %d resumed ones", rotations, w.full.Load(), w.resumed.Load())
}

func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("in vain waited until %s", what)
		}
	}
}

// open connects visitors and WebSockets that stay.
func (c *counter) open(n int) (visitors []*visitor, sockets []*websocket.Conn) {
	c.Helper()
	for range n {
		v, err := c.visit(nil)
		if err != nil {
			c.Fatal(err)
		}
		dialer := websocket.Dialer{TLSClientConfig: trusting(nil), HandshakeTimeout: time.Minute}
		socket, answer, err := dialer.DialContext(c.Context(), gatewaytest.URL("wss", c.port, "/"), nil)
		if err != nil {
			c.Fatal(err)
		}
		_ = answer.Body.Close()
		_ = v.SetDeadline(time.Now().Add(5 * time.Minute))
		_ = socket.UnderlyingConn().SetDeadline(time.Now().Add(5 * time.Minute))
		c.Cleanup(func() { _, _ = v.Close(), socket.Close() })
		visitors, sockets = append(visitors, v), append(sockets, socket)
	}
	return visitors, sockets
}

// undisturbed wants each open connection to serve on.
func (c *counter) undisturbed(round int, visitors []*visitor, sockets []*websocket.Conn) {
	c.Helper()
	for _, v := range visitors {
		if err := v.ask(); err != nil {
			c.Fatalf("rotation %d: an open connection: %v", round, err)
		}
	}
	for _, s := range sockets {
		text := fmt.Sprint("round ", round)
		if err := s.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
			c.Fatalf("rotation %d: a WebSocket: %v", round, err)
		}
		if _, heard, err := s.ReadMessage(); err != nil || string(heard) != text {
			c.Fatalf("rotation %d: a WebSocket says %q, %v", round, heard, err)
		}
	}
}

// TestABadPairIsRefused: each is told at its field, and the certificate that there was is shown on, by the next process too.
func TestABadPairIsRefused(t *testing.T) {
	good, other := certtest.New(certtest.Issue{}), certtest.New(certtest.Issue{})
	der, err := pkcs12.Modern.Encode(other.Signer, other.Leaf, nil, "right")
	if err != nil {
		t.Fatal(err)
	}
	pfx := base64.StdEncoding.EncodeToString(der)
	c := newCounter(t, good)
	visitors, sockets := c.open(1)
	_, was, err := c.g.Client().Get(t.Context(), spec.Certificates, "c", "")
	if err != nil {
		t.Fatal(err)
	}
	pem := func(certificate, key string) spec.Certificate {
		return spec.Certificate{CertificatePEM: &certificate, PrivateKeyPEM: &key}
	}
	for what, bad := range map[string]struct {
		o          spec.Certificate
		path, says string
	}{
		"the key of another":       {pem(other.Certificate, good.Key), "private_key_pem", "does not belong to the certificate"},
		"no key for a new one":     {spec.Certificate{CertificatePEM: &other.Certificate}, "private_key_pem", "is required: the key that the gateway holds does not belong to this certificate"},
		"half a certificate":       {pem(other.Certificate[:200], other.Key), "certificate_pem", "a line of one is damaged or missing"},
		"a damaged certificate":    {pem(strings.Replace(other.Certificate, "MII", "!!!", 1), other.Key), "certificate_pem", "a line of one is damaged or missing"},
		"half a key":               {pem(other.Certificate, other.Key[:100]), "private_key_pem", "PEM"},
		"a certificate for a key":  {pem(other.Certificate, other.Certificate), "private_key_pem", "must be a private key in PEM form"},
		"the wrong password":       {spec.Certificate{PFX: &pfx, Password: new("wrong")}, "password", "is not the password of the PFX"},
		"no password":              {spec.Certificate{PFX: &pfx}, "pfx", "has a password, which must be given with it"},
		"half a PFX":               {spec.Certificate{PFX: new(pfx[:200]), Password: new("right")}, "pfx", "PFX"},
		"both forms":               {spec.Certificate{CertificatePEM: &other.Certificate, PFX: &pfx}, "pfx", "cannot be given together with certificate_pem"},
		"nothing":                  {spec.Certificate{}, "certificate_pem", "is required"},
		"a key among certificates": {pem(other.Certificate+other.Key, other.Key), "certificate_pem", "there is a private key in it"},
	} {
		bad.o.Name = "c"
		_, err := c.g.Client().Update(t.Context(), spec.Certificates, "c", &bad.o, 0, "")
		var refused *api.Error
		if !errors.As(err, &refused) || refused.Status != http.StatusUnprocessableEntity {
			t.Errorf("%s: want a refusal, got %v", what, err)
			continue
		}
		if ps := refused.Problems; len(ps) != 1 || ps[0].Path != bad.path || !strings.Contains(ps[0].Message, bad.says) {
			t.Errorf("%s: want %q of %s, got %+v", what, bad.says, bad.path, ps)
		}
		c.shows(good)
	}
	c.undisturbed(0, visitors, sockets)
	if _, is, err := c.g.Client().Get(t.Context(), spec.Certificates, "c", ""); err != nil || is.Revision != was.Revision {
		t.Errorf("what was refused made revision %d of %d, %v", is.Revision, was.Revision, err)
	}
	c.g.Restart()
	c.shows(good)
}

// TestCertificatesOfAnotherTime are served, for a renewal may have to be taken back, and warned of.
func TestCertificatesOfAnotherTime(t *testing.T) {
	c := newCounter(t, certtest.New(certtest.Issue{}))
	now := time.Now()
	for _, of := range []struct {
		from, until time.Time
		says        string
	}{
		{now.AddDate(-1, 0, 0), now.AddDate(0, 0, -1), "certificate_pem has expired, at "},
		{now.AddDate(0, 0, 1), now.AddDate(1, 0, 0), "certificate_pem is not valid before "},
		{now.AddDate(-1, 0, 0), now.AddDate(0, 0, 20), "certificate_pem expires soon, at "},
	} {
		p := certtest.New(certtest.Issue{From: of.from, Until: of.until})
		meta, err := c.g.Client().Update(t.Context(), spec.Certificates, "c", inPEM(p), 0, "")
		if err != nil {
			t.Errorf("%s: %v", of.says, err)
			continue
		}
		if w := meta.Warnings; len(w) != 1 || !strings.HasPrefix(w[0].Path+" "+w[0].Message, of.says) {
			t.Errorf("want the warning %q, got %+v", of.says, w)
		}
		c.shows(p)
	}
}

// TestACertificateOfOtherNames: whoever writes a certificate is told which host names it leaves its listener without, in the
// dry run, the answer and at each read, until one of the two is mended.
func TestACertificateOfOtherNames(t *testing.T) {
	a, b := certtest.New(certtest.Issue{Names: []string{"a.test"}}), certtest.New(certtest.Issue{Names: []string{"b.test"}})
	c := newCounter(t, a)
	listener, _, err := c.g.Client().Get(t.Context(), spec.Listeners, "l", "")
	if err != nil {
		t.Fatal(err)
	}
	hosts := func(names ...string) {
		t.Helper()
		listener.(*spec.Listener).Hostnames = names
		if _, err := c.g.Client().Update(t.Context(), spec.Listeners, "l", listener, 0, ""); err != nil {
			t.Fatal(err)
		}
	}
	told := func(where string, want bool, ps spec.Problems) {
		t.Helper()
		const words = `certificate_pem: leaves something amiss with listener "l": its certificates has none for host name "a.test"`
		if said := ps.Error(); want && (len(ps) != 1 || !strings.HasPrefix(said, words)) || !want && len(ps) > 0 {
			t.Errorf("%s: want a warning: %t, got %q", where, want, said)
		}
	}
	write := func(p *certtest.Pair, want bool) {
		t.Helper()
		answer, err := c.g.Client().Changes(t.Context(), []api.Change{client.Put("c", inPEM(p))}, true)
		if err != nil {
			t.Fatal(err)
		}
		told("dry run", want, answer.Results[0].Warnings)
		meta, err := c.g.Client().Update(t.Context(), spec.Certificates, "c", inPEM(p), 0, "")
		if err != nil {
			t.Fatal(err)
		}
		told("answer", want, meta.Warnings)
	}
	read := func(want bool) {
		t.Helper()
		_, meta, err := c.g.Client().Get(t.Context(), spec.Certificates, "c", "")
		if err != nil {
			t.Fatal(err)
		}
		told("read", want, meta.Warnings)
	}
	hosts("a.test")
	read(false)
	write(b, true)
	read(true)
	hosts("b.test")
	read(false)
	hosts("a.test")
	write(a, false)
	read(false)
}
