package spec

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// The types of PEM blocks.
const (
	certificateBlock = "CERTIFICATE"
	keyBlock         = "PRIVATE KEY" // in PKCS#8; the types of the older forms end in the same words
)

// checkCertificates is the grammar of one or more certificates in PEM form.
func checkCertificates(s string) error {
	_, err := readCertificates(s)
	return err
}

// readCertificates reads certificates in PEM form. Text around the blocks, as openssl writes it, means nothing. A private
// key among them is refused even where its block is broken: what holds certificates is shown to everybody who may read.
func readCertificates(s string) ([]*x509.Certificate, error) {
	if strings.ContainsFunc(s, func(c rune) bool { return c < ' ' && c != '\n' && c != '\r' && c != '\t' || c == 0x7f }) {
		return nil, errors.New("must be text in PEM form, without control characters but for the ends of lines")
	}
	if strings.Contains(s, keyBlock) {
		return nil, errors.New("must hold certificates alone, and there is a private key in it, which everybody who reads the object would see")
	}
	var all []*x509.Certificate
	places := map[string]int{}
	for rest := []byte(s); ; {
		block, after := pem.Decode(rest)
		if block == nil {
			break
		}
		rest = after
		if block.Type != certificateBlock {
			return nil, fmt.Errorf("must hold certificates alone, and there is a block %s", quoteShort(block.Type))
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("has a certificate, number %d, that cannot be read: %s", len(all)+1, strings.TrimPrefix(err.Error(), "x509: "))
		}
		all = append(all, c)
		if first := places[string(c.Raw)]; first > 0 {
			return nil, fmt.Errorf("has the same certificate twice, as number %d and number %d", first, len(all))
		}
		places[string(c.Raw)] = len(all)
	}
	// What Decode cannot read it leaves out without a word.
	if begun := strings.Count(s, "-----BEGIN"); begun != len(all) {
		return nil, fmt.Errorf("has %d blocks that begin and %d that can be read; a line of one is damaged or missing", begun, len(all))
	}
	if len(all) == 0 {
		return nil, errors.New("must hold a certificate in PEM form, which begins with -----BEGIN CERTIFICATE-----")
	}
	return all, nil
}
