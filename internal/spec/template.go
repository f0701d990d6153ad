package spec

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Variable is something that a rewrite can read. The zero one is none.
type Variable struct {
	Source VariableSource
	// Name is that of the header or of the server variable, in lower case, or that of the cookie as it is.
	Name string
}

// A VariableSource says where a variable is read from.
type VariableSource uint8

// The sources.
const (
	RequestHeader VariableSource = iota + 1
	ResponseHeader
	Cookie
	Server
)

// The prefixes of variables.
const (
	requestPrefix  = "http_req_"
	responsePrefix = "http_resp_"
	serverPrefix   = "var_"
	cookiePrefix   = "var_cookie_"
)

var setCookie = Variable{ResponseHeader, "set-cookie"}

// serverVariables are those that there are.
var serverVariables = []string{
	"add_x_forwarded_for_proxy", "ciphers_used", "client_certificate", "client_certificate_end_date",
	"client_certificate_fingerprint", "client_certificate_issuer", "client_certificate_serial",
	"client_certificate_start_date", "client_certificate_subject", "client_certificate_verification",
	"client_ip", "client_port", "client_user", "host", "http_method", "http_status", "http_version", "query_string",
	"request_query", "request_scheme", "request_uri", "server_port", "ssl_connection_protocol", "ssl_enabled", "uri_path",
}

// otherVariables are server variables of Application Gateway that cannot be had, and why.
var otherVariables = map[string]string{
	"received_bytes": unknownYet, "sent_bytes": unknownYet,
	"client_tcp_rtt":    "is a guess of the system's that changes while it is read, and is not offered",
	"ciphers_supported": "is of the client's first message, which is not kept for as long as its connection",
}

const unknownYet = "is not known yet when the heads are sent"

// OfAnswer says that the variable is there only when the answer is.
func (v Variable) OfAnswer() bool {
	return v.Source == ResponseHeader || v == Variable{Server, "http_status"}
}

// String is how conditions write the variable.
func (v Variable) String() string {
	switch v.Source {
	case RequestHeader:
		return requestPrefix + v.Name
	case ResponseHeader:
		return responsePrefix + v.Name
	case Cookie:
		return cookiePrefix + v.Name
	}
	return serverPrefix + v.Name
}

// ParseVariable reads the name of a variable, as a condition has it.
func ParseVariable(s string) (Variable, error) {
	if name, ok := strings.CutPrefix(s, requestPrefix); ok {
		return Variable{RequestHeader, Lower(name)}, checkFieldName(name)
	}
	if name, ok := strings.CutPrefix(s, responsePrefix); ok {
		return Variable{ResponseHeader, Lower(name)}, checkFieldName(name)
	}
	if name, ok := strings.CutPrefix(s, cookiePrefix); ok {
		if checkFieldName(name) != nil {
			return Variable{}, errors.New("must name a cookie behind \"" + cookiePrefix + "\"")
		}
		return Variable{Cookie, name}, nil
	}
	name, ok := strings.CutPrefix(s, serverPrefix)
	switch {
	case !ok:
		return Variable{}, errors.New("must begin with http_req_, http_resp_ or var_, as in http_req_X-Session or var_uri_path")
	case otherVariables[name] != "":
		return Variable{}, fmt.Errorf("names var_%s, which %s", name, otherVariables[name])
	case !slices.Contains(serverVariables, name):
		return Variable{}, fmt.Errorf("names no server variable: var_%s; there are %s and cookie_NAME", cut(name), strings.Join(serverVariables, ", "))
	}
	return Variable{Server, name}, nil
}

// A TemplatePart is a piece of a value: a text, or a variable, or what a group of a condition on it found.
type TemplatePart struct {
	Text     string
	Variable Variable
	Group    int // from 1; 0 is the whole value
}

