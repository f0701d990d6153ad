package gatewaytest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// BackendHeader stands in every answer of an Echo, also in its WebSocket handshakes, and holds the Echo's name.
const BackendHeader = "Backend"

// maxBytes bounds what /bytes/N sends.
const maxBytes = 1 << 30

// An Echo is an HTTP and WebSocket server that a gateway can have as a target. An upgrade on any path becomes a
// WebSocket that sends back every message as it came; it speaks the subprotocols "echo" and "chat", and compression.
// Plain requests by path:
//
//	/ and /health  the status of SetHealth, 200 at first
//	/headers       method, target, host and header of the request, as JSON (see Seen)
//	/echo          the request's body, sent back as it arrives
//	/bytes/N       N bytes with a Content-Length
//	/chunked/N     N chunks of 1 KiB, then the trailer "Sent: N"
//	/status/N      the status N with a short body
//	/slow?for=1s   an answer after that time
//	/hold          an answer once Release is called
//	/refuse        403, also to an upgrade
//
// All methods may be called by any goroutine.
type Echo struct {
	Name string

	sockets *sockets
	server  *http.Server
	served  chan struct{} // closed when the server has ended
	release chan struct{} // one value lets one /hold go on

	health   atomic.Int32
	requests atomic.Int64
	upgrades atomic.Int64
	holding  atomic.Int64
}

// NewEcho starts an Echo on an address such as "127.0.0.1:0". The caller closes it.
func NewEcho(name, address string) (*Echo, error) {
	s, err := listen(address)
	if err != nil {
		return nil, fmt.Errorf("backend %s: %w", name, err)
	}
	e := &Echo{Name: name, sockets: s, served: make(chan struct{}), release: make(chan struct{})}
	e.health.Store(http.StatusOK)
	e.server = &http.Server{Handler: e.handler(), ReadHeaderTimeout: time.Minute}
	go func() {
		defer close(e.served)
		// It always ends with an error; which one tells nothing that Close does not know.
		_ = e.server.Serve(s)
	}()
	return e, nil
}

// StartEcho starts an Echo on a free port of 127.0.0.1 that ends with the test.
func StartEcho(t testing.TB, name string) *Echo {
	t.Helper()
	e, err := NewEcho(name, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// Addr is where the Echo listens.
func (e *Echo) Addr() netip.AddrPort { return e.sockets.address() }

// URL is the address of a path, for requests past the gateway.
func (e *Echo) URL(path string) string { return "http://" + e.Addr().String() + path }

// SetHealth sets the status that / and /health answer from now on.
func (e *Echo) SetHealth(status int) { e.health.Store(int32(status)) }

// Requests counts the requests so far, upgrades included, those for / and /health not.
func (e *Echo) Requests() int64 { return e.requests.Load() }

// Upgrades counts the WebSockets so far.
func (e *Echo) Upgrades() int64 { return e.upgrades.Load() }

// Connections counts the connections that are open now.
func (e *Echo) Connections() int { return e.sockets.count() }

// Holding counts the requests that wait in /hold.
func (e *Echo) Holding() int64 { return e.holding.Load() }

// Release lets one request of /hold go on. It waits until there is one.
func (e *Echo) Release() { e.release <- struct{}{} }

// Cut ends every open connection without a word and goes on listening.
func (e *Echo) Cut() { e.sockets.cut() }

// Close stops listening and ends every connection, WebSockets included, without a word.
func (e *Echo) Close() {
	e.server.Close()
	_ = e.sockets.Close() // The server has closed the listener already.
	<-e.served
}

func (e *Echo) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", e.serveHealth)
	mux.HandleFunc("/health", e.serveHealth)
	mux.HandleFunc("/headers", e.serveHeaders)
	mux.HandleFunc("/echo", e.serveEcho)
	mux.HandleFunc("/bytes/{n}", e.serveBytes)
	mux.HandleFunc("/chunked/{n}", e.serveChunked)
	mux.HandleFunc("/status/{n}", e.serveStatus)
	mux.HandleFunc("/slow", e.serveSlow)
	mux.HandleFunc("/hold", e.serveHold)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(BackendHeader, e.Name)
		if r.URL.Path != "/" && r.URL.Path != "/health" || websocket.IsWebSocketUpgrade(r) {
			e.requests.Add(1)
		}
		switch {
		case r.URL.Path == "/refuse":
			http.Error(w, "refused by "+e.Name, http.StatusForbidden)
		case websocket.IsWebSocketUpgrade(r):
			e.serveSocket(w, r)
		default:
			mux.ServeHTTP(w, r)
		}
	})
}

