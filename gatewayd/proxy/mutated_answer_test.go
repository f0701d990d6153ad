package proxy

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A liar is a backend that answers with mutants, each of which carries the id of its request. It shares a seed with the
// clients, so that a connection of one seed sees the same mutants again.
type liar struct {
	t    testing.TB
	seed uint64
}

// liarPause is how long it waits for another request until it closes: some mutants are not whole, and so nobody asks on.
const liarPause = 20 * time.Millisecond

func (l *liar) serve(p *peer) {
	for {
		m, length, err := readRequest(p.r)
		if err == nil {
			err = m.body(p.r, length)
		}
		if err != nil {
			if errors.As(err, new(dirt)) {
				l.t.Errorf("the backend got %v", err)
			}
			return
		}
		id := m.target[1:]
		number := uint64(0)
		fmt.Sscanf(id, "%x", &number)
		mutant := mutator{rand.New(rand.NewPCG(l.seed, number))}
		if _, err := p.Write(mutant.answer(id)); err != nil || mutant.IntN(3) == 0 {
			return
		}
		p.SetDeadline(time.Now().Add(liarPause))
		if _, err := p.r.Peek(1); err != nil {
			return
		}
		p.SetDeadline(time.Now().Add(patience))
	}
}

// asks are requests to a liar, the id left open.
var asks = []struct{ method, text string }{
	{"GET", "GET /%s HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"GET", "GET /%s HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"POST", "POST /%s HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"},
	{"HEAD", "HEAD /%s HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"GET", strings.Replace(wsRequest, "/chat", "/%s", 1)},
}

// A believer asks a liar through a gateway, over one connection after another.
type believer struct {
	m       mutator
	issued  *sync.Map // every id that was asked for by anybody
	conn    net.Conn
	r       *bufio.Reader
	answers map[string]int
}

// ask sends one request and reads its answer. Whatever comes must be clean and belong to this request.
func (b *believer) ask(addr, id string) error {
	if b.conn == nil {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			return err
		}
		b.conn, b.r = c, bufio.NewReaderSize(c, 64<<10)
	}
	b.conn.SetDeadline(time.Now().Add(patience))
	b.issued.Store(id, true)
	a := pick(b.m, asks)
	if _, err := fmt.Fprintf(b.conn, a.text, id); err != nil {
		return err
	}
	m, err := readAnswer(b.r, a.method)
	for err == nil && m.status < 200 && m.status != 101 {
		m, err = readAnswer(b.r, a.method)
	}
	end := err != nil || m.get("connection") == "close"
	switch {
	case err != nil && m != nil && m.status != 0 && !errors.As(err, new(dirt)):
		b.answers["cut short"]++ // and the client sees that
	case err != nil:
		return fmt.Errorf("%s got %w: %v", a.method, err, m)
	case b.foreign(m.get("id"), id) || b.foreign(string(m.begun), id):
		return fmt.Errorf("%s for %s got the answer to another: %v", a.method, id, m)
	case m.get("gatewayd-reason") != "":
		b.answers[m.get("gatewayd-reason")]++
	case m.status == 101:
		if !strings.Contains(a.text, "Upgrade: websocket") {
			return fmt.Errorf("got a 101 for %s", a.method)
		}
		b.answers["tunnel"]++
		end = true
	default:
		b.answers["passed"]++
	}
	if !end && b.r.Buffered() > 0 {
		return fmt.Errorf("behind an answer of %s to %s stands more: %v", id, a.method, m)
	}
	if end {
		b.conn.Close()
		b.conn = nil
	}
	return nil
}

// foreign says that text is the id of another request. A mutant of an id is nobody's.
func (b *believer) foreign(text, id string) bool {
	_, issued := b.issued.Load(text)
	return issued && text != id
}

// Whatever a backend answers, each client gets one clean answer, to its own request, or sees that it was cut short.
func TestMutatedAnswers(t *testing.T) {
	n, seed := mutants(t)
	r := newRig(t, func(r *rig) { inClear(r); r.setting.Retries = 0 }, newServer(t, (&liar{t, seed}).serve).addr)
	var issued sync.Map
	var all sync.WaitGroup
	var mu sync.Mutex // guards total
	total := map[string]int{}
	var next atomic.Uint64
	for lane := range 8 {
		all.Go(func() {
			b := believer{m: mutator{rand.New(rand.NewPCG(seed, uint64(lane)))}, issued: &issued, answers: map[string]int{}}
			for !t.Failed() {
				i := next.Add(1)
				if i > uint64(n) {
					break
				}
				// Ids are as far apart as can be: a change of one octet makes none of another.
				if err := b.ask(r.addr, fmt.Sprintf("%08x", uint32(i*2654435769))); err != nil {
					t.Errorf("seed %d: %v", seed, err)
				}
			}
			if b.conn != nil {
				b.conn.Close()
			}
			mu.Lock()
			defer mu.Unlock()
			for k, v := range b.answers {
				total[k] += v
			}
		})
	}
	all.Wait()
	t.Logf("%d requests: %v", n, total)
	if len(total) < 20 || total["passed"] < n/10 || total["cut short"] == 0 || total["tunnel"] == 0 {
		t.Errorf("the mutants are not what they were")
	}
}
