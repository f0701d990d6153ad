package gatewaytest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A Rude is a backend that breaks the rules of HTTP on purpose, one way a path. It reads a request's head and then:
//
//	/health     answers 200, so that a probe likes it
//	/reset      resets the connection
//	/close      closes it without an answer
//	/hang       says nothing until the gateway gives up
//	/garbage    sends bytes that are no HTTP
//	/hang-head  says nothing more in the middle of the answer's head
//	/half-head  closes in the middle of the answer's head
//	/old        answers without a head, as HTTP/0.9 did
//	/half-body  announces 1000 bytes, sends 10 and closes
//	/half-chunk closes in the middle of a chunk
//	/two-lengths, /bad-length, /length-and-chunked, /bad-header, /bare-lf  answers that two parsers could read differently
//	/long-head  sends header fields without end
//	/extra      sends a second answer behind the first, unasked
//	/bad-accept finishes a WebSocket handshake with a wrong key
//	/no-upgrade answers 101 to what was no upgrade
//	/mumble     finishes a WebSocket handshake and then sends bytes that are no frames, and closes
//
// Every connection but that of /health serves one request.
type Rude struct {
	sockets *sockets
	done    sync.WaitGroup
}

// StartRude starts a Rude on a free port of 127.0.0.1 that ends with the test.
func StartRude(t testing.TB) *Rude {
	t.Helper()
	s, err := listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &Rude{sockets: s}
	r.done.Go(r.accept)
	t.Cleanup(func() {
		_ = s.Close() // It was open, and what else could be wrong ends with the process.
		r.done.Wait()
	})
	return r
}

// Addr is where the Rude listens.
func (r *Rude) Addr() netip.AddrPort { return r.sockets.address() }

// RudePaths lists the paths on which a Rude misbehaves.
func RudePaths() []string {
	paths := []string{"/reset", "/hang", "/hang-head", "/long-head"}
	for path := range rudeAnswers {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return paths
}

func (r *Rude) accept() {
	for {
		c, err := r.sockets.Accept()
		if err != nil {
			return
		}
		r.done.Go(func() {
			defer c.Close()
			r.serve(c.(*socket))
		})
	}
}

// rudeAnswers are what is sent before the connection is closed.
var rudeAnswers = map[string]string{
	"/close":              "",
	"/garbage":            "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 what is this\n\n",
	"/old":                "<html>hello</html>\r\n",
	"/half-head":          "HTTP/1.1 200 OK\r\nContent-Le",
	"/half-body":          "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n0123456789",
	"/half-chunk":         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nff\r\nhel",
	"/two-lengths":        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
	"/bad-length":         "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
	"/length-and-chunked": "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"/bad-header":         "HTTP/1.1 200 OK\r\nBad Name : x\r\nContent-Length: 0\r\n\r\n",
	"/bare-lf":            "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
	"/extra":              "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirstHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond",
	"/bad-accept":         "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: bm90IHRoZSBvbmUgeW91IHdhbnQ=\r\n\r\n",
	"/no-upgrade":         "HTTP/1.1 101 Switching Protocols\r\nUpgrade: nothing\r\nConnection: Upgrade\r\n\r\n",
	"/mumble":             "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n\xff\xff\xff\xff no frames",
}

func (r *Rude) serve(c *socket) {
	reader := bufio.NewReader(c)
	for {
		request, err := http.ReadRequest(reader)
		if err != nil {
			return
		}
		answer, known := rudeAnswers[request.URL.Path]
		switch {
		case request.URL.Path == "/reset":
			reset(c)
			return
		case request.URL.Path == "/hang", request.URL.Path == "/hang-head":
			if request.URL.Path == "/hang-head" {
				_, _ = io.WriteString(c, rudeAnswers["/half-head"])
			}
			// It ends when the gateway closes the connection.
			_, _ = io.Copy(io.Discard, reader)
			return
		case request.URL.Path == "/long-head":
			longHead(c)
			return
		case known:
			if strings.Contains(answer, "%s") {
				answer = fmt.Sprintf(answer, acceptKey(request.Header.Get("Sec-WebSocket-Key")))
			}
			_, _ = io.WriteString(c, answer)
			return
		}
		if _, err := io.Copy(io.Discard, request.Body); err != nil {
			return
		}
		if _, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nrude\n"); err != nil {
			return
		}
	}
}

// reset makes the close that follows a RST.
func reset(c *socket) {
	tcp, ok := c.Conn.(*net.TCPConn)
	if !ok {
		return
	}
	// Where it fails the connection is closed politely, and the test that wanted a reset says so.
	_ = tcp.SetLinger(0)
}

// longHead sends header fields until nobody takes them any more.
func longHead(c *socket) {
	if _, err := io.WriteString(c, "HTTP/1.1 200 OK\r\n"); err != nil {
		return
	}
	for i := 0; ; i++ {
		if _, err := fmt.Fprintf(c, "X-Field-%d: %s\r\n", i, strings.Repeat("x", 100)); err != nil {
			return
		}
	}
}
