package resolve

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/dnstest"
)

func TestConf(t *testing.T) {
	// with is what resolv.conf says where it says nothing else.
	with := func(edit func(*conf)) *conf {
		c := &conf{servers: []string{"127.0.0.1:53"}, ndots: 1, attempts: 2, timeout: 5 * time.Second}
		edit(c)
		return c
	}
	for text, want := range map[string]*conf{
		"search": with(func(*conf) {}),
		"search .\nnameserver 10.0.0.1\nnameserver\t fd00::1 # the other\n": with(func(c *conf) {
			c.servers, c.search = []string{"10.0.0.1:53", "[fd00::1]:53"}, []string{""}
		}),
		"search .\nnameserver fe80::1%eth0\nnameserver one\nnameserver 10.0.0.1:53\nnameserver 2.2.2.2\nnameserver 3.3.3.3\nnameserver 4.4.4.4": with(func(c *conf) {
			c.servers, c.search = []string{"[fe80::1%eth0]:53", "2.2.2.2:53", "3.3.3.3:53"}, []string{""}
		}),
		"#nameserver 1.1.1.1\n; nameserver 2.2.2.2\n\n \ndomain A.example.\r\n": with(func(c *conf) { c.search = []string{"a.example"} }),
		"domain a.example\nsearch b.example c.example. b.example x..y":          with(func(c *conf) { c.search = []string{"b.example", "c.example"} }),
		"search a.example\ndomain b.example c.example":                          with(func(c *conf) { c.search = []string{"b.example"} }),
		"search .\noptions ndots:5 timeout:2 attempts:3 rotate use-vc\noptions no-aaaa edns0 what:ever": with(func(c *conf) {
			c.search, c.ndots, c.timeout, c.attempts = []string{""}, 5, 2*time.Second, 3
			c.rotate, c.tcp, c.onlyIPv4 = true, true, true
		}),
		"search .\noptions ndots:99 timeout:99 attempts:99": with(func(c *conf) {
			c.search, c.ndots, c.timeout, c.attempts = []string{""}, 15, 30*time.Second, 5
		}),
		"search .\noptions ndots:-1 timeout:0 attempts:0": with(func(c *conf) {
			c.search, c.ndots, c.timeout, c.attempts = []string{""}, 0, time.Second, 1
		}),
		"search .\noptions ndots: timeout attempts:x": with(func(c *conf) { c.search = []string{""} }),
	} {
		if text == "search" {
			want.search = ownDomain() // A line without a domain is none.
		}
		if d := cmp.Diff(want, parseConf([]byte(text)), cmp.AllowUnexported(conf{})); d != "" {
			t.Errorf("%q (-want +got):\n%s", text, d)
		}
	}
}

func TestCandidates(t *testing.T) {
	long := strings.Repeat("a.", 124) + "a" // 249 characters
	for _, c := range []struct {
		name, search string
		ndots        int
		want         string
	}{
		{"web", "a.example b.example", 1, "web.a.example. web.b.example. web."},
		{"web.", "a.example", 1, "web."},
		{"web.x", "a.example", 1, "web.x. web.x.a.example."},
		{"web.x", "a.example", 5, "web.x.a.example. web.x."},
		{"web.x.", "a.example", 5, "web.x."},
		{"web", "a.example", 0, "web. web.a.example."},
		{"web", ".", 1, "web."},
		{"web", ". a.example", 1, "web. web.a.example."},
		{long, "a b.example", 1, long + ". " + long + ".a."},
	} {
		conf := &conf{search: suffixes(strings.Fields(c.search)), ndots: c.ndots}
		if got := strings.Join(conf.candidates(c.name), " "); got != c.want {
			t.Errorf("%s by %q, ndots %d: %s, want %s", c.name, c.search, c.ndots, got, c.want)
		}
	}
}

