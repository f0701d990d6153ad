package admin

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/events"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
)

// follower is a stream of events, read line by line.
type follower struct {
	*http.Response
	lines *bufio.Reader
}

// streaming serves the API with events, by the server and at a pace.
func streaming(t *testing.T, p pace, tune func(*http.Server)) (*gateway, *events.Feed, *Server) {
	t.Helper()
	feed := events.New("1.2.3")
	g := start(t, nil)
	handler := New(Config{Control: g.control, Views: g.views, Events: feed, Auth: NewToken(testToken), Version: "1.2.3", Node: "one"}).(*admin)
	handler.pace = p
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler}
	if tune != nil {
		tune(server)
	}
	s := serve(server, []net.Listener{narrow{listener}}, slog.New(slog.DiscardHandler))
	t.Cleanup(func() {
		feed.Close()
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = s.Close(ctx)
	})
	g.URL = "http://" + listener.Addr().String()
	return g, feed, s
}

// small is what sockets of streams take, in bytes, so that a reader who takes nothing is found at once.
const small = 4 << 10

// narrow accepts connections that take little.
type narrow struct{ net.Listener }

func (n narrow) Accept() (net.Conn, error) {
	c, err := n.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return c, c.(*net.TCPConn).SetWriteBuffer(small)
}

// patient is a client whose sockets take little.
func patient(t *testing.T) *http.Client {
	transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return c, c.(*net.TCPConn).SetReadBuffer(small)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// follow opens a stream that ends with the test.
func (g *gateway) follow(t *testing.T, query string) *follower {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.URL+api.PathEvents+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+testToken)
	a, err := patient(t).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Body.Close() })
	return &follower{a, bufio.NewReader(a.Body)}
}

// until reads up to a line that contains something.
func (f *follower) until(t *testing.T, part string) string {
	t.Helper()
	for {
		line, err := f.lines.ReadString('\n')
		if err != nil {
			t.Fatalf("before %q: %v", part, err)
		}
		if strings.Contains(line, part) {
			return line
		}
	}
}

func TestEventsAreRefusedAsTheyShould(t *testing.T) {
	g, feed, _ := streaming(t, ordinary, nil)
	for path, want := range map[string]string{
		"/v1/events?kind=weather":              `There are no events of the kind \"weather\"; there are change, `,
		"/v1/events?kind=":                     `There are no events of the kind \"\"`,
		"/v1/events?kind=change,change,":       `There are no events of the kind \"\"`,
		"/v1/events?last_event_id=7":           `\"7\" is no id of an event of this gateway`,
		"/v1/events?last_event_id=&x=":         `takes kind, `,
		"/v1/events?kind=change&kind=change":   `more than once`,
		"/v1/events?last_event_id=x-1&limit=3": `the parameter \"limit\"`,
	} {
		if a := g.do(t, "GET", path, ""); a.status != 400 || !strings.Contains(a.body, want) || a.header.Get("Content-Type") != api.MediaProblem {
			t.Errorf("%s: %d %v %s", path, a.status, a.header, a.body)
		}
	}
	if a := g.do(t, "GET", "/v1/events?last_event_id=x-1", "", "Last-Event-ID", "x-2"); a.status != 400 || !strings.Contains(a.body, "more than once") {
		t.Errorf("two ids: %d %s", a.status, a.body)
	}
	if a := g.do(t, "GET", "/v1/events", "", "Authorization", ""); a.status != 401 {
		t.Errorf("without a token: %d", a.status)
	}
	if a := g.do(t, "POST", "/v1/events", ""); a.status != 405 || a.header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d %v", a.status, a.header)
	}
	if a := g.do(t, "HEAD", "/v1/events", ""); a.status != 200 || a.header.Get("Content-Type") != api.MediaEvents || a.body != "" {
		t.Errorf("HEAD: %d %v %q", a.status, a.header, a.body)
	}
	feed.Close()
	if a := g.do(t, "GET", "/v1/events", ""); a.status != 503 {
		t.Errorf("behind the end: %d", a.status)
	}
}

// TestStreamsAreBounded: as many as there may be, and one more, which is told so; when one ends there is room again.
func TestStreamsAreBounded(t *testing.T) {
	g, _, _ := streaming(t, ordinary, nil)
	var open []*follower
	for range 64 {
		f := g.follow(t, "")
		f.until(t, `"begin"`)
		open = append(open, f)
	}
	a := g.do(t, "GET", "/v1/events", "")
	if a.status != 503 || a.header.Get("Content-Type") != api.MediaProblem || a.header.Get("Retry-After") == "" || !strings.Contains(a.body, "as many streams") {
		t.Errorf("one more: %d %v %s", a.status, a.header, a.body)
	}
	open[0].Body.Close()
	for { // The server sees that it is gone when it sees it.
		f := g.follow(t, "")
		if f.StatusCode == http.StatusOK {
			f.until(t, `"begin"`)
			return
		}
		f.Body.Close() // Else its connections would be all that the server has, at last.
		time.Sleep(time.Millisecond)
	}
}

