package spec

import (
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
)

// pfxOf is a PFX in base 64.
func pfxOf(t testing.TB, by *pkcs12.Encoder, p *certtest.Pair, password string, rest ...*certtest.Pair) string {
	t.Helper()
	var chain []*x509.Certificate
	for _, r := range rest {
		chain = append(chain, r.Leaf)
	}
	der, err := by.Encode(p.Signer, p.Leaf, chain, password)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}

// TestPFXIsKeptAsPEM: by whatever tool it is encrypted, it comes to the same chain and key as the PEM, the leaf first and
// each issuer behind what it issued.
func TestPFXIsKeptAsPEM(t *testing.T) {
	root := certtest.New(certtest.Issue{Names: []string{"root"}, CA: true})
	between := certtest.New(certtest.Issue{Names: []string{"between"}, CA: true, By: root})
	p := certtest.New(certtest.Issue{By: between})
	want := certtest.PEM("CERTIFICATE", p.Leaf.Raw) + certtest.PEM("CERTIFICATE", between.Leaf.Raw) + certtest.PEM("CERTIFICATE", root.Leaf.Raw)
	for what, c := range map[string]struct {
		by       *pkcs12.Encoder
		password string
	}{
		"modern": {pkcs12.Modern, "pässword"}, "modern, no password": {pkcs12.Modern, ""}, "triple DES": {pkcs12.LegacyDES, "x"}, "RC2": {pkcs12.LegacyRC2, "x"},
		"RC2, empty password": {pkcs12.LegacyRC2, ""}, "no password at all": {pkcs12.Passwordless, ""}, "many rounds": {pkcs12.Modern.WithIterations(40_000), "x"},
	} {
		text := pfxOf(t, c.by, p, c.password, root, between)
		o := &Certificate{Name: "c", PFX: new(text[:10] + "\n" + text[10:] + "\n")}
		if c.password != "" {
			o.Password = &c.password
		}
		got, ps := Settle(o)
		if len(ps) > 0 {
			t.Errorf("%s: %v", what, ps)
			continue
		}
		kept := got.(*Certificate)
		if *kept.CertificatePEM != want || *kept.PrivateKeyPEM != p.Key || kept.PFX != nil || kept.Password != nil || kept.Name != "c" {
			t.Errorf("%s: it is kept as %+v", what, *kept.CertificatePEM)
		}
		if !Keeps(pair(want, p.Key), o) {
			t.Errorf("%s: it changes what came from it", what)
		}
	}
}

// TestPFXThatAreNone: what is wrong, and at which field.
func TestPFXThatAreNone(t *testing.T) {
	one, two := certtest.Sample(1), certtest.Sample(2)
	good := pfxOf(t, pkcs12.Modern, one, "right")
	store, err := pkcs12.Modern.EncodeTrustStore([]*x509.Certificate{one.Leaf}, "right")
	if err != nil {
		t.Fatal(err)
	}
	other := *one
	other.Leaf = two.Leaf
	for _, c := range []struct{ what, pfx, password, path, words string }{
		{"the wrong password", good, "wrong", "password", "is not the password of the PFX"},
		{"no password", good, "", "pfx", "has a password, which must be given with it"},
		{"no base 64", "-/..!", "right", "pfx", "must be a PFX (PKCS#12) in DER form, in base 64"},
		{"PEM in base 64", base64.StdEncoding.EncodeToString([]byte(one.Certificate)), "right", "pfx", "must be a PFX"},
		{"half of one", good[:400], "right", "pfx", "must be a PFX"},
		{"certificates alone", base64.StdEncoding.EncodeToString(store), "right", "pfx", "cannot be read as a PFX with a private key"},
		{"a key without its certificate", pfxOf(t, pkcs12.Modern, &other, "right"), "right", "pfx", "has no certificate of its private key"},
		{"too many rounds", pfxOf(t, pkcs12.Modern.WithIterations(maxRounds/4+1), one, "right"), "right", "pfx", "in more than 3000000 rounds"},
	} {
		o := &Certificate{Name: "c", PFX: &c.pfx}
		if c.password != "" {
			o.Password = &c.password
		}
		ps := Check(o)
		if len(ps) != 1 || ps[0].Path != c.path || !strings.Contains(ps[0].Message, c.words) {
			t.Errorf("%s: want %s and %q, got %v", c.what, c.path, c.words, ps)
		}
		if strings.Contains(ps.Error(), "right") || strings.Contains(ps.Error(), "wrong") {
			t.Errorf("%s: the message shows the password: %v", c.what, ps)
		}
	}
}

