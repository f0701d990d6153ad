package client

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

const testToken = "gatewayd_canary-0123456789"

// newClient is a client that waits little between repetitions.
func newClient(t *testing.T, cfg Config) *Client {
	t.Helper()
	cfg.RetryWaitMin, cfg.RetryWaitMax = time.Millisecond, 2*time.Millisecond
	if cfg.Token == "" && cfg.TokenFile == "" {
		cfg.Token = testToken
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// serve answers every request by a function and counts them.
func serve(t *testing.T, handler http.HandlerFunc) (endpoint string, count *atomic.Int64) {
	t.Helper()
	count = new(atomic.Int64)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		count.Add(1)
		w.Header().Set(api.HeaderVersion, "0.9.0")
		handler(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, count
}

// refuse answers a problem.
func refuse(w http.ResponseWriter, e *api.Error) {
	body, err := json.Marshal(e)
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", api.MediaProblem)
	w.WriteHeader(e.Status)
	w.Write(body)
}

// closedEndpoint is one where nobody listens.
func closedEndpoint(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	return "http://" + l.Addr().String()
}

func TestConfigurationIsChecked(t *testing.T) {
	for _, c := range []struct {
		cfg  Config
		want string
	}{
		{Config{Endpoints: []string{"127.0.0.1:9180"}}, "URL"},
		{Config{Endpoints: []string{"ftp://x"}}, "begin with"},
		{Config{Endpoints: []string{"http://gateway.example"}}, "in the clear"},
		{Config{Endpoints: []string{"http://10.0.0.1:9180"}}, "in the clear"},
		{Config{Endpoints: []string{"http://x.localhost:9180"}}, "in the clear"},
		{Config{Endpoints: []string{"http://localhost.:9180"}}, "in the clear"},
		{Config{Endpoints: []string{"http://localhost:9180/v1"}}, "without a path"},
		{Config{Endpoints: []string{"https://"}}, "a host"},
		{Config{Endpoints: []string{"https://user:secret@host"}}, "user or password"},
		{Config{Endpoints: []string{"https://host?x"}}, "query"},
		{Config{Endpoints: []string{"https://host:9180?token=secret"}}, `"https://host:9180?..." must not hold a query`},
		{Config{Endpoints: []string{"https://host#secret"}}, `"https://host#..."`},
		{Config{Endpoints: []string{"https://host?token=a@secret"}}, `"https://..."`},
		{Config{Endpoints: []string{"https://user:se?secret@host"}}, `"https://..."`},
		{Config{Endpoints: []string{"user:secret@host:9180"}}, `"...@host:9180"`},
		{Config{Endpoints: []string{"https://%zz?secret"}}, "URL"},
		{Config{Endpoints: []string{"://secret@host"}}, "URL"},
		{Config{Endpoints: []string{"unix://run/x.sock"}}, "three slashes"},
		{Config{Token: "a", TokenFile: "b"}, "both"},
		{Config{Token: "a b"}, "white space"},
		{Config{CAPEM: "nonsense"}, "PEM"},
		{Config{ClientKeyPEM: "x"}, "together"},
		{Config{ClientCertificatePEM: "x", ClientKeyPEM: "y"}, "cannot be used"},
	} {
		_, err := New(c.cfg)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%+v: %v, want %q", c.cfg, err, c.want)
		}
	}
	c, err := New(Config{})
	if err != nil || c.Endpoints()[0] != DefaultEndpoint {
		t.Errorf("the zero configuration: %v", err)
	}
}

// TestNoProxyForThisMachine: the token in a plain request must not travel to a proxy of the environment.
func TestNoProxyForThisMachine(t *testing.T) {
	for endpoint, want := range map[string]bool{
		"http://localhost:9180": false, "http://127.0.0.1:9180": false, "http://127.8.8.8": false, "http://[::1]:9180": false,
		"https://localhost": false, "https://[::ffff:127.0.0.1]": false, "unix:///run/x.sock": false,
		"https://gateway.example": true, "https://10.0.0.1": true, "https://x.localhost": true,
	} {
		e, err := newEndpoint(endpoint, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := e.transport.Proxy != nil; got != want {
			t.Errorf("%s: a proxy may be used: %v, want %v", endpoint, got, want)
		}
	}
}

func TestRequests(t *testing.T) {
	endpoint, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if r.URL.EscapedPath() != "/v1/pools/a%2Fb" || r.Method != "PUT" || string(body) != `{"name":"web"}` {
			t.Errorf("%s %s %s", r.Method, r.URL.EscapedPath(), body)
		}
		for name, want := range map[string]string{
			"Authorization": "Bearer " + testToken, "User-Agent": "test/1", "Content-Type": api.MediaJSON, "If-Match": `"7"`, "Idempotency-Key": "key",
		} {
			if r.Header.Get(name) != want {
				t.Errorf("%s is %q, want %q", name, r.Header.Get(name), want)
			}
		}
		w.Header().Set("ETag", `"8"`)
		w.Header().Set(api.HeaderID, "id")
		w.Header().Set(api.HeaderOutcome, "updated")
		w.Header().Add(api.HeaderWarning, api.FormatWarning(spec.Problem{Path: "name", Message: "is odd"}))
	})
	c := newClient(t, Config{Endpoints: []string{endpoint}, UserAgent: "test/1"})
	web := spec.Pools.New().(*spec.Pool)
	web.Name = "web"
	meta, err := c.Update(t.Context(), spec.Pools, "a/b", web, 7, "key")
	if err != nil || meta.ID != "id" || meta.Revision != 8 || meta.Outcome != "updated" || len(meta.Warnings) != 1 || meta.Version != "0.9.0" {
		t.Errorf("%+v %v", meta, err)
	}
	if _, err := c.Update(t.Context(), spec.Pools, "web", &spec.Pool{Name: "web"}, 7, "a b"); err == nil {
		t.Error("a bad key was sent")
	}
}

// TestWritesMeetTheKnownObject: the id stands in the URL of a write where the caller has one.
func TestWritesMeetTheKnownObject(t *testing.T) {
	var got []string
	endpoint, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Method+" "+r.URL.RequestURI()+" "+r.Header.Get("If-Match"))
		if r.Method == http.MethodDelete {
			w.WriteHeader(http.StatusNoContent)
		}
	})
	c := newClient(t, Config{Endpoints: []string{endpoint}})
	for _, id := range []string{"", "a&b"} {
		known := c.Known(spec.Pools, "p", id)
		if _, err := known.Update(t.Context(), &spec.Pool{Name: "p"}, 7, ""); err != nil {
			t.Error(err)
		}
		if _, err := known.Delete(t.Context(), 0, ""); err != nil {
			t.Error(err)
		}
	}
	want := []string{`PUT /v1/pools/p "7"`, `DELETE /v1/pools/p *`, `PUT /v1/pools/p?id=a%26b "7"`, `DELETE /v1/pools/p?id=a%26b *`}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("want %q, got %q", want, got)
	}
}

