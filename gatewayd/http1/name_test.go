package http1

import (
	"strings"
	"testing"
)

func TestLookup(t *testing.T) {
	for id := FieldOther + 1; id < fieldCount; id++ {
		name := fieldNames[id].name
		for _, n := range []string{name, strings.ToUpper(name), strings.ToUpper(name[:1]) + name[1:]} {
			if got := Lookup([]byte(n)); got != id {
				t.Errorf("%s: got %d, want %d", n, got, id)
			}
		}
		if len(name) > longestName {
			t.Errorf("%s is longer than longestName", name)
		}
		for i := range name {
			other := name[:i] + "~" + name[i+1:]
			if got := Lookup([]byte(other)); got != FieldOther && got != FieldXForwarded {
				t.Errorf("%s: got %d", other, got)
			}
		}
	}
	for _, n := range []string{"", "a", "x", "hos", "hosts", "content_length", "x-forwarded", strings.Repeat("a", 100)} {
		if got := Lookup([]byte(n)); got != FieldOther {
			t.Errorf("%q: got %d", n, got)
		}
	}
	for _, n := range []string{"X-Forwarded-", "x-forwarded-server", "X-FORWARDED-" + strings.Repeat("a", 100)} {
		if got := Lookup([]byte(n)); got != FieldXForwarded {
			t.Errorf("%q: got %d", n, got)
		}
	}
}

// Setting 0x20 must not turn any token octet but a letter into an octet of a name.
func TestFoldIsExact(t *testing.T) {
	for c := range 256 {
		folded := byte(c) | 0x20
		if octets[c]&isToken == 0 || folded == byte(c) {
			continue
		}
		if upper := c >= 'A' && c <= 'Z'; !upper && (isDigit(folded) || folded == '-' || folded >= 'a' && folded <= 'z') {
			t.Errorf("%#x folds to %q", c, folded)
		}
	}
}

func TestHopByHop(t *testing.T) {
	for _, n := range []string{"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization",
		"TE", "Transfer-Encoding", "Upgrade", "HTTP2-Settings"} {
		if !HopByHop([]byte(n)) {
			t.Errorf("%s is not", n)
		}
	}
	for _, n := range []string{"Trailer", "Host", "Content-Length", "Expect", "Sec-WebSocket-Key", "Set-Cookie", "X"} {
		if HopByHop([]byte(n)) {
			t.Errorf("%s is", n)
		}
	}
}

func TestReasonsAreNamed(t *testing.T) {
	seen := map[string]bool{}
	for r := range Reason(Reasons) {
		e := Refusal(r)
		if r.String() == "" || seen[r.String()] || e.Error() == "" || e.Reason != r {
			t.Errorf("reason %d: word %q, sentence %q", r, r, e.Error())
		}
		if e.Status < 400 || e.Upstream().Status != 502 || e.Upstream().Reason != r {
			t.Errorf("%v: status %d, upstream %+v", r, e.Status, e.Upstream())
		}
		seen[r.String()] = true
	}
}
