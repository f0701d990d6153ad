package table

import "strings"

// An entry is a rule at a place of an index. Smaller ranks come first, and of equal ones the smaller name.
type entry struct {
	rank  uint64 // of priority, path and conditions; the host is added where it is known
	route *Route // nil means no entry
}

// better is the entry of the two that is chosen.
func better(e, other entry) entry {
	if e.before(other) {
		return e
	}
	return other
}

// before says whether e is chosen rather than other.
func (e entry) before(other entry) bool {
	if e.route == nil || other.route == nil {
		return e.route != nil
	}
	if e.rank != other.rank {
		return e.rank < other.rank
	}
	return e.route.RuleName < other.route.RuleName
}

// A prefixes is a radix tree of path prefixes. A lookup costs the length of the path, whatever the number of prefixes.
type prefixes[T any] struct {
	nodes []prefixNode[T] // the first is the root
	over  func(own, above T) T
}

type prefixNode[T any] struct {
	label string // what the node adds to its parent
	keys  string // first bytes of the children's labels, in order
	first int32  // index of the first child; the others follow
	ends  bool   // a prefix ends here
	value T      // where ends: what holds for this prefix and all shorter ones of it
}

// A prefixEntry is a prefix, without its star, and its value.
type prefixEntry[T any] struct {
	prefix string
	value  T
}

// newPrefixes makes the tree of a list in the order of the prefixes, without duplicates. rest is the value of every
// path; over gives what holds for a prefix by its own value and by what holds above it.
func newPrefixes[T any](list []prefixEntry[T], rest T, over func(own, above T) T) prefixes[T] {
	if len(list) == 0 {
		return prefixes[T]{}
	}
	p := prefixes[T]{nodes: make([]prefixNode[T], 1, 2*len(list)), over: over}
	p.build(0, list, 0, rest)
	return p
}

// build fills the node at index i with a list that shares its first depth bytes.
func (p *prefixes[T]) build(i int32, list []prefixEntry[T], depth int, above T) {
	low, high := list[0].prefix, list[len(list)-1].prefix
	end := depth
	for end < len(low) && low[end] == high[end] {
		end++
	}
	n := prefixNode[T]{label: low[depth:end]}
	if len(low) == end {
		n.ends, n.value = true, p.over(list[0].value, above)
		above = n.value
		list = list[1:]
	}
	var starts []int
	var keys strings.Builder
	for k := range list {
		if c := list[k].prefix[end]; k == 0 || c != list[k-1].prefix[end] {
			starts = append(starts, k)
			keys.WriteByte(c)
		}
	}
	n.keys, n.first = keys.String(), int32(len(p.nodes))
	p.nodes[i] = n
	p.nodes = append(p.nodes, make([]prefixNode[T], len(starts))...)
	for k, start := range starts {
		stop := len(list)
		if k+1 < len(starts) {
			stop = starts[k+1]
		}
		p.build(n.first+int32(k), list[start:stop], end, above)
	}
}

// longest is what holds for the longest prefix of a path; the zero value where none is a prefix of it.
func (p *prefixes[T]) longest(path []byte) T {
	var best T
	if len(p.nodes) == 0 {
		return best
	}
	n := &p.nodes[0]
	for {
		if len(path) < len(n.label) || string(path[:len(n.label)]) != n.label {
			return best
		}
		path = path[len(n.label):]
		if n.ends {
			best = n.value
		}
		if len(path) == 0 {
			return best
		}
		k := strings.IndexByte(n.keys, path[0])
		if k < 0 {
			return best
		}
		n = &p.nodes[n.first+int32(k)]
	}
}

// A cell is the rules of one host condition, by path. Each entry is the best of all that match its path, shorter
// prefixes and rules without paths included, so a lookup needs only one.
type cell struct {
	exact    map[string]entry
	prefixes prefixes[entry]
	rest     entry // of every path
}

// find is the best entry of a path.
func (c *cell) find(path []byte) entry {
	if e, ok := c.exact[string(path)]; ok {
		return e
	}
	return c.below(path)
}

// below is the best entry of those that take every path that starts with prefix.
func (c *cell) below(prefix []byte) entry {
	if e := c.prefixes.longest(prefix); e.route != nil {
		return e
	}
	return c.rest
}

// Ranks of path conditions, smaller ones first: an exact path, then prefixes, the longest first, then no condition.
const (
	rankExactPath = 0
	rankAnyPath   = 1<<pathBits - 1
	pathBits      = 12
)

func prefixRank(prefix string) uint64 {
	return uint64(rankAnyPath - 1 - min(len(prefix), rankAnyPath-2))
}

// took is how much of a path the entry's path condition took: the rank tells which of the rule's it was.
func (e entry) took(path []byte) int {
	switch rank := e.rank >> pathShift & (1<<pathBits - 1); {
	case e.route == nil || rank == rankAnyPath:
		return 0
	case rank == rankExactPath:
		return len(path)
	default:
		return min(rankAnyPath-1-int(rank), len(path))
	}
}

// isPrefix takes the star off a path pattern.
func isPrefix(path string) (prefix string, ok bool) { return strings.CutSuffix(path, "*") }