// TestDrains: a write tells the revision of the configuration, and what that ended is asked by it.
func TestDrains(t *testing.T) {
	endpoint, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(api.HeaderRevision, "12")
		switch r.URL.Path {
		case "/v1/drains/12":
			w.Header().Set("Date", "Thu, 01 Jan 2026 00:00:01 GMT")
			io.WriteString(w, `{"revision":12,"open":3,"drains":[{"kind":"target","name":"a","pool":"p","address":"10.0.0.1","port":80,"open":3,"deadline":"2026-01-01T00:00:30Z"}]}`)
		case "/v1/pools/held":
			io.WriteString(w, `{"retired":true,"holders":[{"kind":"rule","name":"r"}]}`)
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	})
	c := newClient(t, Config{Endpoints: []string{endpoint}})
	for name, holders := range map[string]int{"held": 1, "gone": 0} {
		d, err := c.Known(spec.Pools, name, "").Delete(t.Context(), 0, "")
		if err != nil || d.Config != 12 || len(d.Holders) != holders {
			t.Errorf("%s: want it deleted by revision 12 with %d holders, got %+v and %v", name, holders, d, err)
		}
	}
	meta, err := c.Update(t.Context(), spec.Pools, "p", spec.Pools.New(), 0, "")
	if err != nil || meta.Config != 12 {
		t.Errorf("want the configuration to be at revision 12, got %+v and %v", meta, err)
	}
	drains, now, err := c.Drains(t.Context(), meta.Config)
	if err != nil || drains.Open != 3 || len(drains.Drains) != 1 || drains.Drains[0].Pool != "p" || now.Format(time.RFC3339) != "2026-01-01T00:00:01Z" {
		t.Errorf("want what is left, by the gateway's clock, got %+v, %s and %v", drains, now, err)
	}
}

