package table

import (
	"bytes"
	"fmt"
	"testing"
)

const refused = "" // 400

// spellings are raw paths with their normal forms and with what is sent for them.
var spellings = []struct{ raw, normal, sent string }{
	{"/", "/", "/"},
	{"/chat", "/chat", "/chat"},
	{"/chat/", "/chat/", "/chat/"},

	// Case.
	{"/Chat/ROOM", "/chat/room", "/Chat/ROOM"},
	{"/%43hat", "/chat", "/%43hat"},
	{"/Ä", "/Ä", "/Ä"}, // Only ASCII is folded.
	{"/%C3%84", "/Ä", "/%C3%84"},

	// Escapes are decoded once.
	{"/a%20b", "/a b", "/a%20b"},
	{"/%63%68at", "/chat", "/%63%68at"},
	{"/%7Euser", "/~user", "/%7Euser"},
	{"/a%2541", "/a%41", "/a%2541"},
	{"/%252e%252e/a", "/%2e%2e/a", "/%252e%252e/a"},
	{"/a%3Fb%23c", "/a?b#c", "/a%3Fb%23c"},
	{"/a+b", "/a+b", "/a+b"},

	// Slashes are merged, and an escaped one is a slash.
	{"//", "/", "//"},
	{"//chat///room//", "/chat/room/", "//chat///room//"},
	{"/a%2Fb", "/a/b", "/a%2Fb"},
	{"/a%2fb%2F", "/a/b/", "/a%2fb%2F"},
	{"/a/%2F/b", "/a/b", "/a/%2F/b"},
	{"/%2f%2fa", "/a", "/%2f%2fa"},

	// Plain dot-segments are resolved, for the rules and for the backend.
	{"/.", "/", "/"},
	{"/..", "/", "/"},
	{"/./a", "/a", "/a"},
	{"/a/.", "/a/", "/a/"},
	{"/a/..", "/", "/"},
	{"/a/../b", "/b", "/b"},
	{"/a/b/../../c", "/c", "/c"},
	{"/../../a", "/a", "/a"},
	{"/a/./b/./c", "/a/b/c", "/a/b/c"},
	{"/public/../Admin/%41", "/admin/a", "/Admin/%41"},
	{"/a//../b", "/a/b", "/a/b"}, // The empty segment is one too (RFC 3986), and the backend gets it resolved.
	{"/a%2Fb/../c", "/c", "/c"},

	// Dots that are no dot-segments.
	{"/...", "/...", "/..."},
	{"/.well-known/x", "/.well-known/x", "/.well-known/x"},
	{"/..a/b..", "/..a/b..", "/..a/b.."},
	{"/a.b/.c./", "/a.b/.c./", "/a.b/.c./"},
	{"/%2ehidden", "/.hidden", "/%2ehidden"},
	{"/a;b=..", "/a;b=..", "/a;b=.."},
	{"/.a;x", "/.a;x", "/.a;x"},

	// Dot-segments that only some parsers see.
	{"/%2e", refused, ""},
	{"/%2E%2e/a", refused, ""},
	{"/.%2e/a", refused, ""},
	{"/%2e./a", refused, ""},
	{"/a/%2e%2e", refused, ""},
	{"/a/%2e/b", refused, ""},
	{"/a%2F..", refused, ""},
	{"/a%2f../b", refused, ""},
	{"/..%2Fa", refused, ""},
	{"/..%2f..%2fetc/passwd", refused, ""},
	{"/%2f..", refused, ""},
	{"/a%2f.%2fb", refused, ""},
	{"/a/%2e%2e%2fb", refused, ""},
	{"/x/../%2e%2e/a", refused, ""},
	{"/%2e%2e/../a", refused, ""}, // Also where it would be resolved away.
	{"/..;/admin", refused, ""},
	{"/.;x/admin", refused, ""},
	{"/a/..;jsessionid=1", refused, ""},
	{"/..%3b/admin", refused, ""},
	{"/%2e%2e;/admin", refused, ""},

	// Backslashes, which some servers take for slashes.
	{`/a\b`, refused, ""},
	{`/..\admin`, refused, ""},
	{"/a%5cb", refused, ""},
	{"/..%5cadmin", refused, ""},
	{"/%5C%2e%2e%5cadmin", refused, ""},

	// Bytes that end a name for some.
	{"/a%00", refused, ""},
	{"/%00/../a", refused, ""},
	{"/a\x00b", refused, ""},

	// Bad escapes.
	{"/%", refused, ""},
	{"/%4", refused, ""},
	{"/%zz", refused, ""},
	{"/%4g", refused, ""},
	{"/%u002e", refused, ""},
	{"/%%32%65", refused, ""},
	{"/% 41", refused, ""},
	{"/%zz/../a", refused, ""},

	// What is no path at all.
	{"", refused, ""},
	{"*", refused, ""},
	{"chat", refused, ""},
	{"../a", refused, ""},
	{"%2Fa", refused, ""},
	{"http://example.com/", refused, ""},
}