// TestAStreamOutlivesTheServersLimits: those are for answers that end. It says that it is alive, and then what happens.
func TestAStreamOutlivesTheServersLimits(t *testing.T) {
	t.Parallel()
	const limit = 2 * time.Second
	g, feed, _ := streaming(t, pace{heartbeat: limit / 20, patience: time.Minute, farewell: time.Minute}, func(s *http.Server) {
		s.ReadTimeout, s.WriteTimeout = limit, limit
	})
	f := g.follow(t, "")
	f.until(t, `"begin"`)
	for end := time.Now().Add(limit + limit/4); time.Now().Before(end); {
		if line := f.until(t, ":"); line != ":\n" {
			t.Errorf("got %q", line)
		}
	}
	feed.Gateway(api.GatewayTurn{What: "late"})
	f.until(t, `"late"`)
}

// flood is more than the sockets of a stream take; the kernel lets them have a little more than they should.
func flood(feed *events.Feed) {
	for range 300 {
		feed.Gateway(api.GatewayTurn{What: strings.Repeat("x", 1000)})
	}
}

// TestAReaderThatTakesNothingIsCut: its place is free then, while the gateway goes on telling.
func TestAReaderThatTakesNothingIsCut(t *testing.T) {
	t.Parallel()
	g, feed, _ := streaming(t, pace{heartbeat: time.Hour, patience: 2 * time.Second, farewell: time.Hour}, nil)
	stuck := g.follow(t, "")
	stuck.until(t, `"begin"`)
	flood(feed)
	for feed.Readers() > 0 {
		time.Sleep(time.Millisecond)
	}
	if _, err := io.Copy(io.Discard, stuck.lines); err == nil {
		t.Error("the stream ends as if it were whole")
	}
}

// TestAStreamHoldsNoShutdown: readers get what there is and then the end, and one that takes nothing is not waited for.
func TestAStreamHoldsNoShutdown(t *testing.T) {
	for what, farewell := range map[string]time.Duration{"reads": time.Hour, "takes nothing": time.Millisecond} {
		t.Run(what, func(t *testing.T) {
			g, feed, server := streaming(t, pace{heartbeat: time.Hour, patience: time.Hour, farewell: farewell}, nil)
			f := g.follow(t, "")
			f.until(t, `"begin"`)
			read := make(chan error, 1)
			if what == "reads" {
				feed.Gateway(api.GatewayTurn{What: "the last"})
				go func() {
					text, err := io.ReadAll(f.lines)
					if err == nil && !strings.Contains(string(text), "the last") {
						err = io.ErrUnexpectedEOF
					}
					read <- err
				}()
			} else {
				flood(feed)
				read <- nil
			}
			feed.Close()
			if err := server.Close(t.Context()); err != nil { // It waits for as long as the stream does.
				t.Error(err)
			}
			if err := <-read; err != nil {
				t.Error(err)
			}
			if feed.Readers() != 0 {
				t.Errorf("%d readers are left", feed.Readers())
			}
		})
	}
}

// A connection notes whether a stream touches it though the stream is over.
type connection struct {
	*httptest.ResponseRecorder
	over, touched atomic.Bool
}

func (c *connection) SetReadDeadline(time.Time) error { return nil }
func (c *connection) SetWriteDeadline(time.Time) error {
	c.touched.CompareAndSwap(false, c.over.Load())
	return nil
}

// TestAStreamLeavesItsConnectionAlone: behind the end of an answer the connection may be another's.
func TestAStreamLeavesItsConnectionAlone(t *testing.T) {
	var connections []*connection
	for range 500 {
		feed := events.New("1.2.3")
		reader, err := feed.Open(nil, "")
		if err != nil {
			t.Fatal(err)
		}
		c := &connection{ResponseRecorder: httptest.NewRecorder()}
		feed.Close()
		(&stream{pace: ordinary, reader: reader, closed: feed.Closed(), w: c, control: http.NewResponseController(c)}).run(t.Context())
		c.over.Store(true)
		connections = append(connections, c)
	}
	for i, c := range connections {
		if c.touched.Load() || !strings.Contains(c.Body.String(), `"begin"`) {
			t.Fatalf("number %d: touched %t, %q", i, c.touched.Load(), c.Body)
		}
	}
}