// TestALostDeletion: the repetition gets the first answer again, or finds the object gone, which is what was wanted. An
// object that was gone before the first attempt is an error.
func TestALostDeletion(t *testing.T) {
	forgotten := func(w http.ResponseWriter) { refuse(w, api.NewError(api.NotFound, "There is none.")) }
	for _, c := range []struct {
		name   string
		lost   int64
		answer func(http.ResponseWriter)
		config uint64
		gone   bool
	}{
		{"remembered", 1, func(w http.ResponseWriter) {
			w.Header().Set(api.HeaderRevision, "12")
			w.WriteHeader(http.StatusNoContent)
		}, 12, false},
		{"forgotten", 1, forgotten, 0, false},
		{"not lost", 0, forgotten, 0, true},
	} {
		var attempts atomic.Int64
		endpoint, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			if attempts.Add(1) <= c.lost {
				panic(http.ErrAbortHandler)
			}
			c.answer(w)
		})
		d, err := newClient(t, Config{Endpoints: []string{endpoint}}).Known(spec.Pools, "p", "").Delete(t.Context(), 0, "")
		if d.Config != c.config || api.IsNotFound(err) != c.gone || err != nil && !c.gone || attempts.Load() != c.lost+1 {
			t.Errorf("%s: want revision %d and an error: %t, got %+v and %v after %d attempts", c.name, c.config, c.gone, d, err, attempts.Load())
		}
	}
}

