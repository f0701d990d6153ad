package secure

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// identities are one of each kind of key.
var identities = sync.OnceValue(func() []*Identity {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	var all []*Identity
	for _, p := range []*certtest.Pair{certtest.New(certtest.Issue{Key: key}), certtest.Sample(1)} {
		all = append(all, NewIdentity([]*x509.Certificate{p.Leaf}, p.Signer))
	}
	return all
})

// served runs a server against what a client does with the other end, and gives the client's error.
func served(s *Server, client func(net.Conn) error) error {
	near, far := net.Pipe()
	return servedOver(near, far, s, client)
}

// servedOver is served on a connection that there is.
func servedOver(near, far net.Conn, s *Server, client func(net.Conn) error) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		choose := func(hello *tls.ClientHelloInfo) (*tls.Config, error) { return s.Config(hello, new(Meeting)), nil }
		_ = tls.Server(far, &tls.Config{GetConfigForClient: choose}).Handshake() // What the client sees is what counts.
		far.Close()
	}()
	err := client(near)
	near.Close()
	<-done
	return err
}

// TestPoliciesOnTheWire offers a server of each policy every version with every suite that there is, one at a time: it takes
// those that the policy promises and no other.
func TestPoliciesOnTheWire(t *testing.T) {
	suite := "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"
	policies := map[string]*spec.TLS{
		"none": nil, "newest": {MinVersion: new("1.3")}, "older": {MaxVersion: new("1.2")},
		"one suite": {CipherSuites: []string{suite}}, "one old version": {MinVersion: new("1.1"), MaxVersion: new("1.1"), CipherSuites: []string{suite}},
	}
	for _, name := range []string{"modern", "AppGwSslPolicy20150501", "AppGwSslPolicy20170401", "AppGwSslPolicy20170401S", "AppGwSslPolicy20220101", "AppGwSslPolicy20220101S"} {
		policies[name] = &spec.TLS{Policy: new(name)}
	}
	for name, of := range policies {
		policy := of.Effective()
		server := NewServer(Offer{Identities: identities(), Policy: policy})
		for number, version := range versions {
			for _, suites := range [...][]*tls.CipherSuite{tls.CipherSuites(), tls.InsecureCipherSuites()} {
				for _, s := range suites {
					if !slices.Contains(s.SupportedVersions, version) || number == "1.3" && s.ID != tls.TLS_AES_128_GCM_SHA256 {
						continue // Of TLS 1.3 crypto/tls offers all or none.
					}
					want := policy.Min <= number && number <= policy.Max && (number == "1.3" || slices.Contains(suitesOf(policy.Suites), s.ID))
					err := served(server, func(c net.Conn) error {
						return tls.Client(c, &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version, CipherSuites: []uint16{s.ID}}).Handshake()
					})
					if (err == nil) != want {
						t.Errorf("%s: TLS %s with %s: %v, want it taken: %t", name, number, s.Name, err, want)
					}
				}
			}
		}
	}
}

// TestGroupsOnTheWire: keys are agreed on by each of these groups; TestHelloOnTheWire offers others.
func TestGroupsOnTheWire(t *testing.T) {
	server := NewServer(Offer{Identities: identities(), Policy: (*spec.TLS)(nil).Effective()})
	for _, group := range []tls.CurveID{tls.X25519MLKEM768, tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521} {
		err := served(server, func(c net.Conn) error {
			return tls.Client(c, &tls.Config{InsecureSkipVerify: true, CurvePreferences: []tls.CurveID{group}}).Handshake()
		})
		if err != nil {
			t.Errorf("%s: %v", group, err)
		}
	}
}

// A hello is a ClientHello as of TLS 1.2 and older.
type hello struct {
	version      uint16
	suites       []uint16
	compressions []byte
	group        byte
}

