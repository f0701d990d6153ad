package spec

import (
	"errors"
	"strings"
)

// checkPathPrefix is the grammar of what is put before a path. Whoever reads the result must see one path, so it holds
// nothing that some read differently: no query, no empty segment, no dot-segment, no escaped slash.
func checkPathPrefix(s string) error {
	if err := checkRequestPath(s); err != nil {
		return err
	}
	plain := decoded(s)
	switch {
	case strings.Contains(s, "?"):
		return errors.New("must not hold \"?\"; the query is the client's")
	case strings.Contains(s, "//"):
		return errors.New("must not hold empty segments, as in \"//\"")
	case strings.Count(plain, "/") != strings.Count(s, "/") || strings.ContainsAny(plain, "\\\x00"):
		return errors.New("must not hold an escaped \"/\", \"\\\" or NUL")
	}
	for _, segment := range strings.Split(plain, "/") {
		if segment, _, _ = strings.Cut(segment, ";"); segment == "." || segment == ".." {
			return errors.New("must not hold \".\" or \"..\" segments")
		}
	}
	return nil
}