// TestSearch: resolv.conf is honoured, and read again when it changes.
func TestSearch(t *testing.T) {
	r := newRig(t, brisk, nil)
	r.write(r.conf, "search one.example two.example\noptions ndots:2\n")
	r.dns.Set("web.two.example", 0, "10.0.0.1")
	r.dns.Set("web", 0, "10.0.0.2")
	r.dns.Set("a.b", 0, "10.0.0.3")
	r.dns.Set("a.b.one.example", 0, "10.0.0.4")
	r.dns.Set("x.y.z", 0, "10.0.0.5")
	r.dns.Set("x.y.z.one.example", 0, "10.0.0.6")
	r.dns.Set("void.one.example", 0)
	r.settle("web", "web.", "a.b", "x.y.z", "none", "void")
	for name, addr := range map[string]string{"web": "10.0.0.1", "web.": "10.0.0.2", "a.b": "10.0.0.4", "x.y.z": "10.0.0.5"} {
		r.expect(name, addr, "")
	}
	r.expect("none", "", r.server()+`does not know the name "none" (NXDOMAIN)`)
	r.expect("void", "", r.server()+`knows no address of the name "void" (NODATA)`)
	if n := r.dns.Asked("web.one.example"); n == 0 {
		t.Error("the search list was not tried from its beginning")
	}

	r.dns.Set("web.one.example", 0, "10.0.0.7")
	r.expect("web", "10.0.0.7", "")
	r.write(r.conf, "search three.example\n")
	r.dns.Set("web.three.example", 0, "10.0.0.8")
	r.expect("web", "10.0.0.8", "")
	r.expect("a.b", "10.0.0.3", "")
	if err := os.Remove(r.conf); err != nil { // Now there is no search list.
		t.Fatal(err)
	}
	r.expect("a.b", "10.0.0.3", "")
}

// TestSearchBehindTrouble: a search domain of which nothing can be found out hides what stands behind it only from the
// name that is known from there; and where no server answers at all, nothing else is tried.
func TestSearchBehindTrouble(t *testing.T) {
	r := newRig(t, hasty(), nil)
	r.write(r.conf, "search one.example\noptions attempts:1")
	r.dns.Set("known.one.example", 0, "10.0.0.1")
	r.settle("known")
	r.dns.Fail("", dnstest.Fault{Rcode: dns.RcodeServerFailure})
	for _, name := range []string{"known", "fresh", "dead"} {
		r.dns.Set(name, 0, "10.6.6.6")
		r.dns.Fail(name, dnstest.Fault{})
	}
	r.dns.Fail("dead.one.example", dnstest.Fault{Silent: true})
	r.Sync([]string{"known", "fresh", "dead", "lost"})
	r.expect("known", "10.0.0.1", r.server()+`could not look up "known" (SERVFAIL)`)
	r.expect("fresh", "10.6.6.6", "")
	r.expect("lost", "", r.server()+`could not look up "lost" (SERVFAIL)`)
	r.expect("dead", "", r.server()+`did not answer in time for "dead"`)
	if n := r.dns.Asked("known") + r.dns.Asked("dead"); n > 0 {
		t.Errorf("%d questions were asked for other names", n)
	}
}

func TestOnlyIPv4(t *testing.T) {
	r := newRig(t, brisk, nil)
	r.write(r.conf, "search .\noptions no-aaaa")
	r.dns.Set("web.test", 0, "10.0.0.1", "fd00::1")
	r.dns.Set("six.test", 0, "fd00::1")
	r.settle("web.test", "six.test")
	r.expect("web.test", "10.0.0.1", "")
	r.expect("six.test", "", r.server()+`knows no address of the name "six.test" (NODATA)`)
}

// TestFileIsReadAgain: by time, size or identity, and never in vain.
func TestFileIsReadAgain(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	reads := 0
	f := file[string]{name: name, parse: func(b []byte) string { reads++; return string(b) }}
	put := func(text string, ago time.Duration) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		when := time.Now().Add(-ago).Truncate(time.Second)
		if err := os.Chtimes(name, when, when); err != nil {
			t.Fatal(err)
		}
	}
	get := func(want string, n int) {
		t.Helper()
		if got := f.get(); got != want || reads != n {
			t.Errorf("the file says %q after %d reads, want %q after %d", got, reads, want, n)
		}
	}
	get("", 1)
	get("", 1)
	put("a", time.Hour)
	get("a", 2)
	get("a", 2)
	put("b", 2*time.Hour)
	get("b", 3)
	put("bb", 2*time.Hour)
	get("bb", 4)
	put("cc", -time.Hour) // Somebody's clock is ahead.
	get("cc", 5)
	get("cc", 5)
	put("dd", -time.Hour)
	get("cc", 5)
	f.at = f.info.ModTime().Add(unsettled / 2) // It was read when it had just been written.
	get("dd", 6)
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	get("", 7)
	get("", 7)
	put("e", time.Hour)
	get("e", 8)
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(name, 0o700); err != nil { // It is there and cannot be read.
		t.Fatal(err)
	}
	get("e", 8)
}
