package spec

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// A Type is the shape of a field's value.
type Type string

// The shapes. A List's order has meaning, a Set's has none. A List holds scalars or objects, a Set scalars, a Map maps a
// key to objects.
const (
	Bool       Type = "bool"
	Int        Type = "int"
	String     Type = "string"
	DurationOf Type = "duration"
	List       Type = "list"
	SetOf      Type = "set"
	Map        Type = "map"
	ObjectOf   Type = "object"
)

// A Field describes one field of a kind, or of an object inside one.
type Field struct {
	Name string
	Doc  string
	Type Type
	// Elem is the shape of a List's or Set's elements.
	Elem Type
	// Fields are those of an ObjectOf, of a Map's elements, or of a List's elements where Elem is ObjectOf.
	Fields []Field
	// Keys is the name of the grammar of a Map's keys.
	Keys string
	// Required fields must be given; Nullable ones may be null. A field that is neither has a Default.
	Required, Nullable bool
	// Default is the value where none is given: a bool, int, string, []string, or for an ObjectOf a map by field name.
	Default any
	// Range bounds an Int's value, a DurationOf's length, a String's length in bytes, or the size of a collection.
	Range *Range
	// Format is the name of the grammar of a String, or of the elements of a List or Set.
	Format string
	// OneOf lists the words that a String may be.
	OneOf []string
	// Ref is the name of the kind whose objects the field names.
	Ref string
	// Secret says that nothing shows the value: see secret.go.
	Secret bool
	// Settled says that a field that is left out may come from a secret, in the form in which the object is kept.
	Settled bool
	// Attribute is the field's name in Terraform: Name, but for a secret, of which it says that it is write-only.
	Attribute string

	index int
}

// A Range is inclusive. For durations the numbers are nanoseconds.
type Range struct {
	Min, Max int64
	Duration bool
}

// String is how messages and documentation write the range.
func (r *Range) String() string {
	if r.Duration {
		return Brief(time.Duration(r.Min)) + " to " + Brief(time.Duration(r.Max))
	}
	return fmt.Sprintf("%d to %d", r.Min, r.Max)
}

// Brief is a duration without trailing zero units.
func Brief(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// fieldsOf describes the fields of a struct type. A tag that cannot be read is a mistake of the programmer.
func fieldsOf(t reflect.Type) []Field {
	v := reflect.New(t)
	setDefaults(v)
	fields := make([]Field, 0, t.NumField())
	for i := range t.NumField() {
		sf := t.Field(i)
		f := Field{Name: sf.Tag.Get("json"), Attribute: sf.Tag.Get("tfsdk"), Doc: sf.Tag.Get("doc"), index: i}
		f.shape(sf.Type, v.Elem().Field(i))
		for _, word := range strings.Split(sf.Tag.Get("spec"), ",") {
			f.tag(word)
		}
		f.Nullable = f.Nullable && !f.Required
		if f.Required || f.Nullable {
			f.Default = nil
		}
		fields = append(fields, f)
	}
	return fields
}

func (f *Field) shape(t reflect.Type, value reflect.Value) {
	if t.Kind() == reflect.Pointer {
		f.Nullable = true
		t = t.Elem()
		value = reflect.New(t).Elem()
	}
	switch {
	case t == reflect.TypeFor[Duration]():
		f.Type, f.Default = DurationOf, value.String()
	case t.Kind() == reflect.Bool:
		f.Type, f.Default = Bool, value.Bool()
	case t.Kind() == reflect.Int:
		f.Type, f.Default = Int, int(value.Int())
	case t.Kind() == reflect.String:
		f.Type, f.Default = String, value.String()
	case t == reflect.TypeFor[[]string]():
		f.Type, f.Elem = List, String
		if f.Nullable = value.IsNil(); !f.Nullable {
			f.Default = value.Interface()
		}
	case t.Kind() == reflect.Map && t.Elem().Kind() == reflect.Struct:
		f.Type, f.Nullable, f.Fields, f.Keys = Map, true, fieldsOf(t.Elem()), "name"
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct:
		f.Type, f.Elem, f.Nullable, f.Fields = List, ObjectOf, true, fieldsOf(t.Elem())
	case t.Kind() == reflect.Struct:
		f.Type, f.Fields, f.Default = ObjectOf, fieldsOf(t), byName(value)
	default:
		panic(fmt.Sprintf("spec: field %s: no shape for %s", f.Name, t))
	}
}

// byName is a struct's values by field name; null ones are nil.
func byName(v reflect.Value) map[string]any {
	values := map[string]any{}
	for i := range v.NumField() {
		f, name := v.Field(i), v.Type().Field(i).Tag.Get("json")
		switch {
		case (f.Kind() == reflect.Pointer || f.Kind() == reflect.Slice || f.Kind() == reflect.Map) && f.IsNil():
			values[name] = nil
		case f.Kind() == reflect.String:
			values[name] = f.String()
		default:
			values[name] = f.Interface()
		}
	}
	return values
}

func (f *Field) tag(word string) {
	name, value, _ := strings.Cut(word, "=")
	switch {
	case word == "":
	case word == "required":
		f.Required = true
	case word == "set":
		f.Type = SetOf
	case word == "secret":
		f.Secret = true
	case word == "settled":
		f.Settled = true
	case name == "is":
		f.Format = format(value)
	case name == "keys":
		f.Keys = format(value)
	case name == "one_of":
		f.OneOf = strings.Split(value, "|")
	case name == "ref":
		f.Ref, f.Format = value, "name"
	case strings.Contains(word, ".."):
		f.Range = parseRange(word)
	default:
		panic("spec: no meaning for " + strconv.Quote(word))
	}
}

// format is the name of a grammar that there is.
func format(name string) string {
	if formats[name] == nil {
		panic("spec: no format " + name)
	}
	return name
}

func parseRange(word string) *Range {
	low, high, _ := strings.Cut(word, "..")
	if a, err := strconv.ParseInt(low, 10, 64); err == nil {
		b, err := strconv.ParseInt(high, 10, 64)
		if err != nil {
			panic("spec: range " + word)
		}
		return &Range{Min: a, Max: b}
	}
	a, err := time.ParseDuration(low)
	if err != nil {
		panic("spec: range " + word)
	}
	b, err := time.ParseDuration(high)
	if err != nil {
		panic("spec: range " + word)
	}
	return &Range{Min: int64(a), Max: int64(b), Duration: true}
}
