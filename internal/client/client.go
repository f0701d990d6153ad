package client

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
)

// DefaultEndpoint is where a gatewayd listens that was told nothing else.
const DefaultEndpoint = "http://127.0.0.1:9180"

// maxAnswer bounds what is read of an answer, in bytes. The largest is a whole configuration.
const maxAnswer = 64 << 20

// Config says how to reach a gateway. The zero value calls DefaultEndpoint without a token.
type Config struct {
	// Endpoints are tried in turn: http:// (loopback only, since the token would travel in the clear), https:// or
	// unix:///path/of/a/socket. None means DefaultEndpoint.
	Endpoints []string
	// Token is the bearer token. TokenFile names a file that holds it and is read at every call, so that a rotated
	// token is picked up. At most one of the two may be given.
	Token, TokenFile string

	// CAPEM are the only certificates that an https endpoint's chain may end in; empty means those of the system.
	CAPEM string
	// ClientCertificatePEM and ClientKeyPEM are shown to https endpoints; both or none.
	ClientCertificatePEM, ClientKeyPEM string

	// UserAgent names the caller; empty means "gatewayd-client".
	UserAgent string

	// RetryMax is how often a call is repeated after every endpoint was tried once: 0 means 4, below 0 never.
	RetryMax int
	// RetryWaitMin and RetryWaitMax bound the growing wait between repetitions; 0 means 500ms and 5s.
	RetryWaitMin, RetryWaitMax time.Duration
	// Timeout bounds one attempt, the answer's body included; 0 means 60s.
	Timeout time.Duration

	// Log gets a debug line an attempt: method, URL and error, no body and no header. Nil means no log.
	Log *slog.Logger
}

// A Client calls one gateway, at one or several endpoints. It may be used by many goroutines at once.
type Client struct {
	http      *retryablehttp.Client
	streams   *retryablehttp.Client // as http, for answers without an end
	router    *router
	token     func() (string, error)
	userAgent string
}

