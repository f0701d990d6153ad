package proxy

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/accesslog"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
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
		s := answering(t, ok("x"))
		line := logLineOf(t, func(r *rig) { r.rewriting("w", c.steps) }, s, (*rig).dial)
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

// logLineOf is the line of a request by a client.
func logLineOf(t *testing.T, change func(*rig), target *server, client func(*rig) *peer) (line string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "access.log")
	log, err := accesslog.Open(accesslog.Config{Path: path, Loops: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	r := newRig(t, func(r *rig) {
		r.w.cfg.AccessLog = log.Sink(0)
		change(r)
	}, target.addr)
	p := client(r)
	p.send(get)
	p.answer("GET")
	r.on(func() {}) // The line was added before the answer left.
	r.on(log.Sink(0).Flush)
	until(t, "the line is there", func() bool {
		b, err := os.ReadFile(path)
		line = string(b)
		return err == nil && strings.HasSuffix(line, "\n")
	})
	return line
}

// What a client shows is logged where it is asked for something, also of one that is not let in.
func TestClientCertificatesAreLogged(t *testing.T) {
	root := signer("root")
	alice := certtest.New(certtest.Issue{Names: []string{`a "quoted" name`}, By: root})
	stranger := certtest.New(certtest.Issue{Names: []string{"stranger"}})
	shows := func(pair *certtest.Pair) func(*rig) *peer {
		return func(r *rig) *peer { p, _ := r.as(pair, "a.test", nil); return p }
	}
	strict := func(r *rig) { r.wants(spec.AuthStrict, root) }
	for what, c := range map[string]struct {
		change func(*rig)
		client func(*rig) *peer
		want   string
	}{
		"nothing is asked": {(*rig).https, shows(alice), ""},
		"let in":           {strict, shows(alice), `"status":200,"client_certificate":"SUCCESS","client_subject":"CN=a \\\"quoted\\\" name"`},
		"not let in":       {strict, shows(stranger), `"status":400,"reason":"client_certificate_untrusted","client_certificate":"FAILED:unknown_authority","client_subject":"CN=stranger"`},
		"nobody":           {strict, shows(nil), `"status":400,"reason":"no_client_certificate","client_certificate":"NONE"`},
	} {
		line := logLineOf(t, c.change, answering(t, ok("x")), c.client)
		var all map[string]any
		if err := json.Unmarshal([]byte(line), &all); err != nil {
			t.Errorf("%s: %v: %s", what, err, line)
		}
		var got []string
		for _, name := range []string{"status", "reason", "client_certificate", "client_subject"} {
			if v, there := all[name]; there && (c.want != "" || strings.HasPrefix(name, "client")) {
				b, err := json.Marshal(v)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, fmt.Sprintf("%q:%s", name, b))
			}
		}
		if strings.Join(got, ",") != c.want {
			t.Errorf("%s: got %s, want %s", what, strings.Join(got, ","), c.want)
		}
	}
}
