package admin

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A badBody is the body of a PUT with one mistake, and the path of the problem that tells it.
type badBody struct{ what, body, path string }

// A place is where in an object a field stands: how the object looks around a value there.
type place struct {
	path string
	// with is the body of the whole object with the field set.
	with func(value any) string
	// without is the body without the field.
	without func() string
	// twice is the body with the field's name given twice.
	twice func() string
}

// badBodies makes, for every field of a kind at every depth, each mistake that can be made with it. A new field is
// covered by itself.
func badBodies(t *testing.T, kind *spec.Kind) []badBody {
	t.Helper()
	object := least(t, kind, "bad")
	return badFields(t, kind.Fields(), object, "", encodeAny)
}

func encodeAny(object map[string]any) string { return encode(object) }

// badFields visits the fields of one object. whole makes the body of an object in the place of this one.
func badFields(t *testing.T, fields []spec.Field, object map[string]any, base string, whole func(map[string]any) string) []badBody {
	t.Helper()
	with := func(name string, value any) map[string]any {
		changed := maps.Clone(object)
		changed[name] = value
		if name == "split" || name == "redirect" || name == "respond" { // A rule has one action.
			delete(changed, "pool")
			delete(changed, "setting")
		}
		if name == "tls" { // Nothing else has a use for it.
			changed["protocol"] = spec.HTTPS
		}
		return changed
	}
	bad := []badBody{{"unknown field", whole(with("no_such_field", 1)), join(base, "no_such_field")}}
	for i := range fields {
		f := &fields[i]
		p := place{path: join(base, f.Name)}
		p.with = func(value any) string { return whole(with(f.Name, value)) }
		p.without = func() string {
			changed := maps.Clone(object)
			delete(changed, f.Name)
			return whole(changed)
		}
		p.twice = func() string {
			marked := whole(with(f.Name, "TWICE"))
			return strings.Replace(marked, `"TWICE"`, fmt.Sprintf(`null,%q:null`, f.Name), 1)
		}
		bad = append(bad, badValues(f, p)...)
		bad = append(bad, badBody{"wrong case", whole(with(strings.ToUpper(f.Name), nil)), join(base, strings.ToUpper(f.Name))})
		switch f.Type {
		case spec.ObjectOf:
			inner := minimal(t, f.Fields, "bad")
			bad = append(bad, badFields(t, f.Fields, inner, p.path, func(o map[string]any) string { return p.with(o) })...)
		case spec.Map:
			inner := minimal(t, f.Fields, "bad")
			where := p.path + `["k"]`
			bad = append(bad, badFields(t, f.Fields, inner, where, func(o map[string]any) string { return p.with(map[string]any{"k": o}) })...)
			bad = append(bad,
				badBody{"bad key", p.with(map[string]any{badKey: inner}), p.path + "[" + strconv.Quote(badKey) + "]"},
				badBody{"null element", p.with(map[string]any{"k": nil}), where})
		case spec.List:
			if f.Elem == spec.ObjectOf {
				inner := minimal(t, f.Fields, "bad")
				where := p.path + "[1]"
				bad = append(bad, badFields(t, f.Fields, inner, where, func(o map[string]any) string { return p.with([]any{inner, o}) })...)
				bad = append(bad, badBody{"null element", p.with([]any{inner, nil}), where})
			}
		}
	}
	return bad
}

// badKey is in no grammar of keys.
const badKey = "no\x01key"

func join(base, name string) string {
	if base == "" {
		return name
	}
	return base + "." + name
}

// badValues are the mistakes of one field.
func badValues(f *spec.Field, p place) []badBody {
	bad := []badBody{{"given twice", p.twice(), p.path}, {"wrong type", p.with(wrongType(f)), p.path}}
	if f.Required {
		bad = append(bad, badBody{"missing", p.without(), p.path})
	}
	if !f.Nullable && f.Type != spec.List && f.Type != spec.SetOf || f.Default != nil && f.Type == spec.List {
		bad = append(bad, badBody{"null", p.with(nil), p.path})
	}
	if f.Ref != "" {
		bad = append(bad, badBody{"missing reference", p.with("missing"), p.path})
	}
	if len(f.OneOf) > 0 {
		bad = append(bad, badBody{"no word of the list", p.with("no-such-word"), p.path})
	}
	const ungrammatical = "\u0001 "
	switch {
	case f.Type == spec.DurationOf:
		bad = append(bad, badBody{"no duration", p.with("soon"), p.path}, badBody{"number", p.with(5), p.path})
	case f.Type == spec.List || f.Type == spec.SetOf:
		where := p.path + "[0]"
		if f.Type == spec.SetOf {
			where = p.path
		}
		bad = append(bad, badBody{"wrong element", p.with([]any{1}), p.path + "[0]"})
		if f.Elem == spec.String {
			bad = append(bad, badBody{"bad element", p.with([]string{ungrammatical}), where})
		}
	case f.Type == spec.String && f.Format != "":
		bad = append(bad, badBody{"bad grammar", p.with(ungrammatical), p.path})
	case f.Type == spec.String && f.Default != "":
		bad = append(bad, badBody{"empty", p.with(""), p.path})
	}
	if f.Range != nil {
		bad = append(bad, outOfRange(f, p)...)
	}
	return bad
}

