// Package control is the only writer of a gateway's configuration.
//
// Every change, whoever asks for it, goes one way: validate, let the plane prepare it, commit it to the store, publish
// it. What fails before the commit leaves nothing behind, and when Apply returns, the change serves. A boot takes the
// same way without the commit, and leniently: what was once accepted is kept, what is wrong with it is a condition.
//
// Here live the rules of what becomes of an object that others name: it retires when it is deleted, is revived when its
// name returns, and is followed when it is renamed. What an object means is spec's to say, who may write it is the admin
// API's, and how it is served is the plane's; control imports neither of the latter two. The admin API calls it, and the
// daemon that wires them together.
package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/store"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// longestRetry is where attempts stop to become rarer, unless Config.Retry is longer.
const longestRetry = time.Minute

// maxBatch bounds how many waiting Applies share one commit.
const maxBatch = 256

// A Config is what a Controller works with.
type Config struct {
	Store store.Store
	Plane Plane
	// Witness is told of what serves; nil for nobody.
	Witness Witness
	// Log gets what nobody is answered: conditions at boot, causes of refusals that are not the caller's fault.
	Log *slog.Logger
	// Retry is how long after a Prepare that left transient conditions, or after a store that could not be read, the next
	// attempt is made. 0 means 5s. As long as attempts to prepare change nothing each waits twice as long as the one
	// before, up to a minute.
	Retry time.Duration
}

// A Controller is the one writer. Its methods may be called at the same time.
type Controller struct {
	store   store.Store
	plane   Plane
	witness Witness // nil for nobody
	log     *slog.Logger
	retry   time.Duration

	state atomic.Pointer[state] // written by the writer goroutine alone, once Open has returned
	jobs  chan *job

	memory memory // of the writer goroutine
	// doubt, of the writer goroutine, says that the store may be ahead of the state: a commit failed and could not be
	// checked.
	doubt bool

	closing   chan struct{} // closed by Close
	closeOnce sync.Once
	done      chan struct{} // closed by the writer goroutine when it ends
}

