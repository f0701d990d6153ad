package proxy

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
)

// mutants is how many messages are tried, and where they begin: make mutate asks for more, from other seeds.
func mutants(t *testing.T) (n int, seed uint64) {
	n, seed = 10_000, 1
	for name, set := range map[string]func(uint64){"GATEWAYD_MUTANTS": func(v uint64) { n = int(v) }, "GATEWAYD_SEED": func(v uint64) { seed = v }} {
		if s := os.Getenv(name); s != "" {
			v, err := strconv.ParseUint(s, 10, 62)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			set(v)
		}
	}
	return n, seed
}

// A judge is a backend that reads by the grammar of this package. It numbers its answers, so that a request that is here
// and is nobody's shows.
type judge struct {
	t      testing.TB
	marks  atomic.Int64 // requests that were whole, and so are to be answered
	tested atomic.Int64 // requests that net/http read the same way
}

func (j *judge) serve(p *peer) {
	var raw bytes.Buffer // since the last whole request
	p.r = bufio.NewReaderSize(io.TeeReader(p.Conn, &raw), 64<<10)
	for {
		p.SetDeadline(time.Now().Add(time.Hour))
		m, length, err := readRequest(p.r)
		early := false
		switch {
		case errors.As(err, new(dirt)):
			j.t.Errorf("the backend got %v: %q", err, raw.Bytes())
			return
		case err != nil:
			return
		case m.get("upgrade") != "":
			p.send(fmt.Sprintf("HTTP/1.1 101 Switching Protocols\r\nMark: %d\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n\r\n",
				j.marks.Add(1), http1.AcceptKey([]byte(m.get("sec-websocket-key")))))
			p.gone()
			return
		case m.get("expect") != "" && len(m.target)%2 == 0:
			io.WriteString(p.Conn, "HTTP/1.1 100 Continue\r\n\r\n")
		case length != 0 && len(m.target)%7 == 0:
			early = true
			io.WriteString(p.Conn, "HTTP/1.1 200 OK\r\nEarly: 1\r\nContent-Length: 0\r\n\r\n")
		}
		if err := m.body(p.r, length); err != nil {
			if errors.As(err, new(dirt)) {
				j.t.Errorf("the backend got %v: %q", err, raw.Bytes())
			}
			return
		}
		whole := raw.Len() - p.r.Buffered()
		j.compare(m, raw.Next(whole))
		if !early {
			j.answer(p, m)
		}
	}
}

// answer answers a whole request in one of the forms there are.
func (j *judge) answer(p *peer, m *message) {
	mark := j.marks.Add(1)
	a := fmt.Sprintf("HTTP/1.1 200 OK\r\nMark: %d\r\nTo: %s\r\n", mark, m.method)
	body := "Content-Length: 2\r\n\r\nok"
	switch {
	case m.method == "HEAD":
		body = "Content-Length: 2\r\n\r\n"
	case mark%4 == 1:
		body = "Transfer-Encoding: chunked\r\n\r\n1\r\no\r\n1;a\r\nk\r\n0\r\nSum: 1\r\n\r\n"
	case mark%4 == 2:
		a = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + a
	}
	io.WriteString(p.Conn, a+body)
}

// compare has net/http read the same octets, which must hold one request for it, too.
func (j *judge) compare(m *message, raw []byte) {
	r := bufio.NewReader(bytes.NewReader(raw))
	theirs, err := http.ReadRequest(r)
	if err != nil {
		if !strings.Contains(err.Error(), "invalid URL escape") && !strings.Contains(err.Error(), "parse \"") {
			j.t.Errorf("net/http refuses %q: %v", raw, err)
		}
		return
	}
	n, err := io.Copy(io.Discard, theirs.Body)
	if _, end := r.Peek(1); err != nil || !errors.Is(end, io.EOF) || theirs.Method != m.method || theirs.RequestURI != m.target || int(n) != m.octets {
		j.t.Errorf("net/http reads %q %q and %d octets, %v, %v", theirs.Method, theirs.RequestURI, n, err, end)
	}
	j.tested.Add(1)
}

// A tally is what one client saw.
type tally struct {
	seen    int64 // answers of the judge, the last one's mark
	answers int   // final ones
	own     int   // of them the gateway's
	early   int
}

// talk sends bytes over one connection, in pieces, and reads the answers to the end.
func (y *tally) talk(j *judge, addr string, pieces ...[]byte) error {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	go func() {
		for _, p := range pieces {
			conn.Write(p)
		}
		conn.(*net.TCPConn).CloseWrite()
	}()
	r := bufio.NewReaderSize(conn, 64<<10)
	for {
		m, err := readAnswer(r, "")
		if errors.Is(err, io.EOF) && m == nil {
			break
		}
		if err != nil {
			return fmt.Errorf("the client got %v: %v", m, err)
		}
		if mark := m.get("mark"); mark != "" {
			if y.seen++; mark != strconv.FormatInt(y.seen, 10) {
				return fmt.Errorf("the backend's answer %s came, not %d: a request was there that nobody sent", mark, y.seen)
			}
		}
		switch {
		case m.status == 101:
			_, err := io.Copy(io.Discard, r)
			y.answers++
			return err
		case m.status < 200:
			continue
		case m.get("gatewayd-reason") != "":
			y.own++
		case m.get("early") != "":
			y.early++
		}
		y.answers++
	}
	if at := j.marks.Load(); at != y.seen {
		return fmt.Errorf("the backend answered %d requests, and %d answers came", at, y.seen)
	}
	return nil
}

// Whatever a client sends, the backend gets whole requests in one spelling, never more of them than the client gets
// answers, and every connection ends.
func TestMutatedRequests(t *testing.T) {
	n, seed := mutants(t)
	var answers, own, tested, tunnels atomic.Int64
	var refused [Reasons]atomic.Int64
	var all sync.WaitGroup
	const lanes = 2
	for lane := range lanes {
		j := &judge{t: t}
		r := newRig(t, inClear, newServer(t, j.serve).addr)
		all.Go(func() {
			var y tally
			for i := 0; y.answers < n/lanes && !t.Failed(); i++ {
				m := mutator{rand.New(rand.NewPCG(seed, uint64(i*lanes+lane)))}
				var send []byte
				for k := range 1 + m.IntN(6) {
					send = append(send, m.request(fmt.Sprintf("%x-%d", i, k))...)
				}
				at := m.IntN(len(send) + 1)
				if err := y.talk(j, r.addr, send[:at], send[at:]); err != nil {
					t.Errorf("seed %d, connection %d: %v\nafter %q\nand %q", seed, i*lanes+lane, err, send[:at], send[at:])
				}
			}
			answers.Add(int64(y.answers))
			own.Add(int64(y.own))
			tested.Add(j.tested.Load())
			s := r.stats()
			tunnels.Add(int64(s.Tunnels.Opened))
			for i, c := range s.Refused {
				refused[i].Add(int64(c))
			}
		})
	}
	all.Wait()
	kinds := 0
	for i := range refused {
		if refused[i].Load() > 0 {
			kinds++
		}
	}
	t.Logf("%d requests were answered: %d refused for %d reasons, %d read at the backend by net/http, too, %d tunnels", answers.Load(), own.Load(), kinds, tested.Load(), tunnels.Load())
	if kinds < 30 || tested.Load() < answers.Load()/10 || tunnels.Load() == 0 {
		t.Errorf("the mutants are not what they were")
	}
}