func wrongType(f *spec.Field) any {
	if f.Type == spec.String || f.Type == spec.DurationOf {
		return true
	}
	return "text"
}

// outOfRange are the values just below and just above a range.
func outOfRange(f *spec.Field, p place) []badBody {
	values := map[string]any{}
	below, above := f.Range.Min-1, f.Range.Max+1
	switch f.Type {
	case spec.Int:
		values["below"], values["above"] = below, above
	case spec.DurationOf:
		values["below"], values["above"] = time.Duration(below).String(), time.Duration(above).String()
	case spec.String:
		values["too long"] = strings.Repeat("a", int(above))
	case spec.List, spec.SetOf:
		elements := make([]any, above)
		for i := range elements {
			elements[i] = strconv.Itoa(i)
			if f.Elem == spec.ObjectOf {
				elements[i] = map[string]any{}
			}
		}
		values["too many"] = elements
		if f.Range.Min > 0 {
			values["too few"] = []string{}
		}
	case spec.Map:
		elements := map[string]any{}
		for i := range above {
			elements[strconv.FormatInt(i, 10)] = map[string]any{}
		}
		values["too many"] = elements
	}
	var bad []badBody
	for _, what := range slices.Sorted(maps.Keys(values)) {
		bad = append(bad, badBody{what, p.with(values[what]), p.path})
	}
	return bad
}

func TestBadObjectsAreRefusedAtTheirField(t *testing.T) {
	g := start(t, nil)
	g.base(t)
	before := g.do(t, "GET", "/v1/config", "").want(t, 200)
	cases := 0
	for _, kind := range spec.Kinds() {
		for _, bad := range badBodies(t, kind) {
			cases++
			name := kind.Name + " " + bad.path + ": " + bad.what
			a := g.do(t, "PUT", api.ObjectPath(kind, "bad"), bad.body, "If-None-Match", "*")
			if a.status != http.StatusUnprocessableEntity {
				t.Errorf("%s: status %d for %.200s: %.300s", name, a.status, bad.body, a.body)
				continue
			}
			e := a.problem()
			path := bad.path
			if bad.what == "given twice" {
				// A repeated name is found before a map is told from an object, so a key looks like a field.
				path = strings.Replace(path, `["k"]`, ".k", 1)
			}
			told := slices.ContainsFunc(e.Problems, func(p spec.Problem) bool {
				return (p.Path == path || p.Path == bad.path) && p.Message != ""
			})
			if !told {
				t.Errorf("%s: no problem at %s: %.400v", name, bad.path, e.Problems)
			}
			for _, p := range e.Problems {
				if _, err := spec.Steps(p.Path); err != nil {
					t.Errorf("%s: the path %q cannot be read: %v", name, p.Path, err)
				}
			}
		}
	}
	if cases < 150 {
		t.Errorf("only %d mistakes were tried", cases)
	}
	if after := g.do(t, "GET", "/v1/config", "").want(t, 200); after.body != before.body || after.header.Get("ETag") != before.header.Get("ETag") {
		t.Error("a refused write left something behind")
	}
}

