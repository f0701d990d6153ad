package spec

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A nest has every shape inside every other. No kind needs all of them.
type nest struct {
	Name   string             `json:"name" spec:"required,is=name"`
	Steps  []nestStep         `json:"steps" spec:"required,1..3"`
	Shares map[string]share   `json:"shares" spec:"1..3"`
	Pages  map[string]page    `json:"pages" spec:"0..3,keys=error_status"`
	Query  map[string]page    `json:"query" spec:"0..3,keys=query_name"`
	Inner  *nestInner         `json:"inner"`
	Must   map[string]nothing `json:"must" spec:"required,1..3"`
}

type nestStep struct {
	Headers map[string]share `json:"headers" spec:"0..2,keys=field_name"`
	Parts   []page           `json:"parts" spec:"0..2"`
	Inner   *nestInner       `json:"inner"`
	Method  string           `json:"method" spec:"is=method"`
}

type nestInner struct {
	Listener *string  `json:"listener" spec:"ref=listener"`
	Words    []string `json:"words" spec:"set,is=name,0..3"`
	Parts    []page   `json:"parts" spec:"0..2"`
}

type share struct {
	Pool   string    `json:"pool" spec:"required,ref=pool"`
	Weight int       `json:"weight" spec:"0..10"`
	Inner  nestInner `json:"inner"`
}

type page struct {
	Body string `json:"body" spec:"0..10"`
}

type nothing struct{}

func (s *nestStep) defaults() { s.Method = "GET" }
func (s *share) defaults()    { s.Weight = 1 }

var nestFields = fieldsOf(reflect.TypeFor[nest]())

func decodeNest(in string) (*nest, Problems) {
	n := &nest{}
	ps := Unmarshal([]byte(in), n)
	if ps == nil {
		checkStruct(&ps, "", nestFields, reflect.ValueOf(n).Elem())
	}
	return n, ps
}

func refsOfNest(n *nest) []Ref {
	var refs []Ref
	eachRef("", nestFields, reflect.ValueOf(n).Elem(), func(path string, f *Field, name string) string {
		refs = append(refs, Ref{Kind: KindByName(f.Ref), Name: name, Path: path})
		return name
	})
	return refs
}

const wholeNest = `{"name":"n","must":{"a":{}},
	"steps":[{"headers":{"X-A":{"pool":"p"}},"parts":[{"body":"b"}],"inner":{"listener":"l","words":["b","a"],"parts":[]}},{"method":"PUT"}],
	"shares":{"a.b":{"pool":"p","weight":2,"inner":{"listener":"l","parts":[{"body":""}]}},"c":{"pool":"q"}},
	"pages":{"502":{"body":"x"}},"query":{"ü \"q\"":{}},"inner":{}}`

func TestNestedShapesGoThereAndBack(t *testing.T) {
	n, ps := decodeNest(wholeNest)
	if ps != nil {
		t.Fatal(ps)
	}
	for _, out := range [][]byte{encode(n), encode(sparse(nestFields, reflect.ValueOf(n).Elem()))} {
		back, ps := decodeNest(string(out))
		if diff := cmp.Diff(n, back); ps != nil || diff != "" {
			t.Errorf("%s: %v\n%s", out, ps, diff)
		}
	}
	if n.Steps[0].Method != "GET" || n.Steps[0].Headers["X-A"].Weight != 1 {
		t.Errorf("elements of lists and maps have no defaults: %+v", n)
	}
	if got := string(encode(sparse(nestFields, reflect.ValueOf(&nest{Name: "n", Steps: []nestStep{{Method: "GET"}}}).Elem()))); got != `{"name":"n","steps":[{}]}` {
		t.Errorf("what is not given is written: %s", got)
	}
	var unknown, problems Problems
	root, _ := parse([]byte(`{"steps":[{},{"newer":1,"parts":[{"too":2}]}],"shares":{"a":{"inner":{"as well":3}}}}`))
	leaveOut(&unknown, "", root, reflect.TypeFor[nest]())
	bind(&problems, "", root, reflect.ValueOf(&nest{}).Elem())
	if got, want := pathsOf(unknown), `steps[1].newer steps[1].parts[0].too shares["a"].inner.as well`; got != want || problems != nil {
		t.Errorf("left out %s, want %s; %v", got, want, problems)
	}
}

