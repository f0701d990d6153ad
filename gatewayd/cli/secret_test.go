package cli

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// TestNothingOfAProcessShowsASecret: neither a private key nor one of the gateway's own keys is in anything that a process says
// through its life: the words for a file of mistakes, each read of the API, metrics, the log at its finest, the access log,
// what the commands print, the last words of a crash; nor in the store that the crash leaves, with what was replaced and removed.
func TestNothingOfAProcessShowsASecret(t *testing.T) {
	dir, listen := t.TempDir(), freeAddress(t)
	shown, mine, other := certtest.New(certtest.Issue{}), certtest.New(certtest.Issue{}), certtest.New(certtest.Issue{})
	file := filepath.Join(t.TempDir(), "config.json")
	write := func(change func(string) string) {
		t.Helper()
		text := change(fmt.Sprintf(`{
			"certificates": [{"name": "shown", "certificate_pem": %q, "private_key_pem": %q}, {"name": "mine", "certificate_pem": %q, "private_key_pem": %q}],
			"ca_bundles": [{"name": "roots", "pem": %q}],
			"listeners": [{"name": "web", "address": "127.0.0.1", "port": %s, "protocol": "https", "certificates": ["shown"]}],
			"pools": [{"name": "app", "fail_open": true, "targets": {"a": {"address": "127.0.0.1", "port": %s}}}, {"name": "idle"}],
			"targets": [{"name": "b", "pool": "idle", "address": "127.0.0.1", "port": 1}],
			"probes": [{"name": "up", "interval": "100ms", "timeout": "1s"}],
			"settings": [{"name": "over", "protocol": "https", "probe": "up", "tls": {"ca_bundles": ["roots"], "client_certificate": "mine"}}],
			"rewrites": [{"name": "nothing", "steps": [{"request_headers": {"X-A": {"value": "b"}}}]}],
			"rules": [{"name": "all", "listener": "web", "pool": "app", "setting": "over"}]
		}`, shown.Certificate, shown.Key, mine.Certificate, mine.Key, certtest.Sample(1).Certificate, portOf(t, listen), portOf(t, listen)))
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var told strings.Builder
	quoted := func(s string) string { q := fmt.Sprintf("%q", s); return q[1 : len(q)-1] }
	for what, change := range map[string]func(string) string{
		"another's key": func(s string) string {
			return strings.Replace(s, quoted(mine.Certificate), quoted(other.Certificate), 1)
		},
		"a cut file":      func(s string) string { return s[:strings.Index(s, "-----END PRIVATE")] },
		"no string":       func(s string) string { return strings.Replace(s, `"private_key_pem": "`, `"private_key_pem": 0"`, 1) },
		"another field":   func(s string) string { return strings.Replace(s, `"private_key_pem"`, `"private_key"`, 1) },
		"a key as a name": func(s string) string { return strings.Replace(s, `"private_key_pem"`, `"name"`, 1) },
		"a key as a file": func(string) string { return shown.Key },
	} {
		write(change)
		_, errOut, code := gatewayd(t, "serve", "--data-dir", t.TempDir(), "--admin", freeAddress(t), "--admin-socket", "off", "--config", file, "--log-level", "debug")
		if code != 1 || !strings.Contains(errOut, file) {
			t.Errorf("%s: code %d: %s", what, code, errOut)
		}
		told.WriteString(errOut)
	}
	write(func(s string) string { return s })

	accessLog := filepath.Join(t.TempDir(), "access.log")
	limit = func(c *exec.Cmd) { c.Env = append(c.Env, "GOTRACEBACK=all") }
	defer func() { limit = nil }()
	p := serveIn(t, dir, "--config", file, "--log-level", "debug", "--access-log", accessLog, "--access-log-query", "full")
	limit = nil
	get := func(path string) {
		t.Helper()
		text, header := p.get(t, path)
		fmt.Fprintf(&told, "%s %v\n", text, header)
	}
	for _, name := range []string{"shown", "mine"} { // Rotated, so that there are revisions before.
		if _, err := p.client.Update(t.Context(), spec.Certificates, name, &spec.Certificate{Name: name, CertificatePEM: &other.Certificate, PrivateKeyPEM: &other.Key}, 0, "key-"+name); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.client.Create(t.Context(), spec.Certificates, &spec.Certificate{Name: "gone", CertificatePEM: &shown.Certificate, PrivateKeyPEM: &shown.Key}, "key-gone"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"gone", "mine"} { // One of them is in use and retires.
		if _, err := p.client.Delete(t.Context(), spec.Certificates, name, 0, ""); err != nil {
			t.Fatal(err)
		}
	}
	// One client is served as far as it goes, and one speaks no TLS that the gateway has.
	https := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	a, err := https.Get("https://" + listen + "/x?y=z")
	if err != nil || a.StatusCode != http.StatusBadGateway {
		t.Errorf("asked: %v, %v", a, err)
	}
	a.Body.Close()
	if c, err := tls.Dial("tcp", listen, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}); err == nil {
		c.Close()
		t.Error("TLS 1.0 was spoken")
	}
	for _, path := range []string{api.PathConfig, api.PathHealth, api.PathDrains + "/1", api.PathStatus, api.PathExplain + "?url=https://" + listen + "/",
		api.PathMetrics, api.PathOpenAPI, api.PathLive, api.PathReady} {
		get(path)
	}
	names := map[*spec.Kind]string{spec.Certificates: "shown", spec.CABundles: "roots", spec.Listeners: "web", spec.Pools: "app", spec.Targets: "b",
		spec.Probes: "up", spec.Settings: "over", spec.Rewrites: "nothing", spec.Rules: "all"}
	for _, k := range spec.Kinds() {
		get(api.Base + "/" + k.Collection)
		get(api.Base + "/" + k.Collection + "/" + names[k])
		get(api.Base + "/" + k.Collection + "?retired=true")
	}
	for _, args := range [][]string{{"status"}, {"status", "--json"}, {"health"}, {"health", "app"}, {"explain", "https://" + listen + "/"}} {
		out, errOut, _ := gatewayd(t, append(args, "--endpoints", "http://"+p.admin, "--data-dir", dir)...)
		if out == "" {
			t.Errorf("%v prints nothing: %s", args, errOut)
		}
		told.WriteString(out + errOut)
	}
	now, err := p.client.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := errors.New("all is told")
	err = p.client.Events(t.Context(), api.EventQuery{After: "before-0"}, func(e *api.Event) error {
		text, err := json.Marshal(e)
		if err != nil {
			return err
		}
		told.WriteString(string(text) + eventWords(e) + "\n")
		if e.Change != nil && e.Change.Revision == now.Revision {
			return all
		}
		return nil
	}, nil)
	if err != all {
		t.Errorf("events: %v", err)
	}
	p.signal(t, syscall.SIGQUIT)
	p.wait(t)
	want(t, p.text(), "SIGQUIT: quit", "goroutine ", "level=DEBUG", "no TLS with a target")
	lines, err := os.ReadFile(accessLog)
	if err != nil || len(lines) == 0 {
		t.Errorf("the access log: %q, %v", lines, err)
	}
	store, err := os.ReadFile(filepath.Join(dir, "gatewayd.db"))
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{"an answer or a command": told.String(), "the log": p.text(), "the access log": string(lines), "the store": string(store)}
	for where, text := range texts {
		for i, pair := range []*certtest.Pair{shown, mine, other} {
			if form := pair.Shows([]byte(text)); form != "" {
				t.Errorf("%s shows private key %d, as %s", where, i, form)
			}
		}
		for _, name := range []string{"admin.token", "store.key", "affinity.key", "tickets.key"} {
			secret, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(text, strings.TrimSpace(string(secret))) {
				t.Errorf("%s shows %s", where, name)
			}
		}
	}
	for _, name := range []string{"shown", "roots", "over"} {
		if !strings.Contains(told.String(), name) {
			t.Errorf("nothing tells of %s, so that the test says nothing", name)
		}
	}
}
