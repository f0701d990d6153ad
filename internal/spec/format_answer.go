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

// checkRedirectURL is the grammar of an absolute URL of http or https, without what would lead somewhere else than it
// seems to, such as user information.
func checkRedirectURL(s string) error {
	scheme, rest, _ := strings.Cut(s, "://")
	if scheme = Lower(scheme); scheme != "http" && scheme != "https" {
		return errors.New("must be an absolute URL such as https://www.example.com/new")
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	if checkAuthority(rest[:end]) != nil {
		return errors.New("must have a host name or IP address behind \"//\", perhaps with a port; a name of other letters is written in Punycode")
	}
	if rest = rest[end:]; strings.Count(rest, "#") > 1 {
		return errors.New("must not hold \"#\" twice")
	}
	return checkRequestPath("/" + strings.Replace(rest, "#", "", 1))
}
