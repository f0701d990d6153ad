package table

import (
	"bytes"
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// rebased is what is sent for a raw path by a rule with paths, or without any, under a setting with a prefix.
func rebased(t *testing.T, prefix, raw string, paths ...string) string {
	t.Helper()
	s, plain := setting("s"), setting("plain")
	s.PathPrefix = &prefix
	rest := rule("rest", "l", nil, nil) // The default branch of a path map of Azure.
	table, _ := Compile(setOf(pool("p"), s, plain, listener("l"), rest, rule("r", "l", nil, paths)), groups{})
	normal, ok := NormalPath(nil, []byte(raw))
	if !ok {
		t.Fatalf("NormalPath refuses %q", raw)
	}
	found := table.Address("", 80).Match(asked{host: "a", method: "GET"}.request(), normal)
	if found.Route.Setting.PathPrefix != prefix {
		t.Fatalf("the setting has the prefix %q", found.Route.Setting.PathPrefix)
	}
	sent, ok := Rebase(nil, prefix, ResolveDots(nil, []byte(raw)), found.Took)
	if !ok {
		return refused
	}
	return string(sent)
}

func TestPathPrefix(t *testing.T) {
	for _, c := range []struct{ prefix, path, raw, sent string }{
		// The table of Azure's documentation, line by line ("" is a rule without paths).
		{"/override/", "", "/home/", "/override/home/"},
		{"/override/", "", "/home/secondhome/", "/override/home/secondhome/"},
		{"/override/", "/pathrule*", "/pathrule/home/", "/override/home/"},
		{"/override/", "/pathrule*", "/pathrule/home/secondhome/", "/override/home/secondhome/"},
		{"/override/", "/pathrule*", "/home/", "/override/home/"},
		{"/override/", "/pathrule*", "/home/secondhome/", "/override/home/secondhome/"},
		{"/override/", "/pathrule/home*", "/pathrule/home/", "/override/"},
		{"/override/", "/pathrule/home*", "/pathrule/home/secondhome/", "/override/secondhome/"},
		{"/override/", "/pathrule/", "/pathrule/", "/override/"},

		// With or without slashes at the ends.
		{"/override", "/pathrule*", "/pathrule/home", "/override/home"},
		{"/override", "/pathrule*", "/pathrule", "/override"},
		{"/override", "/pathrule*", "/pathrule/", "/override/"},
		{"/override", "/pathrule*", "/pathrules", "/override/s"},
		{"/override", "/pathrule/*", "/pathrule/home", "/override/home"},
		{"/override", "/pathrule/*", "/pathrule/", "/override"},
		{"/override", "", "/", "/override/"},
		{"/", "/pathrule*", "/pathrule", "/"},
		{"/", "/pathrule*", "/pathrule/home", "/home"},
		{"/", "/pathrule/*", "/pathrule/home", "/home"},
		{"/", "", "/", "/"},

		// What is not cut off are the client's bytes, whatever its spelling of what is.
		{"/o/", "/chat*", "/C%48at/R%6fom?", "/o/R%6fom?"},
		{"/o/", "/chat/*", "/chat//room//7", "/o/room//7"},
		{"/o/", "/chat*", "/chat//room", "/o/room"},
		{"/o/", "/chat*", "/chat%2Froom", "/o/room"},
		{"/o/", "/chat*", "/chat/%2F/room%2f7", "/o/room%2f7"},
		{"/o", "/chat/*", "//chat//", "/o"},
		{"/o", "/chat/room*", "/chat%2f%2froom%20a", "/o/%20a"},
		{"/o", "/café*", "/Caf%C3%A9/a", "/o/a"},
		{"/o/", "/b*", "/a/../b/./c", "/o/c"},
		{"/O%20p/", "/b*", "/b/C", "/O%20p/C"},
		{"/o/", "/a%*", "/a%2541", "/o/41"},

		// The cut makes no dot-segments.
		{"/o/", "/a*", "/a../x", refused},
		{"/o/", "/a*", "/a./x", refused},
		{"/o/", "/a*", "/a..", refused},
		{"/o/", "/a*", "/a%2e%2e/x", refused},
		{"/o/", "/a*", "/a.%2E%2fx", refused},
		{"/o/", "/a*", "/a..;x/y", refused},
		{"/o/", "/a*", "/a.%3Bx", refused},
		{"/o/", "/a.*", "/a../x", refused},
		{"/o/", "/a*", "/a.../x", "/o/.../x"},
		{"/o/", "/a*", "/a.x", "/o/.x"},
		{"/o/", "/a*", "/a/.well-known", "/o/.well-known"},
	} {
		var paths []string
		if c.path != "" {
			paths = []string{c.path}
		}
		raw, _ := strings.CutSuffix(c.raw, "?")
		if got, want := rebased(t, c.prefix, raw, paths...), strings.TrimSuffix(c.sent, "?"); got != want {
			t.Errorf("%s under %s by %q is sent as %q, want %q", c.raw, c.prefix, c.path, got, want)
		}
	}
	// Of several paths of a rule, the one that comes first counts.
	for raw, want := range map[string]string{"/a/b/c": "/o/c", "/a/x": "/o/x", "/a/b/exact": "/o"} {
		if got := rebased(t, "/o", raw, "/a/*", "/a/b*", "/A/b/Exact"); got != want {
			t.Errorf("%s is sent as %q, want %q", raw, got, want)
		}
	}
}

// FuzzRebase: whatever is cut off where, the target sees the prefix and then what the rule saw behind the cut.
func FuzzRebase(f *testing.F) {
	for i, raw := range []string{"/", "/a/b", "/a%2F%2fb", "//a//b/", "/a../x", "/a%2e./x", "/%41/.b", "/a;b/c", "/a/../b", "/a..;x", "/%c3%A9x", "/.a./b"} {
		f.Add([]byte(raw), uint16(i), i%2 == 0)
	}
	f.Fuzz(func(t *testing.T, raw []byte, n uint16, slash bool) {
		normal, ok := NormalPath(nil, raw)
		if !ok {
			return
		}
		took := int(n) % (len(normal) + 1)
		prefix := "/O%20p"
		if slash {
			prefix += "/"
		}
		send := ResolveDots(nil, raw)
		before := bytes.Clone(send)
		sent, ok := Rebase(nil, prefix, send, took)
		if !bytes.Equal(send, before) {
			t.Fatal("Rebase wrote into the raw path")
		}
		rest := string(normal[took:])
		first, _, _ := strings.Cut(strings.TrimPrefix(rest, "/"), "/")
		first, _, _ = strings.Cut(first, ";")
		if dots := first == "." || first == ".."; ok == dots {
			t.Fatalf("%q cut behind %d: accepted %t as %q", raw, took, ok, sent)
		}
		if !ok {
			return
		}
		want := "/o p"
		if slash || rest != "" {
			want += "/" + strings.TrimPrefix(rest, "/")
		}
		if got, ok := NormalPath(nil, sent); !ok || string(got) != want {
			t.Errorf("%q cut behind %d is sent as %q, which the target sees as %q, %t; want %q", raw, took, sent, got, ok, want)
		}
		if again := ResolveDots(nil, sent); !bytes.Equal(again, sent) {
			t.Errorf("%q is sent as %q, which resolves to %q", raw, sent, again)
		}
		if !bytes.HasSuffix(send, sent[min(len(prefix)+1, len(sent)):]) {
			t.Errorf("%q is sent as %q: those are not the client's bytes", raw, sent)
		}
	})
}

func BenchmarkRebase(b *testing.B) {
	buf, raw := make([]byte, 0, 256), []byte("/service/items/7")
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := Rebase(buf[:0], "/v2/", raw, len("/service/")); !ok {
			b.Fatal("refused")
		}
	}
}

func TestPathPrefixesAreChecked(t *testing.T) {
	for prefix, words := range map[string]string{
		"/": "", "/a": "", "/a/b/": "", "/%20/%C3%A9": "", "/a;b": "", "/.a/": "", "/...": "",
		"a": `must start with "/"`, "/a?b": `must not hold "?"`, "/a//b": "empty segments", "//": "empty segments", "/a%2Fb": "escaped", "/a%5cb": "escaped", "/%00": "escaped",
		"/a/../b": "segments", "/..": "segments", "/%2e%2e/": "segments", "/a/.;x": "segments", "/a b": "may stand in a URL", "/%zz": "hexadecimal",
	} {
		s := setting("s")
		s.PathPrefix = &prefix
		ps := spec.Check(s)
		if words == "" && ps != nil || words != "" && (len(ps) != 1 || ps[0].Path != "path_prefix" || !strings.Contains(ps[0].Message, words)) {
			t.Errorf("path_prefix %q: %v, want %q", prefix, ps, words)
		}
		if _, ok := NormalPath(nil, []byte(prefix)); words == "" && !ok {
			t.Errorf("path_prefix %q is accepted, but no path", prefix)
		}
	}
}
