package proxy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/accesslog"
)

// The line says which request id the target got, however a rewrite spells its name, and none where it got none.
func TestRequestIDsAreLogged(t *testing.T) {
	for _, c := range []struct{ steps, want string }{
		{`{"request_headers":{"X-A":{"value":"x-request-id: no"}}}`, ""},
		{`{"request_headers":{"X-Request-Id":{"value":"mine"}}}`, "mine"},
		{`{"request_headers":{"x-request-id":{"value":"mine"}}}`, "mine"},
		{`{"request_headers":{"X-REQUEST-ID":{"value":"mine\\"}}}`, `mine\\`},
		{`{"request_headers":{"X-Request-ID":{"delete":true}}}`, "none"},
	} {
		path := filepath.Join(t.TempDir(), "access.log")
		log, err := accesslog.Open(accesslog.Config{Path: path, Loops: 1})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { log.Close() })
		s := answering(t, ok("x"))
		r := newRig(t, func(r *rig) {
			r.w.cfg.AccessLog = log.Sink(0)
			r.rewriting("w", c.steps)
		}, s.addr)
		p := r.dial()
		p.send(get)
		p.expect(200, "x")
		r.on(func() {}) // The line was added before the answer left.
		r.on(log.Sink(0).Flush)
		var line string
		until(t, "the line is there", func() bool {
			b, err := os.ReadFile(path)
			line = string(b)
			return err == nil && strings.HasSuffix(line, "\n")
		})
		_, id, found := strings.Cut(line, `"request_id":"`)
		id, _, _ = strings.Cut(id, `"`)
		if c.want == "" {
			_, sent, _ := strings.Cut(s.got()[0], "X-Request-Id: ")
			c.want, _, _ = strings.Cut(sent, "\r")
		}
		if found != (c.want != "none") || found && id != c.want {
			t.Errorf("%s: the line has the request id %q, want %q: %s", c.steps, id, c.want, line)
		}
	}
}
