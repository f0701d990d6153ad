package spec

import (
	"errors"
	"fmt"
	"maps"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"
)

// A ValueMatch is what a header or a query parameter must be. At most one field is given; none means present.
type ValueMatch struct {
	Equals  []string `json:"equals" tfsdk:"equals" spec:"set,is=value,0..100" doc:"The value is one of these, every letter as it is."`
	Prefix  *string  `json:"prefix" tfsdk:"prefix" spec:"is=value" doc:"The value begins so."`
	Pattern *string  `json:"pattern" tfsdk:"pattern" spec:"is=pattern" doc:"The value holds a match of this regular expression (RE2). \"^\" and \"$\" tie it to the ends, \"(?i)\" ignores case. A value of more than 4096 bytes holds none."`
	Absent  bool     `json:"absent" tfsdk:"absent" doc:"There is no value at all."`
}

// given names the fields that are given, in their order.
func (v *ValueMatch) given() (fields []string) {
	if len(v.Equals) > 0 {
		fields = append(fields, "equals")
	}
	if v.Prefix != nil {
		fields = append(fields, "prefix")
	}
	if v.Pattern != nil {
		fields = append(fields, "pattern")
	}
	if v.Absent {
		fields = append(fields, "absent")
	}
	return fields
}

func (v *ValueMatch) check(ps *Problems, path string) {
	if given := v.given(); len(given) > 1 {
		ps.AddNeeding(join(path, given[1]), []string{join(path, given[0])}, "cannot be given together with %s; keep one of the two", given[0])
	}
}

// checkHeaders checks what the grammar of a rule's header conditions does not say.
func checkHeaders(ps *Problems, path string, of map[string]ValueMatch) {
	for _, name := range slices.Sorted(maps.Keys(of)) {
		v, where := of[name], key(path, name)
		if why := unmatchable(Lower(name)); why != "" {
			ps.Add(where, "names a header that rules cannot go by: %s", why)
		}
		v.check(ps, where)
		trimmed := func(field, s string) {
			if strings.Trim(s, " \t") != s && (field == "equals" || strings.TrimLeft(s, " \t") != s) {
				ps.Add(join(where, field), "%s has spaces at its ends, which no header's value has", quoteShort(s))
			}
		}
		for _, s := range v.Equals {
			trimmed("equals", s)
		}
		if v.Prefix != nil {
			trimmed("prefix", *v.Prefix)
		}
	}
}

// unmatchable says why no rule goes by a header, named in lower case; "" where one can. Rules see what targets see: not
// what ends at the gateway, nor what a client claims about itself.
func unmatchable(name string) string {
	switch name {
	case "host":
		return "match.hostnames is about the host"
	case "connection", "http2-settings", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "transfer-encoding":
		return "it belongs to the client's connection and ends at the gateway"
	case "forwarded", "x-original-host", "x-real-ip", "x-request-id":
		return "the gateway writes it, whatever the client sends"
	}
	if strings.HasPrefix(name, "x-forwarded-") {
		return "the gateway writes it, whatever the client sends"
	}
	return ""
}

// The bounds of what a value is compared with. With them and those of a request's head, matching takes a bounded time.
const (
	maxValue        = 1024 // bytes
	maxPattern      = 256  // bytes
	maxInstructions = 256  // of the compiled pattern; a byte of a value takes at most so many steps
)

// checkValue is the grammar of the text that a value is compared with.
func checkValue(s string) error {
	if len(s) > maxValue || !utf8.ValidString(s) {
		return fmt.Errorf("must be text in UTF-8 of at most %d bytes", maxValue)
	}
	for _, c := range s {
		if c < ' ' && c != '\t' || c == 0x7f {
			return errors.New("must not hold control characters")
		}
	}
	return nil
}

// checkPattern is the grammar of regular expressions.
func checkPattern(s string) error {
	if len(s) > maxPattern {
		return fmt.Errorf("must be at most %d bytes long", maxPattern)
	}
	if err := checkValue(s); err != nil {
		return err
	}
	n, err := PatternCost(s)
	if err != nil {
		return fmt.Errorf("must be a regular expression in the syntax of RE2: %s", err)
	}
	if n > maxInstructions {
		return errors.New("is too large a regular expression; count less, as in {1,100}")
	}
	return nil
}

// PatternCost is how many steps a byte of a value takes at most in a match of a regular expression.
func PatternCost(s string) (int, error) {
	parsed, err := syntax.Parse(s, syntax.Perl)
	if err != nil {
		return 0, err
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return 0, err
	}
	return len(program.Inst), nil
}
