package certtest

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"strings"
)

// Shows says in which form a text has the private key of a pair in it; empty for none. It looks for what only the key has:
// its public half is the certificate's.
func (p *Pair) Shows(text []byte) string {
	for form, secret := range p.forms() {
		if bytes.Contains(text, secret) {
			return form
		}
	}
	return ""
}

// forms are parts of the key as they might be found.
func (p *Pair) forms() map[string][]byte {
	block, _ := pem.Decode([]byte(p.Key))
	der, err := x509.MarshalPKCS8PrivateKey(p.Signer)
	must(err)
	// The private number of a P-256 key is at byte 36, behind algorithm and version.
	number := der[36:68]
	forms := map[string][]byte{
		"DER": block.Bytes[:68], "the number": number, "hexadecimal": []byte(hex.EncodeToString(number)),
		"base 64": []byte(base64.StdEncoding.EncodeToString(number)[:40]), "base 64 of the PEM": []byte(base64.StdEncoding.EncodeToString([]byte(p.Key))[60:120]),
	}
	lines := strings.Split(p.Key, "\n")
	forms["PEM, first line"], forms["PEM, second line"] = []byte(lines[1]), []byte(lines[2][:32])
	return forms
}
