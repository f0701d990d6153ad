package spec

import (
	"strings"
	"testing"
)

// TestFormats: the grammars, by what they take and what they refuse. The host names with wildcards are the valid and
// invalid ones of the Application Gateway documentation on multi-site listeners.
func TestFormats(t *testing.T) {
	for format, c := range map[string]struct{ valid, invalid []string }{
		"hostname": {
			valid: []string{"component1*.component2*.com", "*.contoso-*.com", "*.contoso.*", "????.contoso.com",
				"w??.contoso*.edu.*", "contoso.com", "Contoso.COM", "*", "localhost", "10.0.0.1", "a_b.example",
				strings.Repeat("a.", 126) + "a", strings.Repeat("a", 63) + ".example"},
			invalid: []string{"*.contoso.*.*.com", "????.contoso.*", "*?.contoso.com", "**.contoso.com", "?*.contoso.com",
				"*a*.contoso.com", "?????.contoso.com", "", ".", ".com", "com.", "a..b", "a b.com", "a.com:80", "[::1]", "ä.com",
				"a.com/", strings.Repeat("a.", 127) + "a", strings.Repeat("a", 64) + ".example", "a\x00b"},
		},
		"authority": {
			valid: []string{"a.example", "a.example:8080", "10.0.0.1", "10.0.0.1:1", "[::1]", "[2001:db8::1]:65535", "localhost"},
			invalid: []string{"*.example", "a?.example", "a.example:", "a.example:0", "a.example:080", "a.example:65536", "a.example:+1",
				"a.example:x", "::1", "[::1", "::1]", "[::1]x", "[::1]:", "[fe80::1%eth0]", "[10.0.0.1]", "a b", "a/b", "u@a", ""},
		},
		"origin": {
			valid: []string{"https://app.example.com", "http://localhost:3000", "https://*.example.com", "https://*.example.com:8443", "null",
				"chrome-extension://abcdef", "https://[2001:db8::1]:8443", "https://10.0.0.1", "https://App.example.com"},
			invalid: []string{"", "*", "https://", "app.example.com", "https://app.example.com/", "https://app.example.com/chat", "https://a.b?c", "HTTPS://a.example",
				"https://*", "https://*.", "https://a.*.example", "https://*a.example", "https://u@a.example", "https://a.example:443", "http://a.example:80",
				"https://a.example:0", "://a.example", "https://a b", "NULL", "https://*.[::1]", "https://[0:0::1]", "https://[2001:DB8:0::1]:8443"},
		},
		"server_name": {
			valid:   []string{"a.example", "localhost", "10.0.0.1", "::1", "2001:db8::1"},
			invalid: []string{"", "a.example:443", "[::1]", "*.example", "a?.example", "::ffff:10.0.0.1", "fe80::1%eth0", "a b"},
		},
		"path_pattern": {
			valid: []string{"/", "/*", "/chat", "/chat/*", "/chat*", "/.well-known/*", "/.*", "/a b", "/ä", "/100%", "/100%*", "/%4", "/%g0", "/a.b/..c"},
			invalid: []string{"", "chat", "*", "/caf%C3%A9/*", "/%41", "/a%2fb", "/100%25", "/%00", "/%2A", "/%ff*", "/a*b", "/**", "/a?b", "/a#b", `/a\b`, "/a//b", "//", "/./a", "/a/..", "/a/../b",
				"/../*", "/a\x00", "/a\x7f", "/a\xff", "/" + strings.Repeat("a", 2048)},
		},
		"request_path": {
			valid: []string{"/", "/a?b=c", "/a%20b", "/%E2%82%AC", "//a", "/a/../b", "/~a;b=c,d:e@f!$&'()*+"},
			invalid: []string{"", "a", "/a b", "/a\r\nHost: x", "/a#b", `/a\b`, "/ä", "/%", "/%2", "/%g0", "/a\"", "/<a>", "/{a}",
				"/a|b", "/a^b", "/`a`", "/a\x7f", "/a\t"},
		},
		"network": {
			valid: []string{"10.0.0.0/8", "0.0.0.0/0", "::/0", "2001:db8::/32", "10.0.0.1", "10.0.0.1/32", "::1", "::1/128", "fe80::/10"},
			invalid: []string{"", "/", "10.0.0.0/", "/8", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0/8", "10.0.0.0/8/8", "010.0.0.0/8",
				"::/129", "fe80::%eth0/10", "fe80::1%eth0", "10.0.0.1/24", "::ffff:10.0.0.0/104", "::ffff:10.0.0.1", "10.0.0.0/255.0.0.0", " 10.0.0.0/8", "10.*", "a.example", "unix:/a"},
		},
		"method": {
			valid:   []string{"GET", "PATCH", "M-SEARCH", "X_1", strings.Repeat("A", 32)},
			invalid: []string{"", "get", "Get", "CONNECT", "TRACE", "GET ", "A.B", "Ä", strings.Repeat("A", 33)},
		},
		"variable": {
			valid: []string{"http_req_X-Session", "http_req_x_1", "http_resp_Set-Cookie", "var_host", "var_cookie_Session.1", "var_uri_path",
				"var_add_x_forwarded_for_proxy"},
			invalid: []string{"", "host", "http_req_", "http_resp_", "http_req_a b", "var_", "var_hosts", "var_cookie_", "var_cookie_a=b", "var_Host",
				"HTTP_REQ_a", "{var_host}", "var_ssl_cipher", "var_client_certificate_", "var_sent_bytes", "var_ciphers_supported"},
		},
		"value_template": {
			valid: []string{"a", "a b", "{var_host}", "x {http_req_X-A} y{var_uri_path_1}", "{{\"a\":{{}}", "}", "{http_resp_Set-Cookie_99}; Secure", "ä",
				"{http_req_X_1_2}"},
			invalid: []string{"{", "{}", "{host}", "{var_host", "a\r\nX: y", "a\x00", "a\x7f", " a", "a ", "a\tb", "{var_host_0}", "{var_host_01}", "{var_host_100}",
				"{var_host_1_2}", "{var_ssl_disabled}", "{ var_host}", "{var_host}{"},
		},
		"path_template": {
			valid: []string{"/", "/a/{var_uri_path_1}/b", "{var_uri_path}", "{var_uri_path}/b", "/%20", "/a.b/..c", "/{var_host}..", "/..{var_host}"},
			invalid: []string{"", "a", "a{var_host}", "/a?b", "/a#b", "/a b", "/ä", `/a\b`, "/%", "/%{var_host}", "/a/../b", "/a/.", "/%2e%2e/", "/a;b/..;c",
				"/%5c", "/%00", "/a\r\nX", "/{{", "?{var_host}"},
		},
		"query_template": {
			valid:   []string{"a=b", "{var_query_string}&a=%20", "a=?"},
			invalid: []string{"?a", "a b", "a#b", "a=%", "a=ä", "a\nb", "{{"},
		},
		"value": {
			valid:   []string{"", "a", "a b", "a\tb", "ä", strings.Repeat("a", 1024)},
			invalid: []string{"\n", "a\r\nX: y", "\x00", "\x1f", "\x7f", "\xff", strings.Repeat("a", 1025)},
		},
		"pattern": {
			valid:   []string{"", "^a.*b$", "a\tb", "(?i)ä", `\t`, "[^a]+"},
			invalid: []string{"(", "a\nb", "\x00", "\x7f", "[[:nope:]]", strings.Repeat("a", 257), "(a{100}){100}"},
		},
		"statuses": {
			valid:   []string{"100", "599", "200-399", "204-204"},
			invalid: []string{"", "99", "600", "399-200", "200-", "-200", "200-600", "2xx", "200-300-400", " 200", "+200", "0200", "+20", "20e"},
		},
		"error_status": {
			valid:   []string{"400", "404", "408", "426", "431", "502", "505", "508"},
			invalid: []string{"", "200", "399", "401", "499", "506", "600", "4xx", "0502", "+502", " 502", "502 ", "50"},
		},
		"ip": {
			valid:   []string{"10.0.0.1", "0.0.0.0", "::", "2001:db8::5", "2001:DB8::5", "127.0.0.1"},
			invalid: []string{"", "10.0.0", "10.0.0.1:80", "10.0.0.01", "[::1]", "::1%lo", "::ffff:10.0.0.1", "a.example", "10.0.0.0/8", " 10.0.0.1"},
		},
		"name": {
			valid:   []string{"a", "0", "A.b_c-d", strings.Repeat("x", 80)},
			invalid: []string{"", "-a", ".a", "_a", "a b", "a/b", "ä", "a\n", strings.Repeat("x", 81)},
		},
	} {
		for _, s := range c.valid {
			if err := formats[format](s); err != nil {
				t.Errorf("%s %q: want it taken, got %v", format, s, err)
			}
		}
		for _, s := range c.invalid {
			if formats[format](s) == nil {
				t.Errorf("%s %q: want it refused", format, s)
			}
		}
	}
}

