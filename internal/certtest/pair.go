package certtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"sync"
	"time"
)

// A Pair is a certificate with its key, and what it was made from.
type Pair struct {
	// Certificate is the chain in PEM form, the leaf first, without the root. Key is the key in PEM form, PKCS#8.
	Certificate, Key string
	// Leaf is the certificate itself, Signer its key.
	Leaf   *x509.Certificate
	Signer crypto.Signer
}

// An Issue says what certificate is made. The zero value is one of a P-256 key that signs itself, for "localhost" and
// 127.0.0.1, valid from an hour ago for a year.
type Issue struct {
	// Names are host names and IP addresses; the first is the common name.
	Names []string
	// By is the authority that signs; nil for the certificate itself.
	By *Pair
	// CA makes it an authority.
	CA bool
	// Key is the key; nil for a new one.
	Key crypto.Signer
	// From and Until are when it is valid.
	From, Until time.Time
	// Usage is what it is for, where it is no authority's; nil for servers and clients.
	Usage []x509.ExtKeyUsage
}

// New makes a certificate. What cannot be made is a mistake of the test.
func New(i Issue) *Pair {
	if len(i.Names) == 0 {
		i.Names = []string{"localhost", "127.0.0.1"}
	}
	if i.Key == nil {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		must(err)
		i.Key = key
	}
	if i.From.IsZero() {
		i.From = time.Now().Add(-time.Hour)
	}
	if i.Until.IsZero() {
		i.Until = time.Now().AddDate(1, 0, 0)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	must(err)
	template := &x509.Certificate{
		SerialNumber: serial.Add(serial, big.NewInt(1)), Subject: pkix.Name{CommonName: i.Names[0]}, NotBefore: i.From, NotAfter: i.Until,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}
	if i.Usage != nil {
		template.ExtKeyUsage = i.Usage
	}
	if i.CA {
		template.IsCA, template.KeyUsage, template.ExtKeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign, nil
	} else {
		for _, name := range i.Names {
			if ip := net.ParseIP(name); ip != nil {
				template.IPAddresses = append(template.IPAddresses, ip)
			} else {
				template.DNSNames = append(template.DNSNames, name)
			}
		}
	}
	return i.sign(template)
}

func (i *Issue) sign(template *x509.Certificate) *Pair {
	parent, signer, rest := template, i.Key, ""
	if i.By != nil {
		parent, signer = i.By.Leaf, i.By.Signer
		if i.By.Leaf.CheckSignatureFrom(i.By.Leaf) != nil {
			rest = i.By.Certificate // An authority between.
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, i.Key.Public(), signer)
	must(err)
	leaf, err := x509.ParseCertificate(der)
	must(err)
	key, err := x509.MarshalPKCS8PrivateKey(i.Key)
	must(err)
	return &Pair{
		Certificate: PEM("CERTIFICATE", der) + rest, Key: PEM("PRIVATE KEY", key), Leaf: leaf, Signer: i.Key,
	}
}

// TLS is the pair as crypto/tls shows it.
func (p *Pair) TLS() tls.Certificate {
	c, err := tls.X509KeyPair([]byte(p.Certificate), []byte(p.Key))
	must(err)
	return c
}

// PEM is a block of a type.
func PEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// samples are those of Sample.
var samples sync.Map // of func() *Pair by int

// Sample is a certificate of its own for each n, the same whenever it is asked for in a process.
func Sample(n int) *Pair {
	made, _ := samples.LoadOrStore(n, sync.OnceValue(func() *Pair { return New(Issue{Names: []string{fmt.Sprintf("h%d.example", n)}}) }))
	return made.(func() *Pair)()
}

func must(err error) {
	if err != nil {
		panic("certtest: " + err.Error())
	}
}

// KeyOf is the key of a sample's certificate.
func KeyOf(certificate string) string {
	var key string
	samples.Range(func(_, made any) bool {
		if p := made.(func() *Pair)(); p.Certificate == certificate {
			key = p.Key
		}
		return key == ""
	})
	if key == "" {
		panic("certtest: that is no sample")
	}
	return key
}
