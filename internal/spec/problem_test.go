package spec

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSteps(t *testing.T) {
	for path, want := range map[string][]any{
		"":                            nil,
		"port":                        {"port"},
		"match.statuses[10]":          {"match", "statuses", 10},
		`targets["a.b"].port`:         {"targets", MapKey("a.b"), "port"},
		`targets["a\"]x"].port`:       {"targets", MapKey(`a"]x`), "port"},
		`targets[""]`:                 {"targets", MapKey("")},
		"[3].name":                    {3, "name"},
		`listeners[0].hostnames["é"]`: {"listeners", 0, "hostnames", MapKey("é")},
	} {
		got, err := Steps(path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", path, diff)
		}
	}
	for _, path := range []string{".", "a.", ".a", "a..b", "a[", "a[]", "a[x]", "a[-1]", `a["b]`, `a["b"`, "a[0]b", `a["b"]c`, "a[1"} {
		if got, err := Steps(path); err == nil {
			t.Errorf("%s: want an error, got %v", path, got)
		}
	}
}

func TestProblemsMoveBelowABase(t *testing.T) {
	ps := Problems{{Path: "port", Message: "is bad"}, {Message: "is worse"}, {Path: "[1]", Message: "is worst"}}
	want := "pools[0].port: is bad; pools[0]: is worse; pools[0][1]: is worst"
	if got := ps.At("pools[0]").Error(); got != want {
		t.Errorf("want %s, got %s", want, got)
	}
	if ps[0].Path != "port" {
		t.Error("the problems themselves were changed")
	}
}

// pathOf is the way back from steps to a path.
func pathOf(steps []any) string {
	path := ""
	for _, s := range steps {
		switch s := s.(type) {
		case string:
			path = join(path, s)
		case int:
			path = at(path, s)
		case MapKey:
			path = key(path, string(s))
		}
	}
	return path
}

// FuzzSteps: a path that can be read says the same after it was put together again.
func FuzzSteps(f *testing.F) {
	for _, path := range []string{"", "a.b[0]", `a["x"].b`, `["\xff"]`, "[0][1]", "a..b", `a["`} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		steps, err := Steps(path)
		if err != nil {
			return
		}
		back, err := Steps(pathOf(steps))
		if err != nil {
			t.Fatalf("%q: its steps %q make %q: %v", path, steps, pathOf(steps), err)
		}
		if diff := cmp.Diff(steps, back); diff != "" {
			t.Fatalf("%q: %s", path, diff)
		}
	})
}