// ParseTemplate reads a value in which variables stand in braces.
func ParseTemplate(s string) ([]TemplatePart, error) {
	var parts []TemplatePart
	var text strings.Builder
	flush := func() {
		if text.Len() > 0 {
			parts = append(parts, TemplatePart{Text: text.String()})
			text.Reset()
		}
	}
	for rest := s; rest != ""; {
		i := strings.IndexByte(rest, '{')
		if i < 0 {
			text.WriteString(rest)
			break
		}
		text.WriteString(rest[:i])
		if rest = rest[i+1:]; strings.HasPrefix(rest, "{") {
			text.WriteByte('{')
			rest = rest[1:]
			continue
		}
		name, behind, closed := strings.Cut(rest, "}")
		if !closed {
			return nil, errors.New("must close every \"{\" by a \"}\"; a brace itself is written \"{{\"")
		}
		p, err := parsePlaceholder(name)
		if err != nil {
			return nil, err
		}
		flush()
		parts, rest = append(parts, p), behind
	}
	flush()
	return parts, nil
}

// parsePlaceholder reads what stands between braces. A number at its end is always a group: a header whose name ends in
// "_1" has no name here.
func parsePlaceholder(s string) (TemplatePart, error) {
	group := 0
	if i := strings.LastIndexByte(s, '_'); i >= 0 && i+1 < len(s) && strings.Trim(s[i+1:], "0123456789") == "" {
		n, err := strconv.Atoi(s[i+1:])
		if err != nil || n < 1 || n > 99 || s[i+1] == '0' {
			return TemplatePart{}, fmt.Errorf("must number groups from 1 to 99, not as {%s}", cut(s))
		}
		s, group = s[:i], n
	}
	v, err := ParseVariable(s)
	if err != nil {
		return TemplatePart{}, fmt.Errorf("holds {%s}, which %s", cut(s), err)
	}
	return TemplatePart{Variable: v, Group: group}, nil
}

// CompilePattern compiles an RE2 expression.
func CompilePattern(s string, ignoreCase bool) (*regexp.Regexp, error) {
	if ignoreCase {
		s = "(?i)" + s
	}
	return regexp.Compile(s)
}

func checkVariable(s string) error {
	_, err := ParseVariable(s)
	return err
}

// checkValueTemplate is the grammar of a header's new value.
func checkValueTemplate(s string) error {
	parts, err := ParseTemplate(s)
	if err != nil {
		return err
	}
	for _, p := range parts {
		for i := range len(p.Text) {
			if c := p.Text[i]; c < ' ' || c == 0x7f {
				return errors.New("must not hold control characters, line breaks included")
			}
		}
	}
	if s != strings.Trim(s, " ") {
		return errors.New("must not begin or end with white space, which no header keeps")
	}
	return nil
}

// checkPathTemplate is the grammar of a new path. What its variables bring is looked at when they do.
func checkPathTemplate(s string) error {
	whole, err := standIn(s)
	if err != nil {
		return err
	}
	if strings.ContainsAny(whole, "?") {
		return errors.New("must not hold \"?\"; the query has a field of its own")
	}
	if !strings.HasPrefix(whole, "/") && !strings.HasPrefix(s, "{") {
		return errors.New("must start with \"/\" or a variable")
	}
	plain := decoded(whole)
	if strings.ContainsAny(plain, "\\\x00") {
		return errors.New("must not hold \"\\\" or NUL, encoded ones included")
	}
	for _, segment := range strings.Split(plain, "/") {
		if segment, _, _ = strings.Cut(segment, ";"); segment == "." || segment == ".." {
			return errors.New("must not hold \".\" or \"..\" segments, encoded ones included")
		}
	}
	return nil
}

// checkQueryTemplate is the grammar of a new query.
func checkQueryTemplate(s string) error {
	whole, err := standIn(s)
	if err == nil && strings.HasPrefix(whole, "?") {
		err = errors.New("must not begin with \"?\", which the gateway puts before it")
	}
	return err
}

// standIn is a template with a letter for each variable, if the rest may stand in a URL.
func standIn(s string) (string, error) {
	parts, err := ParseTemplate(s)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, p := range parts {
		if p.Variable != (Variable{}) {
			b.WriteByte('x')
			continue
		}
		if err := checkRequestPath("/" + p.Text); err != nil {
			return "", err
		}
		b.WriteString(p.Text)
	}
	return b.String(), nil
}
