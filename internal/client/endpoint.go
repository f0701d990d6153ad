package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
)

// maxHeader bounds the head of an answer, in bytes.
const maxHeader = 1 << 20

// An endpoint is one place where the gateway's admin API answers.
type endpoint struct {
	text         string // as configured
	scheme, host string // of request URLs
	transport    *http.Transport
}

// A router is the http.RoundTripper that sends an attempt to the endpoint whose turn it is.
type router struct {
	endpoints []endpoint
	// last is the index of the endpoint that answered last; calls begin there, so that a dead first endpoint costs
	// one call only.
	last atomic.Int64
}

func newRouter(cfg Config) (*router, error) {
	texts := cfg.Endpoints
	if len(texts) == 0 {
		texts = []string{DefaultEndpoint}
	}
	tlsConfig, err := newTLS(cfg)
	if err != nil {
		return nil, err
	}
	r := &router{}
	for _, text := range texts {
		e, err := newEndpoint(text, tlsConfig)
		if err != nil {
			return nil, fmt.Errorf("endpoint %q %w", redact(text), err)
		}
		r.endpoints = append(r.endpoints, e)
	}
	return r, nil
}

// redact hides what of an endpoint that cannot be used may be a secret: user and password, query and fragment. It looks
// at the text alone, for what is no URL is redacted too.
func redact(text string) string {
	start := 0
	if i := strings.Index(text, "://"); i >= 0 {
		start = i + len("://")
	}
	scheme, rest := text[:start], text[start:]
	user, end := strings.LastIndexByte(rest, '@'), strings.IndexAny(rest, "?#")
	switch {
	case end >= 0 && user > end:
		return scheme + "..." // Which of the two the one behind belongs to cannot be told.
	case end >= 0:
		rest = rest[:end+1] + "..."
	}
	if user >= 0 {
		rest = "..." + rest[user:]
	}
	return scheme + rest
}

func newEndpoint(text string, tlsConfig *tls.Config) (endpoint, error) {
	u, err := url.Parse(text)
	if err != nil {
		return endpoint{}, errors.New("is not a URL; give http://127.0.0.1:9180, https://host:port or unix:///path/of/the/socket")
	}
	switch {
	case u.User != nil:
		return endpoint{}, errors.New("must not hold a user or password; give the token by itself")
	case u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		return endpoint{}, errors.New("must not hold a query or fragment")
	}
	switch u.Scheme {
	case "unix":
		if u.Host != "" || !filepath.IsAbs(u.Path) {
			return endpoint{}, errors.New("must have three slashes and an absolute path: unix:///run/gatewayd/admin.sock")
		}
		return endpoint{text: text, scheme: "http", host: "localhost", transport: newTransport(nil, u.Path)}, nil
	case "http", "https":
		if u.Hostname() == "" || strings.Trim(u.Path, "/") != "" {
			return endpoint{}, errors.New("must be a scheme, a host and perhaps a port, without a path")
		}
		if u.Scheme == "http" && !loopback(u.Hostname()) {
			return endpoint{}, errors.New("would send the token in the clear; use https://, or http:// to this machine only")
		}
		t := newTransport(tlsConfig, "")
		if loopback(u.Hostname()) {
			t.Proxy = nil // What is meant for this machine stays on it.
		}
		return endpoint{text: text, scheme: u.Scheme, host: u.Host, transport: t}, nil
	}
	return endpoint{}, errors.New("must begin with http://, https:// or unix://")
}

// loopback says whether a host is this machine: localhost or an address of its own. Names below localhost may lead
// anywhere, whatever RFC 6761 wishes, and net/http sends them to a proxy.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}

func newTransport(tlsConfig *tls.Config, socket string) *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	t := &http.Transport{
		DialContext:            dialer.DialContext,
		TLSClientConfig:        tlsConfig,
		TLSHandshakeTimeout:    10 * time.Second,
		MaxIdleConnsPerHost:    16,
		IdleConnTimeout:        30 * time.Second,
		MaxResponseHeaderBytes: maxHeader,
		DisableCompression:     true,
	}
	if socket == "" {
		t.Proxy = http.ProxyFromEnvironment
		return t
	}
	t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, "unix", socket)
	}
	return t
}

func newTLS(cfg Config) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if cfg.CAPEM != "" {
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM([]byte(cfg.CAPEM)) {
			return nil, errors.New("the CA has no certificate in PEM form (-----BEGIN CERTIFICATE-----)")
		}
	}
	if (cfg.ClientCertificatePEM == "") != (cfg.ClientKeyPEM == "") {
		return nil, errors.New("the client certificate and its key must be given together")
	}
	if cfg.ClientCertificatePEM != "" {
		pair, err := tls.X509KeyPair([]byte(cfg.ClientCertificatePEM), []byte(cfg.ClientKeyPEM))
		if err != nil {
			return nil, fmt.Errorf("the client certificate and key cannot be used: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

func (r *router) preferred() int { return int(r.last.Load()) }

// RoundTrip makes one attempt. After a failure the next attempt of the call goes to the next endpoint.
func (r *router) RoundTrip(request *http.Request) (*http.Response, error) {
	call := callOf(request.Context())
	i := (call.first + call.attempts) % len(r.endpoints)
	e := &r.endpoints[i]
	call.attempts++
	call.endpoint = e.text
	out := request.Clone(request.Context())
	out.URL.Scheme, out.URL.Host, out.Host = e.scheme, e.host, e.host
	response, err := e.transport.RoundTrip(out)
	if err == nil && !(call.stream && response.StatusCode == http.StatusOK) {
		err = readWhole(response)
	}
	if err != nil {
		call.failed[e.text] = err
		call.lost = call.lost || !unsent(err)
		return nil, err
	}
	if response.StatusCode == http.StatusBadGateway || response.StatusCode == http.StatusGatewayTimeout {
		call.lost = true // Somebody between may have lost the gateway's answer.
	}
	if response.StatusCode < 500 {
		r.last.Store(int64(i))
	}
	return response, nil
}

// readWhole puts the whole body, or the beginning of one that is too large, in the place of the stream. An answer that
// breaks off is a failed attempt then, which is repeated as any other.
func readWhole(response *http.Response) error {
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	response.Body = io.NopCloser(bytes.NewReader(text))
	return nil
}

// CloseIdleConnections is found by http.Client.CloseIdleConnections.
func (r *router) CloseIdleConnections() {
	for _, e := range r.endpoints {
		e.transport.CloseIdleConnections()
	}
}
