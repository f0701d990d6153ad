package spec

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// formats are the grammars that a field's "is=" tag can name. Each says what is wrong with a string, or nil.
var formats = map[string]func(string) error{
	"name":           checkName,
	"ip":             checkIP,
	"network":        checkNetwork,
	"hostname":       checkHostname,
	"field_name":     checkFieldName,
	"target_address": checkTargetAddress,
	"authority":      checkAuthority,
	"server_name":    checkServerName,
	"request_path":   checkRequestPath,
	"path_pattern":   checkPathPattern,
	"path_prefix":    checkPathPrefix,
	"statuses":       checkStatuses,
	"method":         checkMethod,
	"query_name":     checkQueryName,
	"error_status":   checkErrorStatus,
	"value":          checkValue,
	"pattern":        checkPattern,
	"content_type":   checkContentType,
	"variable":       checkVariable,
	"value_template": checkValueTemplate,
	"path_template":  checkPathTemplate,
	"query_template": checkQueryTemplate,
	"redirect_url":   checkRedirectURL,
	"cookie_name":    checkCookieName,
	"cipher_suite":   checkCipherSuite,
	"certificates":   checkCertificates,
	"origin":         checkOrigin,
}

// maxKey is the longest key of a map, in bytes.
const maxKey = 256

// checkName is the grammar of every name and key: 1 to 80 of A-Z a-z 0-9 . _ -, a letter or digit first.
func checkName(s string) error {
	if len(s) < 1 || len(s) > 80 {
		return errors.New("must be 1 to 80 characters long")
	}
	for i := range len(s) {
		c := s[i]
		if alphanumeric(c) || i > 0 && (c == '.' || c == '_' || c == '-') {
			continue
		}
		return errors.New("must start with a letter or digit and hold only letters, digits, \".\", \"_\" and \"-\"")
	}
	return nil
}

func alphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func hexDigit(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func checkIP(s string) error {
	a, err := netip.ParseAddr(s)
	switch {
	case err != nil:
		return errors.New("must be an IP address such as 10.0.0.5 or 2001:db8::5")
	case a.Zone() != "":
		return errors.New("must be an IP address without a zone")
	case a.Is4In6():
		return errors.New("must be written as the IPv4 address " + a.Unmap().String())
	}
	return nil
}

// unixPrefix begins the address of a Unix socket.
const unixPrefix = "unix:"

// maxSocketPath is the longest path of a Unix socket, in bytes: sun_path of unix(7), on the systems where it is shortest.
const maxSocketPath = 103

func checkTargetAddress(s string) error {
	_, err := parseTargetAddress(s)
	return err
}

// parseTargetAddress reads an IP literal, "unix:" and an absolute path, or a DNS name (RFC 1123 section 2.1, with the
// "_" that names of services have).
func parseTargetAddress(s string) (TargetAddress, error) {
	if path, ok := strings.CutPrefix(s, unixPrefix); ok {
		switch {
		case !strings.HasPrefix(path, "/"):
			return TargetAddress{}, errors.New("must name a Unix socket by an absolute path, as in unix:/run/app.sock")
		case len(path) > maxSocketPath:
			return TargetAddress{}, fmt.Errorf("must name a Unix socket by a path of at most %d bytes", maxSocketPath)
		case strings.ContainsRune(path, 0) || !utf8.ValidString(path):
			return TargetAddress{}, errors.New("must name a Unix socket by a path without NUL, in UTF-8")
		}
		return TargetAddress{Path: path}, nil
	}
	if ip, err := netip.ParseAddr(s); err == nil || strings.Contains(s, ":") {
		return TargetAddress{IP: ip.Unmap()}, checkIP(s)
	}
	name := strings.TrimSuffix(Lower(s), ".")
	if name == "" || len(name) > 253 {
		return TargetAddress{}, errNoTarget
	}
	labels := strings.Split(name, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return TargetAddress{}, errNoTarget
		}
		for i := range len(label) {
			if c := label[i]; !alphanumeric(c) && c != '-' && c != '_' {
				return TargetAddress{}, errNoTarget
			}
		}
	}
	if strings.Trim(labels[len(labels)-1], "0123456789") == "" {
		return TargetAddress{}, errors.New("is no IP address, and a DNS name does not end in a number; write an IPv4 address as four numbers such as 10.0.0.5")
	}
	return TargetAddress{Name: Lower(s)}, nil
}

