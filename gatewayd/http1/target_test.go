package http1

import (
	"strings"
	"testing"
)

func TestHost(t *testing.T) {
	long := strings.Repeat("a", 255)
	accepted := []string{"a", "a.test", "A.Test.", "a-b_c.test", "127.0.0.1", "a:1", "a:80", "a:65535", "[::]", "[::1]:443",
		"[2001:db8::1]", "[::ffff:1.2.3.4]", "xn--bcher-kva.test", long, long + ":65535"}
	for _, h := range accepted {
		r := Request{Authority: []byte(h)}
		if reason := r.splitAuthority(); reason != 0 {
			t.Errorf("%q refused: %v", h, reason)
		}
	}
	// reliability class 26 and what else two parsers read differently
	refused := []string{"", ":80", "a:", "a:0", "a:080", "a:65536", "a:99999", "a:123456", "a:8a", "a:+80", "g:w.test", "a:80:90",
		"a b", "a,b", "a/b", "a?b", "a@b", "u:p@b", "a%2eb", "a%00", "a..b", ".a", ".", "a\\b", "a#b", "\xe9", "a\tb", "http://a",
		"[::1", "::1", "[::1]a", "[::1]:", "[::1%25eth0]", "[::1%eth0]", "[v1.a]", "[]", "[127.0.0.1]", "a[::1]", "[:::]",
		"*", "*.test", "a!b", "a'b", "a;b", "a&b", long + "a", long + ":655350"}
	for _, h := range refused {
		r := Request{Authority: []byte(h)}
		if r.splitAuthority() == 0 {
			t.Errorf("%q accepted as %q %d", h, r.Host, r.Port)
		}
	}
}
