package spec

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// The sizes of RSA keys, in bits. Browsers refuse smaller ones, and the TLS of Go larger ones.
const (
	minRSA = 2048
	maxRSA = 8192
)

// readKey reads a private key in PEM form: PKCS#8, or the older forms of RSA and of elliptic curves. What openssl writes
// around the block, parameters of the curve among it, means nothing. No message shows anything of the text.
func readKey(s string) (crypto.Signer, error) {
	var found *pem.Block
	for rest := []byte(s); ; {
		block, after := pem.Decode(rest)
		if block == nil {
			break
		}
		rest = after
		if !strings.HasSuffix(block.Type, keyBlock) {
			continue
		}
		if found != nil {
			return nil, errors.New("has more than one private key; keep the one that belongs to the certificate")
		}
		found = block
	}
	switch {
	case found == nil && strings.Contains(s, keyBlock):
		return nil, errors.New("begins as a private key in PEM form and cannot be read; a line of it is damaged or missing")
	case found == nil:
		return nil, errors.New("must be a private key in PEM form, which begins with -----BEGIN PRIVATE KEY-----")
	case found.Type == "ENCRYPTED "+keyBlock || found.Headers["DEK-Info"] != "":
		return nil, errors.New("is encrypted with a password; decrypt it first, with openssl pkey -in encrypted.key -out decrypted.key")
	}
	return parseKey(found)
}

func parseKey(block *pem.Block) (key crypto.Signer, err error) {
	var parsed any
	switch block.Type {
	case keyBlock:
		parsed, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA " + keyBlock:
		parsed, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC " + keyBlock:
		parsed, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		return nil, fmt.Errorf("is of a form that is not known; convert it, with openssl pkey -in other.key -out pkcs8.key")
	}
	if err != nil {
		return nil, errors.New("has a block of a private key that cannot be read as one; check that it is whole, with openssl pkey -check -noout -in the.key")
	}
	return usableKey(parsed)
}

// usableKey says why TLS has no use for a private key.
func usableKey(parsed any) (crypto.Signer, error) {
	switch key := parsed.(type) {
	case *rsa.PrivateKey:
		return key, usable(&key.PublicKey)
	case *ecdsa.PrivateKey:
		return key, usable(&key.PublicKey)
	case ed25519.PrivateKey:
		return key, nil
	}
	return nil, errUnusable
}

var errUnusable = errors.New("is of a kind that TLS has no use for; take RSA, ECDSA or Ed25519")

// usable says why TLS has no use for the key of a certificate.
func usable(public any) error {
	switch key := public.(type) {
	case *rsa.PublicKey:
		if n := key.N.BitLen(); n < minRSA || n > maxRSA {
			return fmt.Errorf("has an RSA key of %d bits; clients take %d to %d", n, minRSA, maxRSA)
		}
		return nil
	case *ecdsa.PublicKey:
		switch key.Curve {
		case elliptic.P256(), elliptic.P384(), elliptic.P521():
			return nil
		}
		return fmt.Errorf("has a key on the curve %s; TLS takes P-256, P-384 and P-521", key.Params().Name)
	case ed25519.PublicKey:
		return nil
	}
	return errUnusable
}

// keyType is how a key is called.
func keyType(public any) string {
	switch key := public.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", key.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + key.Params().Name
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return "unknown"
}

// belong says whether two public keys are one.
func belong(a, b crypto.PublicKey) bool {
	key, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && key.Equal(b)
}

// writeKey is the form in which keys are kept, so that one key is one text.
func writeKey(key crypto.Signer) (string, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: keyBlock, Bytes: der})), nil
}

// writeCertificates is the plain form of a chain.
func writeCertificates(chain []*x509.Certificate) string {
	var b bytes.Buffer
	for _, c := range chain {
		// Neither a buffer nor a block without headers fails.
		_ = pem.Encode(&b, &pem.Block{Type: certificateBlock, Bytes: c.Raw})
	}
	return b.String()
}
