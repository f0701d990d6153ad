package table

import "strings"

// Origins are those whose pages are let in.
type Origins struct {
	exact map[string]bool // in lower case
	below []below
}

// A below is all names below another one, of a scheme and port.
type below struct{ scheme, rest string } // "https://" and ".example.com:8443"

// newOrigins compiles allowed_origins; nil where everybody is let in.
func newOrigins(list []string) *Origins {
	if len(list) == 0 {
		return nil
	}
	o := &Origins{exact: map[string]bool{}}
	for _, s := range list {
		s = strings.ToLower(s)
		if scheme, rest, ok := strings.Cut(s, "*"); ok {
			o.below = append(o.below, below{scheme, rest})
		} else {
			o.exact[s] = true
		}
	}
	return o
}

// Has says whether an origin, as a browser sends it, is let in.
func (o *Origins) Has(origin []byte) bool {
	var buf [maxHost + 32]byte
	if len(origin) > len(buf) {
		return false
	}
	s := buf[:len(origin)]
	for i, c := range origin {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		s[i] = c
	}
	if o.exact[string(s)] {
		return true
	}
	for _, b := range o.below {
		if n := len(s) - len(b.rest); n > len(b.scheme) && string(s[:len(b.scheme)]) == b.scheme && string(s[n:]) == b.rest && named(s[len(b.scheme):n]) {
			return true
		}
	}
	return false
}

// named says that s is labels of a host name and nothing else of a URL.
func named(s []byte) bool {
	for _, c := range s {
		if c != '.' && c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return s[0] != '.'
}
