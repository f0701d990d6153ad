package table

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// An asked is a request as the rule of choice sees it. path is in its normal form.
type asked struct {
	host, path, method, query string
	headers                   []string // "Name: value"
}

// naive answers which listener and rule serve a request straight from the rule of choice: it lists everything that
// matches, sorts it, and takes the first. It shares no code with the table. Empty names mean none.
func naive(set *spec.Set, place Place, q asked) (listener, rule string) {
	host, path := strings.TrimSuffix(q.host, "."), q.path
	type option struct {
		name string
		keys []int
	}
	first := func(options []option) string {
		slices.SortFunc(options, func(a, b option) int {
			return cmp.Or(slices.Compare(a.keys, b.keys), cmp.Compare(a.name, b.name))
		})
		if len(options) == 0 {
			return ""
		}
		return options[0].name
	}

	var listeners []option
	for _, e := range set.All(spec.Listeners) {
		l := e.Object.(*spec.Listener)
		if l.Address != place.Address || l.Port != place.Port {
			continue
		}
		for _, pattern := range orNone(l.Hostnames) {
			if keys, ok := naiveHost(pattern, host); ok {
				listeners = append(listeners, option{l.Name, keys})
			}
		}
	}
	listener = first(listeners)

	var rules []option
	for _, e := range set.All(spec.Rules) {
		r := e.Object.(*spec.Rule)
		if listener == "" || r.Listener != listener {
			continue
		}
		priority := []int{1, 0}
		if r.Priority != nil {
			priority = []int{0, *r.Priority}
		}
		var m spec.Match
		if r.Match != nil {
			m = *r.Match
		}
		conditions, met := naiveDemand(m, q)
		if !met {
			continue
		}
		for _, hostname := range orNone(m.Hostnames) {
			for _, pattern := range orNone(m.Paths) {
				h, hostMatches := naiveHost(hostname, host)
				p, pathMatches := naivePath(pattern, path)
				if hostMatches && pathMatches {
					rules = append(rules, option{r.Name, slices.Concat(priority, h, p, []int{-conditions})})
				}
			}
		}
	}
	return listener, first(rules)
}

// naiveDemand: the number of conditions beside host and path, and whether all hold.
func naiveDemand(m spec.Match, q asked) (conditions int, met bool) {
	met = true
	if len(m.Methods) > 0 {
		conditions++
		met = slices.Contains(m.Methods, q.method)
	}
	headers, query := map[string][]string{}, map[string][]string{}
	for _, h := range q.headers {
		name, value, _ := strings.Cut(h, ": ")
		headers[strings.ToLower(name)] = append(headers[strings.ToLower(name)], value)
	}
	for _, pair := range strings.Split(q.query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if pair != "" {
			query[naiveDecode(name)] = append(query[naiveDecode(name)], naiveDecode(value))
		}
	}
	for name, v := range m.Headers {
		conditions++
		met = met && naiveValue(v, headers[strings.ToLower(name)])
	}
	for name, v := range m.Query {
		conditions++
		met = met && naiveValue(v, query[name])
	}
	return conditions, met
}

func naiveValue(v spec.ValueMatch, given []string) bool {
	if v.Absent {
		return len(given) == 0
	}
	return slices.ContainsFunc(given, func(s string) bool {
		return (len(v.Equals) == 0 || slices.Contains(v.Equals, s)) && (v.Prefix == nil || strings.HasPrefix(s, *v.Prefix)) &&
			(v.Pattern == nil || regexp.MustCompile(*v.Pattern).MatchString(s))
	})
}

var escape = regexp.MustCompile(`%[0-9a-fA-F]{2}`)

func naiveDecode(s string) string {
	return escape.ReplaceAllStringFunc(strings.ReplaceAll(s, "+", " "), func(e string) string {
		n, _ := strconv.ParseUint(e[1:], 16, 8)
		return string([]byte{byte(n)})
	})
}

func orNone(list []string) []string {
	if len(list) == 0 {
		return []string{""}
	}
	return list
}

// naiveHost: exact, then wildcards with more literal characters, then with fewer wildcards, then none.
func naiveHost(pattern, host string) (keys []int, ok bool) {
	if pattern == "" {
		return []int{2, 0, 0}, true
	}
	if len(host) > 255 {
		return nil, false
	}
	expression := regexp.QuoteMeta(pattern)
	expression = strings.ReplaceAll(expression, `\*`, `.*`)
	expression = strings.ReplaceAll(expression, `\?`, `.`)
	if !regexp.MustCompile(`(?is)\A` + expression + `\z`).MatchString(host) {
		return nil, false
	}
	wildcards := strings.Count(pattern, "*") + strings.Count(pattern, "?")
	if wildcards == 0 {
		return []int{0, 0, 0}, true
	}
	return []int{1, -(len(pattern) - wildcards), wildcards}, true
}

// naivePath: exact, then the longest prefix, then none. path is in its normal form.
func naivePath(pattern, path string) (keys []int, ok bool) {
	folded := strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, pattern)
	prefix, isPrefix := strings.CutSuffix(folded, "*")
	switch {
	case pattern == "":
		return []int{2, 0}, true
	case isPrefix:
		return []int{1, -len(prefix)}, strings.HasPrefix(path, prefix)
	}
	return []int{0, 0}, path == folded
}
