package gatewaytest

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

func TestEchoServes(t *testing.T) {
	e := StartEcho(t, "one")
	for _, c := range []struct {
		path   string
		status int
		length int
	}{
		{"/", 200, 13}, {"/health", 200, 13}, {"/bytes/100000", 200, 100000}, {"/bytes/0", 200, 0}, {"/chunked/3", 200, 3072},
		{"/status/204", 204, 0}, {"/status/418", 418, 13}, {"/refuse", 403, 15}, {"/nothing", 404, 19}, {"/bytes/-1", 400, 35},
		{"/slow?for=1ms", 200, 13},
	} {
		answer, body := get(t, e.URL(c.path))
		if answer.StatusCode != c.status || len(body) != c.length || answer.Header.Get(BackendHeader) != "one" {
			t.Errorf("%s: want %d with %d bytes, got %d with %d: %.100q", c.path, c.status, c.length, answer.StatusCode, len(body), body)
		}
		if c.path == "/chunked/3" && answer.Trailer.Get("Sent") != "3" {
			t.Errorf("want the trailer Sent: 3, got %v", answer.Trailer)
		}
	}
	e.SetHealth(503)
	if answer, _ := get(t, e.URL("/health")); answer.StatusCode != 503 {
		t.Errorf("want 503, got %d", answer.StatusCode)
	}
	if n := e.Requests(); n != 9 {
		t.Errorf("want 9 requests counted, got %d", n)
	}
	var seen Seen
	if _, body := get(t, e.URL("/headers?a=b")); json.Unmarshal([]byte(body), &seen) != nil || seen.Target != "/headers?a=b" {
		t.Errorf("want the request's target, got %+v", seen)
	}
	answer, err := http.Post(e.URL("/echo"), "text/plain", strings.NewReader(strings.Repeat("abc", 100000)))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, err := io.ReadAll(answer.Body); err != nil || len(body) != 300000 {
		t.Errorf("want 300000 bytes back, got %d and %v", len(body), err)
	}
}

func TestEchoHoldsUntilReleased(t *testing.T) {
	e := StartEcho(t, "one")
	done := make(chan string)
	go func() {
		answer, err := http.Get(e.URL("/hold"))
		if err != nil {
			done <- err.Error()
			return
		}
		defer answer.Body.Close()
		body, _ := io.ReadAll(answer.Body)
		done <- string(body)
	}()
	e.Release()
	if got := <-done; got != "one let go\n" {
		t.Error(got)
	}
}

func TestSocketTalks(t *testing.T) {
	e := StartEcho(t, "one")
	url := "ws://" + e.Addr().String()
	s, err := Dial(t.Context(), url+"/chat", http.Header{"Sec-WebSocket-Protocol": {"chat"}})
	if err != nil {
		t.Fatal(err)
	}
	if s.Backend != "one" || s.Subprotocol() != "chat" || e.Upgrades() != 1 {
		t.Errorf("want backend one and subprotocol chat, got %q and %q", s.Backend, s.Subprotocol())
	}
	if answer, err := s.Say("hello"); answer != "hello" || err != nil {
		t.Errorf("want hello, got %q and %v", answer, err)
	}
	if code, err := s.Bye(); code != 1000 || err != nil {
		t.Errorf("want 1000, got %d and %v", code, err)
	}
	var refused *RefusedError
	if _, err := Dial(t.Context(), url+"/refuse", nil); !errors.As(err, &refused) || refused.Status != 403 || !strings.Contains(refused.Body, "refused by one") {
		t.Errorf("want a refusal with 403, got %v", err)
	}
}

func TestCloseEndsSockets(t *testing.T) {
	e, err := NewEcho("one", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	for _, end := range []func(){e.Cut, e.Close} {
		s, err := Dial(t.Context(), "ws://"+e.Addr().String()+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		end()
		if answer, err := s.Say("still there?"); err == nil {
			t.Errorf("want an error, got %q", answer)
		}
		s.Close()
	}
	if _, err := net.Dial("tcp", e.Addr().String()); err == nil {
		t.Error("a closed backend still listens")
	}
	again, err := NewEcho("one", e.Addr().String())
	if err != nil {
		t.Fatalf("the address of a closed backend cannot be taken again: %v", err)
	}
	again.Close()
}

func TestRudeIsRude(t *testing.T) {
	r := StartRude(t)
	if answer, body := get(t, "http://"+r.Addr().String()+"/health"); answer.StatusCode != 200 || body != "rude\n" {
		t.Errorf("want it healthy, got %d %q", answer.StatusCode, body)
	}
	for _, path := range RudePaths() {
		c, err := net.Dial("tcp", r.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n")
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(path, "/hang") {
			// It says nothing for as long as we stay, so we leave first.
			if err := c.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
		}
		got, err := io.ReadAll(io.LimitReader(c, 1<<17))
		c.Close()
		switch path {
		case "/reset":
			if err == nil {
				t.Errorf("%s: want an error, got %q", path, got)
			}
		case "/hang", "/close":
			if len(got) > 0 {
				t.Errorf("%s: want nothing, got %q", path, got)
			}
		default:
			if len(got) == 0 {
				t.Errorf("%s: want an answer, got nothing and %v", path, err)
			}
		}
	}
}

func get(t *testing.T, url string) (*http.Response, string) {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(body)
}
