package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
)

// quiet is how long a stream may say nothing. A gateway says every 15s that it is alive.
const quiet = time.Minute

var errQuiet = errors.New("the gateway said nothing for a minute")

// Events gives f what happens in the gateway, in its order, until ctx ends or f fails, whose error it returns. A stream
// that breaks is taken up again behind the last event that f had, however long that takes; interrupted, where it is not nil,
// is told why. Before the first event, and where the gateway refuses the stream for good, it fails as other calls do. An
// event of the kind lost says that events are missing: the reader has to look for itself at what is now.
func (c *Client) Events(ctx context.Context, q api.EventQuery, f func(*api.Event) error, interrupted func(error)) error {
	begun := false
	wait := c.http.RetryWaitMin
	for {
		stream := &stream{query: q, take: f}
		err := c.follow(ctx, stream)
		q.After = stream.query.After
		begun = begun || stream.begun
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case stream.failure != nil:
			return stream.failure
		case !begun || err != nil && final(err):
			return err
		case stream.begun:
			wait = c.http.RetryWaitMin
		}
		if interrupted != nil {
			interrupted(err)
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return ctx.Err()
		}
		wait = min(2*wait, c.http.RetryWaitMax)
	}
}

// final says that a stream will be refused again.
func final(err error) bool {
	refusal, ok := errors.AsType[*api.Error](err)
	return ok && refusal.Status < 500 && refusal.Status != http.StatusTooManyRequests
}

// A stream is one connection that events come on.
type stream struct {
	query   api.EventQuery // After moves on
	take    func(*api.Event) error
	begun   bool  // an event came
	failure error // of take
}

// follow reads one stream to its end, which is an error always.
func (c *Client) follow(ctx context.Context, s *stream) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(quiet, func() { cancel(errQuiet) })
	defer watch.Stop()
	call := &call{safe: true, stream: true, first: c.router.preferred(), failed: map[string]error{}}
	response, err := c.send(ctx, c.streams, call, request{method: http.MethodGet, path: api.PathEvents, query: s.query.Values(), safe: true, accept: api.MediaEvents})
	if err == nil {
		defer response.Body.Close()
		err = s.read(call, response, &lively{response.Body, watch})
	}
	if context.Cause(ctx) == errQuiet {
		return fmt.Errorf("the gateway at %s is not followed any more: %w", call.endpoint, errQuiet)
	}
	return err
}

// read hands the events of an answer on.
func (s *stream) read(call *call, response *http.Response, body io.Reader) error {
	if response.StatusCode != http.StatusOK {
		text, err := io.ReadAll(io.LimitReader(body, maxAnswer))
		if err != nil {
			return err
		}
		return refused(call.endpoint, response.StatusCode, response.Header, text)
	}
	is := response.Header.Get("Content-Type")
	if media, _, err := mime.ParseMediaType(is); err != nil || media != api.MediaEvents { // A proxy between may add a charset.
		return fmt.Errorf("the answer to GET %s is %q, and no stream of events; check that %s is the admin address of a gatewayd", api.PathEvents, is, call.endpoint)
	}
	frames := newFrames(body)
	for {
		x, err := frames.next()
		if err != nil {
			return fmt.Errorf("the stream of the gateway at %s broke off: %w", call.endpoint, err)
		}
		e := &api.Event{}
		if err := json.Unmarshal(x.data, e); err != nil {
			return fmt.Errorf("an event of the gateway at %s is not the JSON that was expected: %w", call.endpoint, err)
		}
		e.ID, s.begun = x.id, true
		if s.failure = s.take(e); s.failure != nil {
			return s.failure
		}
		s.query.After = e.ID
	}
}

// lively is a body that is read as long as something comes.
type lively struct {
	body  io.Reader
	watch *time.Timer // ends the call
}

// Read implements io.Reader. The time between reads is the reader's own.
func (l *lively) Read(p []byte) (int, error) {
	l.watch.Reset(quiet)
	defer l.watch.Stop()
	return l.body.Read(p)
}