func TestTokenFileIsReadAtEveryCall(t *testing.T) {
	var seen []string
	endpoint, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header.Get("Authorization"))
		io.WriteString(w, "{}")
	})
	path := filepath.Join(t.TempDir(), "token")
	c := newClient(t, Config{Endpoints: []string{endpoint}, TokenFile: path})
	if _, err := c.Status(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without the file: %v", err)
	}
	for _, token := range []string{"one\n", "two"} {
		if err := os.WriteFile(path, []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Status(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if strings.Join(seen, ",") != "Bearer one,Bearer two" {
		t.Errorf("tokens %q", seen)
	}
	for _, bad := range []string{"", " \n", "a b"} {
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Status(t.Context()); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("a file with %q: %v", bad, err)
		}
	}
}

func TestRepetitions(t *testing.T) {
	get := func(c *Client) error { _, err := c.Status(t.Context()); return err }
	put := func(c *Client) error {
		_, err := c.Create(t.Context(), spec.Pools, &spec.Pool{Name: "p"}, "")
		return err
	}
	for _, c := range []struct {
		status int
		want   int64
	}{
		{429, 4}, {502, 4}, {503, 4}, {504, 4},
		{400, 1}, {401, 1}, {403, 1}, {404, 1}, {409, 1}, {412, 1}, {422, 1}, {428, 1}, {500, 1}, {501, 1}, {301, 1}, {307, 1},
	} {
		keys := map[string]bool{}
		endpoint, count := serve(t, func(w http.ResponseWriter, r *http.Request) {
			keys[r.Header.Get(api.HeaderIdempotencyKey)] = true
			w.Header().Set("Retry-After", "3600")
			w.Header().Set("Location", "/elsewhere")
			refuse(w, &api.Error{Title: "x", Status: c.status})
		})
		for name, call := range map[string]func(*Client) error{"GET": get, "PUT": put} {
			count.Store(0)
			clear(keys)
			err := call(newClient(t, Config{Endpoints: []string{endpoint}, RetryMax: 3}))
			e, ok := errors.AsType[*api.Error](err)
			if !ok || e.Status != c.status || count.Load() != c.want {
				t.Errorf("%s answered %d: %d attempts, want %d: %v", name, c.status, count.Load(), c.want, err)
			}
			if len(keys) != 1 || keys[""] != (name == "GET") {
				t.Errorf("%s answered %d: idempotency keys %v", name, c.status, keys)
			}
		}
	}
	endpoint, count := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	if err := get(newClient(t, Config{Endpoints: []string{endpoint}, RetryMax: -1})); err == nil || count.Load() != 1 {
		t.Errorf("%d attempts where none may be repeated: %v", count.Load(), err)
	}
}

// TestUnsafeRequestsAreNotRepeated looks at a request without a key, which the calls of this package never make.
func TestUnsafeRequestsAreNotRepeated(t *testing.T) {
	endpoint, count := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	c := newClient(t, Config{Endpoints: []string{endpoint}, RetryMax: 3})
	if _, err := c.do(t.Context(), request{method: "POST", path: "/x", body: []byte("{}")}); err == nil || count.Load() != 1 {
		t.Errorf("%d attempts: %v", count.Load(), err)
	}
	count.Store(0)
	if _, err := c.do(t.Context(), request{method: "POST", path: "/x", body: []byte("{}"), safe: true}); !IsUnreachable(err) || count.Load() != 4 {
		t.Errorf("%d attempts: %v", count.Load(), err)
	}
}

// TestAnAnswerThatBreaksOffIsRepeated: under the same key, since the write may have been done.
func TestAnAnswerThatBreaksOffIsRepeated(t *testing.T) {
	for name, framed := range map[string]bool{"by its length": true, "in chunks": false} {
		var keys []string
		endpoint, count := serve(t, func(w http.ResponseWriter, r *http.Request) {
			keys = append(keys, r.Header.Get(api.HeaderIdempotencyKey))
			w.Header().Set(api.HeaderID, "id")
			if framed {
				w.Header().Set("Content-Length", "12")
			}
			w.WriteHeader(http.StatusCreated)
			if len(keys) == 1 {
				io.WriteString(w, `{"name"`)
				w.(http.Flusher).Flush()
				panic(http.ErrAbortHandler)
			}
			io.WriteString(w, `{"name":"p"}`)
		})
		c := newClient(t, Config{Endpoints: []string{endpoint}, RetryMax: 1})
		meta, err := c.Create(t.Context(), spec.Pools, &spec.Pool{Name: "p"}, "")
		if err != nil || meta.ID != "id" || count.Load() != 2 {
			t.Fatalf("%s: %+v after %d attempts: %v", name, meta, count.Load(), err)
		}
		if keys[0] != keys[1] || keys[0] == "" {
			t.Errorf("%s: keys %q", name, keys)
		}
		keys = nil
		_, err = newClient(t, Config{Endpoints: []string{endpoint}, RetryMax: -1}).Create(t.Context(), spec.Pools, &spec.Pool{Name: "p"}, "")
		if !IsUnreachable(err) || !strings.Contains(err.Error(), endpoint+" broke off") {
			t.Errorf("%s: without repetition: %v", name, err)
		}
	}
}

func TestEndpointsInTurn(t *testing.T) {
	good, served := serve(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "{}") })
	busy, refused := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	c := newClient(t, Config{Endpoints: []string{closedEndpoint(t), busy, good}, RetryMax: 1})
	for range 3 {
		if _, err := c.Status(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if served.Load() != 3 || refused.Load() != 1 {
		t.Errorf("the good one was asked %d times, the busy one %d times", served.Load(), refused.Load())
	}
	one, two := closedEndpoint(t), closedEndpoint(t)
	_, err := newClient(t, Config{Endpoints: []string{one, two}, RetryMax: 1}).Status(t.Context())
	if !IsUnreachable(err) || !strings.Contains(err.Error(), one) || !strings.Contains(err.Error(), two) {
		t.Errorf("two dead endpoints: %v", err)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	dir := t.TempDir()
	slow, _ := serve(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	page, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Del(api.HeaderVersion)
		http.Error(w, "<h1>nothing</h1>", 404)
	})
	wrong, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, api.NewError(api.Unauthorized, "The bearer token is wrong. The admin token is in the file admin.token of the gateway's data directory."))
	})
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	closed := closedEndpoint(t)
	for _, c := range []struct {
		what, endpoint string
		want           []string
	}{
		{"refused", closed, []string{closed, "refused the connection", "--admin"}},
		{"no socket", "unix://" + dir + "/none.sock", []string{dir, "does not exist", "--admin-socket"}},
		{"slow", slow, []string{slow, "in time"}},
		{"not a gateway", page, []string{page, "not from gatewayd"}},
		{"token", wrong, []string{wrong, "admin.token"}},
		{"certificate", secure.URL, []string{secure.URL, "not trusted", "CA"}},
		{"no TLS", strings.Replace(page, "http:", "https:", 1), []string{"does not speak TLS"}},
	} {
		cfg := Config{Endpoints: []string{c.endpoint}, RetryMax: -1}
		if c.what == "slow" {
			cfg.Timeout = 50 * time.Millisecond
		}
		cl := newClient(t, cfg)
		_, _, err := cl.Get(t.Context(), spec.Pools, "web", "")
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q in it", c.what, err, want)
			}
		}
		if err != nil && (strings.Contains(err.Error(), "canary") || api.IsNotFound(err) || strings.Contains(err.Error(), "gateway.invalid")) {
			t.Errorf("%s: %v", c.what, err)
		}
	}
	if text := describe("https://nothing.invalid", &net.DNSError{Name: "nothing.invalid", Err: "no such host"}); !strings.Contains(text, "nothing.invalid, that cannot be resolved") {
		t.Errorf("no name: %s", text)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newClient(t, Config{Endpoints: []string{slow}}).Status(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled call: %v", err)
	}
}

