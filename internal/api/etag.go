package api

import (
	"errors"
	"strconv"
	"strings"
)

// ETag is the strong entity tag of a revision (RFC 9110, 8.8.3).
func ETag(revision uint64) string { return `"` + strconv.FormatUint(revision, 10) + `"` }

// ParseETag reads what ETag wrote. Weak tags, lists, and anything but a decimal revision in quotes are refused: a write
// rests on exactly one version of an object.
func ParseETag(tag string) (revision uint64, err error) {
	if strings.HasPrefix(tag, "W/") {
		return 0, errors.New("is a weak entity tag; a write needs the strong one from the ETag header")
	}
	inner, ok := strings.CutPrefix(tag, `"`)
	if ok {
		inner, ok = strings.CutSuffix(inner, `"`)
	}
	if !ok {
		return 0, errors.New(`must be one entity tag in double quotes, as in the ETag header: "12"`)
	}
	revision, err = strconv.ParseUint(inner, 10, 64)
	// What does not read back the same ("012", "+12") was never an ETag of ours.
	if err != nil || revision == 0 || strconv.FormatUint(revision, 10) != inner {
		return 0, errors.New("is not an entity tag that this gateway gives out")
	}
	return revision, nil
}
