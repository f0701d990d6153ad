package proxy

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// This file is a grammar of what the gateway may write, to backends and to clients: one spelling of each thing, and
// nothing that anybody could read in two ways. It shares no line with http1, which it judges.

// A line of a head, its name in lower case.
type line struct{ name, value string }

// A message is a head and how its body was framed.
type message struct {
	first  string // its first line
	method string // of a request
	target string
	status int // of an answer
	lines  []line
	octets int    // of the body
	begun  []byte // the first of them
}

// contentMost is how much of a body is kept.
const contentMost = 256

func (m *message) all(name string) (values []string) {
	for _, l := range m.lines {
		if l.name == name {
			values = append(values, l.value)
		}
	}
	return values
}

// get is the only value of a name, or "".
func (m *message) get(name string) string {
	if all := m.all(name); len(all) == 1 {
		return all[0]
	}
	return ""
}

// dirt is something that the gateway must never write.
type dirt string

func (d dirt) Error() string { return "unclean: " + string(d) }

func unclean(format string, args ...any) error { return dirt(fmt.Sprintf(format, args...)) }

// text reads a line without its CRLF. No octet but visible ones, spaces, tabs and those above ASCII may stand in it.
func text(r *bufio.Reader) (string, error) {
	b, err := r.ReadSlice('\n')
	s := string(b)
	if err != nil {
		if errors.Is(err, bufio.ErrBufferFull) {
			return "", unclean("a line is longer than %d", len(s))
		}
		if s != "" && errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return s, err
	}
	s, whole := strings.CutSuffix(s, "\r\n")
	if !whole {
		return "", unclean("bare LF behind %q", s)
	}
	for i := range len(s) {
		if s[i] < ' ' && s[i] != '\t' || s[i] == 0x7f {
			return "", unclean("octet %#x in %q", s[i], s)
		}
	}
	return s, nil
}

func within(s, set string) bool {
	return s != "" && strings.Trim(s, set) == "" && !strings.ContainsFunc(s, func(r rune) bool { return !strings.ContainsRune(set, r) })
}

const (
	digits  = "0123456789"
	upper   = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	lower   = "abcdefghijklmnopqrstuvwxyz"
	ofToken = digits + upper + lower + "!#$%&'*+-.^_`|~"
)

// section reads field lines up to the empty one.
func section(r *bufio.Reader) (lines []line, err error) {
	for {
		s, err := text(r)
		if err != nil {
			return lines, cut(err)
		}
		if s == "" {
			return lines, nil
		}
		name, value, ok := strings.Cut(s, ":")
		switch {
		case !ok || !within(name, ofToken):
			return lines, unclean("the field %q", s)
		case value != "" && !strings.HasPrefix(value, " ") || strings.Trim(value[min(1, len(value)):], " \t") != value[min(1, len(value)):]:
			return lines, unclean("whitespace in %q", s)
		}
		lines = append(lines, line{strings.ToLower(name), strings.TrimPrefix(value, " ")})
	}
}