// record is the hello in a record.
func (h hello) record() []byte {
	b := binary.BigEndian.AppendUint16(nil, h.version)
	b = append(b, make([]byte, 32)...) // The random.
	b = append(b, 0)                   // No session.
	b = binary.BigEndian.AppendUint16(b, uint16(2*len(h.suites)))
	for _, s := range h.suites {
		b = binary.BigEndian.AppendUint16(b, s)
	}
	b = append(append(b, byte(len(h.compressions))), h.compressions...)
	extensions := []byte{
		0, 10, 0, 4, 0, 2, 0, h.group, // Groups.
		0, 11, 0, 2, 1, 0, // Points as they are.
		0, 13, 0, 6, 0, 4, 4, 3, 8, 4, // ECDSA and RSA-PSS with SHA-256.
	}
	b = append(binary.BigEndian.AppendUint16(b, uint16(len(extensions))), extensions...)
	message := append([]byte{1, 0, byte(len(b) >> 8), byte(len(b))}, b...)
	return append([]byte{22, 3, 1, byte(len(message) >> 8), byte(len(message))}, message...)
}

// TestHelloOnTheWire: a client that came down a version for no reason is told, compression is never agreed on, and what is
// weak or unknown is refused.
func TestHelloOnTheWire(t *testing.T) {
	const (
		fallback    = 0x5600 // TLS_FALLBACK_SCSV (RFC 7507).
		ours        = tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
		answered    = "a ServerHello of 0303, compression 0"
		tooOld      = "alert 70"
		inapt       = "alert 86"
		nothingFits = "alert 40"
		x25519      = 29
	)
	none := []byte{0}
	for name, c := range map[string]struct {
		of    *spec.TLS
		hello hello
		want  string
	}{
		"as it comes":                {nil, hello{tls.VersionTLS12, []uint16{ours}, none, x25519}, answered},
		"came down from 1.3":         {nil, hello{tls.VersionTLS12, []uint16{ours, fallback}, none, x25519}, inapt},
		"came down to the newest":    {&spec.TLS{MaxVersion: new("1.2")}, hello{tls.VersionTLS12, []uint16{ours, fallback}, none, x25519}, answered},
		"compression beside none":    {nil, hello{tls.VersionTLS12, []uint16{ours}, []byte{1, 0}, x25519}, answered},
		"compression alone":          {nil, hello{tls.VersionTLS12, []uint16{ours}, []byte{1}, x25519}, "alert 47"},
		"SSL 3.0":                    {nil, hello{0x0300, []uint16{ours}, none, x25519}, tooOld},
		"TLS 1.1":                    {nil, hello{tls.VersionTLS11, []uint16{ours}, none, x25519}, tooOld},
		"X448":                       {nil, hello{tls.VersionTLS12, []uint16{ours}, none, 30}, nothingFits},
		"a small curve":              {nil, hello{tls.VersionTLS12, []uint16{ours}, none, 19}, nothingFits},
		"no encryption, export":      {&spec.TLS{Policy: new("AppGwSslPolicy20150501")}, hello{tls.VersionTLS12, []uint16{0x0001, 0x0003, 0x0008, 0xc010}, none, x25519}, nothingFits},
		"nobody proves who they are": {&spec.TLS{Policy: new("AppGwSslPolicy20150501")}, hello{tls.VersionTLS12, []uint16{0x0034, 0xc018}, none, x25519}, nothingFits},
		"RC4":                        {&spec.TLS{Policy: new("AppGwSslPolicy20150501")}, hello{tls.VersionTLS12, []uint16{0x0005, 0xc011}, none, x25519}, nothingFits},
	} {
		t.Run(name, func(t *testing.T) {
			var got string
			err := served(NewServer(Offer{Identities: identities(), Policy: c.of.Effective()}), func(conn net.Conn) (err error) {
				got, err = c.hello.answer(conn)
				return err
			})
			if err != nil || got != c.want {
				t.Errorf("came %q, %v; want %q", got, err, c.want)
			}
		})
	}
}

// answer sends the hello and says what comes back.
func (h hello) answer(c net.Conn) (string, error) {
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return "", err
	}
	if _, err := c.Write(h.record()); err != nil {
		return "", err
	}
	var head [5]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		return "", err
	}
	body := make([]byte, binary.BigEndian.Uint16(head[3:]))
	if _, err := io.ReadFull(c, body); err != nil {
		return "", err
	}
	switch {
	case head[0] == 21:
		return fmt.Sprintf("alert %d", body[1]), nil
	case head[0] == 22 && body[0] == 2:
		session := int(body[38])
		return fmt.Sprintf("a ServerHello of %x, compression %d", body[4:6], body[39+session+2]), nil
	}
	return fmt.Sprintf("a record of type %d", head[0]), nil
}
