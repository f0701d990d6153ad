package spec

import (
	"reflect"
	"sort"
	"strings"
	"time"
)

// Check returns what is wrong with an object by itself: every field against its tag, then the rules between fields. It
// needs no network and no other object, so Terraform runs it at validate and plan, the API at a write, and the daemon
// at load, where it only reports.
func Check(o Object) Problems {
	var ps Problems
	checkStruct(&ps, "", KindOf(o).fields, reflect.ValueOf(o).Elem())
	o.check(&ps)
	return ps
}

func checkStruct(ps *Problems, path string, fields []Field, v reflect.Value) {
	for i := range fields {
		f := &fields[i]
		f.checkValue(ps, join(path, f.Name), v.Field(f.index))
	}
}

func (f *Field) checkValue(ps *Problems, path string, v reflect.Value) {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return
		}
		v = v.Elem()
	}
	if f.Required && v.IsZero() {
		// A number that was left out is 0 here, as one that was given as 0.
		if f.Type == Int && f.Range != nil {
			ps.Add(path, "must be %s, not 0 or left out", f.Range)
		} else {
			ps.Add(path, "is required")
		}
		return
	}
	if isNil(v) {
		return
	}
	switch f.Type {
	case Bool:
	case Int:
		if n := v.Int(); f.Range != nil && (n < f.Range.Min || n > f.Range.Max) {
			ps.Add(path, "must be %s, not %d", f.Range, n)
		}
	case DurationOf:
		f.checkDuration(ps, path, v.String())
	case String:
		f.checkString(ps, path, v.String())
	case List, SetOf:
		f.checkSize(ps, path, v.Len())
		if f.Elem == ObjectOf {
			for i := range v.Len() {
				checkStruct(ps, at(path, i), f.Fields, v.Index(i))
			}
			return
		}
		f.checkElements(ps, path, v.Interface().([]string))
	case Map:
		f.checkSize(ps, path, v.Len())
		f.checkEntries(ps, path, v)
	case ObjectOf:
		checkStruct(ps, path, f.Fields, v)
	}
}

func (f *Field) checkSize(ps *Problems, path string, n int) {
	if f.Range != nil && (int64(n) < f.Range.Min || int64(n) > f.Range.Max) {
		ps.Add(path, "must have %s entries, not %d", f.Range, n)
	}
}

// caseless are the formats of which requests are matched without regard to ASCII case.
var caseless = map[string]bool{"hostname": true, "path_pattern": true, "field_name": true}

// checkEntries checks the keys and elements of a map.
func (f *Field) checkEntries(ps *Problems, path string, v reflect.Value) {
	seen := map[string]string{} // by what is matched: the first key
	for _, k := range sortedKeys(v) {
		where := key(path, k)
		if err := formats[f.Keys](k); err != nil {
			ps.Add(where, "has a key that %s", err)
		}
		if caseless[f.Keys] {
			if first, again := seen[Lower(k)]; again {
				ps.Add(where, "has a key that is the same as %s; upper and lower case are not told apart", quoteShort(first))
			} else {
				seen[Lower(k)] = k
			}
		}
		checkStruct(ps, where, f.Fields, v.MapIndex(reflect.ValueOf(k)))
	}
}

func (f *Field) checkElements(ps *Problems, path string, elements []string) {
	seen := map[string]string{} // by what is matched: as it was written first
	for i, s := range elements {
		// An element of a set has no index that a user could count, so its value stands in the text.
		where, named := at(path, i), ""
		if f.Type == SetOf {
			where, named = path, quoteShort(s)+" "
		}
		matched := s
		if caseless[f.Format] {
			matched = Lower(s)
		}
		switch first, again := seen[matched]; {
		case !again:
			seen[matched] = s
		case first == s:
			ps.Add(where, "%sis given twice", named)
		default:
			ps.Add(where, "%sis the same as %s; upper and lower case are not told apart", named, quoteShort(first))
		}
		if err := formats[f.Format](s); err != nil {
			ps.Add(where, "%s%s", named, err)
		}
	}
}

// maxDuration bounds how a duration may be written, in bytes: it is kept as it was, and "1.000s" has no end.
const maxDuration = 32

func (f *Field) checkDuration(ps *Problems, path, s string) {
	d, err := time.ParseDuration(s)
	switch {
	case len(s) > maxDuration:
		ps.Add(path, "must be at most %d bytes long, not %d", maxDuration, len(s))
	case err != nil:
		ps.Add(path, "must be a duration such as \"30s\" or \"1h30m\", not %s", quoteShort(s))
	case f.Range != nil && (int64(d) < f.Range.Min || int64(d) > f.Range.Max):
		ps.Add(path, "must be %s, not %s", f.Range, s)
	}
}

func (f *Field) checkString(ps *Problems, path, s string) {
	if s == "" {
		// An optional "" would come back as null in generated configuration, so it is legal as a default only.
		if f.Default != "" {
			ps.Add(path, "must not be empty; leave it out instead")
		}
		return
	}
	if f.Range != nil && (int64(len(s)) < f.Range.Min || int64(len(s)) > f.Range.Max) {
		ps.Add(path, "must be %s bytes long, not %d", f.Range, len(s))
		return
	}
	if len(f.OneOf) > 0 && !contains(f.OneOf, s) {
		ps.Add(path, "must be one of %s, not %s", strings.Join(f.OneOf, ", "), quoteShort(s))
	}
	if f.Format != "" {
		if err := formats[f.Format](s); err != nil {
			ps.Add(path, "%s", err)
		}
	}
}

// Lower folds ASCII, and no other letters: a path may hold those, and they are told apart. What has none to fold is
// returned as it is.
func Lower(s string) string {
	for i := range len(s) {
		if upper(s[i]) {
			b := []byte(s)
			for ; i < len(b); i++ {
				if upper(b[i]) {
					b[i] |= 0x20
				}
			}
			return string(b)
		}
	}
	return s
}

func upper(c byte) bool { return 'A' <= c && c <= 'Z' }

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

func sortedKeys(v reflect.Value) []string {
	keys := make([]string, 0, v.Len())
	for _, k := range v.MapKeys() {
		keys = append(keys, k.String())
	}
	sort.Strings(keys)
	return keys
}
