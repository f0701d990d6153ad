package plane

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// A named is a backend that tells its name, in requests and handshakes alike, and echoes on WebSockets. Of requests it
// tells the number back that they have, and those for a path that ends in "held" it holds.
type named struct {
	name string
	hold *holding
}

// A holding is the requests that backends hold until it is freed.
type holding struct {
	free chan struct{} // closed by whoever lets them go

	mu sync.Mutex
	at map[string]string // the backend, by the request's number
}

func newHolding() *holding { return &holding{free: make(chan struct{}), at: map[string]string{}} }

func (h *holding) wait(name string, r *http.Request) {
	h.mu.Lock()
	h.at[r.Header.Get("Number")] = name
	h.mu.Unlock()
	select {
	case <-h.free:
	case <-r.Context().Done():
	}
}

// of is the backend that holds a request; empty where none does yet.
func (h *holding) of(number int) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.at[fmt.Sprint(number)]
}

func (b named) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !websocket.IsWebSocketUpgrade(r) {
		if strings.HasSuffix(r.URL.Path, "/held") {
			b.hold.wait(b.name, r)
		}
		_, _ = io.WriteString(w, b.name+" "+r.Header.Get("Number"))
		return
	}
	u := websocket.Upgrader{ReadBufferSize: 128, WriteBufferSize: 128, CheckOrigin: func(*http.Request) bool { return true }}
	c, err := u.Upgrade(w, r, http.Header{"Backend": {b.name}})
	if err != nil {
		return
	}
	defer func() { _ = c.Close() }()
	for {
		kind, text, err := c.ReadMessage()
		if err != nil || c.WriteMessage(kind, text) != nil {
			return
		}
	}
}

// serveNamed serves a backend at "127.0.0.1:0" or the like until the test's end, over TLS where there is a certificate,
// and says at which port.
func serveNamed(t testing.TB, h http.Handler, at string, certificate *tls.Certificate) int {
	t.Helper()
	l, err := net.Listen("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if certificate != nil {
		l = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{*certificate}})
	}
	// A prober that has nothing to probe any more breaks its handshake off.
	s := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return port
}

// lowPort is a free port below those that the system gives to outgoing connections, of which the tests around have
// thousands: one of them might take it before it is listened on.
func lowPort(t testing.TB) int {
	t.Helper()
	const first, last = 12000, 32000
	for range 1000 {
		port := first + rand.IntN(last-first)
		if _, taken := lowPorts.LoadOrStore(port, true); taken {
			continue
		}
		l, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
		if err != nil {
			continue // Another process has it.
		}
		_ = l.Close()
		return port
	}
	t.Fatal("there is no free port")
	return 0
}

// lowPorts are those that were given to somebody.
var lowPorts sync.Map

// A place is where clients of the gateway come.
type place struct {
	address string // "127.0.0.1:80"
	secure  bool
	host    string
	path    string
}

// A line is a client's connection: requests one behind the other, or a WebSocket.
type line struct {
	net.Conn
	place
	r       *bufio.Reader
	backend string // of a WebSocket
	n       int    // messages or requests so far
}

// longest is an end for a broken test, never a measure.
const longest = time.Minute

// connect opens a connection. Who the gateway is on it is none of its concern.
func connect(p place) (*line, error) {
	c, err := net.DialTimeout("tcp", p.address, longest)
	if err != nil {
		return nil, err
	}
	if p.secure {
		c = tls.Client(c, &tls.Config{InsecureSkipVerify: true, ServerName: p.host})
	}
	return &line{Conn: c, place: p, r: bufio.NewReaderSize(c, 256)}, nil
}

// get sends a request and wants it answered by one of some backends, and with its own number.
func (l *line) get(from ...string) error {
	if err := l.begin(http.MethodGet); err != nil {
		return err
	}
	return l.answered(from...)
}

// begin sends a request with a number of its own.
func (l *line) begin(method string) error {
	l.n++
	return errors.Join(l.SetDeadline(time.Now().Add(longest)), l.ask(method, fmt.Sprintf("Number: %d\r\nContent-Length: 0\r\n", l.n)))
}

// answered wants the answer to the last request.
func (l *line) answered(from ...string) error {
	answer, body, err := l.answer()
	name, number, _ := strings.Cut(body, " ")
	if err == nil && slices.Contains(from, name) && number == fmt.Sprint(l.n) && answer.StatusCode == http.StatusOK {
		return nil
	}
	return fmt.Errorf("request %d for %s%s was answered %+v %q, %w", l.n, l.host, l.path, answer, body, err)
}

// answer reads an answer.
func (l *line) answer() (*http.Response, string, error) {
	if err := l.SetDeadline(time.Now().Add(longest)); err != nil {
		return nil, "", err
	}
	answer, err := http.ReadResponse(l.r, nil)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	return answer, string(body), err
}

func (l *line) ask(method, fields string) error {
	_, err := fmt.Fprintf(l.Conn, "%s %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", method, l.path, l.host, fields)
	return err
}

// upgrade makes the connection a WebSocket.
func (l *line) upgrade() error {
	fields := "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
	if err := errors.Join(l.SetDeadline(time.Now().Add(longest)), l.ask(http.MethodGet, fields)); err != nil {
		return err
	}
	answer, err := http.ReadResponse(l.r, nil)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("the handshake for %s%s was answered %s %v", l.host, l.path, answer.Status, answer.Header)
	}
	l.backend = answer.Header.Get("Backend")
	return nil
}

// say sends a message and wants it back, and nothing else before it.
func (l *line) say() error {
	text, err := l.send()
	if err != nil {
		return err
	}
	first, got, err := l.frame()
	if err != nil || first != 0x81 || got != text {
		return fmt.Errorf("the WebSocket to %s by %s%s said %q and got %#x %q: %w", l.backend, l.host, l.path, text, first, got, err)
	}
	return nil
}

// send sends a message.
func (l *line) send() (text string, err error) {
	l.n++
	text = fmt.Sprintf("this is %d", l.n)
	if err := l.SetDeadline(time.Now().Add(longest)); err != nil {
		return "", err
	}
	_, err = l.Write(append([]byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}, text...))
	return text, err
}

// frame reads a short frame.
func (l *line) frame() (first byte, payload string, err error) {
	var head [2]byte
	if _, err = io.ReadFull(l.r, head[:]); err != nil {
		return 0, "", err
	}
	b := make([]byte, head[1]&0x7f)
	_, err = io.ReadFull(l.r, b)
	return head[0], string(b), err
}

// next waits for what comes next: a Close, which it answers and whose code it gives; 0 is a message; 1006 the end without a
// Close.
func (l *line) next() int {
	if l.SetDeadline(time.Time{}) != nil {
		return websocket.CloseAbnormalClosure
	}
	first, payload, err := l.frame()
	switch {
	case err == nil && first == 0x81:
		return 0
	case err != nil || first != 0x88 || len(payload) != 2:
		return websocket.CloseAbnormalClosure
	}
	if _, err := l.Write([]byte{0x88, 0x82, 0, 0, 0, 0, payload[0], payload[1]}); err == nil {
		_, _ = io.Copy(io.Discard, l.r)
	}
	_ = l.Close()
	return int(payload[0])<<8 | int(payload[1])
}
