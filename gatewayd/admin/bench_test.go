package admin

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/control"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// crowded is a gateway with ten thousand pools.
func crowded(b *testing.B) *gateway {
	b.Helper()
	g := start(b, nil)
	changes := make([]control.Change, 10_000)
	for i := range changes {
		name := fmt.Sprintf("pool-%05d", i)
		changes[i] = control.Change{Kind: spec.Pools, Name: name, Put: &spec.Pool{Name: name, Algorithm: spec.RoundRobin, SlowStart: "0s"}, IfNoneMatch: true}
	}
	if _, err := g.control.Apply(b.Context(), changes); err != nil {
		b.Fatal(err)
	}
	return g
}

// call drives the handler without a network.
func (g *gateway) call(b *testing.B, method, path, body string) {
	r := httptest.NewRequest(method, "http://localhost"+path, strings.NewReader(body))
	if body == "" {
		r.Body, r.ContentLength = http.NoBody, 0
	}
	r.Header = http.Header{"Authorization": {"Bearer " + testToken}, "Content-Type": {api.MediaJSON}}
	if method == http.MethodPut {
		r.Header["If-Match"] = []string{"*"}
	}
	w := httptest.NewRecorder()
	g.handler.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		b.Fatalf("status %d: %s", w.Code, w.Body)
	}
	io.Copy(io.Discard, w.Body)
}

func BenchmarkWriteAmong10000(b *testing.B) {
	g := crowded(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		g.call(b, "PUT", "/v1/pools/pool-05000", fmt.Sprintf(`{"name":"pool-05000","targets":{"a":{"address":"10.0.0.1","port":%d}}}`, 1+i%60000))
	}
}

func BenchmarkReadAmong10000(b *testing.B) {
	g := crowded(b)
	b.ReportAllocs()
	for b.Loop() {
		g.call(b, "GET", "/v1/pools/pool-05000", "")
	}
}

func BenchmarkPageAmong10000(b *testing.B) {
	g := crowded(b)
	b.ReportAllocs()
	for b.Loop() {
		g.call(b, "GET", "/v1/pools?limit=1000&next=cG9vbC0wNTAwMA", "")
	}
}