func pathsOf(ps Problems) string {
	var paths []string
	for _, p := range ps {
		paths = append(paths, p.Path)
	}
	return strings.Join(paths, " ")
}

func TestNestedShapesAreChecked(t *testing.T) {
	long := strings.Repeat("ü", 128)
	for _, c := range []struct{ in, path, words string }{
		{`"steps":[]`, "steps", "must have 1 to 3 entries, not 0"},
		{`"steps":null`, "steps", "is required"},
		{`"must":null`, "must", "is required"},
		{`"must":{}`, "must", "must have 1 to 3 entries"},
		{`"steps":[{},{},{},{}]`, "steps", "must have 1 to 3 entries, not 4"},
		{`"steps":[{},null]`, "steps[1]", "must be an object, not null"},
		{`"steps":{}`, "steps", "must be a list, not an object"},
		{`"steps":[{},{"mehtod":""}]`, "steps[1].mehtod", "is not a known field; there are headers, inner, method, parts"},
		{`"steps":[{},{"method":"get"}]`, "steps[1].method", "in upper case"},
		{`"steps":[{"method":"TRACE"}]`, "steps[0].method", "always refuses"},
		{`"steps":[{"parts":[{},{"body":"01234567890"}]}]`, "steps[0].parts[1].body", "0 to 10 bytes"},
		{`"steps":[{"headers":{"x-a":{"pool":"p"},"X-A":{"pool":"p"}}}]`, `steps[0].headers["x-a"]`, `has a key that is the same as "X-A"; upper and lower case`},
		{`"steps":[{"headers":{"x a":{"pool":"p"}}}]`, `steps[0].headers["x a"]`, "has a key that must be the name of a header"},
		{`"steps":[{"headers":{"":{"pool":"p"}}}]`, `steps[0].headers[""]`, "has a key that must be the name of a header"},
		{`"steps":[{"headers":{"a.b":{}}}]`, `steps[0].headers["a.b"].pool`, "is required"},
		{`"steps":[{"inner":{"words":["a","a"]}}]`, "steps[0].inner.words", `"a" is given twice`},
		{`"shares":{"a b":{"pool":"p"}}`, `shares["a b"]`, "letters, digits"},
		{`"shares":{"a":{"pool":"p","inner":{"listener":""}}}`, `shares["a"].inner.listener`, "must not be empty"},
		{`"pages":{"399":{}}`, `pages["399"]`, "must be a status with which the gateway answers errors by itself"},
		{`"pages":{"4x0":{}}`, `pages["4x0"]`, "must be a status with which the gateway answers errors by itself"},
		{`"pages":{"5000":{}}`, `pages["5000"]`, "must be a status with which the gateway answers errors by itself"},
		{`"query":{"` + long + `a":{}}`, `query["` + long + `..."]`, "of 1 to 256 bytes"},
		{`"query":{"` + long + `":{"body":"01234567890"}}`, `query["` + long + `"].body`, "0 to 10 bytes"},
		{`"query":{"a\u0085":{}}`, `query["a\u0085"]`, "control characters"},
		{`"query":{"":{}}`, `query[""]`, "of 1 to 256 bytes"},
		// Names of parameters are told apart by case.
		{`"query":{"a":{},"A":{}}`, "", ""},
		{`"pages":{"400":{},"504":{}},"query":{"]\"[\\\t":{}}`, `query["]\"[\\\t"]`, "control characters"},
	} {
		base := `"name":"n"`
		for field, value := range map[string]string{"steps": `[{}]`, "must": `{"a":{}}`} {
			if !strings.Contains(c.in, `"`+field+`":`) {
				base += fmt.Sprintf(`,%q:%s`, field, value)
			}
		}
		_, ps := decodeNest("{" + base + "," + c.in + "}")
		if c.words == "" && ps != nil || c.words != "" && (len(ps) != 1 || ps[0].Path != c.path || !strings.Contains(ps[0].Message, c.words)) {
			t.Errorf("%s: want one problem at %s saying %q, got %v", c.in, c.path, c.words, ps)
		}
		for _, p := range ps {
			if _, err := Steps(p.Path); err != nil {
				t.Errorf("%s: %v", c.in, err)
			}
		}
	}
}