// Open loads what the store holds, serves it, and starts the writer. ctx bounds the loading only. Objects that cannot be
// read or served as written are conditions, not errors. The store and the plane stay the caller's to close, after Close.
func Open(ctx context.Context, cfg Config) (*Controller, error) {
	c := &Controller{
		store: cfg.Store, plane: cfg.Plane, witness: cfg.Witness, log: cfg.Log, retry: cfg.Retry,
		jobs: make(chan *job, maxBatch), closing: make(chan struct{}), done: make(chan struct{}),
		memory: newMemory(),
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.retry == 0 {
		c.retry = 5 * time.Second
	}
	if err := c.adopt(ctx); err != nil {
		return nil, err
	}
	go c.run()
	return c, nil
}

// Close ends the writer. An Apply that is under way is finished, waiting ones are refused. What is published goes on
// serving.
func (c *Controller) Close() {
	c.closeOnce.Do(func() { close(c.closing) })
	<-c.done
}

// Set is the configuration that serves.
func (c *Controller) Set() *spec.Set { return c.state.Load().set }

// Apply makes the changes, in their order, in one commit: all of them or, with an *Error, none. Applies that wait at the
// same time share one commit and each get their own answer. When it returns, the changes serve. Where ctx ends before
// the changes' turn has come, nothing is changed and the error wraps the context's; afterwards ctx means nothing.
func (c *Controller) Apply(ctx context.Context, changes []Change) ([]Result, error) {
	if len(changes) == 0 {
		return nil, nil
	}
	changes, fault := settled(changes)
	if fault != nil {
		return nil, fault
	}
	j := &job{changes: changes, done: make(chan struct{})}
	select {
	case c.jobs <- j:
	case <-ctx.Done():
		return nil, abandoned(ctx)
	case <-c.closing:
		return nil, errClosed()
	}
	select {
	case <-j.done:
	case <-ctx.Done():
		if j.taken.CompareAndSwap(false, true) {
			return nil, abandoned(ctx)
		}
		<-j.done
	case <-c.done:
		// The writer may have answered just before it ended.
		if j.taken.CompareAndSwap(false, true) {
			return nil, errClosed()
		}
		<-j.done
	}
	return j.answer()
}

func abandoned(ctx context.Context) error {
	return &Error{Reason: Unavailable, Message: "The caller gave up before the change was begun.", cause: context.Cause(ctx)}
}

var errEnded = errors.New("the controller is closed")

func errClosed() error {
	return &Error{Reason: Unavailable, Message: "The gateway is shutting down.", cause: errEnded}
}

// DryRun answers what Apply would, and changes nothing. Warnings say what of that is open now would end, too. An object that
// would be created has no id yet. What only binding a socket would show is not found.
func (c *Controller) DryRun(changes []Change) ([]Result, error) {
	changes, fault := settled(changes)
	if fault != nil {
		return nil, fault
	}
	base := c.state.Load()
	d := newDraft(base, nil)
	j := &job{changes: changes}
	if err := d.apply(j, base.set.Revision()+1, nil); err != nil {
		return nil, err
	}
	next := d.finish(base.set.Revision() + 1)
	conditions := byObject(c.plane.Inspect(next))
	for _, r := range j.results {
		if r.Outcome == Deleted { // Nothing else of it matters any more than what that ends.
			r.Warnings = conditions[object{r.Entry.Kind, r.Entry.Name()}]
			continue
		}
		r.Warnings = warnings(next, conditions, r.Entry)
	}
	return j.answer()
}

// run is the writer goroutine.
func (c *Controller) run() {
	defer close(c.done)
	pause := c.retry
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		before := c.state.Load()
		var again <-chan time.Time
		if c.doubt || before.transient() {
			again = timer.C
		}
		select {
		case <-c.closing:
			return
		case j := <-c.jobs:
			c.write(c.waiting(j))
			// What was published may have changed what stands in the way. Many writes must not put an attempt off.
			if (c.doubt || c.state.Load() != before) && (again == nil || pause > c.retry) {
				pause = c.retry
				timer.Reset(pause)
			}
		case <-again:
			pause = c.tryAgain(pause)
			timer.Reset(pause)
		}
	}
}

// tryAgain does what could not be done before, and says how long to wait for the next time.
func (c *Controller) tryAgain(pause time.Duration) time.Duration {
	if c.doubt {
		c.resolve()
		return c.retry
	}
	if c.prepareAgain() {
		return c.retry
	}
	return min(2*pause, max(longestRetry, c.retry))
}

// waiting takes every Apply that waits already, first included, as far as they fit.
func (c *Controller) waiting(first *job) []*job {
	var batch []*job
	take := func(j *job) {
		if j.taken.CompareAndSwap(false, true) {
			batch = append(batch, j)
		}
	}
	take(first)
	for range maxBatch - 1 {
		select {
		case j := <-c.jobs:
			take(j)
		default:
			return batch
		}
	}
	return batch
}

// A job is one Apply on its way through the writer.
type job struct {
	changes []Change
	taken   atomic.Bool   // set by whoever decides its fate: the writer, or a caller that gives up
	done    chan struct{} // closed when results and err are set for good

	// The rest is the writer's until done.
	results  []*Result // one a change; an idempotent repeat shares the first one's
	writes   []keyed
	revision uint64
	err      error
}

func (j *job) answer() ([]Result, error) {
	if j.err != nil {
		return nil, j.err
	}
	results := make([]Result, len(j.results))
	for i, r := range j.results {
		results[i] = *r
	}
	return results, nil
}

// unavailable is an Error that is nobody's fault.
func unavailable(cause error, format string, args ...any) *Error {
	return &Error{Reason: Unavailable, Message: fmt.Sprintf(format, args...), cause: cause}
}
