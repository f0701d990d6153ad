package spec

import (
	"crypto"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"

	"software.sslmate.com/src/go-pkcs12"
)

// maxRounds bounds how often all derivations of keys in a PFX together go round: the file says how often, and a hostile one
// would take hours. 600 000 for each of its three parts is as many as anybody writes.
const maxRounds = 3_000_000

var (
	errPFX         = errors.New("must be a PFX (PKCS#12) in DER form, in base 64, as filebase64() gives it")
	errNested      = errors.New("keeps its private key inside its encrypted certificates, which no common tool does; write it anew, with openssl pkcs12 -in other.pfx -nodes | openssl pkcs12 -export -out new.pfx")
	errPFXKey      = errors.New("has no certificate of its private key")
	errPFXPassword = errors.New("is not the password of the PFX, or the PFX is damaged")
)

// readPFX reads a chain, the leaf first, and its key from a PFX in base 64. An error of the password is errPFXPassword.
func readPFX(text, password string) ([]*x509.Certificate, crypto.Signer, error) {
	der, err := base64.StdEncoding.DecodeString(strings.NewReplacer("\n", "", "\r", "", " ", "").Replace(text))
	if err != nil {
		return nil, nil, errPFX
	}
	if err := guardPFX(der, password); err != nil {
		return nil, nil, err
	}
	parsed, leaf, rest, err := pkcs12.DecodeChain(der, password)
	switch {
	case errors.Is(err, pkcs12.ErrIncorrectPassword), errors.Is(err, pkcs12.ErrDecryption):
		return nil, nil, errPFXPassword
	case err != nil:
		// Its words may come from the decrypted content.
		return nil, nil, errors.New("cannot be read as a PFX with a private key and its certificate; write it anew, with openssl pkcs12 -export -inkey the.key -in the.pem -out new.pfx")
	}
	key, err := usableKey(parsed)
	if err != nil {
		return nil, nil, err
	}
	chain := inOrder(append([]*x509.Certificate{leaf}, rest...), key.Public())
	if chain == nil {
		return nil, nil, errPFXKey
	}
	return chain, key, nil
}

// inOrder puts the certificate of a key first, each one's issuer behind it, and what is left at the end; nil where none is
// of the key. A PFX has no order.
func inOrder(all []*x509.Certificate, key crypto.PublicKey) []*x509.Certificate {
	var chain []*x509.Certificate
	next := func(is func(*x509.Certificate) bool) bool {
		for i, c := range all {
			if is(c) {
				chain, all = append(chain, c), append(all[:i:i], all[i+1:]...)
				return true
			}
		}
		return false
	}
	if !next(func(c *x509.Certificate) bool { return belong(key, c.PublicKey) }) {
		return nil
	}
	for next(func(c *x509.Certificate) bool { return string(chain[len(chain)-1].RawIssuer) == string(c.RawSubject) }) {
	}
	return append(chain, all...)
}

// The parts of a PFX that say how often a derivation goes round, by RFC 7292, 8018 and 9579.
type (
	pfxFile struct {
		Version int
		Safe    pfxContent
		MAC     struct {
			MAC struct {
				Algorithm pkix.AlgorithmIdentifier
				Digest    []byte
			}
			Salt   []byte
			Rounds int `asn1:"optional,default:1"`
		} `asn1:"optional"`
	}
	pfxContent struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue `asn1:"tag:0,explicit,optional"`
	}
	pfxEncrypted struct {
		Version int
		Content struct {
			Type      asn1.ObjectIdentifier
			Algorithm pkix.AlgorithmIdentifier
			Data      []byte `asn1:"tag:0,optional"`
		}
	}
	pfxBag struct {
		ID         asn1.ObjectIdentifier
		Value      asn1.RawValue `asn1:"tag:0,explicit"`
		Attributes asn1.RawValue `asn1:"set,optional"`
	}
)

var (
	oidData        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidEncrypted   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 6}
	oidKeyBag      = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 1}
	oidShroudedBag = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 12, 10, 1, 2}
	oidSHA1        = asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}
)

// guardPFX refuses a PFX that would take long, before anything is derived. What is encrypted may hold an encrypted key
// again, which says for itself how long it takes, so such a key is refused.
func guardPFX(der []byte, password string) error {
	var file pfxFile
	var inner []byte
	if whole(der, &file) != nil || !file.Safe.Type.Equal(oidData) || whole(file.Safe.Content.Bytes, &inner) != nil {
		return errPFX
	}
	var contents []pfxContent
	if whole(inner, &contents) != nil {
		return errPFX
	}
	sum := add(file.MAC.Rounds, rounds(file.MAC.MAC.Algorithm.Parameters))
	var encrypted []pfxContent
	for _, c := range contents {
		if c.Type.Equal(oidEncrypted) {
			var e pfxEncrypted
			if whole(c.Content.Bytes, &e) != nil {
				return errPFX
			}
			// It is decrypted twice: see holdsKey.
			n := rounds(e.Content.Algorithm.Parameters)
			sum, encrypted = add(sum, add(n, n)), append(encrypted, c)
			continue
		}
		n, err := bagRounds(c)
		if err != nil {
			return err
		}
		sum = add(sum, n)
	}
	if sum > maxRounds {
		return fmt.Errorf("derives its keys in more than %d rounds; write it anew with fewer, with openssl pkcs12 -export -iter 100000", maxRounds)
	}
	for _, c := range encrypted {
		if holdsKey(c, password) {
			return errNested
		}
	}
	return nil
}

