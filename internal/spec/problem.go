package spec

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A Problem is one thing wrong with one field. It travels unchanged from Check through the API's answer to the
// Terraform attribute.
type Problem struct {
	// Path leads to the field: targets["a"].port, match.statuses[0]. Empty means the object as a whole.
	Path string `json:"path"`
	// Message is a sentence for the person who wrote the value, without the path and without a final full stop.
	Message string `json:"message"`
	// Needs names other paths on which the verdict rests. Where one of them is not known yet, as in a Terraform plan,
	// the problem may be none. A path with AnyElement behind it is that of a map's elements, whatever their keys, but not of
	// what is in them.
	Needs []string `json:"-"`
	// More is 0, but for the last of MaxProblems and one: it says that there were so many more.
	More int `json:"-"`
}

// AnyElement stands behind the path of a map in Problem.Needs.
const AnyElement = "[*]"

// MaxProblems is how many problems are told one by one. Whoever makes more mistakes makes the same ones again, and a
// small document must not get an answer many times its size.
const MaxProblems = 100

// Problems are several of them, in the order of the fields: at most MaxProblems, and one that counts the rest. Nil means
// that nothing is wrong.
type Problems []Problem

// Add notes a problem at a path.
func (ps *Problems) Add(path, format string, args ...any) {
	ps.AddNeeding(path, nil, format, args...)
}

// AddNeeding notes a problem at a path that rests on other paths too.
func (ps *Problems) AddNeeding(path string, needs []string, format string, args ...any) {
	if len(*ps) >= MaxProblems {
		ps.count(1)
		return
	}
	*ps = append(*ps, Problem{Path: path, Message: fmt.Sprintf(format, args...), Needs: needs})
}

// Append adds the problems of another part of the same whole.
func (ps *Problems) Append(others Problems) {
	for _, p := range others {
		switch {
		case p.More > 0:
			ps.count(p.More)
		case len(*ps) >= MaxProblems:
			ps.count(1)
		default:
			*ps = append(*ps, p)
		}
	}
}

// count notes n problems that are not told, behind those that are.
func (ps *Problems) count(n int) {
	last := len(*ps) - 1
	if last < 0 || (*ps)[last].More == 0 {
		*ps, last = append(*ps, Problem{}), last+1
	}
	n += (*ps)[last].More
	message := "has 1 more problem"
	if n > 1 {
		message = fmt.Sprintf("has %d more problems", n)
	}
	(*ps)[last] = Problem{Message: message, More: n}
}

// At returns the problems with their paths moved below base.
func (ps Problems) At(base string) Problems {
	moved := make(Problems, len(ps))
	for i, p := range ps {
		p.Path = join(base, p.Path)
		moved[i] = p
	}
	return moved
}

// Error makes Problems an error where one is wanted: all of them in a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "; ")
}

// String is path and message, as in a log line.
func (p Problem) String() string {
	if p.Path == "" {
		return p.Message
	}
	return p.Path + ": " + p.Message
}

// join appends a path to a base; either may be empty.
func join(base, path string) string {
	switch {
	case base == "":
		return path
	case path == "" || path[0] == '[':
		return base + path
	}
	return base + "." + path
}

// at appends an index to a path.
func at(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// key appends a map key to a path.
func key(path, k string) string { return path + "[" + strconv.Quote(cut(k)) + "]" }

// maxStep is how many bytes of a name that nobody but its writer knows stand in a path. No name or key that is legal has
// more.
const maxStep = maxKey

// cut shortens what is too long to be told in full.
func cut(name string) string {
	if len(name) <= maxStep {
		return name
	}
	return strings.ToValidUTF8(name[:maxStep], "") + "..."
}

// Steps splits a Path into its parts: a string for a field, an int for an index of a list, a MapKey for a key of a map.
func Steps(path string) ([]any, error) {
	var steps []any
	for rest := path; rest != ""; {
		if rest[0] == '[' {
			step, left, err := bracket(rest)
			if err != nil {
				return nil, fmt.Errorf("path %q: %w", path, err)
			}
			steps, rest = append(steps, step), left
			continue
		}
		if len(steps) > 0 {
			if rest[0] != '.' {
				return nil, fmt.Errorf("path %q: a dot is missing before %q", path, rest)
			}
			rest = rest[1:]
		}
		end := strings.IndexAny(rest, ".[")
		if end < 0 {
			end = len(rest)
		}
		if end == 0 {
			return nil, fmt.Errorf("path %q: an empty name", path)
		}
		steps, rest = append(steps, rest[:end]), rest[end:]
	}
	return steps, nil
}

// A MapKey is a step of a path into a map.
type MapKey string

// bracket reads one [0] or ["key"] from the start of s.
func bracket(s string) (step any, rest string, err error) {
	inner := s[1:]
	if strings.HasPrefix(inner, `"`) {
		quoted, err := strconv.QuotedPrefix(inner)
		if err != nil {
			return nil, "", errors.New("a map key is not quoted well")
		}
		k, err := strconv.Unquote(quoted)
		if err != nil || !strings.HasPrefix(inner[len(quoted):], "]") {
			return nil, "", errors.New("a map key is not closed")
		}
		return MapKey(k), inner[len(quoted)+1:], nil
	}
	digits, rest, found := strings.Cut(inner, "]")
	i, err := strconv.Atoi(digits)
	if !found || err != nil || i < 0 {
		return nil, "", errors.New("an index is not a number")
	}
	return i, rest, nil
}