// TestEncodedPathPatterns: what to write instead is told where it is a pattern that means the same.
func TestEncodedPathPatterns(t *testing.T) {
	for s, want := range map[string]string{
		"/caf%C3%A9/*": `; write "/café/*"`, "/a%20b": `; write "/a b"`, "/100%25": `; write "/100%"`, "/a%2fb": `; write "/a/b"`,
		"/%2A": "", "/%2541": "", "/%00": "", "/a%3fb": "", "/%ff*": "", "/%2e%2e/a": "",
	} {
		if err := checkPathPattern(s); err == nil || !strings.HasSuffix(err.Error(), "before rules match"+want) {
			t.Errorf("%s: want it refused with %q, got %v", s, want, err)
		}
	}
}

// FuzzFormats: no grammar panics, whatever it is given, and none lets a control character through, so that no value of
// an object can end a header line or a log line. A tab ends neither: header values that rules compare with may hold one
// (RFC 9110 5.5), and nothing else may.
func FuzzFormats(f *testing.F) {
	for _, s := range []string{"", "*.a.?", "[::1]:80", "/a%20b", "/a/*", "200-399", "::ffff:1.2.3.4", "a:b:c", "/\r\n", "a\tb"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for format, check := range formats {
			if check(s) != nil {
				continue
			}
			rest := s
			switch format {
			case "certificates":
				rest = strings.NewReplacer("\n", "", "\r", "", "\t", "").Replace(s) // It has lines.
			case "value", "pattern":
				rest = strings.ReplaceAll(s, "\t", "")
			}
			if i := strings.IndexFunc(rest, func(r rune) bool { return r < ' ' || r == 0x7f }); i >= 0 {
				t.Errorf("%s takes %q", format, s)
			}
		}
	})
}
