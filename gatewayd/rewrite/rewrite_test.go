package rewrite

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// object is a legal rewrite with these steps.
func object(t testing.TB, steps string) *spec.Rewrite {
	t.Helper()
	o, ps := spec.Decode(spec.Rewrites, []byte(`{"name":"w","steps":[`+steps+`]}`))
	if ps == nil {
		ps = spec.Check(o)
	}
	if ps != nil {
		t.Fatalf("%s: %v", steps, ps)
	}
	return o.(*spec.Rewrite)
}

func parsed(t testing.TB, head string) *http1.Request {
	t.Helper()
	r := &http1.Request{}
	if err := r.Parse([]byte(head), http1.Limits{}); err != nil {
		t.Fatal(err)
	}
	return r
}

func subjectOf(r *http1.Request) *Subject {
	return &Subject{
		Fields: r.Fields, Method: r.Method, Host: r.Host, Minor: r.Minor, Scheme: "http",
		Client: netip.MustParseAddrPort("192.0.2.7:4711"), Port: 8080, Peer: netip.MustParseAddr("10.0.0.2"), Listed: true,
		SentPath: r.Path, SentQuery: r.Query, HasSentQuery: r.HasQuery, Path: r.Path, Query: r.Query,
	}
}

const head = "POST /Shop/caf%C3%A9?a=1&b=%20 HTTP/1.1\r\nHost: Shop.Example:8080\r\nX-Two: one\r\nCookie: a=1; Session=\"s 1\"; b\r\n" +
	"x-two: two\r\nAuthorization: Basic YWxpY2U6c2VjcmV0\r\nX-Forwarded-For: 10.0.0.9\r\nCookie: Session=other; c=d=e\r\nContent-Length: 0\r\n\r\n"

func TestVariables(t *testing.T) {
	for variable, want := range map[string]string{
		"http_req_x-TWO": "one, two", "http_req_Host": "Shop.Example:8080", "http_req_X-Missing": "",
		"http_req_Cookie":    `a=1; Session="s 1"; b; Session=other; c=d=e`,
		"var_cookie_Session": "s 1", "var_cookie_session": "", "var_cookie_b": "", "var_cookie_c": "d=e",
		"var_add_x_forwarded_for_proxy": "10.0.0.9, 10.0.0.2", "var_client_ip": "192.0.2.7", "var_client_port": "4711",
		"var_client_user": "alice", "var_host": "shop.example", "var_http_method": "POST", "var_http_version": "HTTP/1.1",
		"var_query_string": "a=1&b=%20", "var_request_query": "a=1&b=%20", "var_request_scheme": "http",
		"var_request_uri": "/Shop/caf%C3%A9?a=1&b=%20", "var_server_port": "8080", "var_uri_path": "/Shop/caf%C3%A9",
		"http_resp_X-R": "r1, r2", "http_resp_Missing": "", "var_http_status": "404",
	} {
		r := Compile(object(t, fmt.Sprintf(`{"response_headers":{"X-Out":{"value":"[{%s}]"}}}`, variable)))
		saved, err := r.Save(subjectOf(parsed(t, head)))
		if err != nil {
			t.Fatal(err)
		}
		if got := answered(t, r, saved, "HTTP/1.1 404 Not Found\r\nX-R: r1\r\nx-r: r2\r\n\r\n"); !strings.Contains(got, "X-Out: ["+want+"]\n") {
			t.Errorf("%s: want %q, got %q", variable, want, got)
		}
		if v, _ := spec.ParseVariable(variable); v.OfAnswer() {
			continue
		}
		var c Changes
		r = Compile(object(t, fmt.Sprintf(`{"request_headers":{"X-Out":{"value":"[{%s}]"}}}`, variable)))
		if err := r.Request(subjectOf(parsed(t, head)), &c); err != nil {
			t.Fatal(err)
		}
		if got := string(c.Head([]byte(head), 0)); !strings.Contains(got, "\r\nX-Out: ["+want+"]\r\n\r\n") {
			t.Errorf("%s: want %q, got %q", variable, want, got)
		}
	}
}

func TestUsersThatAreNone(t *testing.T) {
	for _, value := range []string{"Basic", "Basic !", "Bearer YWxpY2U6c2VjcmV0", "Basic YWxpY2U=", "basic"} {
		s := subjectOf(parsed(t, "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: "+value+"\r\n\r\n"))
		if got, _ := s.value(nil, spec.Variable{Source: spec.Server, Name: "client_user"}); len(got) > 0 {
			t.Errorf("%s: %q", value, got)
		}
	}
}

