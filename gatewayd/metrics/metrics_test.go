package metrics_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/gatewaytest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A rig is a gateway with one listener, pool and rule for /app/*, in front of an Echo.
type rig struct {
	*gatewaytest.Gateway
	t    testing.TB
	echo *gatewaytest.Echo
	port int
}

// newRig starts a gateway; fields are more of the listener, each with a comma in front.
func newRig(t testing.TB, fields ...string) *rig {
	r := &rig{t: t, echo: gatewaytest.StartEcho(t, "one"), port: gatewaytest.FreePort(t)}
	config := filepath.Join(t.TempDir(), "config.json")
	document := fmt.Sprintf(`{
		"listeners": [{"name":"web","address":"127.0.0.1","port":%d,"drain_timeout":"1s"%s}],
		"pools": [{"name":"apps","targets":{"one":{"address":"127.0.0.1","port":%d}}}, {"name":"empty"}],
		"probes": [{"name":"up","interval":"100ms"}],
		"settings": [{"name":"plain","probe":"up"}],
		"rules": [{"name":"app","listener":"web","pool":"apps","setting":"plain"},
			{"name":"none","listener":"web","pool":"empty","setting":"plain","match":{"paths":["/none"]}}]}`, r.port, strings.Join(fields, ""), r.echo.Addr().Port())
	if err := os.WriteFile(config, []byte(document), 0o600); err != nil {
		t.Fatal(err)
	}
	r.Gateway = gatewaytest.Start(t, gatewaytest.Loops(2), gatewaytest.ConfigFile(config))
	r.until(`gatewayd_target_healthy{pool="apps",setting="plain",target="one"}`, "1")
	return r
}

// scrape is the text of /metrics.
func (r *rig) scrape() string {
	r.t.Helper()
	request, err := http.NewRequest("GET", r.Endpoint+"/metrics", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+r.Token)
	request.Close = true
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != 200 {
		r.t.Fatalf("%s %v: %s", answer.Status, err, text)
	}
	return string(text)
}

// value is that of a series, "" where there is none.
func value(text, series string) string {
	for line := range strings.Lines(text) {
		if v, is := strings.CutPrefix(line, series+" "); is {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

func (r *rig) expect(text string, want map[string]string) {
	r.t.Helper()
	for series, v := range want {
		if got := value(text, series); got != v {
			r.t.Errorf("%s is %q, want %q", series, got, v)
		}
	}
}

func (r *rig) until(series, want string) {
	r.t.Helper()
	got := ""
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if got = value(r.scrape(), series); got == want {
			return
		}
	}
	r.t.Fatalf("in vain waited until %s is %s; it is %q", series, want, got)
}

// send sends bytes on a connection of their own and reads to its end.
func (r *rig) send(request string) string {
	r.t.Helper()
	return gatewaytest.Send(r.t, r.port, request)
}

func (r *rig) get(path string) string {
	return r.send("GET " + path + " HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")
}

const ofApp = `listener="web",pool="apps",rule="app",setting="plain"`

// After a known sequence every counter is what it must be; tunnels do not move what requests took.
func TestCountsAreExact(t *testing.T) {
	r := newRig(t)
	sent := 0
	for _, path := range []string{"/bytes/100", "/bytes/100", "/status/404", "/status/500"} {
		sent += len(r.get(path))
	}
	own := len(r.get("/none"))
	bad := "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"
	r.send(bad)
	latency := `gatewayd_request_seconds_count{pool="apps",setting="plain"}`
	first := `gatewayd_upstream_first_byte_seconds_count{pool="apps",setting="plain"}`
	counts := map[string]string{
		`gatewayd_requests_total{class="2xx",` + ofApp + `}`:                                           "2",
		`gatewayd_requests_total{class="4xx",` + ofApp + `}`:                                           "1",
		`gatewayd_requests_total{class="5xx",` + ofApp + `}`:                                           "1",
		`gatewayd_requests_total{class="none",` + ofApp + `}`:                                          "0",
		`gatewayd_sent_bytes_total{` + ofApp + `}`:                                                     fmt.Sprint(sent),
		`gatewayd_requests_total{class="5xx",listener="web",pool="empty",rule="none",setting="plain"}`: "1",
		`gatewayd_sent_bytes_total{listener="web",pool="empty",rule="none",setting="plain"}`:           fmt.Sprint(own),
		`gatewayd_requests_total{class="4xx",listener="",pool="",rule="",setting=""}`:                  "1",
		`gatewayd_received_bytes_total{listener="",pool="",rule="",setting=""}`:                        fmt.Sprint(len(bad)),
		`gatewayd_own_answers_total{reason="no_backend"}`:                                              "1",
		`gatewayd_own_answers_total{reason="duplicate_host"}`:                                          "1",
		`gatewayd_own_answers_total{reason="bad_path"}`:                                                "0",
		`gatewayd_upstream_retries_total{pool="apps",setting="plain"}`:                                 "0",
		`gatewayd_upstream_failures_total{reason="bad_answer",pool="apps",setting="plain"}`:            "0",
		`gatewayd_targets{state="healthy",pool="apps",setting="plain"}`:                                "1",
		`gatewayd_targets_ejected{pool="apps",setting="plain"}`:                                        "0",
		`gatewayd_objects{kind="rule"}`:                                                                "2",
		`gatewayd_revision`:                                                                            "1",
		`gatewayd_tunnels`:                                                                             "0",
		`gatewayd_loop_stalled{loop="1"}`:                                                              "0",
		`gatewayd_metrics_left_out{what="rules"}`:                                                      "0",
		latency: "4",
		first:   "4",
	}
	text := r.scrape()
	r.expect(text, counts)
	if value(text, `gatewayd_build_info{goversion="`+runtime.Version()+`",version="`+gatewaytest.Version+`"}`) != "1" || !strings.Contains(text, "go_goroutines") {
		t.Error("nothing says what runs")
	}

	client, err := gatewaytest.Dial(t.Context(), gatewaytest.URL("ws", r.port, "/chat"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Say("hello"); err != nil {
		t.Fatal(err)
	}
	byBackend, err := gatewaytest.Dial(t.Context(), gatewaytest.URL("ws", r.port, "/chat"), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.until(`gatewayd_tunnels_open{`+ofApp+`}`, "2")
	if code, err := client.Bye(); err != nil || code != 1000 {
		t.Fatalf("the Close was answered %d, %v", code, err)
	}
	client.Close()
	r.until(`gatewayd_tunnels_ended_total{by="client",`+ofApp+`}`, "1")
	r.echo.Cut()
	if kind, _, err := byBackend.ReadMessage(); err == nil {
		t.Fatalf("a message of kind %d came from a backend that was cut", kind)
	}
	byBackend.Close() // The other half of the end.
	r.until(`gatewayd_tunnels_ended_total{by="backend",`+ofApp+`}`, "1")
	text = r.scrape()
	r.expect(text, map[string]string{
		`gatewayd_requests_total{class="1xx",` + ofApp + `}`: "2",
		`gatewayd_tunnels_open{` + ofApp + `}`:               "0",
		`gatewayd_tunnels_opened_total{` + ofApp + `}`:       "2",
		latency: "4",
		first:   "4",
	})
	http.DefaultClient.CloseIdleConnections()
}

// A series follows its object: through a rename with its value, and away with it.
func TestSeriesFollowObjects(t *testing.T) {
	r := newRig(t)
	r.get("/bytes/1")
	ctx, c := context.Background(), r.Client()
	talk, err := gatewaytest.Dial(ctx, gatewaytest.URL("ws", r.port, "/chat"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer talk.Close()
	for _, o := range []struct {
		kind *spec.Kind
		name string
		to   spec.Object
	}{
		{spec.Rules, "app", &spec.Rule{Name: "renamed", Listener: "web", Pool: new("apps"), Setting: new("plain")}},
		{spec.Pools, "apps", nil},
	} {
		object := o.to
		if object == nil {
			got, _, err := c.Get(ctx, o.kind, o.name, "")
			if err != nil {
				t.Fatal(err)
			}
			got.(*spec.Pool).Name = "renamed-pool"
			object = got
		}
		if _, err := c.Update(ctx, o.kind, o.name, object, 0, ""); err != nil {
			t.Fatal(err)
		}
	}
	renamed := `class="2xx",listener="web",pool="renamed-pool",rule="renamed",setting="plain"`
	if _, err := talk.Say("hello"); err != nil {
		t.Fatal(err)
	}
	r.until(`gatewayd_target_tunnel_sent_messages_total{pool="renamed-pool",setting="plain",target="one"}`, "1")
	text := r.scrape()
	r.expect(text, map[string]string{
		`gatewayd_tunnels_open{listener="web",pool="renamed-pool",rule="renamed",setting="plain"}`:                            "1",
		`gatewayd_tunnel_sent_messages_total{listener="web",pool="renamed-pool",rule="renamed",setting="plain"}`:              "1",
		`gatewayd_tunnel_handshakes_total{result="opened",listener="web",pool="renamed-pool",rule="renamed",setting="plain"}`: "1",
		`gatewayd_target_tunnels_open{pool="renamed-pool",setting="plain",target="one"}`:                                      "1",
	})
	r.expect(text, map[string]string{`gatewayd_requests_total{` + renamed + `}`: "1", `gatewayd_request_seconds_count{pool="renamed-pool",setting="plain"}`: "1"})
	if strings.Contains(text, `rule="app"`) || strings.Contains(text, `pool="apps"`) {
		t.Error("series of the old names are left")
	}
	if _, err := c.Delete(ctx, spec.Rules, "renamed", 0, ""); err != nil {
		t.Fatal(err)
	}
	if text := r.scrape(); strings.Contains(text, `rule="renamed"`) || strings.Contains(text, `pool="renamed-pool"`) {
		t.Error("series of a deleted rule are left")
	}
	http.DefaultClient.CloseIdleConnections()
}

// Who is turned away without a word shows in a number of its own.
func TestTurnedAwayIsCounted(t *testing.T) {
	r := newRig(t, `,"max_connections":1`)
	const series = "gatewayd_connections_turned_away_total"
	if got := value(r.scrape(), series); got != "0" {
		t.Errorf("before anybody came %s is %q", series, got)
	}
	for n := 0; value(r.scrape(), series) == "0"; n++ {
		if n == 100 {
			t.Fatal("nobody of thousands was turned away")
		}
		for range 50 {
			c, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", r.port))
			if err != nil {
				break // It was turned away already.
			}
			t.Cleanup(func() { c.Close() })
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

// Handshakes of TLS show by version and session, and those that fail by their reason.
func TestHandshakesAreShown(t *testing.T) {
	r := newRig(t)
	ctx, c, pair := context.Background(), r.Client(), certtest.Sample(1)
	listener, _, err := c.Get(ctx, spec.Listeners, "web", "")
	if err != nil {
		t.Fatal(err)
	}
	listener.(*spec.Listener).Protocol, listener.(*spec.Listener).Certificates = spec.HTTPS, []string{"c"}
	if _, err := c.Create(ctx, spec.Certificates, &spec.Certificate{Name: "c", CertificatePEM: &pair.Certificate, PrivateKeyPEM: &pair.Key}, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Update(ctx, spec.Listeners, "web", listener, 0, ""); err != nil {
		t.Fatal(err)
	}
	open, err := tls.Dial("tcp", fmt.Sprint("127.0.0.1:", r.port), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	if _, err := tls.Dial("tcp", fmt.Sprint("127.0.0.1:", r.port), &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Fatal("a client of TLS 1.1 was served")
	}
	r.until(`gatewayd_tls_handshakes_total{resumed="false",version="1.3"}`, "1")
	r.until(`gatewayd_tls_handshake_failures_total{reason="version"}`, "1")
	r.until("gatewayd_tls_handshakes_open", "0")
	r.expect(r.scrape(), map[string]string{
		`gatewayd_tls_handshakes_total{resumed="true",version="1.3"}`:  "0",
		`gatewayd_tls_handshakes_total{resumed="false",version="1.0"}`: "0",
		`gatewayd_tls_handshake_failures_total{reason="timeout"}`:      "0",
		`gatewayd_tls_handshake_failures_total{reason="other"}`:        "0",
	})
	http.DefaultClient.CloseIdleConnections()
}

// Whatever a client sends, labels are names of objects and words of ours, and no secret is shown.
func TestClientsMakeNoSeries(t *testing.T) {
	r := newRig(t)
	count := func(text string) int {
		return strings.Count(regexp.MustCompile(`(?m)^(#|go_|process_).*\n`).ReplaceAllString(text, ""), "\n")
	}
	r.get("/bytes/1")
	r.send("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
	before := count(r.scrape())
	for i := range 50 {
		r.send(fmt.Sprintf("M%d /bytes/1?canary-query=%d HTTP/1.1\r\nHost: canary-host%d.test\r\nCookie: canary-cookie\r\nAuthorization: Bearer canary-token\r\n"+
			"User-Agent: \"} 1 canary\r\nConnection: close\r\n\r\n", i, i, i))
		r.send(fmt.Sprintf("\x00canary%d", i) + "\r\n\r\n")
	}
	text := r.scrape()
	if after := count(text); after != before {
		t.Errorf("there were %d lines, and are %d", before, after)
	}
	if strings.Contains(text, "canary") || strings.Contains(text, r.Token) || strings.Contains(text, "127.0.0.1") {
		t.Error("the metrics show what a client sent, a token or an address")
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestMetricsNeedAToken(t *testing.T) {
	r := newRig(t)
	answer, err := http.Get(r.Endpoint + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != 401 {
		t.Errorf("without a token: %s", answer.Status)
	}
	http.DefaultClient.CloseIdleConnections()
}

// Names, help and types are as Prometheus wants them.
func TestMetricsAreWellFormed(t *testing.T) {
	r := newRig(t)
	r.get("/bytes/1")
	problems, err := promlint.New(strings.NewReader(r.scrape())).Lint()
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "gatewayd_") {
			err = errors.Join(err, fmt.Errorf("%s: %s", p.Metric, p.Text))
		}
	}
	if err != nil {
		t.Error(err)
	}
	http.DefaultClient.CloseIdleConnections()
}
