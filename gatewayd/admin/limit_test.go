package admin

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// many is n pieces with commas between them.
func many(n int, piece string) string { return strings.TrimSuffix(strings.Repeat(piece+",", n), ",") }

// TestSmallBodiesGetSmallAnswers sends bodies of some megabytes that are wrong all over.
func TestSmallBodiesGetSmallAnswers(t *testing.T) {
	g := start(t, nil)
	for _, c := range []struct {
		what, method, path, body string
		status                   int
	}{
		{"numbers for changes", "POST", "/v1/changes", `{"changes":[` + many(2_000_000, "1") + `]}`, 413},
		{"too many changes", "POST", "/v1/changes", `{"changes":[` + many(api.MaxChanges+1, `{"kind":"pool","name":"a","delete":true}`) + `]}`, 413},
		{"changes of nothing", "POST", "/v1/changes", `{"changes":[` + many(api.MaxChanges, `{"kind":"pool","name":"a","delete":true}`) + `]}`, 404},
		{"bad changes", "POST", "/v1/changes", `{"changes":[` + many(api.MaxChanges, `{"kind":"pool","name":"a"}`) + `]}`, 422},
		{"bad objects in changes", "POST", "/v1/changes", `{"changes":[` + many(api.MaxChanges, `{"kind":"listener","name":"a","put":{"name":"a","port":0}}`) + `]}`, 422},
		{"empty objects", "PUT", "/v1/config", `{"listeners":[` + many(1_300_000, "{}") + `]}`, 413},
		{"many empty objects", "PUT", "/v1/config", `{"listeners":[` + many(20_000, `{"port":8888888888}`) + `]}`, 422},
		{"one object of numbers", "PUT", "/v1/pools/a", `{"name":"a","targets":[` + many(2_000_000, "1") + `]}`, 413},
		{"braces", "PUT", "/v1/pools/a", strings.Repeat(`{"":[`, 500_000), 413},
	} {
		headers := []string{"If-None-Match", "*"}
		if c.path == "/v1/config" {
			headers = []string{"If-Match", "*"}
		}
		if a := g.do(t, c.method, c.path, c.body, headers...); a.status != c.status || len(a.body) > 100_000 {
			t.Errorf("%s: status %d, want %d, %d bytes: %.200s", c.what, a.status, c.status, len(a.body), a.body)
		}
	}
}

// TestLargeConfigIsPutBack reads and writes a configuration of more objects, and bytes, than one list of changes takes.
func TestLargeConfigIsPutBack(t *testing.T) {
	g := start(t, nil)
	var pools []map[string]any
	long := strings.Repeat("x", 78)
	for i := range api.MaxChanges + 1 {
		targets := map[string]any{}
		for n := range 3 {
			targets[fmt.Sprint(n, long)] = map[string]any{"address": fmt.Sprint("10.0.0.", n)}
		}
		pools = append(pools, map[string]any{"name": fmt.Sprint("pool-", i, long[:60]), "targets": targets})
	}
	g.do(t, "PUT", "/v1/config", encode(map[string]any{"pools": pools}), "If-Match", `"0"`).want(t, 200)
	document := g.do(t, "GET", "/v1/config", "").want(t, 200)
	if len(document.body) <= api.MaxBody {
		t.Errorf("the document has %d bytes only", len(document.body))
	}
	g.do(t, "PUT", "/v1/config", `{}`, "If-Match", "*").want(t, 200)
	back := g.do(t, "PUT", "/v1/config", document.body, "If-Match", "*").want(t, 200)
	var answer api.ChangesAnswer
	if err := json.Unmarshal([]byte(back.body), &answer); err != nil || len(answer.Results) != len(pools) {
		t.Errorf("%d results, want %d; %v", len(answer.Results), len(pools), err)
	}
	if again := g.do(t, "GET", "/v1/config", "").want(t, 200); again.body != document.body {
		t.Error("what was put back is not what was read")
	}
}

func TestMeasure(t *testing.T) {
	for text, want := range map[string][2]int{
		"": {1, 0}, "1": {1, 0}, `{"a":[1,2,{"x":[1,2]}],"b":[ ]}`: {9, 3}, `{"a":["[,]\",,{"]}`: {3, 1}, `[[],[]]`: {3, 0},
		`{"a":[[]]}`: {3, 1}, "]]]": {1, 0}, `[[`: {2, 0},
	} {
		if values, elements := measure([]byte(text)); [2]int{values, elements} != want {
			t.Errorf("%s: %d values, %d elements, want %d", text, values, elements, want)
		}
	}
}

// FuzzMeasure holds that no text has more values than are counted.
func FuzzMeasure(f *testing.F) {
	f.Add(`{"a":[1,"\\",{"b":null}]}`)
	f.Add(`[[[]]]`)
	f.Fuzz(func(t *testing.T, text string) {
		var v any
		if json.Unmarshal([]byte(text), &v) != nil {
			return
		}
		// Repeated keys are one in v, so this is a lower bound.
		if values, _ := measure([]byte(text)); values < count(v) {
			t.Errorf("%q: %d values are counted, there are %d", text, values, count(v))
		}
	})
}

func count(v any) int {
	n := 1
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			n += count(e)
		}
	case map[string]any:
		for _, e := range v {
			n += count(e)
		}
	}
	return n
}

// TestEveryKindFitsItsLimit has no object that is all values: the least that a kind takes is far from what is refused.
func TestEveryKindFitsItsLimit(t *testing.T) {
	for _, kind := range spec.Kinds() {
		for _, text := range [][]byte{spec.Encode(kind.New()), []byte(encode(least(t, kind, "a")))} {
			if values, _ := measure(text); values*bytesPerValue > len(text) {
				t.Errorf("%s has %d values in %d bytes: %s", kind, values, len(text), text)
			}
		}
	}
}