// answered is an answer's head behind the rewrite, a line a field.
func answered(t testing.TB, r *Rewrite, saved *Saved, head string) string {
	t.Helper()
	a := &http1.Response{}
	if err := a.Parse([]byte(head), http1.RequestOrdinary, http1.Limits{}); err != nil {
		t.Fatal(err)
	}
	var c Changes
	if err := r.Answer(saved, a, &c); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for i, f := range a.Fields {
		if f.ID != http1.Lookup(f.Name) {
			t.Errorf("%s is known as field %d", f.Name, f.ID)
		}
		if !a.Drop(i) {
			fmt.Fprintf(&b, "%s: %s\n", f.Name, f.Value)
		}
	}
	return b.String()
}

func TestRequests(t *testing.T) {
	for _, c := range []struct{ name, steps, want string }{
		{"nothing", ``, "PUT /a/b?q=1|Host: a.test|X-A: 1|X-B: 2|X-A: 3"},
		{"one in the place of two", `{"request_headers":{"x-a":{"value":"new"}}}`, "PUT /a/b?q=1|Host: a.test|x-a: new|X-B: 2"},
		{"delete", `{"request_headers":{"x-a":{"delete":true},"X-None":{"delete":true}}}`, "PUT /a/b?q=1|Host: a.test|X-B: 2"},
		{"add", `{"request_headers":{"X-New":{"value":"n {{}"},"A-New":{"value":"m"}}}`, "PUT /a/b?q=1|Host: a.test|X-A: 1|X-B: 2|X-A: 3|A-New: m|X-New: n {}"},
		{"empty deletes", `{"request_headers":{"X-B":{"value":"{http_req_X-None}"}}}`, "PUT /a/b?q=1|Host: a.test|X-A: 1|X-A: 3"},
		{"host", `{"request_headers":{"host":{"value":"b.test:81"}}}`, "PUT /a/b?q=1|host: b.test:81|X-A: 1|X-B: 2|X-A: 3"},
		{"the later step counts", `{"request_headers":{"X-B":{"value":"x"}},"url":{"path":"/x","query":"x"}},{"request_headers":{"x-b":{"value":"y{http_req_X-B}"}},"url":{"path":"/y{var_uri_path}","clear_query":true}}`,
			"PUT /y/a/b|Host: a.test|X-A: 1|x-b: y2|X-A: 3"},
		{"set what was deleted", `{"request_headers":{"X-B":{"delete":true}}},{"request_headers":{"X-B":{"value":"z"}}}`, "PUT /a/b?q=1|Host: a.test|X-A: 1|X-B: z|X-A: 3"},
		{"a condition holds", `{"when":[{"variable":"var_http_method","pattern":"^PUT$"},{"variable":"http_req_X-B","pattern":"3","negate":true}],"url":{"path":"/yes"}}`,
			"PUT /yes?q=1|Host: a.test|X-A: 1|X-B: 2|X-A: 3"},
		{"one of two does not", `{"when":[{"variable":"var_http_method","pattern":"^PUT$"},{"variable":"http_req_X-B","pattern":"2","negate":true}],"url":{"path":"/yes"}}`,
			"PUT /a/b?q=1|Host: a.test|X-A: 1|X-B: 2|X-A: 3"},
		{"case has meaning", `{"when":[{"variable":"var_uri_path","pattern":"/A/"}],"url":{"path":"/yes"}}`, "PUT /a/b?q=1|Host: a.test|X-A: 1|X-B: 2|X-A: 3"},
		{"case is ignored", `{"when":[{"variable":"var_uri_path","pattern":"/A/","ignore_case":true}],"url":{"path":"/yes"}}`, "PUT /yes?q=1|Host: a.test|X-A: 1|X-B: 2|X-A: 3"},
		{"what is not there is empty", `{"when":[{"variable":"http_req_X-None","pattern":"^$"}],"url":{"path":"/yes"}}`, "PUT /yes?q=1|Host: a.test|X-A: 1|X-B: 2|X-A: 3"},
		{"captures", `{"when":[{"variable":"var_uri_path","pattern":"^/(a)/(c)?(b)$"},{"variable":"http_req_x-b","pattern":"(\\d)"}],
			"url":{"path":"/{var_uri_path_3}{var_uri_path_2}/{var_uri_path_1}","query":"{http_req_X-B_1}&{var_query_string}"}}`,
			"PUT /b/a?2&q=1|Host: a.test|X-A: 1|X-B: 2|X-A: 3"},
		{"a step of the answer is not the request's", `{"when":[{"variable":"var_http_status","pattern":"^$"}],"response_headers":{"X-B":{"delete":true}}}`,
			"PUT /a/b?q=1|Host: a.test|X-A: 1|X-B: 2|X-A: 3"},
		{"what a URL cannot hold", `{"request_headers":{"Q":{"value":"x"}},"url":{"path":"/{http_req_X-Odd}","query":"{http_req_X-Odd}"}}`,
			"PUT /%20%3F%23%25%20%41%C3%BC?%20?%23%%20%41%C3%BC|Host: a.test|X-A: 1|X-B: 2|X-A: 3|Q: x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			const fields = "Host: a.test\r\nX-A: 1\r\nX-B: 2\r\nX-A: 3\r\n"
			r := parsed(t, "PUT /a/b?q=1 HTTP/1.1\r\n"+fields+"\r\n")
			s := subjectOf(r)
			s.Fields = append(s.Fields, http1.Field{Name: []byte("X-Odd"), Value: []byte(" ?#% %41ü")})
			var changes Changes
			for range 2 { // Reset forgets everything.
				changes.Reset()
				if err := Compile(object(t, c.steps)).Request(s, &changes); err != nil {
					t.Fatal(err)
				}
				target := "/a/b?q=1"
				path, query, _ := strings.Cut(target, "?")
				if changes.HasPath {
					path = string(changes.Path)
				}
				if query = "?" + query; changes.HasQuery {
					if query = "?" + string(changes.Query); changes.Query == nil {
						query = ""
					}
				}
				before := "something before"
				b := changes.Head([]byte(before+"PUT "+path+query+" HTTP/1.1\r\n"+fields+"\r\n"), len(before))
				lines := strings.ReplaceAll(strings.TrimSuffix(string(b), "\r\n\r\n"), "\r\n", "|")
				if got := strings.Replace(lines, " HTTP/1.1", "", 1); got != before+c.want {
					t.Errorf("want %s\n got %s", c.want, got)
				}
			}
		})
	}
}

