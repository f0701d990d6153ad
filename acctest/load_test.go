package acctest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/gatewaytest"
)

// A load is requests through the gateway without a pause: small ones on connections that are kept, small ones on fresh
// connections, uploads, and slow ones, so that some are in flight whatever happens.
type load struct {
	tb       testing.TB
	stop     context.CancelFunc
	workers  sync.WaitGroup
	requests atomic.Int64

	mu       sync.Mutex
	failures []string // guarded by mu
}

// startLoad sends requests to a listener until end.
func startLoad(tb testing.TB, port int) *load {
	ctx, stop := context.WithCancel(tb.Context())
	l := &load{tb: tb, stop: stop}
	for _, r := range []struct {
		method, path, body string
		fresh              bool
	}{
		{method: http.MethodGet, path: "/bytes/1000"},
		{method: http.MethodGet, path: "/chunked/4", fresh: true},
		{method: http.MethodPost, path: "/echo", body: strings.Repeat("gatewayd", 1000)},
		{method: http.MethodGet, path: "/slow?for=200ms"},
		{method: http.MethodPost, path: "/slow?for=300ms", fresh: true},
	} {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: r.fresh}}
		l.workers.Go(func() {
			defer client.CloseIdleConnections()
			pace := time.NewTicker(10 * time.Millisecond)
			defer pace.Stop()
			for ctx.Err() == nil {
				if err := request(client, r.method, gatewaytest.URL("http", port, r.path), r.body); err != nil {
					l.fail(err)
				}
				l.requests.Add(1)
				<-pace.C
			}
		})
	}
	tb.Cleanup(stop)
	return l
}

// request wants 200, and an upload back as it was.
func request(client *http.Client, method, url, body string) error {
	// A request that was begun is finished: the load is stopped between two.
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	switch {
	case err != nil:
		return fmt.Errorf("%s %s: body: %w", method, url, err)
	case answer.StatusCode != http.StatusOK:
		return fmt.Errorf("%s %s: %s: %.200s %v", method, url, answer.Status, text, answer.Header)
	case strings.HasSuffix(url, "/echo") && string(text) != body:
		return fmt.Errorf("%s %s: %d bytes came back of %d", method, url, len(text), len(body))
	}
	return nil
}

func (l *load) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.failures) < 20 {
		l.failures = append(l.failures, err.Error())
	}
}

// wait returns once n more requests were answered.
func (l *load) wait(n int64) {
	for end := l.requests.Load() + n; l.requests.Load() < end; time.Sleep(time.Millisecond) {
		if l.tb.Context().Err() != nil {
			return
		}
	}
}

// end stops the load and wants that no request failed.
func (l *load) end() {
	l.tb.Helper()
	l.stop()
	l.workers.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := l.requests.Load(); len(l.failures) > 0 || n == 0 {
		l.tb.Errorf("of %d requests some failed:\n%s", n, strings.Join(l.failures, "\n"))
	}
}

// A talk is an open WebSocket that says something now and then until end.
type talk struct {
	socket *gatewaytest.Socket
	done   chan struct{}
	stop   chan struct{}
	err    error // why it broke off; read after done
	said   atomic.Int64
}

// startTalk opens a WebSocket at a path of a listener and talks every so often. It ends with the test at the latest.
func startTalk(tb testing.TB, port int, path string, every time.Duration) *talk {
	tb.Helper()
	socket, err := gatewaytest.Dial(tb.Context(), gatewaytest.URL("ws", port, path), nil)
	if err != nil {
		tb.Fatal(err)
	}
	return talkOn(tb, socket, every)
}

// talkOn is startTalk on a WebSocket that is open already.
func talkOn(tb testing.TB, socket *gatewaytest.Socket, every time.Duration) *talk {
	t := &talk{socket: socket, done: make(chan struct{}), stop: make(chan struct{})}
	go t.run(every)
	tb.Cleanup(func() {
		socket.Close()
		<-t.done
	})
	return t
}

func (t *talk) run(every time.Duration) {
	defer close(t.done)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		text := fmt.Sprintf("this is %d", t.said.Load())
		answer, err := t.socket.Say(text)
		if err == nil && answer != text {
			err = fmt.Errorf("said %q and heard %q", text, answer)
		}
		if err != nil {
			t.err = err
			return
		}
		t.said.Add(1)
		select {
		case <-t.stop:
			return
		case <-tick.C:
		}
	}
}

// listen ends the talking and waits for what the other side says.
func (t *talk) listen() {
	close(t.stop)
	<-t.done
	if t.err != nil {
		return
	}
	t.done = make(chan struct{})
	go func() {
		defer close(t.done)
		if t.err = t.socket.SetReadDeadline(time.Time{}); t.err == nil {
			_, _, t.err = t.socket.ReadMessage()
		}
	}()
}

// alive wants that the talk goes on.
func (t *talk) alive(tb testing.TB, what string) {
	tb.Helper()
	t.beyond(tb, t.said.Load(), what)
}

// beyond waits until more was said than n messages.
func (t *talk) beyond(tb testing.TB, n int64, what string) {
	tb.Helper()
	for ; t.said.Load() <= n; time.Sleep(time.Millisecond) {
		select {
		case <-t.done:
			tb.Errorf("the WebSocket %s ended: %v", what, t.err)
			return
		default:
		}
	}
}

// closed waits for the end and wants it to be a Close with a code.
func (t *talk) closed(tb testing.TB, code int) {
	tb.Helper()
	select {
	case <-t.done:
	case <-time.After(30 * time.Second):
		tb.Errorf("the WebSocket is still open, want Close %d", code)
		return
	}
	var closed *websocket.CloseError
	if !errors.As(t.err, &closed) || closed.Code != code {
		tb.Errorf("want Close %d, got %v", code, t.err)
	}
}

// broken waits for the end and wants it to come without a Close.
func (t *talk) broken(tb testing.TB) {
	tb.Helper()
	select {
	case <-t.done:
	case <-time.After(30 * time.Second):
		tb.Error("the WebSocket is still open, want it to break off")
		return
	}
	var closed *websocket.CloseError
	if errors.As(t.err, &closed) && closed.Code != websocket.CloseAbnormalClosure {
		tb.Errorf("want no Close, got %v", t.err)
	}
}

// end ends the talk politely and wants that nothing had gone wrong.
func (t *talk) end(tb testing.TB, what string) {
	tb.Helper()
	close(t.stop)
	<-t.done
	if t.err != nil {
		tb.Errorf("the WebSocket %s broke off after %d messages: %v", what, t.said.Load(), t.err)
		return
	}
	if code, err := t.socket.Bye(); code != websocket.CloseNormalClosure || err != nil {
		tb.Errorf("the WebSocket %s: want Close 1000 back, got %d and %v", what, code, err)
	}
}

// servedBy is the name of the backend that answers a request.
func servedBy(tb testing.TB, port int, path string) string {
	tb.Helper()
	answer, err := http.Get(gatewaytest.URL("http", port, path))
	if err != nil {
		tb.Error(err)
		return ""
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		tb.Error(err)
	}
	if answer.StatusCode != http.StatusOK {
		return answer.Status
	}
	return answer.Header.Get(gatewaytest.BackendHeader)
}

// eventually waits until f holds.
func eventually(tb testing.TB, what string, f func() bool) {
	tb.Helper()
	for end := time.Now().Add(30 * time.Second); !f(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			tb.Errorf("it never came to this: %s", what)
			return
		}
	}
}