// cut says that the end came in the middle of a message.
func cut(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// framing reads what the head says of the body: its length, -1 for chunks, -2 where it says nothing.
func (m *message) framing() (int, error) {
	length, coding := m.all("content-length"), m.all("transfer-encoding")
	switch {
	case len(length)+len(coding) > 1:
		return 0, unclean("framed by %q and %q", length, coding)
	case len(coding) == 1 && coding[0] != "chunked":
		return 0, unclean("the coding %q", coding[0])
	case len(coding) == 1:
		return -1, nil
	case len(length) == 0:
		return -2, nil
	}
	n, err := strconv.Atoi(length[0])
	if err != nil || strconv.Itoa(n) != length[0] || n < 0 {
		return 0, unclean("the length %q", length[0])
	}
	return n, nil
}

// body reads a body of so many octets, in chunks for -1, or to the end for -3.
func (m *message) body(r *bufio.Reader, length int) error {
	if length == -3 {
		n, err := io.Copy(io.Discard, r)
		m.octets = int(n)
		return err
	}
	if length >= 0 {
		return m.run(r, length)
	}
	for {
		s, err := text(r)
		if err != nil {
			return cut(err)
		}
		n, err := strconv.ParseInt(s, 16, 63)
		if err != nil || strconv.FormatInt(n, 16) != s {
			return unclean("the chunk size %q", s)
		}
		if n == 0 {
			break
		}
		if err := m.run(r, int(n)); err != nil {
			return err
		}
		if end, err := text(r); err != nil || end != "" {
			return errors.Join(cut(err), unclean("%q behind a chunk", end))
		}
	}
	lines, err := section(r)
	if err != nil {
		return err
	}
	for _, l := range lines {
		if known(strings.ReplaceAll(l.name, "_", "-")) {
			return unclean("%q in a trailer", l.name)
		}
	}
	return nil
}

// run reads octets of a body that follow each other.
func (m *message) run(r *bufio.Reader, n int) error {
	if b, err := r.Peek(min(n, contentMost)); err == nil && len(m.begun) == 0 {
		m.begun = slices.Clone(b)
	}
	k, err := r.Discard(n)
	m.octets += k
	return cut(err)
}

// known are the names that mean something to whoever reads a message, so that nobody may smuggle them past a gateway.
func known(name string) bool {
	switch name {
	case "host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer", "expect", "authorization",
		"cookie", "set-cookie", "content-type", "content-encoding", "content-range", "forwarded", "x-real-ip", "x-request-id", "x-original-host",
		"proxy-connection", "proxy-authorization", "keep-alive", "http2-settings", "location", "range", "cache-control":
		return true
	}
	return strings.HasPrefix(name, "x-forwarded-")
}

// readRequest reads a request at the backend. io.EOF is the end between two requests, io.ErrUnexpectedEOF one inside.
// The body is left to the caller, who gets its length as framing says it.
func readRequest(r *bufio.Reader) (*message, int, error) {
	first, err := text(r)
	if err != nil {
		return nil, 0, err
	}
	m := &message{first: first}
	if m.lines, err = section(r); err != nil {
		return m, 0, err
	}
	length, err := m.framing()
	if err == nil {
		err = m.checkRequestLine()
	}
	if err == nil {
		err = m.checkRequest(length)
	}
	if length == -2 {
		length = 0
	}
	return m, length, err
}

func (m *message) checkRequestLine() error {
	part := strings.Split(m.first, " ")
	if len(part) != 3 || part[2] != "HTTP/1.1" {
		return unclean("the request line %q", m.first)
	}
	m.method, m.target = part[0], part[1]
	path, _, _ := strings.Cut(m.target, "?")
	switch {
	case !within(m.method, upper+digits+"-_") || m.method == "CONNECT" || m.method == "TRACE" || m.method == "PRI":
		return unclean("the method %q", m.method)
	case m.target == "*" && m.method == "OPTIONS":
	case !strings.HasPrefix(path, "/") || strings.ContainsAny(path, "\\") || strings.ContainsAny(m.target, "#\t"):
		return unclean("the target %q", m.target)
	case slices.ContainsFunc([]byte(m.target), func(c byte) bool { return c > 0x7e }):
		return unclean("the target %q", m.target)
	case strings.Contains(path+"/", "/../") || strings.Contains(path+"/", "/./"):
		return unclean("dots in the target %q", m.target)
	}
	return nil
}

// checkRequest looks at the fields of a request whose body is framed so.
func (m *message) checkRequest(length int) error {
	for name, want := range map[string]string{"x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "http", "x-forwarded-port": "80", "host": m.get("host")} {
		if got := m.all(name); len(got) != 1 || got[0] != want || want == "" {
			return unclean("%s is %q", name, got)
		}
	}
	if !within(m.get("x-request-id"), "0123456789abcdef") || strings.Trim(m.get("host"), ofToken+"[]:") != "" {
		return unclean("the id %q, the host %q", m.all("x-request-id"), m.get("host"))
	}
	hop, upgrade := m.get("connection"), m.all("upgrade")
	switch hop {
	case "":
		if len(m.all("connection"))+len(m.all("te"))+len(upgrade) > 0 {
			return unclean("connection %q, te %q, upgrade %q", m.all("connection"), m.all("te"), upgrade)
		}
	case "TE":
		if m.get("te") != "trailers" || len(upgrade) > 0 {
			return unclean("te %q, upgrade %q", m.all("te"), upgrade)
		}
	case "Upgrade":
		if m.get("upgrade") != "websocket" || m.method != "GET" || length != -2 || len(m.get("sec-websocket-key")) != 24 || m.get("sec-websocket-version") != "13" {
			return unclean("an upgrade by %q with %v", m.first, m.lines)
		}
	default:
		return unclean("connection %q", hop)
	}
	for _, l := range m.lines {
		dashed := strings.ReplaceAll(l.name, "_", "-")
		switch l.name {
		case "x-forwarded-for", "x-forwarded-proto", "x-forwarded-port", "x-forwarded-host", "x-original-host", "x-request-id", "host":
			if len(m.all(l.name)) != 1 {
				return unclean("two of %q", l.name)
			}
		case "keep-alive", "proxy-connection", "proxy-authorization", "proxy-authenticate", "http2-settings", "forwarded", "x-real-ip":
			return unclean("%q at the backend", l.name)
		case "expect":
			if length == -2 || length == 0 || !strings.EqualFold(l.value, "100-continue") {
				return unclean("expect %q of %q", l.value, m.first)
			}
		default:
			if strings.HasPrefix(l.name, "x-forwarded-") || dashed != l.name && known(dashed) {
				return unclean("%q at the backend", l.name)
			}
		}
	}
	return nil
}

// readAnswer reads an answer at the client: its head, and its body unless it is an interim one, switches, or answers HEAD.
func readAnswer(r *bufio.Reader, method string) (*message, error) {
	first, err := text(r)
	if err != nil {
		return nil, err
	}
	m := &message{first: first}
	if m.lines, err = section(r); err != nil {
		return m, err
	}
	length, err := m.framing()
	if err != nil {
		return m, err
	}
	if len(first) < 13 || first[:9] != "HTTP/1.1 " || !within(first[9:12], digits) || first[12] != ' ' {
		return m, unclean("the status line %q", first)
	}
	m.status, _ = strconv.Atoi(first[9:12])
	if err := m.checkAnswer(length); err != nil {
		return m, err
	}
	switch {
	case m.status < 200, m.status == 204, m.status == 304:
		if length == -1 {
			return m, unclean("a %d in chunks", m.status)
		}
		return m, nil
	case method == "HEAD":
		return m, nil
	case method == "" && (m.get("gatewayd-reason") != "" || m.get("to") == "HEAD"):
		// An answer to HEAD has no body, and nobody here knows what a mutant asked. Our own bodies begin with the status.
		if b, err := r.Peek(4); err != nil || string(b) != first[9:13] {
			return m, nil
		}
	case length == -2 && m.get("connection") != "close":
		return m, unclean("an answer without an end: %v", m.lines)
	case length == -2:
		length = -3
	}
	return m, m.body(r, length)
}

func (m *message) checkAnswer(length int) error {
	if m.status < 100 || m.status > 599 || m.status == 204 && length != -2 || m.status < 200 && length != -2 {
		return unclean("a %d of length %d", m.status, length)
	}
	offers := m.status == 426 || m.status == 101
	for _, l := range m.lines {
		switch l.name {
		case "connection":
			if l.value != "close" && l.value != "keep-alive" && !(offers && (l.value == "Upgrade" || l.value == "close, Upgrade")) {
				return unclean("connection %q in a %d", l.value, m.status)
			}
		case "upgrade":
			if !offers || l.value != "websocket" {
				return unclean("upgrade %q in a %d", l.value, m.status)
			}
		case "keep-alive", "proxy-connection", "te", "http2-settings", "proxy-authenticate", "proxy-authorization":
			return unclean("%q at the client", l.name)
		}
	}
	return nil
}

// The judge must not be blind: what it is for must look unclean to it.
func TestGrammar(t *testing.T) {
	const own = "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Port: 80\r\nX-Request-Id: 00\r\n"
	const host = "Host: a\r\n"
	for request, clean := range map[string]bool{
		"GET / HTTP/1.1\r\n" + host + own + "\r\n":                                                                      true,
		"POST /a?b HTTP/1.1\r\n" + host + "Content-Length: 3\r\n" + own + "\r\nabc":                                     true,
		"POST / HTTP/1.1\r\n" + host + own + "Transfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\nSum: 1\r\n\r\n": true,
		"GET / HTTP/1.1\n" + host + own + "\r\n":                                                                        false,
		"GET / HTTP/1.0\r\n" + host + own + "\r\n":                                                                      false,
		"GET  / HTTP/1.1\r\n" + host + own + "\r\n":                                                                     false,
		"GET /#a HTTP/1.1\r\n" + host + own + "\r\n":                                                                    false,
		"GET /a/../b HTTP/1.1\r\n" + host + own + "\r\n":                                                                false,
		"CONNECT / HTTP/1.1\r\n" + host + own + "\r\n":                                                                  false,
		"GET / HTTP/1.1\r\n" + host + host + own + "\r\n":                                                               false,
		"GET / HTTP/1.1\r\n" + own + "\r\n":                                                                             false,
		"GET / HTTP/1.1\r\n" + host + "A : b\r\n" + own + "\r\n":                                                        false,
		"GET / HTTP/1.1\r\n" + host + "A: b\r\n c\r\n" + own + "\r\n":                                                   false,
		"GET / HTTP/1.1\r\n" + host + "A: b\x00\r\n" + own + "\r\n":                                                     false,
		"GET / HTTP/1.1\r\n" + host + "X_Forwarded_For: b\r\n" + own + "\r\n":                                           false,
		"GET / HTTP/1.1\r\n" + host + "Upgrade: h2c\r\n" + own + "\r\n":                                                 false,
		"POST / HTTP/1.1\r\n" + host + "Content-Length: 03\r\n" + own + "\r\nabc":                                       false,
		"POST / HTTP/1.1\r\n" + host + "Content-Length: 3\r\nContent-Length: 3\r\n" + own + "\r\nabc":                   false,
		"POST / HTTP/1.1\r\n" + host + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n" + own + "\r\n0\r\n\r\n":    false,
		"POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: xchunked\r\n" + own + "\r\n0\r\n\r\n":                        false,
		"POST / HTTP/1.1\r\n" + host + own + "Transfer-Encoding: chunked\r\n\r\n3;a\r\nabc\r\n0\r\n\r\n":                false,
		"POST / HTTP/1.1\r\n" + host + own + "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n":                 false,
		"POST / HTTP/1.1\r\n" + host + own + "Transfer-Encoding: chunked\r\n\r\n0\r\nHost: b\r\n\r\n":                   false,
	} {
		r := bufio.NewReader(strings.NewReader(request))
		m, length, err := readRequest(r)
		if err == nil {
			if err = m.body(r, length); err == nil {
				_, err = r.Peek(1)
			}
		}
		if ok := errors.Is(err, io.EOF); ok != clean {
			t.Errorf("%q is judged %v", request, err)
		}
	}
	for answer, clean := range map[string]bool{
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx":                                             true,
		"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nx":                                             true,
		"HTTP/1.1 200 OK\r\n\r\nx":                                                                  false,
		"HTTP/1.1 2000 OK\r\nContent-Length: 1\r\n\r\nx":                                            false,
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx":               false,
		"HTTP/1.1 204 No Content\r\nContent-Length: 1\r\n\r\nx":                                     false,
		"HTTP/1.1 200 OK\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n": false,
	} {
		if _, err := readAnswer(bufio.NewReader(strings.NewReader(answer)), "GET"); (err == nil) != clean {
			t.Errorf("%q is judged %v", answer, err)
		}
	}
}