func (e *Echo) serveHealth(w http.ResponseWriter, _ *http.Request) {
	status := int(e.health.Load())
	w.WriteHeader(status)
	fmt.Fprintf(w, "%s says %d\n", e.Name, status)
}

// Seen is what /headers answers.
type Seen struct {
	Backend, Method, Target, Host, Remote string
	Header                                http.Header
}

func (e *Echo) serveHeaders(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	seen := Seen{Backend: e.Name, Method: r.Method, Target: r.RequestURI, Host: r.Host, Remote: r.RemoteAddr, Header: r.Header}
	// A client that went away is no concern of ours.
	_ = json.NewEncoder(w).Encode(seen)
}

func (e *Echo) serveEcho(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	if err := control.EnableFullDuplex(); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if r.ContentLength >= 0 {
		w.Header().Set("Content-Length", strconv.FormatInt(r.ContentLength, 10))
	}
	buffer := make([]byte, 32<<10)
	for {
		n, err := r.Body.Read(buffer)
		if _, failed := w.Write(buffer[:n]); failed != nil || n > 0 && control.Flush() != nil {
			return
		}
		switch {
		case errors.Is(err, io.EOF):
			return
		case err != nil:
			panic(http.ErrAbortHandler) // The body broke off, and so must the answer.
		}
	}
}

func (e *Echo) serveBytes(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.Atoi(r.PathValue("n"))
	if err != nil || n < 0 || n > maxBytes {
		http.Error(w, "the path ends in a number of bytes", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.Itoa(n))
	block := []byte(strings.Repeat("0123456789abcdef", 2<<10))
	for n > 0 {
		k := min(n, len(block))
		if _, err := w.Write(block[:k]); err != nil {
			return
		}
		n -= k
	}
}

func (e *Echo) serveChunked(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.Atoi(r.PathValue("n"))
	if err != nil || n < 0 || n > maxBytes>>10 {
		http.Error(w, "the path ends in a number of chunks", http.StatusBadRequest)
		return
	}
	w.Header().Set("Trailer", "Sent")
	control := http.NewResponseController(w)
	for range n {
		if _, err := io.WriteString(w, strings.Repeat("x", 1<<10)); err != nil || control.Flush() != nil {
			return
		}
	}
	w.Header().Set("Sent", strconv.Itoa(n))
}

func (e *Echo) serveStatus(w http.ResponseWriter, r *http.Request) {
	status, err := strconv.Atoi(r.PathValue("n"))
	if err != nil || status < 200 || status > 599 {
		http.Error(w, "the path ends in a status from 200 to 599", http.StatusBadRequest)
		return
	}
	w.WriteHeader(status)
	if status != http.StatusNoContent && status != http.StatusNotModified {
		fmt.Fprintf(w, "%s says %d\n", e.Name, status)
	}
}

func (e *Echo) serveSlow(w http.ResponseWriter, r *http.Request) {
	wait, err := time.ParseDuration(r.FormValue("for"))
	if err != nil {
		http.Error(w, "the query needs a duration, as in for=1s", http.StatusBadRequest)
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		fmt.Fprintf(w, "%s took %s\n", e.Name, wait)
	case <-r.Context().Done():
	}
}

func (e *Echo) serveHold(w http.ResponseWriter, r *http.Request) {
	e.holding.Add(1)
	defer e.holding.Add(-1)
	select {
	case <-e.release:
		fmt.Fprintf(w, "%s let go\n", e.Name)
	case <-r.Context().Done():
	}
}

var upgrader = websocket.Upgrader{
	Subprotocols:      []string{"echo", "chat"},
	EnableCompression: true,
	CheckOrigin:       func(*http.Request) bool { return true },
}

func (e *Echo) serveSocket(w http.ResponseWriter, r *http.Request) {
	e.upgrades.Add(1) // before the answer, so that who has it finds it counted
	c, err := upgrader.Upgrade(w, r, http.Header{BackendHeader: {e.Name}})
	if err != nil {
		e.upgrades.Add(-1)
		return // Upgrade has answered.
	}
	defer c.Close()
	// As the library does by itself, which gives up after a second, though the machine may be busy.
	c.SetCloseHandler(func(code int, _ string) error {
		_ = c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, ""), time.Now().Add(patience))
		return nil
	})
	for {
		kind, message, err := c.ReadMessage()
		if err != nil {
			return // Close frames are answered by the library.
		}
		if err := c.WriteMessage(kind, message); err != nil {
			return
		}
	}
}
