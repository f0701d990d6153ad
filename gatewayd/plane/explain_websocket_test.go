package plane

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// TestExplainOfWebSockets asks for an explanation of each handshake and makes it too: whose pages may open a WebSocket is told
// as it is done.
func TestExplainOfWebSockets(t *testing.T) {
	r := newRig(t)
	port := freePort(t)
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {}))
	t.Cleanup(backend.Close)
	_, target, _ := net.SplitHostPort(backend.Listener.Addr().String())
	r.publish(func(d *spec.Draft) {
		r.put(d, spec.Listeners, `{"name":"l","address":"127.0.0.1","port":%d}`, port)
		r.put(d, spec.Pools, `{"name":"p","targets":{"one":{"address":"127.0.0.1","port":%s}}}`, target)
		r.put(d, spec.Settings, `{"name":"open"}`)
		r.put(d, spec.Settings, `{"name":"own","path_prefix":"/v2","websocket":{"allowed_origins":["https://app.example"]}}`)
		r.put(d, spec.Rules, `{"name":"one","listener":"l","match":{"paths":["/one*"]},"pool":"p","setting":"own"}`)
		r.put(d, spec.Rules, `{"name":"two","listener":"l","match":{"paths":["/two"]},"split":{"a":{"pool":"p","setting":"own","weight":1},"b":{"pool":"p","setting":"open","weight":0}}}`)
	})
	handshake := []string{"Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}
	const barred = `403 origin: pages of this origin may not open WebSockets here: `
	missing := func(origin string) string {
		return barred + fmt.Sprintf("%q is missing from websocket.allowed_origins of setting \"own\"", origin)
	}
	for _, c := range []struct {
		path    string
		origins string // of the request, separated by spaces
		plain   bool   // it is no handshake
		want    string
	}{
		{"/one", "https://evil.example", false, missing("https://evil.example")},
		{"/one", "", false, "/v2"},
		{"/one", "https://APP.example", false, "/v2"},
		{"/one", "https://app.example https://app.example", false, barred + "Origin may be told once only"},
		{"/one", "https://app.example null", false, missing("null")},
		{"/one", "https://evil.example", true, "/v2"},
		{"/one../x", "https://evil.example", false, missing("https://evil.example")},
		{"/two", "https://evil.example", false, missing("https://evil.example") + "; /two"},
	} {
		var headers []string
		for _, origin := range strings.Fields(c.origins) {
			headers = append(headers, "Origin: "+origin)
		}
		if !c.plain {
			headers = append(headers, handshake...)
		}
		e, ps := r.plane.Explain(api.Question{URL: fmt.Sprintf("http://127.0.0.1:%d%s", port, c.path), Headers: headers})
		got, status, reason := outcome(e.Status, e.Reason, e.Message, e.Sent), e.Status, e.Reason
		if len(e.Shares) == 2 {
			a, b := e.Shares[0], e.Shares[1]
			got, status, reason = outcome(a.Status, a.Reason, a.Message, a.Sent)+"; "+outcome(b.Status, b.Reason, b.Message, b.Sent), a.Status, a.Reason
		}
		if len(ps) > 0 || got != c.want {
			t.Errorf("%+v:\n got %s %v\nwant %s", c, got, ps, c.want)
		}
		done := asks(t, port, c.path, strings.Join(append(headers, ""), "\r\n"))
		if status == 0 {
			status = http.StatusOK // The target takes no WebSocket, and answers this to whatever gets to it.
		}
		if done.StatusCode != status || done.Header.Get("Gatewayd-Reason") != reason {
			t.Errorf("%+v: told %d %s, done %d %v", c, status, reason, done.StatusCode, done.Header)
		}
	}
}

// TestExplainOfURLsOfWebSockets: what a handshake lacks is added where a URL says that it is one, and nothing that is there goes.
func TestExplainOfURLsOfWebSockets(t *testing.T) {
	r := newRig(t)
	r.publish(func(d *spec.Draft) {
		r.put(d, spec.Listeners, `{"name":"l","address":"127.0.0.1","port":%d}`, freePort(t))
		r.put(d, spec.Pools, `{"name":"p","fail_open":true,"targets":{"one":{"address":"127.0.0.1","port":9}}}`)
		r.put(d, spec.Settings, `{"name":"s","websocket":{"allowed_origins":["https://app.example"]}}`)
		r.put(d, spec.Rules, `{"name":"r","listener":"l","pool":"p","setting":"s","match":{"headers":{"Upgrade":{"equals":["websocket"]}}}}`)
	})
	for _, c := range []struct {
		url     string
		headers []string
		port    int
		want    string // status, reason, path
	}{
		{"ws://a.test/x", nil, 80, "0  /x"},
		{"WSS://a.test/x", nil, 443, "0  /x"},
		{"wss://a.test:8443/x", []string{"origin: https://evil.example"}, 8443, "403 origin "},
		{"ws://a.test/x", []string{"CONNECTION: keep-alive, Upgrade", "upgrade: websocket", "Origin: https://evil.example"}, 80, "403 origin "},
		{"ws://a.test/x", []string{"Sec-WebSocket-Version: 8"}, 80, "426 bad_websocket_version "},
		{"ws://a.test/x", []string{"Sec-WebSocket-Key: short"}, 80, "400 bad_websocket_key "},
		{"http://a.test/x", []string{"Origin: https://evil.example"}, 80, "404 no_rule "},
	} {
		if e, _ := r.plane.Explain(api.Question{URL: c.url, Headers: c.headers}); e.Port != c.port {
			t.Errorf("%s comes in at port %d, want %d", c.url, e.Port, c.port)
		}
		e, ps := r.plane.Explain(api.Question{URL: c.url, Headers: c.headers, AtListener: "l"})
		if got := fmt.Sprint(e.Status, " ", e.Reason, " ", e.Sent); len(ps) > 0 || got != c.want {
			t.Errorf("%s %q: got %s, want %s (%v)", c.url, c.headers, got, c.want, ps)
		}
	}
}

// outcome is what is answered, or what a target gets.
func outcome(status int, reason, message, sent string) string {
	if status == 0 {
		return sent
	}
	return fmt.Sprintf("%d %s: %s", status, reason, message)
}

// asks is the answer to a GET with header lines that go as they are written.
func asks(t *testing.T, port int, path, lines string) *http.Response {
	t.Helper()
	l, err := connect(place{address: fmt.Sprintf("127.0.0.1:%d", port), host: "a.test", path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	if err := l.ask(http.MethodGet, lines); err != nil {
		t.Fatal(err)
	}
	answer, _, err := l.answer()
	if err != nil {
		t.Fatal(err)
	}
	return answer
}
