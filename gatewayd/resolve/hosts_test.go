package resolve

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseHosts(t *testing.T) {
	text := "127.0.0.1\tlocalhost  localhost.localdomain\n# 10.0.0.1 no\n10.0.0.2 Web.Example web. # other\n" +
		"fe80::1%lo0 web\n\n10.0.0.3\nhost 10.0.0.4\n10.0.0.300 bad\n 10.0.0.5 web"
	got := map[string]string{}
	for name, list := range parseHosts([]byte(text)) {
		got[name] = words(Answer{Addrs: list})
	}
	want := map[string]string{"localhost": "127.0.0.1", "localhost.localdomain": "127.0.0.1", "web.example": "10.0.0.2", "web": "10.0.0.2 fe80::1%lo0 10.0.0.5"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// TestHostsWin: the file stands before DNS, is read again, and gives back to DNS what it no longer says.
func TestHostsWin(t *testing.T) {
	r := newRig(t, brisk, nil)
	r.write(r.hosts, "10.1.0.1 web.test other.test\nfd00::1 WEB.test\n")
	r.dns.Set("web.test", 0, "10.0.0.1")
	r.dns.Set("dns.test", 0, "10.0.0.2")
	r.settle("web.test", "web.test.", "other.test", "dns.test")
	r.expect("web.test", "10.1.0.1 fd00::1", "")
	r.expect("web.test.", "10.1.0.1 fd00::1", "")
	r.expect("other.test", "10.1.0.1", "")
	r.expect("dns.test", "10.0.0.2", "")
	r.again("dns.test", 10)
	if n := r.dns.Asked("web.test") + r.dns.Asked("other.test"); n > 0 {
		t.Errorf("names of the hosts file were asked for %d times", n)
	}
	r.write(r.hosts, "10.1.0.2 web.test dns.test other.test\n")
	r.expect("web.test", "10.1.0.2", "")
	r.expect("dns.test", "10.1.0.2", "")
	r.expect("other.test", "10.1.0.2", "")
	if err := os.Remove(r.hosts); err != nil {
		t.Fatal(err)
	}
	r.expect("web.test", "10.0.0.1", "")
	r.expect("dns.test", "10.0.0.2", "")
	r.expect("other.test", "10.1.0.2", r.server()+`does not know the name "other.test" (NXDOMAIN)`)
}

// TestLocalhost is never asked for (RFC 6761, section 6.3).
func TestLocalhost(t *testing.T) {
	r := newRig(t, brisk, nil)
	r.dns.Set("localhost", 0, "10.6.6.6")
	r.dns.Set("web.localhost", 0, "10.6.6.6")
	r.dns.Set("mylocalhost", 0, "10.0.0.1")
	r.settle("localhost", "LOCALHOST.", "web.localhost", "mylocalhost")
	for _, name := range []string{"localhost", "localhost.", "web.localhost"} {
		r.expect(name, "127.0.0.1 ::1", "")
	}
	r.expect("mylocalhost", "10.0.0.1", "")
	r.write(r.hosts, "127.0.0.2 localhost")
	r.expect("localhost", "127.0.0.2", "")
	if n := r.dns.Asked("localhost") + r.dns.Asked("web.localhost"); n > 0 {
		t.Errorf("%d questions were asked for localhost", n)
	}
}
