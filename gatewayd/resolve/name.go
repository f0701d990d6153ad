package resolve

import (
	"fmt"
	"net/netip"
	"strings"
)

// Limits of names (RFC 1035, section 2.3.4), in bytes without the dot at the end.
const (
	maxName  = 253
	maxLabel = 63
)

// lower is a name as names are compared: letters beyond ASCII are as they are (RFC 4343).
func lower(name string) string {
	return strings.Map(func(c rune) rune {
		if 'A' <= c && c <= 'Z' {
			return c + 'a' - 'A'
		}
		return c
	}, name)
}

// wrong says why a name is never looked up; empty where it is. It takes what host names are made of, and "_", which
// names of services have.
func wrong(name string) string {
	bare := strings.TrimSuffix(name, ".")
	switch {
	case isAddress(bare):
		return fmt.Sprintf("%s is an IP address, and only names are looked up", quote(name))
	case bare == "" || len(bare) > maxName:
		return fmt.Sprintf("%s is no DNS name: one has 1 to %d characters", quote(name), maxName)
	case strings.ContainsFunc(bare, unusual):
		return fmt.Sprintf("%s is no DNS name: it consists of letters, digits, \"-\", \"_\" and \".\"", quote(name))
	}
	for label := range strings.SplitSeq(bare, ".") {
		if label == "" || len(label) > maxLabel {
			return fmt.Sprintf("%s is no DNS name: between its dots are 1 to %d characters", quote(name), maxLabel)
		}
	}
	return ""
}

func unusual(c rune) bool {
	return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.'
}

// isAddress says whether a name is an IP address, also in the forms that only inet_aton(3) knows, as "127.1" and
// "0x7f000001": other programs would not look these up either.
func isAddress(name string) bool {
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return true
	}
	for part := range strings.SplitSeq(name, ".") {
		digits := "0123456789"
		if hex, ok := strings.CutPrefix(part, "0x"); ok {
			part, digits = hex, "0123456789abcdef"
		}
		if part == "" || strings.Trim(part, digits) != "" {
			return false
		}
	}
	return true
}

// isLocalhost says whether a name means this host whatever DNS says (RFC 6761, section 6.3).
func isLocalhost(name string) bool {
	name = strings.TrimSuffix(name, ".")
	return name == "localhost" || strings.HasSuffix(name, ".localhost")
}

// maxReason bounds a reason, in bytes.
const maxReason = 300

// clip cuts a text to maxReason bytes.
func clip(text string) string {
	if len(text) <= maxReason {
		return text
	}
	return strings.ToValidUTF8(text[:maxReason-3], "") + "..."
}

// quote is a name as it stands in a reason: ASCII, and short enough to leave room for the rest.
func quote(name string) string {
	if len(name) > 100 {
		name = name[:97] + "..."
	}
	return clip(fmt.Sprintf("%+q", name))
}