// New makes a client. It opens no connection; what is wrong with the configuration is an error here.
func New(cfg Config) (*Client, error) {
	router, err := newRouter(cfg)
	if err != nil {
		return nil, err
	}
	token, err := tokenSource(cfg)
	if err != nil {
		return nil, err
	}
	c := &Client{router: router, token: token, userAgent: cfg.UserAgent}
	if c.userAgent == "" {
		c.userAgent = "gatewayd-client"
	}
	c.http = &retryablehttp.Client{
		HTTPClient: &http.Client{
			Transport: router,
			Timeout:   orDuration(cfg.Timeout, 60*time.Second),
			// The admin API never redirects. Who does is not the gateway and shall not see the token.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		RetryWaitMin: orDuration(cfg.RetryWaitMin, 500*time.Millisecond),
		RetryWaitMax: orDuration(cfg.RetryWaitMax, 5*time.Second),
		RetryMax:     retries(cfg.RetryMax, len(router.endpoints)),
		CheckRetry:   checkRetry,
		Backoff:      router.backoff,
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
	if cfg.Log != nil {
		c.http.Logger = cfg.Log
	}
	c.streams = &retryablehttp.Client{
		HTTPClient:   &http.Client{Transport: router, CheckRedirect: c.http.HTTPClient.CheckRedirect},
		Logger:       c.http.Logger,
		RetryWaitMin: c.http.RetryWaitMin, RetryWaitMax: c.http.RetryWaitMax, RetryMax: c.http.RetryMax,
		CheckRetry: checkRetry, Backoff: router.backoff, ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
	return c, nil
}

// Close closes idle connections. Calls after it open new ones.
func (c *Client) Close() { c.http.HTTPClient.CloseIdleConnections() }

// Endpoints are the endpoints in the order in which they were given.
func (c *Client) Endpoints() []string {
	texts := make([]string, len(c.router.endpoints))
	for i, e := range c.router.endpoints {
		texts[i] = e.text
	}
	return texts
}

// NewKey is a fresh idempotency key: 128 random bits. A caller that may repeat a write by itself makes one and uses it
// for every repetition; to others the calls give one of their own.
func NewKey() string {
	var b [16]byte
	rand.Read(b[:]) // Never fails (crypto/rand).
	return hex.EncodeToString(b[:])
}

func orDuration(d, fallback time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return fallback
}

func retries(configured, endpoints int) int {
	switch {
	case configured < 0:
		return 0
	case configured == 0:
		configured = 4
	}
	return configured + endpoints - 1
}

func tokenSource(cfg Config) (func() (string, error), error) {
	switch {
	case cfg.Token != "" && cfg.TokenFile != "":
		return nil, errors.New("a token and a token file are both given; keep one of the two")
	case cfg.TokenFile != "":
		return func() (string, error) { return readToken(cfg.TokenFile) }, nil
	}
	if err := checkToken(cfg.Token); err != nil {
		return nil, fmt.Errorf("the token %w", err)
	}
	return func() (string, error) { return cfg.Token, nil }, nil
}

func readToken(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("unable to read the token file: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 4097))
	if err != nil {
		return "", fmt.Errorf("unable to read the token file: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" {
		return "", fmt.Errorf("the token file %s is empty", path)
	}
	if err := checkToken(token); err != nil {
		return "", fmt.Errorf("the token in %s %w", path, err)
	}
	return token, nil
}

// checkToken never quotes the token, for the error may be logged.
func checkToken(token string) error {
	if len(token) > 4096 {
		return errors.New("is longer than 4096 bytes")
	}
	for i := range len(token) {
		if token[i] <= ' ' || token[i] > '~' {
			return errors.New("holds white space or other characters that no token has")
		}
	}
	return nil
}

// A request is one call before it becomes HTTP.
type request struct {
	method, path string
	query        url.Values
	header       http.Header
	body         []byte
	accept       string // beside problems; empty means JSON
	// safe says that a repetition changes nothing more than the first try.
	safe bool
}

// An answer is a successful one, its body read.
type answer struct {
	status int
	header http.Header
	body   []byte
	// repeated says that an earlier attempt may have done its work and lost its answer.
	repeated bool
}

// do performs a call and its repetitions. A failure is an *api.Error where a gateway answered, else an
// *UnreachableError or the context's error.
func (c *Client) do(ctx context.Context, r request) (*answer, error) {
	call := &call{safe: r.safe, first: c.router.preferred(), failed: map[string]error{}}
	response, err := c.send(ctx, c.http, call, r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body) // The router holds all of it.
	if err != nil {
		return nil, call.explain(ctx, err)
	}
	if len(text) > maxAnswer {
		return nil, fmt.Errorf("the answer of the gateway at %s is larger than %d MiB", call.endpoint, maxAnswer>>20)
	}
	if response.StatusCode >= 300 {
		return &answer{repeated: call.lost}, refused(call.endpoint, response.StatusCode, response.Header, text)
	}
	return &answer{status: response.StatusCode, header: response.Header, body: text, repeated: call.lost}, nil
}

// send performs a call and its repetitions up to an answer, whatever its status is.
func (c *Client) send(ctx context.Context, by *retryablehttp.Client, call *call, r request) (*http.Response, error) {
	ctx = context.WithValue(ctx, callKey{}, call)
	u := url.URL{Scheme: "http", Host: "gateway.invalid", Path: r.path, RawQuery: r.query.Encode()}
	if path, err := url.PathUnescape(r.path); err == nil {
		u.Path, u.RawPath = path, r.path
	}
	var body any
	if r.body != nil {
		body = r.body
	}
	request, err := retryablehttp.NewRequestWithContext(ctx, r.method, u.String(), body)
	if err != nil {
		return nil, fmt.Errorf("unable to make the request: %w", err)
	}
	if err := c.setHeader(request.Header, r); err != nil {
		return nil, err
	}
	response, err := by.Do(request)
	if err != nil {
		return nil, call.explain(ctx, err)
	}
	return response, nil
}

func (c *Client) setHeader(h http.Header, r request) error {
	for name, values := range r.header {
		h[name] = values
	}
	token, err := c.token()
	if err != nil {
		return err
	}
	if token != "" {
		h.Set("Authorization", "Bearer "+token)
	}
	h.Set("User-Agent", c.userAgent)
	h.Set("Accept", cmp.Or(r.accept, api.MediaJSON)+", "+api.MediaProblem)
	if r.body != nil {
		h.Set("Content-Type", api.MediaJSON)
	}
	return nil
}

// read performs a GET and decodes its JSON into v. Fields that v does not have are skipped: views may grow.
func (c *Client) read(ctx context.Context, path string, query url.Values, v any) (*answer, error) {
	a, err := c.do(ctx, request{method: http.MethodGet, path: path, query: query, safe: true})
	if err != nil {
		return nil, err
	}
	if err := json.NewDecoder(bytes.NewReader(a.body)).Decode(v); err != nil {
		return nil, fmt.Errorf("the answer to GET %s is not the JSON that was expected: %w", path, err)
	}
	return a, nil
}
