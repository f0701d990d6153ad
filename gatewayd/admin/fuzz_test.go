package admin

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
)

// FuzzHandler sends anything to any URL: no panic, no 5xx, every failure a problem document, every success JSON.
func FuzzHandler(f *testing.F) {
	for _, seed := range [][5]string{
		{"GET", "/v1/pools", "", "", ""},
		{"GET", "/v1/pools?limit=1&next=YQ", "", "", ""},
		{"PUT", "/v1/pools/a", `{"name":"a","targets":{"x":{"address":"10.0.0.1"}}}`, "*", ""},
		{"PUT", "/v1/pools/a?dry_run=true&id=x", `{"name":"b"}`, "", `"1"`},
		{"PUT", "/v1/listeners/%2e", `{"name":"b","port":99999}`, "", "*"},
		{"DELETE", "/v1/pools/a?retired=true", "", "", ""},
		{"POST", "/v1/changes", `{"changes":[{"kind":"pool","name":"a","put":{"name":"a"}},{"kind":"pool","name":"a","delete":true}]}`, "", ""},
		{"PUT", "/v1/config", `{"pools":[{"name":"a"}],"rules":[{"name":"r","listener":"l","pool":"a","setting":"s"}]}`, "", "*"},
		{"GET", "/v1/status", "", "", ""},
		{"POST", "/v1/tunnels/close", `{"rule":"a","ids":["0-1"],"within":"10s","code":1001,"reason":"x"}`, "", ""},
		{"GET", "/v1/tunnels?rule=a&client=10.0.0.0/8&idle_for=1m&draining=false&sort=newest&next=MC0x", "", "", ""},
		{"OPTIONS", "*", "", "", ""},
		{"GET", "//", "\x00", "", ""},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3], seed[4])
	}
	g := start(f, nil)
	f.Fuzz(func(t *testing.T, method, target, body, none, match string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return // net/http answers such a request by itself.
		}
		r := &http.Request{
			Method: method, URL: u, Host: "localhost", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header: http.Header{"Authorization": {"Bearer " + testToken}, "Content-Type": {api.MediaJSON}},
			Body:   io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), RequestURI: target,
		}
		if none != "" {
			r.Header["If-None-Match"] = []string{none}
		}
		if match != "" {
			r.Header["If-Match"] = []string{match}
		}
		w := httptest.NewRecorder()
		g.handler.ServeHTTP(w, r)
		a := answer{w.Code, w.Header(), w.Body.String()}
		a.check(t, method+" "+target)
		switch {
		case a.status >= 500 && !(a.status == 503 && target == api.PathReady):
			t.Errorf("%s %s %q: status %d %s", method, target, body, a.status, a.body)
		case a.status == http.StatusOK && a.header.Get("Content-Type") == api.MediaJSON && !json.Valid([]byte(a.body)):
			t.Errorf("%s %s: not JSON: %q", method, target, a.body)
		}
	})
}
