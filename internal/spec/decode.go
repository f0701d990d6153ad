package spec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds how deep a document may nest; no kind needs more than five.
const maxDepth = 32

// whiteSpace is what JSON takes for it; Go's own notion is wider.
const whiteSpace = " \t\r\n"

// Decode reads one object of a kind: defaults at every level, names in their exact case, no unknown and no repeated
// keys, every problem with its path. It checks shapes only; Check does the rest. The object is nil where there are
// problems.
func Decode(k *Kind, data []byte) (Object, Problems) {
	o := k.New()
	if ps := Unmarshal(data, o); len(ps) > 0 {
		return nil, ps
	}
	return o, nil
}

// DecodeConfig reads a configuration document, one key a collection: {"listeners":[{...}],"pools":[...]}. The objects
// come in the order of Kinds, so that none names a later one.
func DecodeConfig(data []byte) ([]Object, Problems) {
	root, ps := parse(data)
	if len(ps) > 0 {
		return nil, ps
	}
	if root.shape != shapeObject {
		return nil, Problems{{Message: "must be an object with one key a collection, not " + root.shape.String()}}
	}
	known := map[string]bool{}
	var objects []Object
	for _, k := range Kinds() {
		known[k.Collection] = true
		n := root.member(k.Collection)
		if n == nil || n.shape == shapeNull {
			continue
		}
		if n.shape != shapeArray {
			ps.Add(k.Collection, "must be a list, not %s", n.shape)
			continue
		}
		for i, element := range n.elements {
			o := k.New()
			bind(&ps, at(k.Collection, i), element, reflect.ValueOf(o).Elem())
			objects = append(objects, o)
		}
	}
	for _, m := range root.members {
		switch {
		case m.again:
			ps.Add(cut(m.name), givenTwice)
		case !known[m.name]:
			ps.Add(cut(m.name), "is not a collection; there are %s", collections())
		}
	}
	if len(ps) > 0 {
		return nil, ps
	}
	return objects, nil
}

func collections() string {
	names := make([]string, len(Kinds()))
	for i, k := range Kinds() {
		names[i] = k.Collection
	}
	return strings.Join(names, ", ")
}

// Unmarshal reads JSON into a struct by the rules of Decode. v is a pointer to a struct of bools, ints, uint64s,
// strings, slices, maps by string, structs, pointers to these, and json.RawMessage.
func Unmarshal(data []byte, v any) Problems {
	root, ps := parse(data)
	if len(ps) > 0 {
		return ps
	}
	bind(&ps, "", root, reflect.ValueOf(v).Elem())
	return ps
}

// bind sets v from a node. A null is left alone where null is legal.
func bind(ps *Problems, path string, n *node, v reflect.Value) {
	if v.Type() == reflect.TypeFor[json.RawMessage]() {
		v.SetBytes(n.raw)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if n.shape == shapeNull {
			return
		}
		p := reflect.New(v.Type().Elem())
		if p.Elem().Kind() == reflect.Struct {
			setDefaults(p)
		}
		bind(ps, path, n, p.Elem())
		v.Set(p)
	case reflect.Struct:
		bindStruct(ps, path, n, v)
	case reflect.Map:
		bindMap(ps, path, n, v)
	case reflect.Slice:
		bindSlice(ps, path, n, v)
	default:
		bindScalar(ps, path, n, v)
	}
}

func bindStruct(ps *Problems, path string, n *node, v reflect.Value) {
	if n.shape != shapeObject {
		ps.Add(path, "must be an object, not %s", n.shape)
		return
	}
	for _, m := range n.members {
		where := join(path, cut(m.name))
		f := fieldByName(v, m.name)
		switch {
		case m.again:
			ps.Add(where, givenTwice)
		case !f.IsValid():
			ps.Add(where, "is not a known field%s", suggestion(v.Type(), m.name))
		default:
			bind(ps, where, m.value, f)
		}
	}
}

func bindMap(ps *Problems, path string, n *node, v reflect.Value) {
	switch n.shape {
	case shapeNull:
		return
	case shapeObject:
	default:
		ps.Add(path, "must be an object, not %s", n.shape)
		return
	}
	m := reflect.MakeMapWithSize(v.Type(), len(n.members))
	for _, member := range n.members {
		if member.again {
			ps.Add(key(path, member.name), givenTwice)
			continue
		}
		e := reflect.New(v.Type().Elem())
		if e.Elem().Kind() == reflect.Struct {
			setDefaults(e)
		}
		bind(ps, key(path, member.name), member.value, e.Elem())
		m.SetMapIndex(reflect.ValueOf(member.name), e.Elem())
	}
	v.Set(m)
}

func bindSlice(ps *Problems, path string, n *node, v reflect.Value) {
	switch n.shape {
	case shapeNull:
		// A list with a default is not nullable: null would be a third state that Terraform cannot keep.
		if v.Len() > 0 {
			ps.Add(path, "must be a list, not null; leave it out for the default")
		}
		return
	case shapeArray:
	default:
		ps.Add(path, "must be a list, not %s", n.shape)
		return
	}
	list := reflect.MakeSlice(v.Type(), len(n.elements), len(n.elements))
	for i, e := range n.elements {
		if list.Index(i).Kind() == reflect.Struct {
			setDefaults(list.Index(i).Addr())
		}
		bind(ps, at(path, i), e, list.Index(i))
	}
	v.Set(list)
}