func TestBadRequestsAreRefused(t *testing.T) {
	g := start(t, nil)
	g.base(t)
	before := g.do(t, "GET", "/v1/config", "").want(t, 200)
	const pool = `{"name":"new"}`
	for _, c := range []struct {
		what, method, path, body string
		status                   int
		headers                  []string
	}{
		{"broken JSON", "PUT", "/v1/pools/new", `{"name":`, 400, nil},
		{"two values", "PUT", "/v1/pools/new", `{"name":"new"} {}`, 400, nil},
		{"no UTF-8", "PUT", "/v1/pools/new", "{\"name\":\"\xff\"}", 422, nil},
		{"list", "PUT", "/v1/pools/new", `[]`, 422, nil},
		{"null", "PUT", "/v1/pools/new", `null`, 422, nil},
		{"deep JSON", "PUT", "/v1/pools/new", strings.Repeat("[", 5000), 400, nil},
		{"10 MB", "PUT", "/v1/pools/new", `{"name":"new","targets":{}` + strings.Repeat(" ", 10<<20) + `}`, 413, nil},
		{"just above 4 MiB", "PUT", "/v1/pools/new", `{"name":"new"}` + strings.Repeat(" ", 4<<20-13), 413, nil},
		{"10 MB of changes", "POST", "/v1/changes", strings.Repeat(" ", 10<<20), 413, nil},
		{"form", "PUT", "/v1/pools/new", pool, 415, []string{"Content-Type", "application/x-www-form-urlencoded"}},
		{"text", "PUT", "/v1/pools/new", pool, 415, []string{"Content-Type", "text/plain"}},
		{"no type", "PUT", "/v1/pools/new", pool, 415, []string{"Content-Type", ""}},
		{"compressed", "PUT", "/v1/pools/new", pool, 415, []string{"Content-Encoding", "gzip"}},
		{"another name", "PUT", "/v1/pools/other", pool, 422, nil},
		{"no name", "PUT", "/v1/pools/new", `{}`, 422, nil},
		{"weak tag", "PUT", "/v1/pools/base", pool, 400, []string{"If-None-Match", "", "If-Match", `W/"1"`}},
		{"list of tags", "PUT", "/v1/pools/base", pool, 400, []string{"If-None-Match", "", "If-Match", `"1", "2"`}},
		{"tag without quotes", "PUT", "/v1/pools/base", pool, 400, []string{"If-None-Match", "", "If-Match", `1`}},
		{"tag of nothing", "PUT", "/v1/pools/base", pool, 400, []string{"If-None-Match", "", "If-Match", `"0"`}},
		{"tag in If-None-Match", "PUT", "/v1/pools/new", pool, 400, []string{"If-None-Match", `"1"`}},
		{"both conditions", "PUT", "/v1/pools/new", pool, 400, []string{"If-Match", `"1"`}},
		{"no condition", "PUT", "/v1/pools/new", pool, 428, []string{"If-None-Match", ""}},
		{"create where deleting", "DELETE", "/v1/pools/base", "", 400, nil},
		{"body of a delete", "DELETE", "/v1/pools/base", pool, 400, []string{"If-None-Match", ""}},
		{"body of a read", "GET", "/v1/pools/base", pool, 400, nil},
		{"long key", "PUT", "/v1/pools/new", pool, 400, []string{api.HeaderIdempotencyKey, strings.Repeat("k", 129)}},
		{"key with a space", "PUT", "/v1/pools/new", pool, 400, []string{api.HeaderIdempotencyKey, "a b"}},
		{"unknown collection", "PUT", "/v1/widgets/new", pool, 404, nil},
		{"kind for collection", "GET", "/v1/pool/base", "", 404, nil},
		{"name with a slash", "PUT", "/v1/pools/a%2Fb", `{"name":"a/b"}`, 422, nil},
		{"name of dots", "GET", "/v1/pools/%2e%2e", "", 404, nil},
		{"no such object", "PUT", "/v1/pools/new", pool, 404, []string{"If-None-Match", "", "If-Match", "*"}},
		{"double slash", "GET", "/v1//pools", "", 404, nil},
		{"trailing slash", "GET", "/v1/pools/", "", 404, nil},
		{"dots", "GET", "/v1/../v1/pools", "", 404, nil},
		{"root", "GET", "/", "", 404, nil},
		{"version", "GET", "/v2/pools", "", 404, nil},
		{"deeper", "GET", "/v1/pools/base/targets", "", 404, nil},
		{"broken query", "GET", "/v1/pools?limit=%zz", "", 400, nil},
		{"semicolon", "GET", "/v1/pools?limit=1;next=a", "", 400, nil},
		{"parameter of a view", "GET", "/v1/status?x=1", "", 400, nil},
	} {
		headers := c.headers
		if c.method == "PUT" || c.what == "create where deleting" {
			headers = append([]string{"If-None-Match", "*"}, headers...)
		}
		if a := g.do(t, c.method, c.path, c.body, headers...); a.status != c.status {
			t.Errorf("%s: status %d, want %d: %s", c.what, a.status, c.status, a.body)
		}
	}
	if after := g.do(t, "GET", "/v1/config", "").want(t, 200); after.body != before.body || after.header.Get("ETag") != before.header.Get("ETag") {
		t.Error("a refused request left something behind")
	}
}

func TestWrongMethods(t *testing.T) {
	g := start(t, nil)
	for path, allow := range map[string]string{
		"/v1/pools": "GET, HEAD", "/v1/pools/x": "DELETE, GET, HEAD, PUT", "/v1/changes": "POST", "/v1/config": "GET, HEAD, PUT",
		"/v1/health": "GET, HEAD", "/v1/status": "GET, HEAD", "/openapi.json": "GET, HEAD", "/livez": "GET, HEAD", "/readyz": "GET, HEAD",
	} {
		for _, method := range []string{"PATCH", "OPTIONS", "TRACE", "WHATEVER"} {
			if a := g.do(t, method, path, ""); a.status != 405 || a.header.Get("Allow") != allow {
				t.Errorf("%s %s: status %d, Allow %q, want %q", method, path, a.status, a.header.Get("Allow"), allow)
			}
		}
	}
}
