package events

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
)

// Why there is no reader.
var (
	ErrTooMany = errors.New("too many readers")
	ErrID      = errors.New("the id is none of an event")
	ErrClosed  = errors.New("the feed is closed")
)

// A Reader takes events at its own speed. One goroutine uses it.
type Reader struct {
	feed  *Feed
	kinds []string // those wanted; nil means all
	wake  chan struct{}
	// next is the number of the next event that it has not read.
	next uint64
	// pending are events of its own, which come before all others.
	pending []api.Event
}

// Open begins to read what happens from now on or, where after is the id of an event, behind that. Kinds are those that
// are wanted; none means all. Close must follow.
func (f *Feed) Open(kinds []string, after string) (*Reader, error) {
	r := &Reader{feed: f, kinds: kinds, wake: make(chan struct{}, 1)}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.ended:
		return nil, ErrClosed
	case len(f.readers) >= maxReaders:
		return nil, ErrTooMany
	}
	r.next = f.last + 1
	lost := ""
	if after != "" {
		boot, n, err := parseID(after)
		switch {
		case err != nil || boot == f.boot && n > f.last:
			return nil, ErrID
		case boot == f.boot:
			r.next = n + 1
		default:
			r.next, lost = f.oldest(), api.LostRestart
		}
	}
	begin := api.Event{ID: f.id(r.next - 1), Kind: api.EventBegin, Begin: &api.Begin{Revision: f.asOf(r.next - 1), Version: f.version}}
	r.pending = append(r.pending, begin)
	if lost != "" {
		r.pending = append(r.pending, api.Event{ID: begin.ID, Kind: api.EventLost, Lost: &api.Lost{Reason: lost}})
	}
	f.readers[r] = true
	return r, nil
}

// parseID takes an id apart: the life of a gateway and a number.
func parseID(id string) (boot string, n uint64, err error) {
	boot, number, found := strings.Cut(id, "-")
	if n, err = strconv.ParseUint(number, 10, 63); err != nil || !found || boot == "" || len(id) > 60 {
		return "", 0, ErrID
	}
	return boot, n, nil
}

// Close ends the reading.
func (r *Reader) Close() {
	r.feed.mu.Lock()
	defer r.feed.mu.Unlock()
	delete(r.feed.readers, r)
}

// Readers counts those that are open.
func (f *Feed) Readers() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.readers)
}

// Wake has something whenever there may be more to read. It is not told of Close, which Feed.Closed tells of.
func (r *Reader) Wake() <-chan struct{} { return r.wake }

// enough is how many bytes are read at once, in about.
const enough = 32 << 10

// Append appends what is new to a text, in the form of Server-Sent Events, and says whether there may be more.
func (r *Reader) Append(text []byte) (all []byte, more bool) {
	for _, e := range r.pending {
		id := e.ID
		e.ID = "" // It is the event's on the wire, not in its data.
		text = appendEvent(text, id, e.Kind, encode(&e))
	}
	r.pending = nil
	f := r.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	if oldest := f.oldest(); r.next < oldest {
		lost := api.Event{Kind: api.EventLost, Lost: &api.Lost{Reason: api.LostGone, Events: oldest - r.next}}
		text = appendEvent(text, f.id(oldest-1), lost.Kind, encode(&lost))
		r.next = oldest
	}
	for ; r.next <= f.last && len(text) < enough; r.next++ {
		if x := &f.records[r.next-f.oldest()]; r.kinds == nil || slices.Contains(r.kinds, x.kind) {
			text = appendEvent(text, f.id(x.n), x.kind, x.data)
		}
	}
	return text, r.next <= f.last
}

// appendEvent writes one event. JSON has no line feeds in it.
func appendEvent(text []byte, id, kind string, data []byte) []byte {
	for _, part := range []string{"id: ", id, "\nevent: ", kind, "\ndata: "} {
		text = append(text, part...)
	}
	text = append(text, data...)
	return append(text, "\n\n"...)
}
