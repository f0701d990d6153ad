package table

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// request is the part of a request that demands are about.
type request = *http1.Request

// A value is a condition on a header or a query parameter.
type value struct {
	name    string // of a header in lower case
	header  bool
	id      http1.FieldID // of a header
	is      test
	equals  []string
	prefix  string
	pattern *regexp.Regexp // nil where it cannot be compiled: no value holds a match
	cost    int            // of a byte, with the pattern
}

// A test is how a value is looked at.
type test uint8

const (
	isPresent test = iota
	isAbsent
	isOneOf
	begins
	matches
)

func newValue(name string, header bool, o spec.ValueMatch) value {
	v := value{name: name, header: header}
	if header {
		v.id = http1.Lookup([]byte(name))
	}
	switch {
	case o.Absent:
		v.is = isAbsent
	case len(o.Equals) > 0:
		v.is, v.equals = isOneOf, slices.Compact(slices.Sorted(slices.Values(o.Equals)))
	case o.Prefix != nil:
		v.is, v.prefix = begins, *o.Prefix
	case o.Pattern != nil:
		v.is, v.prefix = matches, *o.Pattern
		if cost, err := spec.PatternCost(*o.Pattern); err == nil {
			v.pattern, _ = regexp.Compile(*o.Pattern)
			v.cost = cost
		}
	}
	return v
}

// String is the condition for a person.
func (v *value) String() string {
	what := "query parameter"
	if v.header {
		what = "header"
	}
	switch v.is {
	case isAbsent:
		return fmt.Sprintf("no %s %q", what, v.name)
	case isOneOf:
		quoted := make([]string, len(v.equals))
		for i, s := range v.equals {
			quoted[i] = fmt.Sprintf("%q", s)
		}
		return fmt.Sprintf("%s %q equal to %s", what, v.name, strings.Join(quoted, " or "))
	case begins:
		return fmt.Sprintf("%s %q beginning with %q", what, v.name, v.prefix)
	case matches:
		return fmt.Sprintf("%s %q matching %q", what, v.name, v.prefix)
	}
	return fmt.Sprintf("%s %q", what, v.name)
}

// implies says whether a value that meets v meets other too. It may miss that one does.
func (v *value) implies(other *value) bool {
	if v.header != other.header || v.name != other.name {
		return false
	}
	switch {
	case v.is == isAbsent || other.is == isAbsent:
		return v.is == other.is
	case other.is == isPresent:
		return true
	case v.is == isOneOf && other.is == isOneOf:
		return subset(v.equals, other.equals)
	case v.is == isOneOf && other.is == begins:
		return !slices.ContainsFunc(v.equals, func(s string) bool { return !strings.HasPrefix(s, other.prefix) })
	case v.is == begins && other.is == begins:
		return strings.HasPrefix(v.prefix, other.prefix)
	}
	return v.is == other.is && v.prefix == other.prefix
}

// holds says whether the request meets the condition: of several values, one is enough.
func (t *trial) holds(v *value) bool {
	if v.header {
		return t.headerHolds(v)
	}
	return t.queryHolds(v)
}

// headerHolds looks at what targets get to see: a field that ends here, or that Connection nominates, is absent.
func (t *trial) headerHolds(v *value) bool {
	r := t.request
	t.work += 1 + len(r.Fields)/4 // Most names are told apart by one comparison.
	for i := range r.Fields {
		f := &r.Fields[i]
		if f.ID != v.id || !http1.EqualFold(f.Name, v.name) {
			continue
		}
		if r.Drop(i) && !(f.ID == http1.FieldUpgrade && r.Upgrade) {
			continue
		}
		switch v.is {
		case isPresent:
			return true
		case isAbsent:
			return false
		}
		t.work += v.steps(len(f.Value))
		if t.spent() {
			return false
		}
		if v.takes(f.Value) {
			return true
		}
	}
	return v.is == isAbsent
}

// steps is what a value of a length, as it is, costs. Comparing whole words is cheap.
func (v *value) steps(n int) int {
	if v.is == matches && n <= maxMatched {
		return n * v.cost
	}
	return max(len(v.equals), 1) * (1 + n/32)
}

// maxMatched is the longest value that is matched with a pattern.
const maxMatched = 4096

// takes says whether the condition holds for a value as it is.
func (v *value) takes(b []byte) bool {
	switch v.is {
	case isOneOf:
		for _, s := range v.equals {
			if string(b) == s {
				return true
			}
		}
	case begins:
		return len(b) >= len(v.prefix) && string(b[:len(v.prefix)]) == v.prefix
	case matches:
		return v.pattern != nil && len(b) <= maxMatched && v.pattern.Match(b)
	}
	return false
}

func (t *trial) queryHolds(v *value) bool {
	rest := t.request.Query
	t.work += len(rest)
	for len(rest) > 0 {
		var pair []byte
		pair, rest, _ = bytes.Cut(rest, ampersand)
		if len(pair) == 0 {
			continue
		}
		name, raw, _ := bytes.Cut(pair, equalsSign)
		if n, ok := decodesTo(name, v.name); !ok || n != len(name) {
			continue
		}
		switch v.is {
		case isPresent:
			return true
		case isAbsent:
			return false
		}
		t.work += len(raw) * max(len(v.equals), v.cost, 1)
		if t.spent() {
			return false
		}
		if v.takesRaw(raw) {
			return true
		}
	}
	return v.is == isAbsent
}

var ampersand, equalsSign = []byte("&"), []byte("=")

// takesRaw says whether the condition holds for what a value of a query decodes to.
func (v *value) takesRaw(raw []byte) bool {
	switch v.is {
	case isOneOf:
		for _, s := range v.equals {
			if n, ok := decodesTo(raw, s); ok && n == len(raw) {
				return true
			}
		}
		return false
	case begins:
		_, ok := decodesTo(raw, v.prefix)
		return ok
	}
	buf := buffers.Get().(*[maxMatched]byte)
	defer buffers.Put(buf)
	n := 0
	for len(raw) > 0 {
		if n == maxMatched {
			return false
		}
		c, used := queryByte(raw)
		buf[n], raw = c, raw[used:]
		n++
	}
	return v.takes(buf[:n])
}

// buffers are for decoded values, which a pattern needs in one piece.
var buffers = sync.Pool{New: func() any { return new([maxMatched]byte) }}

// decodesTo says whether raw, decoded, begins with want, and how much of raw that is.
func decodesTo(raw []byte, want string) (n int, ok bool) {
	for i := range len(want) {
		if n == len(raw) {
			return 0, false
		}
		c, used := queryByte(raw[n:])
		if c != want[i] {
			return 0, false
		}
		n += used
	}
	return n, true
}

// queryByte decodes the first byte of a part of a query: "+" is a space, and what is no valid escape is itself.
func queryByte(raw []byte) (c byte, used int) {
	switch c = raw[0]; {
	case c == '+':
		return ' ', 1
	case c == '%' && len(raw) > 2 && unhex[raw[1]] >= 0 && unhex[raw[2]] >= 0:
		return byte(unhex[raw[1]])<<4 | byte(unhex[raw[2]]), 3
	}
	return c, 1
}