func TestNormalPath(t *testing.T) {
	buf, sent := make([]byte, 0, 8), make([]byte, 0, 8)
	for _, tt := range spellings {
		t.Run(fmt.Sprintf("%q", tt.raw), func(t *testing.T) {
			raw := []byte(tt.raw)
			normal, ok := NormalPath(buf, raw)
			if ok != (tt.normal != refused) {
				t.Fatalf("NormalPath gives %q, %t; want %q", normal, ok, tt.normal)
			}
			if !ok {
				return
			}
			if string(normal) != tt.normal {
				t.Errorf("NormalPath gives %q, want %q", normal, tt.normal)
			}
			if got := ResolveDots(sent, raw); string(got) != tt.sent {
				t.Errorf("ResolveDots gives %q, want %q", got, tt.sent)
			}
			if string(raw) != tt.raw {
				t.Errorf("the raw path became %q", raw)
			}
		})
	}
}

func FuzzNormalPath(f *testing.F) {
	for _, s := range []string{"/", "/a/../b", "/a%2Fb", "/%2e%2e/a", "//a//", "/A%41", "/%5c", "/a;b/..;/", "/%25%32%65", "/a/./..", "/..a", "/%00", "/a//../b"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		before := bytes.Clone(raw)
		normal, ok := NormalPath(nil, raw)
		if !bytes.Equal(raw, before) {
			t.Fatal("NormalPath wrote into the raw path")
		}
		if !ok {
			return
		}
		if len(normal) == 0 || normal[0] != '/' {
			t.Errorf("the normal form %q has no slash at its start", normal)
		}
		for _, never := range []string{"//", "/./", "/../", "\\", "\x00"} {
			if bytes.Contains(normal, []byte(never)) {
				t.Errorf("the normal form %q of %q holds %q", normal, raw, never)
			}
		}
		if bytes.HasSuffix(normal, []byte("/.")) || bytes.HasSuffix(normal, []byte("/..")) {
			t.Errorf("the normal form %q ends in a dot-segment", normal)
		}
		if bytes.ContainsFunc(normal, func(r rune) bool { return 'A' <= r && r <= 'Z' }) {
			t.Errorf("the normal form %q is not folded", normal)
		}
		// Written as a path again, it is its own normal form.
		written := bytes.ReplaceAll(normal, []byte("%"), []byte("%25"))
		if again, ok := NormalPath(nil, written); !ok || !bytes.Equal(again, normal) {
			t.Errorf("%q normalizes to %q, %t", written, again, ok)
		}
		// What is sent is seen by the backend as what the rules saw, and holds nothing more to resolve.
		sent := ResolveDots(nil, raw)
		if again, ok := NormalPath(nil, sent); !ok || !bytes.Equal(again, normal) {
			t.Errorf("%q is sent as %q, which normalizes to %q, %t instead of %q", raw, sent, again, ok, normal)
		}
		if again := ResolveDots(nil, sent); !bytes.Equal(again, sent) {
			t.Errorf("%q is sent as %q, which resolves to %q", raw, sent, again)
		}
	})
}

func BenchmarkNormalPath(b *testing.B) {
	for _, raw := range []string{"/chat/room/17", "/Chat/%52oom/17", "/chat/../Chat/room/17"} {
		b.Run(raw, func(b *testing.B) {
			buf, sent, path := make([]byte, 0, 256), make([]byte, 0, 256), []byte(raw)
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := NormalPath(buf, path); !ok {
					b.Fatal("refused")
				}
				ResolveDots(sent, path)
			}
		})
	}
}
