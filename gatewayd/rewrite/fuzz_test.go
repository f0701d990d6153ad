package rewrite

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// FuzzRewrite: whatever a legal rewrite and a legal request are, the head that comes out is one request, which a strict
// parser reads as meant: the fields of before but for those that were changed, framing and connection as they were. An
// answer's fields stay fields.
func FuzzRewrite(f *testing.F) {
	const request = "POST /a/b?q HTTP/1.1\r\nHost: a.test\r\nX-A: 1\r\nCookie: s=2; t\r\nAuthorization: Basic DQoNCjo=\r\nContent-Length: 3\r\n\r\n"
	const answer = "HTTP/1.1 200 OK\r\nSet-Cookie: s=1\r\nSet-Cookie: t=2\r\nContent-Length: 3\r\n\r\n"
	for _, steps := range []string{
		``,
		`{"request_headers":{"X-A":{"value":"{var_client_user}{http_req_X-A}"},"Host":{"value":"{var_host}"}},"url":{"path":"/{var_uri_path}","query":"{var_client_user}"}}`,
		`{"when":[{"variable":"var_uri_path","pattern":"^/(.)(x)?"}],"request_headers":{"x-a":{"delete":true},"N":{"value":"{var_uri_path_1}{var_uri_path_2}"}},"url":{"clear_query":true}}`,
		`{"when":[{"variable":"var_cookie_s","pattern":"(.*)"}],"response_headers":{"set-cookie":{"value":"{http_resp_Set-Cookie_1}{var_cookie_s_1}","match":{"pattern":"^s=(.)"}},"X":{"value":"{var_client_user}|{var_http_status}"}}}`,
		`{"when":[{"variable":"var_client_certificate_subject","pattern":"CN=([^,]*)"}],"request_headers":{"X-A":{"value":"{var_client_certificate}{var_client_certificate_subject_1}"}},"url":{"path":"/{var_client_certificate_issuer}","query":"{var_client_certificate}"}}`,
	} {
		f.Add(steps, request, answer)
	}
	told := TLS{Protocol: "TLSv1.3", Cipher: "TLS_AES_128_GCM_SHA256", Certificate: shown(f), Verification: "SUCCESS"}
	f.Fuzz(func(t *testing.T, steps, request, answer string) {
		o, ps := spec.Decode(spec.Rewrites, []byte(`{"name":"w","steps":[`+steps+`]}`))
		if ps != nil || spec.Check(o) != nil {
			return
		}
		req, res := &http1.Request{}, &http1.Response{}
		if req.Parse([]byte(request), http1.Limits{}) != nil || res.Parse([]byte(answer), http1.RequestOrdinary, http1.Limits{}) != nil {
			return
		}
		r := Compile(o.(*spec.Rewrite))
		if len(r.steps) != len(o.(*spec.Rewrite).Steps) {
			t.Fatalf("a legal step was left out of %s", steps)
		}
		s := &Subject{
			Fields: req.Fields, Method: req.Method, Host: req.Host, Minor: req.Minor, Scheme: "http", Client: netip.MustParseAddrPort("192.0.2.7:4711"), TLS: told,
			SentPath: req.Path, SentQuery: req.Query, HasSentQuery: req.HasQuery, Path: req.Path, Query: req.Query,
		}
		var c Changes
		saved, err := r.Save(s)
		if err != nil || r.Request(s, &c) != nil {
			return
		}
		urlIsOne(t, &c)
		if host, ok := c.Host(); !ok || http1.ValidAuthority(host) {
			headIsOne(t, request, req, &c)
		}
		c.Reset()
		if r.Answer(saved, res, &c) == nil {
			fieldsAreFields(t, res.Fields)
		}
	})
}

// urlIsOne: a request line takes what became of path and query, and nothing in the path ends it.
func urlIsOne(t *testing.T, c *Changes) {
	for _, part := range [][]byte{c.Path, c.Query} {
		for _, b := range part {
			if b <= ' ' || b >= 0x7f || b == '#' {
				t.Fatalf("%q cannot stand in a request line", part)
			}
		}
	}
	if bytes.IndexByte(c.Path, '?') >= 0 {
		t.Fatalf("the path %q holds a query", c.Path)
	}
}

func headIsOne(t *testing.T, text string, before *http1.Request, c *Changes) {
	changed := map[string]bool{}
	for _, f := range c.fields {
		changed[f.field.lower] = true
	}
	out := c.Head([]byte(text), 0)
	if end, _, err := http1.HeadEnd(out, 0); err != nil || end != len(out) {
		t.Fatalf("%q is no single head: %v", out, err)
	}
	var after http1.Request
	if err := after.Parse(out, http1.Limits{HeadBytes: len(out), Fields: 1000}); err != nil {
		if err.Reason == http1.ReasonHostMismatch { // An absolute target, which proxy never sends.
			return
		}
		t.Fatalf("%q became %q: %v", text, out, err)
	}
	if after.Body != before.Body || after.Length != before.Length || after.KeepAlive != before.KeepAlive || after.Upgrade != before.Upgrade {
		t.Fatalf("%q became %q, which is framed otherwise", text, out)
	}
	if a, b := others(before.Fields, changed), others(after.Fields, changed); a != b {
		t.Fatalf("%q became %q: the other fields were %s and are %s", text, out, a, b)
	}
}

// others are the fields that no step changed.
func others(fields []http1.Field, changed map[string]bool) string {
	var all []string
	for _, f := range fields {
		if !changed[spec.Lower(string(f.Name))] {
			all = append(all, string(f.Name)+": "+string(f.Value))
		}
	}
	text, _ := json.Marshal(all)
	return string(text)
}

func fieldsAreFields(t *testing.T, fields []http1.Field) {
	for _, f := range fields {
		if strings.ContainsFunc(string(f.Value), func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) || len(f.Name) == 0 {
			t.Fatalf("%q: %q is no field", f.Name, f.Value)
		}
	}
}
