package proxy

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
)

// Each event comes to the client before the next one is sent, in every form in which an answer can be streamed: nothing is
// gathered, nothing waits for more.
func TestEventsPassAtOnce(t *testing.T) {
	const one, two = "data: 1\n\n", "data: 22\n\n"
	chunk := func(s string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(s), s) }
	const event = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
	const toOld, toNew = event + "Connection: close\r\n\r\n", event + "Transfer-Encoding: chunked\r\n\r\n"
	for _, c := range []struct {
		name, request string
		sent, want    []string
	}{
		{"chunks", asked + "\r\n", []string{toNew, chunk(one), chunk(two), "0\r\n\r\n"}, []string{toNew, chunk(one), chunk(two), "0\r\n\r\n"}},
		{"half a chunk", asked + "\r\n", []string{toNew + "12\r\n" + one, two[:1], two[1:9] + "\r\n0\r\n\r\n"}, []string{toNew + chunk(one), chunk(two[:1]), chunk(two[1:9]) + "0\r\n\r\n"}},
		{"until close", asked + "\r\n", []string{toOld, one, two, "END"}, []string{toNew, chunk(one), chunk(two), "0\r\n\r\n"}},
		{"length", asked + "\r\n", []string{event + "Content-Length: 19\r\n\r\n" + one, two}, []string{event + "Content-Length: 19\r\n\r\n" + one, two}},
		{"HTTP/1.0", "GET / HTTP/1.0\r\nHost: a\r\n\r\n", []string{toNew, chunk(one), chunk(two), "0\r\n\r\n"}, []string{toOld, one, two, ""}},
		{"long polling", asked + "\r\n", []string{"", event + "Content-Length: 9\r\n\r\n" + one}, []string{"", event + "Content-Length: 9\r\n\r\n" + one}},
		{"early hints", asked + "\r\n", []string{"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", ok("x")}, []string{"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", ok("x")}},
		{"trailers", asked + "\r\n", []string{toNew, chunk(one), "0\r\nSum: 1\r\n", "\r\n"}, []string{toNew, chunk(one), "", "0\r\nSum: 1\r\n\r\n"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			next := make(chan bool)
			s := newServer(t, func(p *peer) {
				p.head()
				for _, piece := range c.sent {
					if piece == "END" {
						return
					}
					p.send(piece)
					<-next
				}
				p.gone()
			})
			r := newRig(t, nil, s.addr)
			p := r.dial()
			p.send(c.request)
			for i, want := range c.want {
				if got := p.bytes(len(want)); got != want {
					t.Errorf("got %q, want %q", got, want)
				}
				if c.sent[i] != "END" {
					next <- true
				}
			}
		})
	}
}

// Each piece of a request comes to the backend before the next one is sent.
func TestUploadsPassAtOnce(t *testing.T) {
	for name, c := range map[string]struct{ head, piece, want string }{
		"length": {posted + "Content-Length: 9\r\n\r\n", "abc", "abc"},
		"chunks": {inChunks, "3;x\r\nabc\r\n", "3\r\nabc\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			arrived := make(chan bool)
			s := newServer(t, func(p *peer) {
				p.head()
				for range 3 {
					if got := p.bytes(len(c.want)); got != c.want {
						t.Errorf("got %q", got)
					}
					arrived <- true
				}
				if name == "chunks" {
					p.bytes(len("0\r\n\r\n"))
				}
				p.send(ok("x"))
				p.gone()
			})
			r := newRig(t, nil, s.addr)
			p := r.dial()
			p.send(c.head)
			for range 3 {
				p.send(c.piece)
				<-arrived
			}
			if name == "chunks" {
				p.send("0\r\n\r\n")
			}
			p.expect(200, "x")
		})
	}
}

