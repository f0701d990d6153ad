package rewrite

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// oddName is a subject with everything that is written otherwise than it stands: `openssl req -subj '/C=DE/O= lead, "q"
// <x>;y=z\\ /O=#hash+OU=b/OU=a/CN=Jürgen/UID=u1/DC=example/1.2.3.4.5=odd/emailAddress=a@b.c/serialNumber=77/street=s/title=t/
// postalCode=1/GN=g/SN=s/organizationIdentifier=oi'`; oddText is what `openssl x509 -subject -nameopt RFC2253` says of it.
const (
	oddName = "3082010c310b3009060355040613024445311d301b060355040a0c14206c6561642c20227122203c783e3b793d7a5c2031183008060355040b0c0162300c" +
		"060355040a0c052368617368310a3008060355040b0c01613110300e06035504030c074ac3bc7267656e31123010060a0992268993f22c6401010c0275313117" +
		"3015060a0992268993f22c64011916076578616d706c65310d300b06042a0304050c036f64643114301206092a864886f70d01090116056140622e63310b3009" +
		"060355040513023737310a300806035504090c0173310a3008060355040c0c0174310a300806035504110c0131310a3008060355042a0c0167310a3008060355" +
		"04040c0173310b300906035504610c026f69"
	oddText = `organizationIdentifier=oi,SN=s,GN=g,postalCode=1,title=t,street=s,serialNumber=77,emailAddress=a@b.c,1.2.3.4.5=#0C036F6464,` +
		`DC=example,UID=u1,CN=J\C3\BCrgen,OU=a,O=\#hash+OU=b,O=\ lead\, \"q\" \<x\>\;y=z\\\ ,C=DE`
)

// shown is a certificate with a subject, a serial number and dates of its own.
func shown(t testing.TB) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	subject, err := hex.DecodeString(oddName)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(0xa1b2c), RawSubject: subject,
		NotBefore: time.Date(2026, 6, 9, 1, 2, 3, 0, time.UTC), NotAfter: time.Date(2051, 12, 31, 23, 59, 59, 0, time.UTC),
	}, &x509.Certificate{Subject: pkix.Name{CommonName: "CA", Organization: []string{"Z"}}}, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestVariablesOfTLS: each has the form that openssl and nginx give it, and is one line of plain ASCII.
func TestVariablesOfTLS(t *testing.T) {
	c := shown(t)
	encoded := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
	whole := TLS{Protocol: "TLSv1.3", Cipher: "TLS_AES_128_GCM_SHA256", Certificate: c, Verification: "SUCCESS"}
	clear, unknown := TLS{Verification: "NONE"}, TLS{Protocol: "TLSv1.2", Cipher: "X", Verification: "NONE"}
	for name, want := range map[string][3]string{
		"ciphers_used":                    {"TLS_AES_128_GCM_SHA256", "", "X"},
		"ssl_connection_protocol":         {"TLSv1.3", "", "TLSv1.2"},
		"ssl_enabled":                     {"On", "", "On"},
		"client_certificate":              {strings.ReplaceAll(url.QueryEscape(string(encoded)), "+", "%20")},
		"client_certificate_end_date":     {"Dec 31 23:59:59 2051 GMT"},
		"client_certificate_start_date":   {"Jun  9 01:02:03 2026 GMT"},
		"client_certificate_fingerprint":  {fmt.Sprintf("%x", sha1.Sum(c.Raw))},
		"client_certificate_issuer":       {"CN=CA,O=Z"},
		"client_certificate_serial":       {"0A1B2C"},
		"client_certificate_subject":      {oddText},
		"client_certificate_verification": {"SUCCESS", "NONE", "NONE"},
	} {
		v, err := spec.ParseVariable("var_" + name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i, of := range []TLS{whole, clear, unknown} {
			s := Subject{TLS: of}
			got, _ := s.value([]byte("before"), v)
			if string(got) != want[i] {
				t.Errorf("%s is %q, want %q", name, got, want[i])
			}
			if safe := appendSafe(nil, got, inField); string(safe) != string(got) {
				t.Errorf("%s is not fit for a field: %q", name, got)
			}
		}
	}
	back, err := url.QueryUnescape(string(appendEscaped(nil, encoded)))
	if err != nil || back != string(encoded) {
		t.Errorf("unescaped the certificate is %q, %v", back, err)
	}
}

// TestNamesAreToldApart: no two names are told alike, whatever holds their parts together or stands within them.
func TestNamesAreToldApart(t *testing.T) {
	text := func(tag int, s string) asn1.RawValue { return asn1.RawValue{Tag: tag, Bytes: []byte(s)} }
	cn := func(v asn1.RawValue) attribute { return attribute{asn1.ObjectIdentifier{2, 5, 4, 3}, v} }
	o := func(v asn1.RawValue) attribute { return attribute{asn1.ObjectIdentifier{2, 5, 4, 10}, v} }
	const utf8, printable, bmp, t61 = asn1.TagUTF8String, asn1.TagPrintableString, asn1.TagBMPString, asn1.TagT61String
	told := map[string]string{}
	for what, c := range map[string]struct {
		name []attributeSET
		want string
	}{
		"nobody":             {nil, ""},
		"one":                {[]attributeSET{{cn(text(utf8, "a"))}}, "CN=a"},
		"two":                {[]attributeSET{{o(text(utf8, "b"))}, {cn(text(utf8, "a"))}}, "CN=a,O=b"},
		"the other way":      {[]attributeSET{{cn(text(utf8, "a"))}, {o(text(utf8, "b"))}}, "O=b,CN=a"},
		"a comma within":     {[]attributeSET{{cn(text(utf8, "a,O=b"))}}, `CN=a\,O=b`},
		"a plus within":      {[]attributeSET{{cn(text(printable, "a+O=b"))}}, `CN=a\+O=b`},
		"an end of line":     {[]attributeSET{{cn(text(utf8, "a\r\nX: y"))}}, `CN=a\0D\0AX: y`},
		"NUL":                {[]attributeSET{{cn(text(utf8, "a\x00b"))}}, `CN=a\00b`},
		"a space":            {[]attributeSET{{cn(text(utf8, "a b"))}}, "CN=a b"},
		"only a space":       {[]attributeSET{{cn(text(utf8, " "))}}, `CN=\ `},
		"no UTF-8":           {[]attributeSET{{cn(text(utf8, "\xff"))}}, "CN=#0C01FF"},
		"two bytes a letter": {[]attributeSET{{cn(text(bmp, "\x00a"))}}, "CN=#1E020061"},
		"an old alphabet":    {[]attributeSET{{cn(text(t61, "a"))}}, "CN=#140161"},
		"no text":            {[]attributeSET{{cn(asn1.RawValue{Tag: asn1.TagBoolean, Bytes: []byte{255}})}}, "CN=#0101FF"},
		"hex by itself":      {[]attributeSET{{cn(text(utf8, "#0101FF"))}}, `CN=\#0101FF`},
		"an unknown type":    {[]attributeSET{{attribute{asn1.ObjectIdentifier{1, 2, 3}, text(utf8, "a")}}}, "1.2.3=#0C0161"},
	} {
		der, err := asn1.Marshal(c.name)
		if err != nil {
			t.Fatal(err)
		}
		got := string(AppendName([]byte(nil), der))
		if got != c.want {
			t.Errorf("%s: got %q, want %q", what, got, c.want)
		}
		if other, known := told[got]; known {
			t.Errorf("%s is told like %s: %q", what, other, got)
		}
		told[got] = what
	}
}