var errNoTarget = errors.New("must be an IP address such as 10.0.0.5 or 2001:db8::5, a DNS name, or unix: and the absolute path of a socket")

// checkFieldName is the grammar of a header's name (RFC 9110 section 5.6.2).
func checkFieldName(s string) error {
	if len(s) < 1 || len(s) > maxKey {
		return fmt.Errorf("must be the name of a header, of 1 to %d characters", maxKey)
	}
	for i := range len(s) {
		if c := s[i]; !alphanumeric(c) && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return errors.New("must be the name of a header, such as X-Session-Id")
		}
	}
	return nil
}

// checkMethod is the grammar of a request's method, of those that get past the strict parser.
func checkMethod(s string) error {
	if len(s) < 1 || len(s) > 32 {
		return errors.New("must be a method such as GET, of 1 to 32 characters")
	}
	if s == "CONNECT" || s == "TRACE" {
		return errors.New("is a method that the gateway always refuses")
	}
	for i := range len(s) {
		if c := s[i]; !alphanumeric(c) && c != '-' && c != '_' || 'a' <= c && c <= 'z' {
			return errors.New("must be a method in upper case, such as GET; the gateway refuses others")
		}
	}
	return nil
}

// checkQueryName is the grammar of a query parameter's name, in decoded form.
func checkQueryName(s string) error {
	if len(s) < 1 || len(s) > maxKey || !utf8.ValidString(s) {
		return fmt.Errorf("must be the name of a query parameter in UTF-8, of 1 to %d bytes", maxKey)
	}
	if strings.ContainsFunc(s, unicode.IsControl) {
		return errors.New("must not hold control characters")
	}
	return nil
}

// checkHostname is the grammar of host names with wildcards (Azure Application Gateway, multi-site listeners): letters,
// digits, "-", "." and "*" for many, "?" for one character; one "*" a label, two a name, four wildcards in all, and
// "*" with "?" in one label never.
func checkHostname(s string) error {
	if s == "" || len(s) > 253 {
		return errors.New("must be a host name of 1 to 253 characters")
	}
	stars, marks := strings.Count(s, "*"), strings.Count(s, "?")
	if stars > 2 || stars+marks > 4 {
		return errors.New("must not hold more than two \"*\" and four wildcards in all")
	}
	for _, label := range strings.Split(s, ".") {
		if label == "" || len(label) > 63 {
			return errors.New("must consist of labels of 1 to 63 characters with single dots between them")
		}
		if strings.Count(label, "*") > 1 || strings.Contains(label, "*") && strings.Contains(label, "?") {
			return errors.New("must not hold two \"*\", or \"*\" and \"?\", in one label")
		}
		for i := range len(label) {
			if c := label[i]; !alphanumeric(c) && !strings.ContainsRune("-*?_", rune(c)) {
				return errors.New("must hold only letters, digits, \"-\", \".\" and the wildcards \"*\" and \"?\"")
			}
		}
	}
	return nil
}

// checkAuthority is the grammar of a Host header: a name or IP literal and perhaps a port.
func checkAuthority(s string) error {
	host, port := s, ""
	if i := strings.LastIndexByte(s, ':'); i >= 0 && !strings.HasSuffix(s, "]") && (strings.HasPrefix(s, "[") || strings.Count(s, ":") == 1) {
		host, port = s[:i], s[i+1:]
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 || port[0] == '+' || port[0] == '0' {
			return errors.New("must end in a port from 1 to 65535, or have no colon")
		}
	}
	if literal, ok := strings.CutPrefix(host, "["); ok {
		a, err := netip.ParseAddr(strings.TrimSuffix(literal, "]"))
		if err != nil || !a.Is6() || !strings.HasSuffix(host, "]") || a.Zone() != "" {
			return errors.New("must hold a valid IPv6 address between the brackets")
		}
		return nil
	}
	if strings.ContainsAny(host, "*?") || checkHostname(host) != nil {
		return errors.New("must be a host name or IP address, perhaps with a port, as in a Host header")
	}
	return nil
}

