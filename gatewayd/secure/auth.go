package secure

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"slices"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// An Auth is what is asked of the clients of a listener. It is immutable; nil asks for nothing.
type Auth struct {
	mode   string
	roots  *x509.CertPool
	hinted bool       // clients are told whose certificates are wanted
	prints [][32]byte // of the authorities, in order
	digest authDigest // of all that was said
}

type authDigest [sha256.Size]byte

// mostHints is how much of names of authorities clients are sent. Many more than anybody has, and far below what a message
// of a handshake can hold; beyond it they are told nothing, and may choose among all of their certificates.
const mostHints = 16 << 10

// NewAuth makes that of a mode of spec.ClientAuth, with those who may sign clients' certificates.
func NewAuth(mode string, authorities []*x509.Certificate) *Auth {
	a := &Auth{mode: mode, roots: x509.NewCertPool()}
	size := 0
	for _, c := range authorities {
		print := sha256.Sum256(c.Raw)
		at, known := slices.BinarySearchFunc(a.prints, print, comparePrints)
		if known {
			continue
		}
		a.prints = slices.Insert(a.prints, at, print)
		a.roots.AddCert(c)
		size += len(c.RawSubject)
	}
	a.hinted = size > 0 && size <= mostHints
	said := sha256.New()
	said.Write([]byte(mode))
	for _, print := range a.prints {
		said.Write(print[:])
	}
	said.Sum(a.digest[:0])
	return a
}

func comparePrints(a, b [32]byte) int { return bytes.Compare(a[:], b[:]) }

// Strict says that nobody is served who does not show a certificate that can be verified. a may be nil.
func (a *Auth) Strict() bool { return a != nil && a.mode == spec.AuthStrict }

// Mode is that of spec.ClientAuth; "" where nothing is asked for.
func (a *Auth) Mode() string {
	if a == nil {
		return ""
	}
	return a.mode
}

// Equal says whether two ask for the same. Both may be nil.
func (a *Auth) Equal(b *Auth) bool {
	return a == b || a != nil && b != nil && a.digest == b.digest
}

// within says that whoever a lets in b lets in as well.
func (a *Auth) within(b *Auth) bool {
	return a != nil && b != nil && a.mode == b.mode && !slices.ContainsFunc(a.prints, func(print [32]byte) bool {
		_, known := slices.BinarySearchFunc(b.prints, print, comparePrints)
		return !known
	})
}

// A Verdict is what is thought of the certificate of a client.
type Verdict uint8

// The verdicts. Only Verified is one on which somebody may rely.
const (
	NoCertificate    Verdict = iota
	Verified                 // it is by an authority that is believed
	NotVerified              // nobody looked
	Expired                  // it was good until
	NotYetValid              // it will be good from
	UnknownAuthority         // it leads to none that is believed, or to one that has expired
	NotForClients            // it was issued for another purpose
	Invalid                  // it breaks another rule, of its own or of an authority's
)

var verdicts = [...]string{"NONE", "SUCCESS", "FAILED:not_verified", "FAILED:expired", "FAILED:not_yet_valid",
	"FAILED:unknown_authority", "FAILED:not_for_clients", "FAILED:invalid"}

// String is what targets are told, in the words of Azure Application Gateway and nginx.
func (v Verdict) String() string { return verdicts[v] }

// judge is the verdict on what a client showed, its own certificate first, at a time.
func (a *Auth) judge(shown []*x509.Certificate, now time.Time) Verdict {
	switch {
	case len(shown) == 0:
		return NoCertificate
	case a.mode == spec.AuthPassthrough:
		return NotVerified
	}
	opts := x509.VerifyOptions{
		Roots: a.roots, Intermediates: x509.NewCertPool(), CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for _, c := range shown[1:] {
		opts.Intermediates.AddCert(c)
	}
	_, err := shown[0].Verify(opts)
	if err == nil {
		return Verified
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		switch {
		case invalid.Reason == x509.Expired && now.Before(invalid.Cert.NotBefore):
			return NotYetValid
		case invalid.Reason == x509.Expired:
			return Expired
		case invalid.Reason == x509.IncompatibleUsage:
			return NotForClients
		}
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return UnknownAuthority
	}
	return Invalid
}