// parts are the contents of a PFX.
func parts(t *testing.T, pfx string) (file pfxFile, contents []pfxContent) {
	t.Helper()
	der, err := base64.StdEncoding.DecodeString(pfx)
	if err != nil {
		t.Fatal(err)
	}
	var inner []byte
	if whole(der, &file) != nil || whole(file.Safe.Content.Bytes, &inner) != nil || whole(inner, &contents) != nil {
		t.Fatal("the PFX cannot be read")
	}
	return file, contents
}

// TestHostilePFXTakesNoTime: numbers of rounds that would keep a core busy for hours are found before anything is derived,
// wherever they stand.
func TestHostilePFXTakesNoTime(t *testing.T) {
	file, contents := parts(t, pfxOf(t, pkcs12.LegacyDES, certtest.Sample(1), "x"))
	evil, err := asn1.Marshal(struct {
		Salt   []byte
		Rounds int
	}{make([]byte, 8), 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	var encrypted pfxEncrypted
	i := slices.IndexFunc(contents, func(c pfxContent) bool { return c.Type.Equal(oidEncrypted) })
	if i < 0 || whole(contents[i].Content.Bytes, &encrypted) != nil {
		t.Fatal("it has no encrypted part")
	}
	if n := rounds(encrypted.Content.Algorithm.Parameters); n != 2048 {
		t.Errorf("want 2048 rounds, counted %d", n)
	}
	if n := rounds(asn1.RawValue{FullBytes: evil, Bytes: evil[2:], Tag: asn1.TagSequence, IsCompound: true}); n <= maxRounds {
		t.Errorf("a thousand million rounds are counted as %d", n)
	}
	if n, err := bagRounds(contents[1-i]); n != 2048 || err != nil {
		t.Errorf("want 2048 rounds of the key, counted %d, %v", n, err)
	}
	if file.MAC.Rounds != 1 {
		t.Errorf("want 1 round of the sum, got %d", file.MAC.Rounds)
	}
	for _, n := range [][2]int{{1 << 62, 1 << 62}, {-1, 5}, {maxRounds, 1}} {
		if add(n[0], n[1]) <= maxRounds {
			t.Errorf("%d and %d come to %d", n[0], n[1], add(n[0], n[1]))
		}
	}
	hidden := asn1.RawValue{Tag: asn1.TagInteger, FullBytes: []byte{2, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0}}
	if rounds(hidden) <= maxRounds {
		t.Error("a number that is too large for a machine is none")
	}
}

// TestKeysInsideEncryptedContent: such a key would say for itself how long it takes, where nobody can look before.
func TestKeysInsideEncryptedContent(t *testing.T) {
	for password, by := range map[string]*pkcs12.Encoder{"x": pkcs12.LegacyDES, "": pkcs12.LegacyRC2} {
		_, contents := parts(t, pfxOf(t, by, certtest.Sample(1), password))
		for _, c := range contents {
			if c.Type.Equal(oidEncrypted) && holdsKey(c, password) {
				t.Errorf("password %q: certificates alone are taken for a key", password)
			}
			// What lies open is read the same way: there is a key in it.
			if c.Type.Equal(oidData) && !holdsKey(c, password) {
				t.Errorf("password %q: a key is not found", password)
			}
		}
	}
}

// FuzzPFX: nothing panics, whatever a PFX is, and nothing takes long.
func FuzzPFX(f *testing.F) {
	for _, by := range []*pkcs12.Encoder{pkcs12.Modern, pkcs12.LegacyRC2, pkcs12.Passwordless} {
		password := "x"
		if by == pkcs12.Passwordless {
			password = ""
		}
		text := pfxOf(f, by, certtest.Sample(1), password)
		der, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(der)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		chain, key, err := readPFX(base64.StdEncoding.EncodeToString(der), "x")
		if (err == nil) != (key != nil && len(chain) > 0) {
			t.Errorf("%v, %v, %v", chain, key, err)
		}
	})
}