// add adds counts and stays above every bound once one is: a sum must not come round to a small one.
func add(a, b int) int {
	if a < 0 || b < 0 || a > maxRounds || b > maxRounds {
		return maxRounds + 1
	}
	return a + b
}

// bagRounds are those of the encrypted keys that lie open.
func bagRounds(c pfxContent) (int, error) {
	var data []byte
	var bags []pfxBag
	if !c.Type.Equal(oidData) || whole(c.Content.Bytes, &data) != nil || whole(data, &bags) != nil {
		return 0, errPFX
	}
	sum := 0
	for _, bag := range bags {
		if !bag.ID.Equal(oidShroudedBag) {
			continue
		}
		var key struct {
			Algorithm pkix.AlgorithmIdentifier
			Data      []byte
		}
		if whole(bag.Value.Bytes, &key) != nil {
			return 0, errPFX
		}
		sum = add(sum, rounds(key.Algorithm.Parameters))
	}
	return sum, nil
}

// rounds adds up every number in the parameters of an algorithm, at any depth. Lengths of keys are among them, and small.
func rounds(parameters asn1.RawValue) int {
	if parameters.Class != asn1.ClassUniversal {
		return 0
	}
	if parameters.Tag == asn1.TagInteger {
		var n int
		if whole(parameters.FullBytes, &n) != nil {
			return maxRounds + 1
		}
		return add(n, 0)
	}
	sum := 0
	for rest := parameters.Bytes; parameters.IsCompound && len(rest) > 0; {
		var value asn1.RawValue
		var err error
		if rest, err = asn1.Unmarshal(rest, &value); err != nil {
			return maxRounds + 1
		}
		sum = add(sum, rounds(value))
	}
	return sum
}

func whole(der []byte, into any) error {
	rest, err := asn1.Unmarshal(der, into)
	if err == nil && len(rest) > 0 {
		err = errPFX
	}
	return err
}

// holdsKey says whether encrypted content may hold a key. It is read behind a key that lies open: of two keys the decoder
// refuses the second before it derives anything for it, and it reads the certificates where there is none. A password that
// does not decrypt it does not do so later either.
func holdsKey(c pfxContent, password string) bool {
	for _, p := range pfxPasswords(password) {
		der, err := behindKey(c, p)
		if err != nil {
			return true
		}
		_, _, _, err = pkcs12.DecodeChain(der, password)
		if err != nil && strings.Contains(err.Error(), "exactly one key bag") {
			return true
		}
	}
	return false
}

// pfxPasswords are the bytes that a password may stand for: UTF-16 with a zero behind it; none at all for an empty one, too.
func pfxPasswords(password string) [][]byte {
	var b []byte
	for _, unit := range append(utf16.Encode([]rune(password)), 0) {
		b = append(b, byte(unit>>8), byte(unit))
	}
	if password == "" {
		return [][]byte{b, nil}
	}
	return [][]byte{b}
}

// behindKey is a PFX of an open key and the content. Its sum is made in one round, as RFC 7292, appendix B.2, says.
func behindKey(c pfxContent, password []byte) ([]byte, error) {
	key, err := x509.MarshalPKCS8PrivateKey(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		return nil, err
	}
	bags, err := asn1.Marshal([]pfxBagOut{{ID: oidKeyBag, Value: asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: key}}})
	if err != nil {
		return nil, err
	}
	open, err := dataContent(bags)
	if err != nil {
		return nil, err
	}
	inner, err := asn1.Marshal([]pfxContentOut{open, {Type: c.Type, Content: explicit(c.Content.Bytes)}})
	if err != nil {
		return nil, err
	}
	safe, err := dataContent(inner)
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(struct {
		Version int
		Safe    pfxContentOut
		MAC     pfxMACOut
	}{3, safe, sumOf(inner, password)})
}

type (
	pfxContentOut struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue
	}
	pfxBagOut struct {
		ID    asn1.ObjectIdentifier
		Value asn1.RawValue
	}
	pfxMACOut struct {
		MAC struct {
			Algorithm pkix.AlgorithmIdentifier
			Digest    []byte
		}
		Salt   []byte
		Rounds int
	}
)

func explicit(der []byte) asn1.RawValue {
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: der}
}

func dataContent(data []byte) (pfxContentOut, error) {
	der, err := asn1.Marshal(data)
	return pfxContentOut{Type: oidData, Content: explicit(der)}, err
}

func sumOf(data, password []byte) (out pfxMACOut) {
	const block = 64
	fill := func(b []byte) (filled []byte) {
		for n := (len(b) + block - 1) / block * block; len(filled) < n; {
			filled = append(filled, b[:min(len(b), n-len(filled))]...)
		}
		return filled
	}
	out.Salt, out.Rounds = make([]byte, 8), 1
	input := append([]byte(strings.Repeat("\x03", block)), fill(out.Salt)...)
	key := sha1.Sum(append(input, fill(password)...))
	h := hmac.New(sha1.New, key[:])
	h.Write(data)
	out.MAC.Algorithm, out.MAC.Digest = pkix.AlgorithmIdentifier{Algorithm: oidSHA1, Parameters: asn1.NullRawValue}, h.Sum(nil)
	return out
}
