package events

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
)

// What a Feed keeps and lets read.
const (
	keepEvents = 4096
	keepBytes  = 4 << 20
	maxReaders = 64
)

// A record is an event as it is kept.
type record struct {
	n        uint64 // its number in the life of the gateway, from 1
	kind     string
	revision uint64 // of the configuration as of this event
	data     []byte // JSON
}

// A Feed is what happened lately. Its methods may be called by anybody and never wait for a reader.
type Feed struct {
	boot    string // of this life of the gateway, so that ids of another one are known for what they are
	version string

	mu      sync.Mutex // guards what follows; nothing else is locked under it, and nothing slow is done
	records []record   // without gaps, the oldest first
	size    int        // bytes of data
	last    uint64     // number of the newest event
	// revision is that of the configuration as of the newest event, base as of the newest one that is not kept any more.
	revision, base uint64
	held           []record // drains of changes that are not told of yet, the oldest first
	readers        map[*Reader]bool
	closed         chan struct{}
	ended          bool // closed is closed
}

// New makes a feed, whose first event is that the gateway was started.
func New(version string) *Feed {
	var boot [6]byte
	rand.Read(boot[:]) // Never fails (crypto/rand).
	f := &Feed{boot: hex.EncodeToString(boot[:]), version: version, readers: map[*Reader]bool{}, closed: make(chan struct{})}
	f.Gateway(api.GatewayTurn{What: api.GatewayStarted, Version: version})
	return f
}

// Gateway tells of the gateway's own life.
func (f *Feed) Gateway(x api.GatewayTurn) {
	f.add(0, api.Event{Kind: api.EventGateway, Gateway: &x})
}

// Health implements plane.Events.
func (f *Feed) Health(x api.HealthTurn) {
	f.add(0, api.Event{Kind: api.EventHealth, Health: &x})
}

// Closes implements plane.Events.
func (f *Feed) Closes(x api.CloseTurn) {
	f.add(0, api.Event{Kind: api.EventClose, Close: &x})
}

// Drain implements plane.Events. What a change takes away may begin to drain before the change is told; it waits for that.
func (f *Feed) Drain(x api.DrainTurn) {
	e := api.Event{Kind: api.EventDrain, Drain: &x}
	data := encode(&e)
	f.mu.Lock()
	defer f.mu.Unlock()
	if x.Revision > f.revision && len(f.held) < keepEvents {
		f.held = append(f.held, record{kind: e.Kind, revision: x.Revision, data: data})
		return
	}
	f.keep(e.Kind, data)
}

// release keeps what waited for the present revision.
func (f *Feed) release() {
	n := 0
	for n < len(f.held) && f.held[n].revision <= f.revision {
		f.keep(f.held[n].kind, f.held[n].data)
		n++
	}
	f.held = slices.Delete(f.held, 0, n)
}

// Close ends every reader, once it has read what there is.
func (f *Feed) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.ended {
		f.ended = true
		close(f.closed)
	}
}

// Closed is closed by Close.
func (f *Feed) Closed() <-chan struct{} { return f.closed }

// add keeps an event. A revision other than 0 is the one that serves from this event on.
func (f *Feed) add(revision uint64, e api.Event) {
	data := encode(&e)
	f.mu.Lock()
	defer f.mu.Unlock()
	if revision != 0 {
		f.revision = revision
	}
	f.keep(e.Kind, data)
	f.release()
}

// keep puts an event into the ring and wakes the readers. mu is held.
func (f *Feed) keep(kind string, data []byte) {
	if f.ended {
		return
	}
	f.last++
	f.records = append(f.records, record{n: f.last, kind: kind, revision: f.revision, data: data})
	f.size += len(data)
	for len(f.records) > keepEvents || f.size > keepBytes {
		f.drop()
	}
	for r := range f.readers {
		select {
		case r.wake <- struct{}{}:
		default: // It is awake already.
		}
	}
}

// drop forgets the oldest event.
func (f *Feed) drop() {
	f.base, f.size = f.records[0].revision, f.size-len(f.records[0].data)
	f.records[0] = record{}
	f.records = f.records[1:]
}

// oldest is the number of the oldest event that is kept, or of the next one where none is.
func (f *Feed) oldest() uint64 { return f.last + 1 - uint64(len(f.records)) }

// asOf is the revision that served once the event of a number had happened, or the next one that is known.
func (f *Feed) asOf(n uint64) uint64 {
	if n < f.oldest() {
		return f.base
	}
	return f.records[n-f.oldest()].revision
}

// id is what the event of a number is called.
func (f *Feed) id(n uint64) string { return fmt.Sprintf("%s-%d", f.boot, n) }

// encode gives an event the present time.
func encode(e *api.Event) []byte {
	e.Time = time.Now().UTC().Format("2006-01-02T15:04:05.000Z07:00")
	data, err := json.Marshal(e)
	if err != nil {
		panic(fmt.Sprintf("events: encoding an event: %v", err)) // Strings and numbers always encode.
	}
	return data
}
