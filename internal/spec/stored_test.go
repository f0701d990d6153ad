package spec

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDecodeStoredLeavesOutWhatIsNotKnown(t *testing.T) {
	o, unknown, problems := DecodeStored(Pools, []byte(`{"name":"p","mood":{"a":1},"targets":{"x":{"address":"10.0.0.1","tier":2}},"Name":"q"}`))
	if problems != nil {
		t.Fatal(problems)
	}
	want := &Pool{Name: "p", Targets: map[string]PoolTarget{"x": {Address: "10.0.0.1", Weight: 1}}, Algorithm: RoundRobin, SlowStart: "0s"}
	if diff := cmp.Diff(want, o); diff != "" {
		t.Error(diff)
	}
	var paths []string
	for _, p := range unknown {
		paths = append(paths, p.Path)
	}
	if diff := cmp.Diff([]string{"mood", `targets["x"].tier`, "Name"}, paths); diff != "" {
		t.Error(diff)
	}
	o, unknown, problems = DecodeStored(Settings, []byte(`{"name":"s","keep_alive":{"max_idle":3,"pings":true}}`))
	if problems != nil || len(unknown) != 1 || unknown[0].Path != "keep_alive.pings" || o.(*Setting).KeepAlive.MaxIdle != 3 {
		t.Errorf("%+v, unknown %v, problems %v", o, unknown, problems)
	}
}

func TestDecodeStoredIsStrictOtherwise(t *testing.T) {
	for in, words := range map[string]string{
		`{"name":"p","name":"q"}`:             "given twice",
		`{"name":"p","targets":[]}`:           "must be an object",
		`{"name":"p","targets":{"x":{}}} {}`:  "behind the JSON",
		`[]`:                                  "must be an object",
		`{"name":"p","targets":{"x":"here"}}`: "must be an object",
	} {
		if o, _, problems := DecodeStored(Pools, []byte(in)); o != nil || !strings.Contains(problems.Error(), words) {
			t.Errorf("%s: %+v, problems %v, want one of %q", in, o, problems, words)
		}
	}
}

// FuzzDecodeStored holds that what Decode takes is read the same, and that nothing else is taken without a word.
func FuzzDecodeStored(f *testing.F) {
	f.Add(`{"name":"p","targets":{"x":{"address":"10.0.0.1"}}}`)
	f.Add(`{"name":"p","x":1,"targets":{"x":{"y":[{}]}}}`)
	f.Add(`{"name":"p","x":1,"x":2}`)
	f.Fuzz(func(t *testing.T, in string) {
		strict, _ := Decode(Pools, []byte(in))
		stored, unknown, problems := DecodeStored(Pools, []byte(in))
		if (stored == nil) == (problems == nil) {
			t.Fatalf("%+v with problems %v", stored, problems)
		}
		if strict != nil && (stored == nil || len(unknown) > 0 || !Equal(strict, stored)) {
			t.Fatalf("strictly %+v, from the store %+v, unknown %v", strict, stored, unknown)
		}
		if strict == nil && stored != nil && len(unknown) == 0 {
			t.Fatalf("refused strictly, and read from the store as %+v without a word", stored)
		}
	})
}