func TestAnswers(t *testing.T) {
	const answer = "HTTP/1.1 200 OK\r\nServer: s\r\nSet-Cookie: a=1; Path=/\r\nset-cookie: Sid=2\r\nConnection: x-hop\r\nX-Hop: h\r\nX-A: 1\r\nX-A: 2\r\n\r\n"
	for _, c := range []struct{ name, steps, want string }{
		{"nothing", ``, "Server: s|Set-Cookie: a=1; Path=/|set-cookie: Sid=2|X-A: 1|X-A: 2|"},
		{"delete and set", `{"response_headers":{"server":{"delete":true},"x-a":{"value":"{http_resp_X-A}!"},"New":{"value":"n"}}}`,
			"Set-Cookie: a=1; Path=/|set-cookie: Sid=2|x-a: 1, 2!|New: n|"},
		{"all cookies become one", `{"response_headers":{"Set-Cookie":{"value":"all=1"}}}`, "Server: s|Set-Cookie: all=1|X-A: 1|X-A: 2|"},
		{"one cookie", `{"response_headers":{"set-cookie":{"value":"{http_resp_Set-Cookie}; Secure","match":{"pattern":"^Sid="}}}}`,
			"Server: s|Set-Cookie: a=1; Path=/|set-cookie: Sid=2; Secure|X-A: 1|X-A: 2|"},
		{"its groups", `{"when":[{"variable":"http_resp_Set-Cookie","pattern":"(.)$"}],"response_headers":{"Set-Cookie":{"value":"{http_resp_Set-Cookie_2}-{http_resp_Set-Cookie_1}","match":{"pattern":"^(S)(ID)","ignore_case":true}}}}`,
			"Server: s|Set-Cookie: a=1; Path=/|Set-Cookie: id-S|X-A: 1|X-A: 2|"},
		{"all but one", `{"response_headers":{"Set-Cookie":{"delete":true,"match":{"pattern":"^Sid=","negate":true}}}}`, "Server: s|set-cookie: Sid=2|X-A: 1|X-A: 2|"},
		{"none found adds none", `{"response_headers":{"Set-Cookie":{"value":"x=1","match":{"pattern":"^none"}}}}`,
			"Server: s|Set-Cookie: a=1; Path=/|set-cookie: Sid=2|X-A: 1|X-A: 2|"},
		{"one after the other", `{"response_headers":{"Set-Cookie":{"value":"x=1","match":{"pattern":"^a="}}}},{"response_headers":{"Set-Cookie":{"value":"y=1","match":{"pattern":"^Sid="}}}}`,
			"Server: s|Set-Cookie: x=1|Set-Cookie: y=1|X-A: 1|X-A: 2|"},
		{"one, then all", `{"response_headers":{"Set-Cookie":{"value":"x=1","match":{"pattern":"^a="}}}},{"response_headers":{"Set-Cookie":{"value":"all=1"}}}`,
			"Server: s|Set-Cookie: all=1|X-A: 1|X-A: 2|"},
		{"all, then one", `{"response_headers":{"Set-Cookie":{"value":"all=1"}}},{"response_headers":{"Set-Cookie":{"delete":true,"match":{"pattern":"^a="}}}}`,
			"Server: s|Set-Cookie: all=1|X-A: 1|X-A: 2|"},
		{"what ended here and is set", `{"response_headers":{"X-Hop":{"value":"mine"}}}`, "Server: s|Set-Cookie: a=1; Path=/|set-cookie: Sid=2|X-Hop: mine|X-A: 1|X-A: 2|"},
		{"by status and request", `{"when":[{"variable":"var_http_status","pattern":"^2"},{"variable":"http_req_X-Q","pattern":"(y.*)"}],"response_headers":{"X-A":{"value":"{http_req_X-Q_1} {var_http_status}"}}}`,
			"Server: s|Set-Cookie: a=1; Path=/|set-cookie: Sid=2|X-A: yes 200|"},
		{"not by status", `{"when":[{"variable":"var_http_status","pattern":"^5"}],"response_headers":{"X-A":{"delete":true}}}`,
			"Server: s|Set-Cookie: a=1; Path=/|set-cookie: Sid=2|X-A: 1|X-A: 2|"},
		{"not by request", `{"when":[{"variable":"http_req_X-Q","pattern":"no"}],"request_headers":{"X-Q":{"value":"no"}},"response_headers":{"X-A":{"delete":true}}}`,
			"Server: s|Set-Cookie: a=1; Path=/|set-cookie: Sid=2|X-A: 1|X-A: 2|"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Compile(object(t, c.steps))
			saved, err := r.Save(subjectOf(parsed(t, "GET / HTTP/1.1\r\nHost: a\r\nX-Q: yes\r\n\r\n")))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, strings.ReplaceAll(answered(t, r, saved, answer), "\n", "|")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestNothingEndsALine: the name of a user may hold any byte, and brings none that ends a line or a request.
func TestNothingEndsALine(t *testing.T) {
	s := subjectOf(parsed(t, "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Basic DQpYLUU6IA==\r\n\r\n")) // "\r\nX-E: "
	r := Compile(object(t, `{"request_headers":{"X-User":{"value":"a{var_client_user}b"},"X-Only":{"value":"{var_client_user}"}},"url":{"path":"/{var_client_user}","query":"{var_client_user}"}}`))
	var c Changes
	if err := r.Request(s, &c); err != nil {
		t.Fatal(err)
	}
	if string(c.Path) != "/%0D%0AX-E" || string(c.Query) != "%0D%0AX-E" {
		t.Errorf("%q %q", c.Path, c.Query)
	}
	if got, want := string(c.Head([]byte("GET / HTTP/1.1\r\n\r\n"), 0)), "GET / HTTP/1.1\r\nX-Only: X-E\r\nX-User: a  X-Eb\r\n\r\n"; got != want {
		t.Errorf("want %q, got %q", want, got)
	}
}

// TestValuesAreBounded: a template that names a large header many times makes no large head.
func TestValuesAreBounded(t *testing.T) {
	long := strings.Repeat("x", 10<<10)
	s := subjectOf(parsed(t, "GET / HTTP/1.1\r\nHost: a\r\nX-L: "+long+"\r\n\r\n"))
	many := strings.Repeat("{http_req_X-L}", 500)
	for _, steps := range []string{
		`{"request_headers":{"X":{"value":"` + many + `"}}}`, `{"url":{"path":"/` + many + `"}}`, `{"url":{"query":"` + many + `"}}`,
		`{"request_headers":{"A":{"value":"{http_req_X-L}"},"B":{"value":"{http_req_X-L}"},"C":{"value":"{http_req_X-L}"},"D":{"value":"{http_req_X-L}"}}}`,
	} {
		var c Changes
		if err := Compile(object(t, steps)).Request(s, &c); err != ErrTooLarge || cap(c.bytes) > 4*maxBytes {
			t.Errorf("%.40s: %v, %d bytes", steps, err, cap(c.bytes))
		}
		if c.Reset(); cap(c.bytes) > keepMost {
			t.Errorf("%.40s: %d bytes are kept", steps, cap(c.bytes))
		}
	}
	r := Compile(object(t, `{"response_headers":{"X":{"value":"`+many+`"}}}`))
	saved, err := r.Save(s)
	if err != nil || len(saved.bytes) != len(long) {
		t.Fatalf("want the value saved once, got %v", err)
	}
	if err := r.Answer(saved, &http1.Response{Status: 200}, &Changes{}); err != ErrTooLarge {
		t.Error(err)
	}
}

// TestWorkIsBounded: no head makes the patterns of a rewrite hold up a loop.
func TestWorkIsBounded(t *testing.T) {
	long := strings.Repeat("ab", 14<<10)
	s := subjectOf(parsed(t, "GET / HTTP/1.1\r\nHost: a\r\nX-L: "+long+"\r\n\r\n"))
	slow := `"pattern":"(x?a|b){35}c"`
	var c Changes
	if err := Compile(object(t, `{"when":[{"variable":"http_req_X-L",`+slow+`}],"url":{"path":"/"}}`)).Request(s, &c); err != ErrTooCostly {
		t.Errorf("a request: %v", err)
	}
	r := Compile(object(t, `{"response_headers":{"Set-Cookie":{"delete":true,"match":{`+slow+`}}}}`))
	c.Reset()
	answer := &http1.Response{Status: 200, Fields: []http1.Field{{Name: []byte("Set-Cookie"), Value: []byte(long), ID: http1.FieldSetCookie}}}
	if err := r.Answer(nil, answer, &c); err != ErrTooCostly {
		t.Errorf("an answer: %v", err)
	}
	c.Reset()
	if err := Compile(object(t, `{"when":[{"variable":"http_req_X-L","pattern":"^abab"}],"url":{"path":"/"}}`)).Request(s, &c); err != nil || !c.HasPath {
		t.Errorf("a cheap pattern: %v", err)
	}
}

// TestWhatAnotherVersionAccepted: a step that cannot be done is left out, and the others are done.
func TestWhatAnotherVersionAccepted(t *testing.T) {
	value := func(s string) map[string]spec.RewriteHeader { return map[string]spec.RewriteHeader{"X-A": {Value: &s}} }
	path := "/{http_resp_X}"
	o := &spec.Rewrite{Steps: []spec.RewriteStep{
		{When: []spec.RewriteCondition{{Variable: "var_newer", Pattern: "a"}}, RequestHeaders: value("1")},
		{When: []spec.RewriteCondition{{Variable: "var_host", Pattern: "("}}, RequestHeaders: value("2")},
		{RequestHeaders: value("{var_newer}")}, {RequestHeaders: value("{")}, {RequestHeaders: value("{var_host_1}")}, {RequestHeaders: value("{http_resp_X}")},
		{When: []spec.RewriteCondition{{Variable: "var_host", Pattern: "(a)"}}, RequestHeaders: value("{var_host_2}")},
		{When: []spec.RewriteCondition{{Variable: "var_http_status", Pattern: "2"}}, RequestHeaders: value("3")},
		{RequestHeaders: map[string]spec.RewriteHeader{"Connection": {Delete: true}}}, {URL: &spec.RewriteURL{Path: &path}},
		{RequestHeaders: value("good")},
	}}
	r := Compile(o)
	var c Changes
	if err := r.Request(subjectOf(parsed(t, head)), &c); err != nil || len(r.steps) != 1 || string(c.of([]byte("x-a"), 0).value) != "good" {
		t.Errorf("%v, %d steps, %+v", err, len(r.steps), c.fields)
	}
}
