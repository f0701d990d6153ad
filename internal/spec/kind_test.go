package spec

import (
	"reflect"
	"strings"
	"testing"
)

// TestFieldsDescribeThemselves: what documentation, schema and checks read from a field is there and makes sense.
func TestFieldsDescribeThemselves(t *testing.T) {
	for _, k := range Kinds() {
		if !strings.HasSuffix(k.Doc, ".") {
			t.Errorf("%s: its sentence does not end in a full stop: %q", k, k.Doc)
		}
		if KindByName(k.Name) != k || KindByCollection(k.Collection) != k || KindOf(k.New()) != k {
			t.Errorf("%s: cannot be found by name, collection and object", k)
		}
		fieldsAreSound(t, k.Name, k.Fields(), k.object)
	}
}

func fieldsAreSound(t *testing.T, path string, fields []Field, of reflect.Type) {
	for i := range fields {
		f := &fields[i]
		where := path + "." + f.Name
		tag := of.Field(f.index).Tag
		if tag.Get("json") != f.Name || tag.Get("tfsdk") != f.Attribute || f.Name == "" || strings.Contains(f.Name+f.Attribute, ",") {
			t.Errorf("%s: json %q and tfsdk %q must be there, without options", where, tag.Get("json"), tag.Get("tfsdk"))
		}
		if f.Secret != (f.Attribute != f.Name) || f.Secret != strings.HasSuffix(f.Attribute, "_wo") {
			t.Errorf("%s: json %q and tfsdk %q must be equal, and end in _wo in Terraform where it is secret (%t)", where, f.Name, f.Attribute, f.Secret)
		}
		if f.Secret && (strings.Contains(path, ".") || f.Type != String || !f.Nullable || f.Format != "" || len(f.OneOf) > 0) {
			t.Errorf("%s: a secret is a string at the top of its kind that may be null, and no problem of a grammar or word shows it", where)
		}
		if !strings.HasSuffix(f.Doc, ".") || strings.HasSuffix(f.Doc, "..") {
			t.Errorf("%s: its documentation does not end in a full stop: %q", where, f.Doc)
		}
		if states := count(f.Required, f.Nullable, f.Default != nil); states != 1 {
			t.Errorf("%s: must be one of required (%v), nullable (%v), with default (%v)", where, f.Required, f.Nullable, f.Default)
		}
		if f.Ref != "" && KindByName(f.Ref) == nil {
			t.Errorf("%s: refers to %q, which is no kind", where, f.Ref)
		}
		bounded(t, where, f)
		switch f.Type {
		case ObjectOf, Map, List:
			if f.Type != List || f.Elem == ObjectOf {
				fieldsAreSound(t, where, f.Fields, structOf(of.Field(f.index).Type))
			}
		}
	}
}

// bounded: whatever a client can make long or large has a limit.
func bounded(t *testing.T, where string, f *Field) {
	switch f.Type {
	case Int, DurationOf, Map:
		if f.Range == nil {
			t.Errorf("%s: has no range", where)
		}
	case List, SetOf:
		if f.Range == nil || f.Elem != ObjectOf && (f.Format == "" || f.Elem != String) {
			t.Errorf("%s: needs a range of sizes and a format of its strings", where)
		}
	case String:
		if f.Range == nil && f.Format == "" && len(f.OneOf) == 0 {
			t.Errorf("%s: a string needs a range, a format or words", where)
		}
	}
	if f.Range != nil && f.Range.Duration != (f.Type == DurationOf) {
		t.Errorf("%s: the range %s is not one of a %s", where, f.Range, f.Type)
	}
}

func structOf(t reflect.Type) reflect.Type {
	for t.Kind() != reflect.Struct {
		t = t.Elem()
	}
	return t
}

func count(conditions ...bool) int {
	n := 0
	for _, c := range conditions {
		if c {
			n++
		}
	}
	return n
}

// TestDefaultsAreLegal: an object of the kind's defaults and the least a user must give has no problem.
func TestDefaultsAreLegal(t *testing.T) {
	for _, k := range Kinds() {
		if ps := Check(decode(t, k, "")); ps != nil {
			t.Errorf("%s: %v", k, ps)
		}
		for _, p := range Check(k.New()) {
			if !strings.HasPrefix(p.Message, "is required") && !strings.HasSuffix(p.Message, "left out") {
				t.Errorf("%s: a new one has a problem beyond missing fields: %v", k, p)
			}
		}
	}
}

// TestKindsCanBeCreatedInOrder: no kind names a later one.
func TestKindsCanBeCreatedInOrder(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range Kinds() {
		namesWhatIsThere(t, k.Name, k.Fields(), seen)
		seen[k.Name] = true
	}
}

func namesWhatIsThere(t *testing.T, path string, fields []Field, seen map[string]bool) {
	for _, f := range fields {
		if f.Ref != "" && !seen[f.Ref] {
			t.Errorf("%s.%s names a %s, which comes later", path, f.Name, f.Ref)
		}
		namesWhatIsThere(t, path+"."+f.Name, f.Fields, seen)
	}
}

func TestRangesReadWell(t *testing.T) {
	for word, want := range map[string]string{
		"1..65535": "1 to 65535", "0s..24h": "0s to 24h", "10ms..10m": "10ms to 10m", "10s..30s": "10s to 30s",
		"1m..90m": "1m to 1h30m", "100ms..1m30s": "100ms to 1m30s", "1h..20h": "1h to 20h", "1h..1h0m10s": "1h to 1h0m10s",
	} {
		if got := parseRange(word).String(); got != want {
			t.Errorf("%s: want %s, got %s", word, want, got)
		}
	}
}
