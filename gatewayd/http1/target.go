package http1

var slash = []byte("/")

// parseTarget takes the request target apart (RFC 9112 3.2) and settles which host is meant.
func (r *Request) parseTarget(c *collected) Reason {
	if c.host < 0 && r.Minor == 1 {
		return ReasonMissingHost
	}
	if c.host >= 0 {
		r.Authority = r.Fields[c.host].Value
		if reason := r.splitAuthority(); reason != 0 {
			return reason
		}
	}
	t := r.Target
	if t[0] == '/' {
		return r.splitPath(t)
	}
	if len(t) == 1 && t[0] == '*' {
		if string(r.Method) != "OPTIONS" {
			return ReasonBadTargetForm
		}
		r.Path = t
		return 0
	}
	return r.splitAbsolute(t)
}

// splitAbsolute reads absolute-form, the only other form that is served. Userinfo fails the grammar of the host.
func (r *Request) splitAbsolute(t []byte) Reason {
	n := 0
	switch {
	case len(t) > 7 && EqualFold(t[:7], "http://"):
		n = 7
	case len(t) > 8 && EqualFold(t[:8], "https://"):
		n = 8
	default:
		return ReasonBadTargetForm
	}
	r.Scheme = t[:n-3]
	end := n
	for end < len(t) && t[end] != '/' && t[end] != '?' {
		end++
	}
	authority := t[n:end]
	if r.Authority == nil {
		r.Authority = authority
		if reason := r.splitAuthority(); reason != 0 {
			return reason
		}
	} else if !sameFold(r.Authority, authority) {
		return ReasonHostMismatch
	}
	if end == len(t) || t[end] == '?' {
		r.Path = slash
		if end < len(t) {
			r.Query, r.HasQuery = t[end+1:], true
		} else if string(r.Method) == "OPTIONS" {
			r.Path = asterisk // RFC 9112 3.2.4
		}
		return 0
	}
	return r.splitPath(t[end:])
}

var asterisk = []byte("*")

// splitPath reads absolute-path ["?" query]. A backslash in the path is refused here, because some read a slash.
func (r *Request) splitPath(t []byte) Reason {
	for i, c := range t {
		if c == '?' {
			r.Path, r.Query, r.HasQuery = t[:i], t[i+1:], true
			return 0
		}
		if c == '\\' {
			return ReasonBadTarget
		}
	}
	r.Path = t
	return 0
}

// ValidAuthority says whether a may be the value of a Host field, by the rules that a client's must keep.
func ValidAuthority(a []byte) bool {
	r := Request{Authority: a}
	return r.splitAuthority() == 0
}

// splitAuthority reads host [":" port] strictly: a host name of letters, digits, '-', '_' and single dots, an IPv4
// address, or an IPv6 address in brackets without zone. Escapes, sub-delims and an empty or odd port are refused.
func (r *Request) splitAuthority() Reason {
	a := r.Authority
	if len(a) == 0 || len(a) > 261 { // 255 for the name, 6 for the port
		return ReasonBadHost
	}
	n := 0
	if a[0] == '[' {
		for n < len(a) && a[n] != ']' {
			n++
		}
		if n == len(a) {
			return ReasonBadHost
		}
		if _, ok := parseIPv6(a[1:n]); !ok {
			return ReasonBadHost
		}
		n++
	} else {
		for n < len(a) && octets[a[n]]&isName != 0 {
			if a[n] == '.' && (n == 0 || a[n-1] == '.') {
				return ReasonBadHost
			}
			n++
		}
		if n == 0 || n > 255 {
			return ReasonBadHost
		}
	}
	r.Host = a[:n]
	if n == len(a) {
		return 0
	}
	port, digits := 0, a[n+1:]
	if a[n] != ':' || len(digits) == 0 || len(digits) > 5 || digits[0] == '0' {
		return ReasonBadHost
	}
	for _, d := range digits {
		if !isDigit(d) {
			return ReasonBadHost
		}
		port = port*10 + int(d-'0')
	}
	if port > 65535 {
		return ReasonBadHost
	}
	r.Port = uint16(port)
	return 0
}
