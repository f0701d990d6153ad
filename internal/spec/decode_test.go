package spec

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDecodeSaysWhereAndWhat(t *testing.T) {
	for _, c := range []struct {
		kind  *Kind
		in    string
		path  string
		words string
	}{
		{Pools, `{"name":"a","name":"b"}`, "name", "given twice"},
		{Pools, `{"Name":"a"}`, "Name", `written "name"`},
		{Pools, `{"name":"a","targets":{"x":{"prot":1}}}`, `targets["x"].prot`, "not a known field"},
		{Pools, `{"name":"a","targets":{"x.y":{"port":"1"}}}`, `targets["x.y"].port`, "a whole number"},
		{Pools, `{"name":"a","targets":{"x":{"port":1.5}}}`, `targets["x"].port`, "not 1.5"},
		{Pools, `{"name":"a","targets":[]}`, `targets`, "must be an object, not a list"},
		{Pools, `{"name":"a","targets":{"x":{"weight":null}}}`, `targets["x"].weight`, "not null"},
		{Pools, `{"name":"a"`, "", "broken"},
		{Pools, ``, "", "empty"},
		{Pools, "{\"name\":\"\xff\"}", "", "UTF-8"},
		{Pools, `{"name":"a"} {}`, "", "behind the JSON"},
		{Pools, strings.Repeat("[", 100), "", "deeper than 32 levels at byte 32"},
		{Pools, `{"name":"a","targets":{"x":{},"x":{}}}`, `targets["x"]`, "given twice"},
		{Pools, `{"name":"a","targets":{"k":{"port":1,"port":2}}}`, `targets["k"].port`, "given twice"},
		{Probes, `{"name":"a","match":{"body":"a","body":"b"}}`, "match.body", "given twice"},
		{Pools, `{"name":"a","` + strings.Repeat("n", 1000) + `":1}`, strings.Repeat("n", 256) + "...", "not a known field"},
		{Pools, `{"name":"a","targets":{"` + strings.Repeat("k", 1000) + `":1}}`, `targets["` + strings.Repeat("k", 256) + `..."]`, "not a number"},
		{Listeners, `{"port":` + strings.Repeat("1", 1000) + `}`, "port", strings.Repeat("1", 256) + "..."},
		{Probes, `{"name":"a","match":{"statuses":["200",1]}}`, "match.statuses[1]", "must be a string"},
		{Probes, `{"name":"a","match":{"statuses":null}}`, "match.statuses", "not null"},
		{Rules, `{"name":"a","match":{"host":1}}`, "match.host", "there are headers, hostnames, methods, paths, query"},
	} {
		o, ps := Decode(c.kind, []byte(c.in))
		if o != nil || len(ps) != 1 || ps[0].Path != c.path || !strings.Contains(ps[0].Message, c.words) {
			t.Errorf("%s: want a problem at %q saying %q, got %v", c.in, c.path, c.words, ps)
		}
	}
}

func TestDecodeSetsDefaultsAtEveryLevel(t *testing.T) {
	o, ps := Decode(Settings, []byte(`{"name":"s","keep_alive":{"max_idle":3}}`))
	if ps != nil {
		t.Fatal(ps)
	}
	want := Settings.New().(*Setting)
	want.Name, want.KeepAlive.MaxIdle = "s", 3
	if diff := cmp.Diff(want, o); diff != "" || want.KeepAlive.IdleTimeout != "4s" {
		t.Error(diff)
	}
	o, ps = Decode(Pools, []byte(`{"name":"p","targets":{"a":{"address":"::1"}}}`))
	if ps != nil || o.(*Pool).Targets["a"].Weight != 1 {
		t.Errorf("want weight 1, got %v %v", o, ps)
	}
}

func TestSparseLeavesOutDefaults(t *testing.T) {
	for in, want := range map[string]string{
		`{"name":"s"}`: `{"name":"s"}`,
		`{"name":"s","port":8080,"keep_alive":{"max_idle":64}}`: `{"name":"s","port":8080}`,
		`{"name":"s","keep_alive":{"max_idle":6},"retries":1}`:  `{"keep_alive":{"max_idle":6},"name":"s"}`,
	} {
		o, ps := Decode(Settings, []byte(in))
		if ps != nil {
			t.Fatal(ps)
		}
		if got := string(EncodeSparse(o)); got != want {
			t.Errorf("%s: want %s, got %s", in, want, got)
		}
	}
	o, ps := Decode(Pools, []byte(`{"name":"p","targets":{"a":{"address":"::1","weight":1},"b":{"address":"::2","weight":5}}}`))
	if ps != nil {
		t.Fatal(ps)
	}
	if got, want := string(EncodeSparse(o)), `{"name":"p","targets":{"a":{"address":"::1"},"b":{"address":"::2","weight":5}}}`; got != want {
		t.Errorf("want %s, got %s", want, got)
	}
}