// A client that does not wait for 100 Continue sends its body all the same, and nothing is lost whichever way the backend
// decides.
func TestExpectWithoutWaiting(t *testing.T) {
	for name, fn := range map[string]func(*peer){
		"100":          func(p *peer) { p.send("HTTP/1.1 100 Continue\r\n\r\n"); p.send(ok(p.bytes(3))) },
		"100 too late": func(p *peer) { body := p.bytes(3); p.send("HTTP/1.1 100 Continue\r\n\r\n" + ok(body)) },
		"no 100":       func(p *peer) { p.send(ok(p.bytes(3))) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, func(p *peer) {
				for {
					if _, err := p.tryHead(); err != nil {
						return
					}
					fn(p)
				}
			})
			r := newRig(t, nil, s.addr)
			p := r.dial()
			for _, body := range []string{"abc", "def"} {
				p.send(posted + "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n" + body)
				if name != "no 100" {
					if got := p.head(); got != "HTTP/1.1 100 Continue\r\n\r\n" {
						t.Errorf("got %q", got)
					}
				}
				p.expect(200, body)
			}
			if n := s.conns.Load(); n != 1 {
				t.Errorf("the backend saw %d connections", n)
			}
		})
	}
}

// streamed is how much goes each way: make mutate has it be a GiB.
func streamed(t *testing.T) int64 {
	mib := int64(256)
	if s := os.Getenv("GATEWAYD_STREAM_MIB"); s != "" {
		n, err := strconv.ParseInt(s, 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		mib = n
	}
	return mib << 20
}

// However much streams, the gateway holds no more than a buffer of it.
func TestStreamsInFlatMemory(t *testing.T) {
	size := streamed(t)
	s := newServer(t, func(p *peer) {
		head := p.head()
		buf := make([]byte, 256<<10)
		switch {
		case strings.HasPrefix(head, "GET /length"):
			p.send(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", size))
			io.CopyBuffer(struct{ io.Writer }{p.Conn}, io.LimitReader(zeros{}, size), buf)
		case strings.HasPrefix(head, "GET"):
			p.send("HTTP/1.1 200 OK\r\n\r\n")
			io.CopyBuffer(struct{ io.Writer }{p.Conn}, io.LimitReader(zeros{}, size), buf)
			return
		default:
			n, _ := io.CopyBuffer(struct{ io.Writer }{io.Discard}, io.LimitReader(p.r, size), buf)
			p.send(ok(fmt.Sprint(n)))
		}
		p.gone()
	})
	for _, ask := range []string{"GET /length", "GET /chunks", "POST /"} {
		t.Run(ask, func(t *testing.T) {
			r := newRig(t, nil, s.addr)
			p := r.dial()
			flat := watchMemory(r)
			head := ask + " HTTP/1.1\r\nHost: a\r\n"
			if strings.HasPrefix(ask, "POST") {
				p.send(head + fmt.Sprintf("Content-Length: %d\r\n\r\n", size))
				if n, err := io.CopyBuffer(struct{ io.Writer }{p.Conn}, io.LimitReader(zeros{}, size), make([]byte, 256<<10)); n != size || err != nil {
					t.Fatalf("sent %d bytes, %v", n, err)
				}
				p.expect(200, fmt.Sprint(size))
			} else {
				p.send(head + "\r\n")
				m, err := readAnswer(p.r, "GET")
				if err != nil || int64(m.octets) != size {
					t.Fatalf("got %v, %v", m, err)
				}
			}
			flat()
		})
	}
}

// watchMemory looks at the heap and at the loop's buffers until the function that it returns is called, which fails where
// more than a buffer a direction was held or the heap grew.
func watchMemory(r *rig) (done func()) {
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	stop, stopped := make(chan bool), make(chan bool)
	var heap, buffers atomic.Uint64
	go func() {
		defer close(stopped)
		var m runtime.MemStats
		for {
			select {
			case <-stop:
				return
			default:
			}
			runtime.ReadMemStats(&m)
			heap.Store(max(heap.Load(), m.HeapInuse))
			r.l.Post(func() { buffers.Store(max(buffers.Load(), uint64(r.l.Stats().Buffers))) })
			time.Sleep(time.Millisecond)
		}
	}()
	return func() {
		close(stop)
		<-stopped
		r.on(func() {})
		if grown := int64(heap.Load()) - int64(before.HeapInuse); grown > 16<<20 || buffers.Load() > 2 {
			r.t.Errorf("the heap grew by %d KiB, %d buffers of at most %d bytes were held", grown>>10, buffers.Load(), loop.MaxBuffer)
		}
	}
}
