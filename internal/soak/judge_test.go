package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestWhatAKillExcuses: an end, and an answer that breaks off; never a message or an answer that is another one than was sent.
func TestWhatAKillExcuses(t *testing.T) {
	s := &soak{began: time.Now()}
	defer s.history.begin(victim)()
	failed := 0
	wants := func(what string, n int) {
		t.Helper()
		if failed += n; s.broken() != failed {
			t.Errorf("%s: %d promises are broken, want %d", what, s.broken(), failed)
			failed = s.broken()
		}
	}
	s.broke(manners[0], victim, "ws", io.ErrUnexpectedEOF)
	wants("the victim's WebSocket broke off", 0)
	s.broke(manners[0], victim, "ws", errOther)
	wants("the victim's WebSocket brought something else", 1)
	s.broke(manners[0], killed+"-two", "ws", io.ErrUnexpectedEOF)
	wants("the other target's WebSocket broke off", 1)

	answer := func(w http.ResponseWriter, r *http.Request) {}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(w, r) }))
	defer server.Close()
	post := kind{method: http.MethodPost, body: 10, size: 10}
	for _, c := range []struct {
		what, pool string
		answer     func(w http.ResponseWriter, r *http.Request)
		failures   int
	}{
		{"an echo", steady, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) }, 0},
		{"other bytes", killed, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, strings.Repeat("x", 10)) }, 1},
		{"fewer bytes", killed, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "x") }, 1},
		{"an answer that breaks off", killed, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "10")
			_, _ = io.WriteString(w, "x")
		}, 0},
		{"an answer that breaks off in another pool", steady, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "10")
			_, _ = io.WriteString(w, "x")
		}, 1},
	} {
		answer = c.answer
		s.once(server.Client(), post, c.pool, server.URL)
		wants(c.what, c.failures)
	}
}