// TestProblemsAreBounded: an answer to many mistakes is not many times their size.
func TestProblemsAreBounded(t *testing.T) {
	counted := func(what string, ps Problems, more int) {
		t.Helper()
		if len(ps) != MaxProblems+1 {
			t.Fatalf("%s: want %d problems and one, got %d", what, MaxProblems, len(ps))
		}
		if last := ps[MaxProblems]; last.More != more || last.Path != "" || last.Message != fmt.Sprintf("has %d more problems", more) {
			t.Errorf("%s: want %d more, got %+v", what, more, last)
		}
	}
	_, ps := DecodeConfig([]byte(`{"pools":[` + strings.Repeat("1,", 4999) + `1]}`))
	counted("a document", ps, 4900)
	_, ps = Decode(Pools, []byte(`{`+strings.Repeat(`"a":1,`, 299)+`"b":1}`))
	counted("repeated keys", ps, 200)

	pool := Pools.New().(*Pool)
	pool.Name, pool.Targets = "p", map[string]PoolTarget{}
	for i := range 300 {
		pool.Targets[fmt.Sprint("t", i)] = PoolTarget{Address: "no where", Weight: 1}
	}
	ps = Check(pool)
	counted("a pool", ps, 200)

	var all Problems
	for range 3 {
		all.Append(ps)
	}
	counted("three pools", all, 800)
	all = Problems{{Message: "is bad"}}
	all.Append(ps)
	all.Add("name", "is worse")
	counted("what comes before and behind", all, 202)
}

// FuzzDecode: nothing panics, and what is accepted comes back the same after Encode and after EncodeSparse.
func FuzzDecode(f *testing.F) {
	f.Add(0, `{"name":"web","port":80,"hostnames":["a.example"]}`)
	f.Add(1, `{"name":"p","targets":{"a":{"address":"127.0.0.1","port":1,"weight":0}}}`)
	f.Add(2, `{"name":"p","match":{"statuses":["200"],"body":"ok"}}`)
	f.Add(3, `{"name":"s","keep_alive":{}}`)
	f.Add(5, `{"name":"w","steps":[{"when":[{"variable":"var_host","pattern":"a"}],"request_headers":{"X":{"value":"{var_host}"}},"url":{}}]}`)
	f.Add(6, `{"name":"r","match":null}`)
	f.Fuzz(func(t *testing.T, kind int, in string) {
		if kind < 0 || kind >= len(Kinds()) {
			return
		}
		k := Kinds()[kind]
		o, ps := Decode(k, []byte(in))
		if ps != nil {
			return
		}
		Check(o)
		for _, out := range [][]byte{Encode(o), EncodeSparse(o)} {
			back, ps := Decode(k, out)
			if ps != nil {
				t.Fatalf("%s: written as %s: %v", in, out, ps)
			}
			if diff := cmp.Diff(o, back); diff != "" {
				t.Fatalf("%s: written as %s: %s", in, out, diff)
			}
		}
	})
}

// FuzzParse: what is read is JSON by encoding/json's own strict scanner, and the raw bytes of each part are its own.
func FuzzParse(f *testing.F) {
	for _, in := range []string{`{"a":[1,{"b":null}],"c":"d"}`, `[1 2]`, `{"a" 1}`, `{"a":1,}`, `[1,]`, `{,}`, `[}`, `01`, `"\ud800"`,
		`{"a":1]`, `nul`, ` [ ] `, `1 2`, `{"a":1 "b":2}`, `{"a"::1}`, `[:1]`, `{1:2}`} {
		f.Add(in)
	}
	f.Fuzz(func(t *testing.T, in string) {
		n, ps := parse([]byte(in))
		if ps != nil {
			return
		}
		if !json.Valid([]byte(in)) {
			t.Fatalf("%q was read and is no JSON", in)
		}
		rawIsWhole(t, in, n)
	})
}

func rawIsWhole(t *testing.T, in string, n *node) {
	if !json.Valid(n.raw) {
		t.Fatalf("%q: a part of it has the bytes %q", in, n.raw)
	}
	for _, m := range n.members {
		rawIsWhole(t, in, m.value)
	}
	for _, e := range n.elements {
		rawIsWhole(t, in, e)
	}
}

func TestDecodeConfig(t *testing.T) {
	objects, ps := DecodeConfig([]byte(`{"rules":[{"name":"r","listener":"l","pool":"p","setting":"s"}],"pools":[{"name":"p"},{"name":"q"}],"probes":null}`))
	if ps != nil {
		t.Fatal(ps)
	}
	var got []string
	for _, o := range objects {
		got = append(got, KindOf(o).Name+" "+o.Key())
	}
	if diff := cmp.Diff([]string{"pool p", "pool q", "rule r"}, got); diff != "" {
		t.Error(diff)
	}
	for in, want := range map[string]string{
		`[]`:                     "must be an object with one key a collection, not a list",
		`{"pool":[]}`:            "pool: is not a collection; there are certificates, ca_bundles, listeners, pools, targets, probes, settings, rewrites, rules",
		`{"pools":{}}`:           "pools: must be a list, not an object",
		`{"pools":[{"nam":1}]}`:  "pools[0].nam: is not a known field; there are algorithm, fail_open, hash_header, name, slow_start, targets",
		`{"pools":[],"pools":1}`: "pools: is given twice",
	} {
		if _, ps := DecodeConfig([]byte(in)); ps.Error() != want {
			t.Errorf("%s: want %s, got %s", in, want, ps.Error())
		}
	}
}