func bindScalar(ps *Problems, path string, n *node, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		if n.shape != shapeString {
			ps.Add(path, "must be a string, not %s", n.shape)
			return
		}
		v.SetString(n.text)
	case reflect.Bool:
		if n.shape != shapeBool {
			ps.Add(path, "must be true or false, not %s", n.shape)
			return
		}
		v.SetBool(n.text == "true")
	case reflect.Int:
		i, err := strconv.ParseInt(n.text, 10, 64)
		if n.shape != shapeNumber || err != nil {
			ps.Add(path, "must be a whole number, not %s", n.describe())
			return
		}
		v.SetInt(i)
	case reflect.Uint64:
		i, err := strconv.ParseUint(n.text, 10, 64)
		if n.shape != shapeNumber || err != nil {
			ps.Add(path, "must be a whole number from 0, not %s", n.describe())
			return
		}
		v.SetUint(i)
	default:
		panic(fmt.Sprintf("spec: cannot decode into %s", v.Type()))
	}
}

// A shape is the type of a JSON value.
type shape int

const (
	shapeNull shape = iota
	shapeBool
	shapeNumber
	shapeString
	shapeArray
	shapeObject
)

func (s shape) String() string {
	return [...]string{"null", "true or false", "a number", "a string", "a list", "an object"}[s]
}

// A node is one JSON value, its members in the order of the text.
type node struct {
	shape    shape
	text     string // of a bool, number or string
	members  []member
	elements []*node
	raw      []byte
}

type member struct {
	name  string
	value *node
	again bool // an earlier member has the name
}

// givenTwice is what is wrong with a member whose name is there again.
const givenTwice = "is given twice"

func (n *node) member(name string) *node {
	for _, m := range n.members {
		if m.name == name {
			return m.value
		}
	}
	return nil
}

func (n *node) describe() string {
	if n.shape == shapeNumber {
		return cut(n.text)
	}
	return n.shape.String()
}

// parse reads one JSON value into nodes. It refuses what encoding/json would let pass: bytes that are not UTF-8, anything
// behind the value. Repeated keys are marked for bind, which knows their paths.
func parse(data []byte) (*node, Problems) {
	if !utf8.Valid(data) {
		return nil, Problems{{Message: "the JSON is not valid UTF-8"}}
	}
	if len(bytes.Trim(data, whiteSpace)) == 0 {
		return nil, Problems{{Message: "the JSON is empty"}}
	}
	p := parser{data: data, d: json.NewDecoder(bytes.NewReader(data))}
	p.d.UseNumber()
	n := p.value(0)
	if len(p.problems) > 0 {
		return nil, p.problems
	}
	if rest := bytes.Trim(data[p.d.InputOffset():], whiteSpace); len(rest) > 0 {
		return nil, Problems{{Message: fmt.Sprintf("there is something behind the JSON at byte %d: %s", len(data)-len(rest), quoteShort(string(rest)))}}
	}
	return n, nil
}

type parser struct {
	data     []byte
	d        *json.Decoder
	problems Problems
}

// token reads the next token; nil after a problem.
func (p *parser) token() json.Token {
	if len(p.problems) > 0 {
		return nil
	}
	t, err := p.d.Token()
	if err != nil {
		p.problems.Add("", "the JSON is broken at byte %d: %s", p.d.InputOffset(), strings.TrimPrefix(err.Error(), "json: "))
	}
	return t
}

func (p *parser) value(depth int) *node {
	start := p.start()
	t := p.token()
	n := &node{}
	switch t := t.(type) {
	case nil:
	case bool:
		n.shape, n.text = shapeBool, strconv.FormatBool(t)
	case json.Number:
		n.shape, n.text = shapeNumber, t.String()
	case string:
		n.shape, n.text = shapeString, t
	case json.Delim:
		if depth == maxDepth {
			p.problems.Add("", "the JSON nests deeper than %d levels at byte %d", maxDepth, start)
			return n
		}
		if t == '{' {
			p.object(n, depth)
		} else {
			p.array(n, depth)
		}
	}
	if len(p.problems) == 0 {
		n.raw = p.data[start:p.d.InputOffset()]
	}
	return n
}

// start is where the next value begins: behind white space, a comma and a colon.
func (p *parser) start() int64 {
	i := p.d.InputOffset()
	for i < int64(len(p.data)) && strings.IndexByte(whiteSpace+",:", p.data[i]) >= 0 {
		i++
	}
	return i
}

func (p *parser) object(n *node, depth int) {
	n.shape = shapeObject
	seen := map[string]bool{}
	for len(p.problems) == 0 && p.d.More() {
		name, _ := p.token().(string)
		n.members = append(n.members, member{name: name, again: seen[name], value: p.value(depth + 1)})
		seen[name] = true
	}
	p.token()
}

func (p *parser) array(n *node, depth int) {
	n.shape = shapeArray
	for len(p.problems) == 0 && p.d.More() {
		n.elements = append(n.elements, p.value(depth+1))
	}
	p.token()
}

// quoteShort quotes a string for a message, cut where it is long.
func quoteShort(s string) string {
	if len(s) > 60 {
		s = strings.ToValidUTF8(s[:60], "") + "..."
	}
	return strconv.Quote(s)
}
