package spec

import (
	"errors"
	"mime"
	"strings"
)

// This file has the grammars of what the gateway answers by itself.

// checkContentType is the grammar of a media type with perhaps parameters (RFC 9110 section 8.3.1).
func checkContentType(s string) error {
	wrong := errors.New("must be a media type such as text/html; charset=utf-8")
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' {
			return wrong
		}
	}
	whole, _, _ := strings.Cut(s, ";")
	major, minor, found := strings.Cut(strings.TrimSuffix(whole, " "), "/")
	if !found || checkFieldName(major) != nil || checkFieldName(minor) != nil {
		return wrong
	}
	if _, _, err := mime.ParseMediaType(s); err != nil {
		return wrong
	}
	return nil
}
