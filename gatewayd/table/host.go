package table

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
)

// hosts finds what belongs to a host: exact names and "*.suffix" in maps, other patterns in a list.
type hosts[T any] struct {
	exact    map[string]T
	suffixes map[string]T // of "*.x", by x
	longest  int          // length of the longest key of suffixes
	patterns []patterned[T]
	odd      map[string]T // the patterns by their text, for get
	rest     T            // of every host; the zero value where nothing is
}

type patterned[T any] struct {
	pattern
	value T
}

// grow makes room for host conditions that will be put.
func (h *hosts[T]) grow(conditions []string) {
	exact, suffixes := 0, 0
	for _, c := range conditions {
		switch _, wild := wildcardSuffix(c); {
		case wild:
			suffixes++
		case c != "" && !wildcard(c):
			exact++
		}
	}
	if exact > 0 {
		h.exact = make(map[string]T, exact)
	}
	if suffixes > 0 {
		h.suffixes = make(map[string]T, suffixes)
	}
}

// wildcard says whether a host condition has wildcards.
func wildcard(host string) bool {
	return strings.IndexByte(host, '*') >= 0 || strings.IndexByte(host, '?') >= 0
}

// put stores a value under a host condition in lower case; "" means every host. Each condition is put once.
func (h *hosts[T]) put(host string, value T) {
	switch suffix, wild := wildcardSuffix(host); {
	case host == "":
		h.rest = value
	case wild:
		if h.suffixes == nil {
			h.suffixes = map[string]T{}
		}
		h.suffixes[suffix] = value
		h.longest = max(h.longest, len(suffix))
	case wildcard(host):
		if h.odd == nil {
			h.odd = map[string]T{}
		}
		h.odd[host] = value
		h.patterns = append(h.patterns, patterned[T]{newPattern(host), value})
	default:
		if h.exact == nil {
			h.exact = map[string]T{}
		}
		h.exact[host] = value
	}
}

// get is what was put under a host condition, or the zero value.
func (h *hosts[T]) get(host string) T {
	switch suffix, wild := wildcardSuffix(host); {
	case host == "":
		return h.rest
	case wild:
		return h.suffixes[suffix]
	case wildcard(host):
		return h.odd[host]
	}
	return h.exact[host]
}

// sort puts the patterns in the order in which they are tried. It is called once, after everything was put.
func (h *hosts[T]) sort() {
	slices.SortFunc(h.patterns, func(a, b patterned[T]) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.text, b.text))
	})
}

// wildcardSuffix is the x of "*.x" where x has no wildcard.
func wildcardSuffix(host string) (string, bool) {
	suffix, ok := strings.CutPrefix(host, "*.")
	return suffix, ok && suffix != "" && !wildcard(suffix)
}

// suffixRank is the rank of "*." and a suffix of a length.
func suffixRank(length int) uint64 { return uint64(1 + (maxHost-min(length+1, maxHost))*8 + 1) }

// nextSuffix is the longest part of host behind a dot that may be a key of suffixes; nil if there is none.
func (h *hosts[T]) nextSuffix(host []byte) []byte {
	if len(h.suffixes) == 0 {
		return nil
	}
	// The dot before a key of the longest length is the first that can matter.
	if start := len(host) - h.longest - 1; start > 0 {
		host = host[start:]
	}
	i := bytes.IndexByte(host, '.')
	if i < 0 || i == len(host)-1 {
		return nil
	}
	return host[i+1:]
}

// fold writes a host in lower case and without a dot at its end into buf. ok is false where it is too long to be a name.
func fold(buf *[maxHost]byte, host []byte) (name []byte, ok bool) {
	if n := len(host); n > 0 && host[n-1] == '.' {
		host = host[:n-1]
	}
	if len(host) > maxHost {
		return nil, false
	}
	for i, c := range host {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		buf[i] = c
	}
	return buf[:len(host)], true
}
