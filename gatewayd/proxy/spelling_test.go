package proxy

import (
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// TestSpellingsOfPaths: a path is refused, or the rule of its normal form takes it and the target gets the client's own
// bytes, but for plain dot-segments. No spelling reaches what another rule guards.
func TestSpellingsOfPaths(t *testing.T) {
	r := newRig(t, func(r *rig) {
		r.named(map[string]*spec.Match{
			"chat":  {Paths: []string{"/chat"}},
			"below": {Paths: []string{"/Chat/*"}},
			"admin": {Paths: []string{"/admin*"}},
			"cafe":  {Paths: []string{"/café"}},
			"odd":   {Paths: []string{"/chat/.../*", "/chat/..a"}},
			"all":   nil,
		})
	}, mirror(t).addr)
	want := map[string]string{}
	for target, seen := range map[string]string{
		"/chat": "chat /chat", "/CHAT": "chat /CHAT", "/%63hat": "chat /%63hat", "/%43%48%41%54": "chat /%43%48%41%54",
		"//chat": "chat //chat", "/%2Fchat": "chat /%2Fchat", "/%2f/chat": "chat /%2f/chat", "///%43hat": "chat ///%43hat",
		"/./chat": "chat /chat", "/../chat": "chat /chat", "/x/../chat": "chat /chat", "/x/./../chat": "chat /chat", "/a/b/../../ChaT": "chat /ChaT",
		"/chat/": "below /chat/", "/chat//": "below /chat//", "/chat/.": "below /chat/", "/chat%2F": "below /chat%2F",
		"/chat/x/..": "below /chat/", "/chat%2froom": "below /chat%2froom", "/chat//%2Froom": "below /chat//%2Froom",
		"/chat/%41%2542": "below /chat/%41%2542", "/chat/..a": "odd /chat/..a", "/chat/.../x": "odd /chat/.../x",
		"/chat/%2e%2e%2e/x": "odd /chat/%2e%2e%2e/x", "/chat/%2E.a": "odd /chat/%2E.a", "/chat;v=1": "all /chat;v=1",
		"/chat%00": "bad_path", "/chat%": "bad_path", "/chat%4": "bad_path", "/chat%zz": "bad_path", "/chat%u0041": "bad_path",
		"/%2563hat": "all /%2563hat", "/chat%20": "all /chat%20", "/chat%3Fx": "all /chat%3Fx", "/chat%23x": "all /chat%23x", "/chat+": "all /chat+",
		"/chat?a=/../admin": "chat /chat?a=/../admin", "/chat/?/%2e%2e": "below /chat/?/%2e%2e",
		"/caf%C3%A9": "cafe /caf%C3%A9", "/CAF%c3%a9": "cafe /CAF%c3%a9", "/caf%C3%89": "all /caf%C3%89", // Only ASCII is folded.

		"/admin": "admin /admin", "/Admin/x": "admin /Admin/x", "/%61dmin": "admin /%61dmin", "//admin": "admin //admin",
		"/chat/../admin": "admin /admin", "/chat/./../ADMIN/x": "admin /ADMIN/x", "/./admin/.": "admin /admin/",
		"/chat/%2e%2e/admin": "bad_path", "/chat/%2E%2E/admin": "bad_path", "/chat/.%2e/admin": "bad_path", "/chat/%2e./admin": "bad_path",
		"/chat/..%2fadmin": "bad_path", "/chat%2f..%2fadmin": "bad_path", "/chat%2F../admin": "bad_path", "/%2e/admin": "bad_path",
		"/chat/..%5cadmin": "bad_path", "/chat%5c..%5Cadmin": "bad_path", "/chat/..;/admin": "bad_path", "/chat/..%3bx/admin": "bad_path",
		"/chat/.;x=y/admin": "bad_path", "/%2e%2e/chat": "bad_path", "/x/%2e%2e/../chat": "bad_path", "/chat/%2e": "bad_path", "/chat/%2e%2e": "bad_path",
		"/chat/%252e%252e/admin": "below /chat/%252e%252e/admin", // Decoded once: whoever decodes twice is on their own.
		"/chat\\..\\admin":       "bad_target", "/chat/\x80": "bad_target", "/chat^": "all /chat^",
		"http://a/x/../admin": "admin /admin", "http://a/%2e%2e/admin": "bad_path", "http://a": "all /", "http://a?x": "all /?x",
	} {
		want["GET "+target+" HTTP/1.1\r\nHost: a"] = seen
	}
	if len(want) < 40 {
		t.Errorf("%d spellings are too few", len(want))
	}
	r.asks(want)
}

// TestPathPrefixIsSent is the table of Azure's documentation through sockets, and what a cut must not make.
func TestPathPrefixIsSent(t *testing.T) {
	override := "/override/"
	r := newRig(t, func(r *rig) {
		r.named(map[string]*spec.Match{
			"all": nil, "home": {Paths: []string{"/pathrule/home*"}}, "path": {Paths: []string{"/pathrule*"}}, "exact": {Paths: []string{"/pathrule/"}},
			"post": {Methods: []string{"POST"}, Paths: []string{"/pathrule/h*"}},
		})
		for _, o := range r.more {
			if s, ok := o.(*spec.Setting); ok {
				s.PathPrefix = &override
			}
		}
	}, mirror(t).addr)
	r.asks(map[string]string{
		"GET /home/ HTTP/1.1\r\nHost: a":                                "all /override/home/",
		"GET /home/secondhome/?q=/pathrule/ HTTP/1.1\r\nHost: a":        "all /override/home/secondhome/?q=/pathrule/",
		"GET /pathrule/away/ HTTP/1.1\r\nHost: a":                       "path /override/away/",
		"GET /pathrule/away/secondhome/ HTTP/1.1\r\nHost: a":            "path /override/away/secondhome/",
		"GET /pathrule/home/ HTTP/1.1\r\nHost: a":                       "home /override/",
		"GET /pathrule/home/secondhome/ HTTP/1.1\r\nHost: a":            "home /override/secondhome/",
		"GET /pathrule/ HTTP/1.1\r\nHost: a":                            "exact /override/",
		"GET /PathRule//Home%2fA%2fb HTTP/1.1\r\nHost: a":               "home /override/A%2fb",
		"POST /pathrule/home HTTP/1.1\r\nHost: a\r\nContent-Length: 0":  "home /override/", // The longer path comes first.
		"POST /pathrule/hotel HTTP/1.1\r\nHost: a\r\nContent-Length: 0": "post /override/otel",
		"GET /pathrule../admin HTTP/1.1\r\nHost: a":                     "bad_path",
		"GET /pathrule%2e%2e/admin HTTP/1.1\r\nHost: a":                 "bad_path",
		"OPTIONS * HTTP/1.1\r\nHost: a":                                 "all *",
	})
}