func TestUnknownFieldNamesTheVersion(t *testing.T) {
	endpoint, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		// What an older gateway says of a field that it does not have.
		_, ps := spec.Decode(spec.Pools, []byte(`{"name":"p","colour":1}`))
		e := api.NewError(api.Invalid, "The body has fields that cannot be read.")
		e.Problems = ps
		refuse(w, e)
	})
	_, err := newClient(t, Config{Endpoints: []string{endpoint}}).Create(t.Context(), spec.Pools, &spec.Pool{Name: "p"}, "")
	e, ok := errors.AsType[*api.Error](err)
	if !ok || len(e.Problems) != 1 || e.Problems[0].Path != "colour" {
		t.Fatalf("%v", err)
	}
	for _, want := range []string{"gatewayd 0.9.0", "upgrade the gateway"} {
		if !strings.Contains(e.Problems[0].Message, want) {
			t.Errorf("%q lacks %q", e.Problems[0].Message, want)
		}
	}
}

func TestAnswersThatCannotBeUnderstood(t *testing.T) {
	for name, body := range map[string]string{
		"a newer field": `{"name":"web","colour":"red"}`, "no JSON": `<html>`, "nothing": ``, "a list without an end": `{"items":[{"name":"a"}],"next":"x"}`,
		"too much": strings.Repeat(" ", maxAnswer+1),
	} {
		endpoint, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, body) })
		c := newClient(t, Config{Endpoints: []string{endpoint}, RetryMax: -1})
		if _, _, err := c.Get(t.Context(), spec.Pools, "web", ""); err == nil || api.IsNotFound(err) {
			t.Errorf("Get, %s: %v", name, err)
		} else if name == "a newer field" && !strings.Contains(err.Error(), "gatewayd 0.9.0") {
			t.Errorf("Get, %s: %v", name, err)
		}
		if name == "a newer field" || name == "too much" {
			continue // The first is to a list a page without items, the second is the same to every call.
		}
		if _, err := c.List(t.Context(), spec.Pools); err == nil {
			t.Errorf("List, %s: no error", name)
		}
	}
}

// newCertificate is a self-signed certificate and its key.
func newCertificate(t *testing.T) (certificatePEM, keyPEM string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "terraform"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pemOf("CERTIFICATE", certificate), pemOf("PRIVATE KEY", private)
}

func pemOf(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func TestCertificates(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(api.HeaderVersion, r.TLS.PeerCertificates[0].Subject.CommonName)
		io.WriteString(w, `{"name":"web"}`)
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	server.StartTLS()
	defer server.Close()
	ca := pemOf("CERTIFICATE", server.Certificate().Raw)
	certificate, key := newCertificate(t)
	c := newClient(t, Config{Endpoints: []string{server.URL}, CAPEM: ca, ClientCertificatePEM: certificate, ClientKeyPEM: key})
	if _, meta, err := c.Get(t.Context(), spec.Pools, "web", ""); err != nil || meta.Version != "terraform" {
		t.Errorf("with CA and client certificate: %+v %v", meta, err)
	}
	for what, cfg := range map[string]Config{
		"no CA":                 {ClientCertificatePEM: certificate, ClientKeyPEM: key},
		"another CA":            {CAPEM: certificate, ClientCertificatePEM: certificate, ClientKeyPEM: key},
		"no client certificate": {CAPEM: ca},
	} {
		cfg.Endpoints, cfg.RetryMax = []string{server.URL}, -1
		if _, err := newClient(t, cfg).Status(t.Context()); !IsUnreachable(err) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestLogHoldsNoToken(t *testing.T) {
	var log bytes.Buffer
	endpoint, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(503)
	})
	c := newClient(t, Config{
		Endpoints: []string{endpoint, closedEndpoint(t)}, RetryMax: 1,
		Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if _, err := c.Create(t.Context(), spec.Pools, &spec.Pool{Name: "p"}, ""); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("%v", err)
	}
	if strings.Contains(log.String(), "canary") || log.Len() == 0 {
		t.Errorf("the log: %s", log.String())
	}
}
