package spec

import (
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
)

// TestCertificatesInPEMForm: what is taken, and in which words the rest is refused.
func TestCertificatesInPEMForm(t *testing.T) {
	one, two := certtest.Sample(1), certtest.Sample(2)
	lines := strings.Split(one.Certificate, "\n")
	for _, c := range []struct{ what, in, words string }{
		{"one", one.Certificate, ""},
		{"several", one.Certificate + two.Certificate, ""},
		{"text around", "subject=CN = h1.example\n" + one.Certificate + "\n\n# the next\n" + two.Certificate + "end", ""},
		{"carriage returns and no last end of line", strings.TrimSpace(strings.ReplaceAll(one.Certificate, "\n", "\r\n")), ""},
		{"nothing", "", "must hold a certificate"},
		{"DER in base 64", strings.Join(lines[1:len(lines)-2], ""), "must hold a certificate"},
		{"twice", one.Certificate + two.Certificate + one.Certificate, "as number 1 and number 3"},
		{"a key", one.Certificate + one.Key, "there is a private key in it"},
		{"a key that no decoder reads", one.Certificate + strings.ReplaceAll(one.Key, "\n", " "), "there is a private key in it"},
		{"a request", one.Certificate + certtest.PEM("CERTIFICATE REQUEST", []byte("x")), `a block "CERTIFICATE REQUEST"`},
		{"no certificate inside", one.Certificate + certtest.PEM("CERTIFICATE", []byte("x")), "number 2, that cannot be read"},
		{"a line less", strings.Join(append(lines[:2:2], lines[3:]...), "\n"), "number 1, that cannot be read"},
		{"no last line", one.Certificate + strings.Join(lines[:4], "\n"), "2 blocks that begin and 1 that can be read"},
		{"a control character", one.Certificate + "\x00", "without control characters"},
	} {
		err := checkCertificates(c.in)
		if (err == nil) != (c.words == "") || err != nil && !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: want %q, got %v", c.what, c.words, err)
		}
		if err != nil && strings.Contains(err.Error(), strings.Split(one.Key, "\n")[1]) {
			t.Errorf("%s: the message shows the key: %v", c.what, err)
		}
	}
}