func TestNestedReferences(t *testing.T) {
	n, ps := decodeNest(wholeNest)
	if ps != nil {
		t.Fatal(ps)
	}
	want := []Ref{
		{Pools, "p", `steps[0].headers["X-A"].pool`}, {Listeners, "l", "steps[0].inner.listener"},
		{Pools, "p", `shares["a.b"].pool`}, {Listeners, "l", `shares["a.b"].inner.listener`}, {Pools, "q", `shares["c"].pool`},
	}
	if diff := cmp.Diff(want, refsOfNest(n), cmp.Comparer(func(a, b *Kind) bool { return a == b })); diff != "" {
		t.Fatal(diff)
	}

	// A rename reaches all of them, and nothing of the value before, which others read meanwhile.
	after := deepCopy(reflect.ValueOf(n)).Interface().(*nest)
	changed := eachRef("", nestFields, reflect.ValueOf(after).Elem(), func(_ string, f *Field, name string) string {
		if f.Ref == "pool" && name == "p" || f.Ref == "listener" {
			return "new"
		}
		return name
	})
	names := func(n *nest) (all []string) {
		for _, r := range refsOfNest(n) {
			all = append(all, r.Name)
		}
		return all
	}
	if got := names(after); !changed || !slices.Equal(got, []string{"new", "new", "new", "new", "q"}) {
		t.Errorf("after the renames: %v, changed %t", got, changed)
	}
	if got := names(n); !slices.Equal(got, []string{"p", "l", "p", "l", "q"}) {
		t.Errorf("the value before was changed: %v", got)
	}
	if eachRef("", nestFields, reflect.ValueOf(n).Elem(), func(_ string, _ *Field, name string) string { return name }) {
		t.Error("reading the references is told as a change")
	}
}

// TestAHolderKeepsARetiredNameInAList: it is the same naming where another element was put before it, and another one at
// another key.
func TestAHolderKeepsARetiredNameInAList(t *testing.T) {
	e := &Entry{refs: []Ref{{Pools, "p", `steps[0].headers["a"].pool`}, {Pools, "q", "steps[1].pool"}}}
	for path, want := range map[string]bool{
		`steps[0].headers["a"].pool`: true, `steps[3].headers["a"].pool`: true,
		`steps[0].headers["b"].pool`: false, "steps[0].pool": false, "pool": false,
	} {
		if e.names(Ref{Pools, "p", path}) != want {
			t.Errorf("%s: want %t", path, want)
		}
	}
	if e.names(Ref{Listeners, "q", "steps[1].pool"}) || e.names(Ref{Pools, "p", "steps[1].pool"}) {
		t.Error("another object was named")
	}
}

func TestSetsInsideAreSorted(t *testing.T) {
	a, _ := decodeNest(wholeNest)
	b, _ := decodeNest(strings.Replace(wholeNest, `["b","a"]`, `["a","b"]`, 1))
	a.Shares["a.b"] = share{Inner: nestInner{Words: []string{"y", "x"}}}
	b.Shares["a.b"] = share{Inner: nestInner{Words: []string{"x", "y"}}}
	for _, n := range []*nest{a, b} {
		sortSets(nestFields, reflect.ValueOf(n).Elem())
	}
	if diff := cmp.Diff(a, b); diff != "" {
		t.Error(diff)
	}
}

// TestEmbeddedFieldsAreOnesOwn in what is read that is no kind.
func TestEmbeddedFieldsAreOnesOwn(t *testing.T) {
	type outer struct {
		nestInner
		All *bool `json:"all"`
	}
	var o outer
	if ps := Unmarshal([]byte(`{"words":["a"],"all":true,"listener":null,"parts":[{"body":"b"}]}`), &o); ps != nil {
		t.Fatal(ps)
	}
	if o.Listener != nil || !slices.Equal(o.Words, []string{"a"}) || !*o.All || len(o.Parts) != 1 {
		t.Errorf("read %+v", o)
	}
	for in, want := range map[string]string{
		`{"word":[]}`:                   `word: is not a known field; there are all, listener, parts, words`,
		`{"Words":[]}`:                  `Words: is not a known field; it is written "words"`,
		`{"nestInner":{}}`:              `nestInner: is not a known field; there are all, listener, parts, words`,
		`{"parts":[{}],"parts":[]}`:     `parts: is given twice`,
		`{"all":true,"listener":["a"]}`: `listener: must be a string, not a list`,
	} {
		if ps := Unmarshal([]byte(in), &o); ps.Error() != want {
			t.Errorf("%s: %v, want %s", in, ps, want)
		}
	}
}