// checkRequestPath is the grammar of a path with perhaps a query, as it stands in a request line.
func checkRequestPath(s string) error {
	if !strings.HasPrefix(s, "/") {
		return errors.New("must start with \"/\"")
	}
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte("#\\\"<>^`{|}", c) >= 0 {
			return errors.New("must hold only characters that may stand in a URL; encode others as %XX")
		}
		if c == '%' && (i+2 >= len(s) || !hexDigit(s[i+1]) || !hexDigit(s[i+2])) {
			return errors.New("must have two hexadecimal digits behind every \"%\"; a literal one is written %25")
		}
	}
	return nil
}

// checkPathPattern is the grammar of the paths that rules match: the normal form of a path (decoded, no dot-segments,
// no empty segments), "*" only at the end. What looks encoded would match a path that was encoded twice, which nobody
// means.
func checkPathPattern(s string) error {
	if !strings.HasPrefix(s, "/") {
		return errors.New("must start with \"/\"")
	}
	if len(s) > 2048 {
		return errors.New("must be at most 2048 bytes long")
	}
	body := strings.TrimSuffix(s, "*")
	switch {
	case strings.Contains(body, "*"):
		return errors.New("must hold \"*\" only as its last character")
	case strings.ContainsAny(body, "?#\\"):
		return errors.New("must not hold \"?\", \"#\" or \"\\\"; a rule matches the path alone")
	case strings.Contains(body, "//"):
		return errors.New("must not hold \"//\"; slashes are merged before rules match")
	case !utf8.ValidString(body):
		return errors.New("must be valid UTF-8")
	}
	for _, c := range body {
		if c < ' ' || c == 0x7f {
			return errors.New("must not hold control characters")
		}
	}
	if plain := decoded(s); plain != s {
		return errors.New("must not be percent-encoded, since paths are decoded before rules match" + insteadOf(s, plain))
	}
	segments := strings.Split(body, "/")
	for i, segment := range segments {
		// The last segment of a prefix is only the beginning of one: "/.well*" is fine, and so is "/.*".
		if i == len(segments)-1 && body != s {
			break
		}
		if segment == "." || segment == ".." {
			return errors.New("must not hold \".\" or \"..\" segments; they are resolved before rules match")
		}
	}
	return nil
}

// decoded is s with the byte in the place of every "%" that two hexadecimal digits follow. Any other "%" is itself.
func decoded(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && hexDigit(s[i+1]) && hexDigit(s[i+2]) {
			c, _ := strconv.ParseUint(s[i+1:i+3], 16, 8) // Two hexadecimal digits are a byte.
			b.WriteByte(byte(c))
			i += 2
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// insteadOf says which pattern to write, where what s decodes to is one that means the same.
func insteadOf(s, plain string) string {
	if strings.Count(plain, "*") > strings.Count(s, "*") || decoded(plain) != plain || checkPathPattern(plain) != nil {
		return ""
	}
	return "; write " + quoteShort(plain)
}

// checkStatuses is a status code or a range of them.
func checkStatuses(s string) error {
	if _, _, ok := ParseStatuses(s); !ok {
		return errors.New("must be a status code from 100 to 599 or a range of them, such as \"200\" or \"200-399\"")
	}
	return nil
}

// ParseStatuses reads "200" or "200-399"; ok is false where s is neither.
func ParseStatuses(s string) (low, high int, ok bool) {
	first, last, ranged := strings.Cut(s, "-")
	if !ranged {
		last = first
	}
	if len(first) != 3 || len(last) != 3 {
		return 0, 0, false
	}
	low, err := strconv.Atoi(first)
	if err != nil {
		return 0, 0, false
	}
	high, err = strconv.Atoi(last)
	return low, high, err == nil && 100 <= low && low <= high && high <= 599
}
