package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
)

// tell is how long after a kill or a removal its effect may be seen here, also where the machine is busy with other things.
const tell = 15 * time.Second

// A manner is how a WebSocket is used.
type manner struct {
	name   string
	each   int           // how many there are of it in a pool, on each listener
	every  time.Duration // from one message to the next
	size   int           // of a message, at most
	pieces int           // of a message, each a frame of its own
	stays  int           // messages until it ends and comes again; 0 is as long as it can
}

var manners = []manner{
	{name: "talks", each: 6, every: 100 * time.Millisecond, size: 200, pieces: 1},
	{name: "is idle", each: 20, every: 20 * time.Second, size: 20, pieces: 1},
	{name: "sends much", each: 1, every: 500 * time.Millisecond, size: 1 << 20, pieces: 1},
	{name: "sends in pieces", each: 2, every: 200 * time.Millisecond, size: 20 << 10, pieces: 7},
	{name: "comes and goes", each: 3, every: 20 * time.Millisecond, size: 200, pieces: 1, stays: 10},
}

// dialer is of wss and ws. No one believes a certificate that changes all the time; that it is there is what counts.
var dialer = websocket.Dialer{HandshakeTimeout: patience, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}

// talk opens WebSockets of every manner, in every pool, through both listeners.
func (s *soak) talk(ctx context.Context) {
	for _, pool := range pools {
		for scheme, port := range map[string]int{"ws": s.plain, "wss": s.secure} {
			for _, m := range manners {
				for range m.each {
					s.work.Go(func() {
						for ctx.Err() == nil {
							s.converse(ctx, m, pool, scheme, port)
						}
					})
				}
			}
		}
	}
}

// converse is one WebSocket, from its handshake to its end.
func (s *soak) converse(ctx context.Context, m manner, pool, scheme string, port int) {
	began := time.Now()
	header := http.Header{"Host": {host(pool)}}
	c, answer, err := dialer.Dial(fmt.Sprintf("%s://127.0.0.1:%d/", scheme, port), header)
	if err != nil {
		said := ""
		if answer != nil {
			said = answer.Status + " " + answer.Header.Get("Gatewayd-Reason")
		}
		if !s.excused(pool, began, time.Now()) {
			s.fail("a handshake in pool %s by %s: %v %s", pool, scheme, err, said)
		}
		time.Sleep(100 * time.Millisecond)
		return
	}
	t := listen(c)
	defer t.close()
	s.counts.tunnels.Add(1)
	target := answer.Header.Get("Backend")
	for n := 0; m.stays == 0 || n < m.stays; n++ {
		rest := time.Duration((0.5 + rand.Float64()) * float64(m.every))
		over, err := t.rest(ctx, rest)
		if over {
			break
		}
		if err == nil {
			err = t.say(m)
		}
		if err != nil {
			s.broke(m, target, scheme, err)
			return
		}
		s.counts.messages.Add(1)
	}
	if err := t.bye(); err != nil {
		s.broke(m, target, scheme, err)
	}
}

// broke judges the end of a WebSocket that nobody here wanted. Its target was killed, so that it broke off; or its target
// left, which it is told by a Close.
func (s *soak) broke(m manner, target, scheme string, err error) {
	s.counts.broken.Add(1)
	var closed *websocket.CloseError
	since := time.Now().Add(-tell)
	switch {
	case errors.Is(err, errOther):
		s.fail("a WebSocket that %s, of target %s, by %s: %v", m.name, target, scheme, err)
	case target == victim && s.history.during(victim, since, time.Now()):
	case target == mover && s.history.during(mover, since, time.Now()) && errors.As(err, &closed) && closed.Code == websocket.CloseGoingAway:
	default:
		s.fail("a WebSocket that %s, of target %s, by %s: %v", m.name, target, scheme, err)
	}
}

// excused says whether the killed target explains what failed in its pool.
func (s *soak) excused(pool string, from, until time.Time) bool {
	return pool == killed && s.history.during(victim, from.Add(-tell), until)
}

// A talk is a WebSocket that is listened to all the time, as by a browser, so that its end is known at once.
type talk struct {
	*websocket.Conn
	heard chan message
	done  chan struct{}
}

// A message is one that came, or why none comes any more.
type message struct {
	text []byte
	err  error
}

func listen(c *websocket.Conn) *talk {
	t := &talk{Conn: c, heard: make(chan message), done: make(chan struct{})}
	go func() {
		for {
			_, text, err := c.ReadMessage()
			select {
			case t.heard <- message{text, err}:
			case <-t.done:
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return t
}

func (t *talk) close() {
	close(t.done)
	_ = t.Conn.Close() // Its end is known.
}

// rest says nothing for a while, and wants to hear nothing; over says that the soak is.
func (t *talk) rest(ctx context.Context, d time.Duration) (over bool, err error) {
	select {
	case <-ctx.Done():
		return true, nil
	case <-time.After(d):
		return false, nil
	case m := <-t.heard:
		if m.err == nil {
			m.err = fmt.Errorf("%w: %d bytes came that nobody asked for", errOther, len(m.text))
		}
		return false, m.err
	}
}

// hear waits for a message.
func (t *talk) hear() ([]byte, error) {
	select {
	case m := <-t.heard:
		return m.text, m.err
	case <-time.After(patience):
		return nil, fmt.Errorf("nothing came for %s", patience)
	}
}

// say sends a message and wants it back as it was.
func (t *talk) say(m manner) error {
	text := make([]byte, 1+rand.IntN(m.size))
	for i := range text {
		text[i] = byte(rand.Uint32())
	}
	failed := t.send(m, text)
	got, err := t.hear() // Where the other side ended it, it had said so.
	switch {
	case err != nil:
		return fmt.Errorf("receive: %w", err)
	case failed != nil:
		return fmt.Errorf("send: %w", failed)
	case !bytes.Equal(got, text):
		return fmt.Errorf("%w: %d bytes, and %d came back", errOther, len(text), len(got))
	}
	return nil
}

func (t *talk) send(m manner, text []byte) error {
	if err := t.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	w, err := t.NextWriter(websocket.BinaryMessage)
	if err != nil {
		return err
	}
	for piece := range m.pieces {
		from, to := len(text)*piece/m.pieces, len(text)*(piece+1)/m.pieces
		if _, err := w.Write(text[from:to]); err != nil {
			return err
		}
	}
	return w.Close()
}

// bye ends a WebSocket politely and wants the other side to do the same.
func (t *talk) bye() error {
	text := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	failed := t.WriteControl(websocket.CloseMessage, text, time.Now().Add(patience))
	got, err := t.hear()
	var closed *websocket.CloseError
	switch {
	case errors.As(err, &closed) && closed.Code == websocket.CloseNormalClosure:
		return nil
	case err == nil:
		return fmt.Errorf("%w: %d bytes came in answer to a Close", errOther, len(got))
	}
	return errors.Join(err, failed)
}
