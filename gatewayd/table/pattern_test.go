package table

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestPattern(t *testing.T) {
	tests := []struct {
		pattern string
		yes, no string // hosts, separated by spaces
	}{
		{"*.contoso.com", "a.contoso.com customer1.b2b.contoso.com .contoso.com", "contoso.com xcontoso.com a.contoso.com.net"},
		{"*", "a a.b", ""},
		{"????.contoso.com", "abcd.contoso.com a.bc.contoso.com", "abc.contoso.com abcde.contoso.com"},
		{"component1*.component2*.com", "component1.component2.com component1x.component2y.com component1.a.component2.b.com", "component1.com component2.component1.com"},
		{"*.contoso.*", "a.contoso.net a.contoso.contoso.b", "contoso.net a.contoso"},
		{"*.contoso-*.com", "a.contoso-b.com", "a.contoso.com"},
		{"w??.contoso*.edu.*", "www.contoso.edu.tr www.contoso-x.edu.a.b", "ww.contoso.edu.tr www.contoso.edu"},
		{"*a?b*", "axb xxaybzz aab aaxb", "ab abab axc"},
		{"a*a", "aa aba", "a"},
		{"*aba*aba", "abaaba xabaaba", "ababa"},
	}
	for _, tt := range tests {
		p := newPattern(tt.pattern)
		for _, host := range strings.Fields(tt.yes) {
			if !p.match([]byte(host)) {
				t.Errorf("%q does not take %q", tt.pattern, host)
			}
		}
		for _, host := range strings.Fields(tt.no) {
			if p.match([]byte(host)) {
				t.Errorf("%q takes %q", tt.pattern, host)
			}
		}
	}
}

// TestPatternAgreesWithRegexp compares patterns beyond the grammar, too, with the linear matcher of the library.
func TestPatternAgreesWithRegexp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", ".", "*", "?", "ab", "aa"}), 1, 12).Draw(t, "pattern"), "")
		text = strings.Repeat(text, rapid.SampledFrom([]int{1, 1, 1, 9}).Draw(t, "times"))
		host := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", ".", "aab", "ab"}), 0, 80).Draw(t, "host"), "")
		host = host[:min(len(host), maxHost)]
		expression := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(text))
		want := regexp.MustCompile(`(?s)\A` + expression + `\z`).MatchString(host)
		p := newPattern(text)
		if got := p.match([]byte(host)); got != want {
			t.Fatalf("pattern %q takes %q: %t, want %t", text, host, got, want)
		}
	})
}

// BenchmarkPattern matches what is slow for matchers that try again from each place.
func BenchmarkPattern(b *testing.B) {
	p := newPattern("*" + strings.Repeat("a", 60) + "?" + strings.Repeat("a", 60) + "b*")
	for _, n := range []int{64, 128, 255} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			host := []byte(strings.Repeat("a", n))
			b.ReportAllocs()
			for b.Loop() {
				if p.match(host) {
					b.Fatal("matches")
				}
			}
		})
	}
}
