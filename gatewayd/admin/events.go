package admin

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/events"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
)

// A pace is how long streams wait.
type pace struct {
	// heartbeat is the time after which a stream says that it is alive.
	heartbeat time.Duration
	// patience is how long a reader may take nothing of what is written to it.
	patience time.Duration
	// farewell is what is left of that once the gateway stops.
	farewell time.Duration
}

var ordinary = pace{heartbeat: 15 * time.Second, patience: 30 * time.Second, farewell: 200 * time.Millisecond}

// events streams what happens until the reader leaves, takes nothing any more, or the gateway stops.
func (a *admin) events(w http.ResponseWriter, r *http.Request) error {
	kinds, err := eventKinds(r)
	if err != nil {
		return err
	}
	after, err := lastEvent(r)
	if err != nil {
		return err
	}
	if a.Events == nil {
		return api.NewError(api.NotFound, "This gateway has no events.")
	}
	w.Header().Set("Content-Type", api.MediaEvents)
	if r.Method == http.MethodHead {
		return nil
	}
	reader, err := a.Events.Open(kinds, after)
	switch {
	case errors.Is(err, events.ErrID):
		return api.NewError(api.Malformed, "%q is no id of an event of this gateway; leave it out to begin with what happens from now on.", short(after))
	case errors.Is(err, events.ErrTooMany):
		return api.NewError(api.Unavailable, "There are as many streams of events as the gateway has at a time; end one of them.")
	case err != nil:
		return api.NewError(api.Unavailable, "The gateway is shutting down.")
	}
	defer reader.Close()
	s := &stream{pace: a.pace, reader: reader, closed: a.Events.Closed(), w: w, control: http.NewResponseController(w)}
	s.run(r.Context())
	return nil
}

// eventKinds are the kinds that are asked for; nil means all.
func eventKinds(r *http.Request) ([]string, error) {
	query := r.URL.Query()
	if !query.Has(api.ParamKind) {
		return nil, nil
	}
	kinds := strings.Split(query.Get(api.ParamKind), ",")
	for _, k := range kinds {
		if !slices.Contains(api.EventKinds(), k) {
			return nil, api.NewError(api.Malformed, "There are no events of the kind %q; there are %s.", short(k), strings.Join(api.EventKinds(), ", "))
		}
	}
	return kinds, nil
}

// lastEvent is the id that the reader goes on behind, or empty.
func lastEvent(r *http.Request) (string, error) {
	header, query := r.Header[api.HeaderLastEventID], r.URL.Query()
	switch {
	case len(header) > 1, len(header) == 1 && query.Has(api.ParamLastEventID) && header[0] != query.Get(api.ParamLastEventID):
		return "", api.NewError(api.Malformed, "The request says more than once which event it knows last.")
	case len(header) == 1:
		return header[0], nil
	}
	return query.Get(api.ParamLastEventID), nil
}

// A stream is an answer to somebody who follows events.
type stream struct {
	pace
	reader  *events.Reader
	closed  <-chan struct{} // once the gateway stops
	w       http.ResponseWriter
	control *http.ResponseController
}

// run writes until it cannot any more. The limits of the server are for answers that end; here each write has its own.
func (s *stream) run(ctx context.Context) {
	if s.control.SetReadDeadline(time.Time{}) != nil { // It would end the request's context, too.
		return
	}
	over := make(chan struct{})
	var hurry sync.WaitGroup
	defer hurry.Wait() // Behind the answer the connection is not the stream's any more.
	defer close(over)
	hurry.Go(func() { s.hurry(over) })
	heartbeat := time.NewTicker(s.heartbeat)
	defer heartbeat.Stop()
	var text []byte
	var more bool
	for {
		last := s.ended() // Before the look at what there is, so that nothing is left behind.
		text, more = s.reader.Append(text[:0])
		if len(text) > 0 && !s.write(text) || last && !more {
			return
		}
		if more {
			continue
		}
		select {
		case <-s.reader.Wake():
		case <-heartbeat.C:
			if !s.write([]byte(":\n\n")) {
				return
			}
		case <-s.closed:
		case <-ctx.Done():
			return
		}
	}
}

func (s *stream) ended() bool {
	select {
	case <-s.closed:
		return true
	default:
		return false
	}
}

// hurry lets a write that is under way not keep a gateway that stops.
func (s *stream) hurry(over <-chan struct{}) {
	select {
	case <-s.closed:
		_ = s.limit(s.farewell) // What cannot be hurried has the server's patience.
	case <-over:
	}
}

// limit is how long writes may take from now on.
func (s *stream) limit(d time.Duration) error { return s.control.SetWriteDeadline(time.Now().Add(d)) }

// write says whether the reader took it.
func (s *stream) write(text []byte) bool {
	err := s.limit(s.patience)
	if s.ended() { // It may have hurried just before.
		err = s.limit(s.farewell)
	}
	if err != nil {
		return false
	}
	if _, err := s.w.Write(text); err != nil {
		return false
	}
	return s.control.Flush() == nil
}

// events describes the stream.
func (d *description) events() *huma.Operation {
	stream := map[string]*huma.Response{"200": {
		Description: "A stream without end. The type of an event is its kind, its data a JSON text.",
		Content:     map[string]*huma.MediaType{api.MediaEvents: {Schema: schemaOf[api.Event](d)}},
	}}
	return d.operation("get-events", "Follow what happens", stream,
		query(api.ParamKind, text(), "Kinds of events, parted by commas: "+strings.Join(api.EventKinds(), ", ")+". All of them where none is given."),
		query(api.ParamLastEventID, text(), "In place of the header Last-Event-ID."),
		header("Last-Event-ID", "Id of the last event that is known: what happened behind it comes first."))
}
