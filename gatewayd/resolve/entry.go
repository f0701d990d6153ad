package resolve

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"
)

// An entry is a name that is wanted, from the Sync that brought it to the one that takes it away.
type entry struct {
	name   string // lower case
	ctx    context.Context
	cancel context.CancelFunc
	known  chan struct{} // closed with the first answer, or where what was kept is still good

	answer Answer    // guarded by the resolver's mu
	told   knowledge // that the answer is made of; guarded by the resolver's mu
	news   bool      // guarded by the resolver's mu; stands in the resolver's news

	// The goroutine that follows the name alone has these.
	knowledge
	failures int  // in a row
	hangs    bool // nobody answered the last time
}

// A knowledge is where a name leads to, as far as is known.
type knowledge struct {
	good   [families][]netip.Addr // the last good addresses
	source string                 // of good
}

// take takes over what was found.
func (k *knowledge) take(f *finding) {
	if !f.found() {
		return
	}
	if f.source != k.source {
		*k = knowledge{source: f.source}
	}
	for i, o := range f.of {
		if o.kind == found || o.kind.denies() {
			k.good[i] = o.addrs
		}
	}
}

// hostsFile is the source of what the hosts file says. It is no absolute name.
const hostsFile = "hosts"

// recall takes over what was kept of a name, to be looked up now. The resolver's mu is held.
func (e *entry) recall(kept *memory, now time.Time) {
	e.knowledge, e.told, e.answer = kept.knowledge, kept.knowledge, kept.answer
	if now.Before(e.answer.Next) {
		close(e.known)
	}
	e.answer.Next = now
}

// follow keeps a name up to date.
func (r *Resolver) follow(e *entry) {
	defer e.cancel()
	for {
		f, ok := r.lookUp(e)
		if !ok {
			return
		}
		wait := e.learn(&f, r.pace)
		r.publish(e, e.knowledge, f.reason(e.name), wait)
		timer := time.NewTimer(wait)
		select {
		case <-e.ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// lookUp finds out what hosts file or DNS say now; false where nobody wants to know any more.
func (r *Resolver) lookUp(e *entry) (finding, bool) {
	if list := r.hosts.get().local(e.name); list != nil {
		return fromHosts(list, r.pace.hosts), e.ctx.Err() == nil
	}
	if !e.hangs {
		in := r.lanes.fresh
		if r.knows(e) {
			in = r.lanes.answered
		}
		if !in.enter(e.ctx) {
			return finding{}, false
		}
		if f, ok := r.quick(e, in); ok || e.ctx.Err() != nil {
			e.hangs = f.silent()
			return f, e.ctx.Err() == nil
		}
	}
	if !r.lanes.silent.enter(e.ctx) {
		return finding{}, false
	}
	defer r.lanes.silent.leave()
	f := r.look(e.ctx, e)
	e.hangs = f.silent()
	return f, e.ctx.Err() == nil
}

// knows says whether something is known of a name.
func (r *Resolver) knows(e *entry) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return e.answer.Known
}

// quick looks a name up in a lane where a place is taken for it. If that takes long it moves to another, and where there
// is no place it is ended: false, if it has come to nothing by then.
func (r *Resolver) quick(e *entry, in lane) (finding, bool) {
	ctx, cancel := context.WithCancel(e.ctx)
	defer cancel()
	done := make(chan finding, 1)
	r.work.Go(func() { done <- r.look(ctx, e) })
	timer := time.NewTimer(r.pace.patience)
	defer timer.Stop()
	select {
	case f := <-done:
		in.leave()
		return f, true
	case <-timer.C:
	}
	then := r.lanes.silent
	if r.knows(e) { // It may have become known just now.
		then = r.lanes.late
	}
	if !then.enterNow() {
		cancel()
		f := <-done
		in.leave()
		return f, f.found()
	}
	in.leave()
	defer then.leave()
	return <-done, true
}

// look asks DNS.
func (r *Resolver) look(ctx context.Context, e *entry) finding {
	ctx, cancel := context.WithTimeout(ctx, r.pace.longest)
	defer cancel()
	c := *r.conf.get()
	if len(r.given) > 0 {
		c.servers = r.given
	}
	if r.pace.timeout > 0 {
		c.timeout = r.pace.timeout
	}
	l := look{conf: &c, servers: r.servers, grace: r.pace.grace, name: e.name, keep: e.source, head: r.pace.head}
	if len(e.good[v4])+len(e.good[v6]) == 0 {
		l.half = func(f finding) {
			var k knowledge
			k.take(&f)
			r.publish(e, k, f.reason(e.name), max(f.ttl(), r.pace.minTTL))
		}
	}
	return l.run(ctx)
}

// fromHosts is what the hosts file, or this host itself, says of a name.
func fromHosts(list []netip.Addr, ttl time.Duration) finding {
	f := finding{source: hostsFile}
	var of [families][]netip.Addr
	for _, a := range list {
		if a.Unmap().Is4() {
			of[v4] = append(of[v4], a)
		} else {
			of[v6] = append(of[v6], a)
		}
	}
	for i := range f.of {
		f.of[i] = outcome{kind: empty, ttl: ttl, denied: ttl}
		if len(of[i]) > 0 {
			f.of[i].kind = found
			f.of[i].take(of[i], failure{who: "the hosts file"})
		}
	}
	f.conclude()
	return f
}

// learn takes over what was found, and says in how long to look again. Times are shortened by up to a tenth, so that
// names that came together do not stay together.
func (e *entry) learn(f *finding, p pace) time.Duration {
	worst := f.worst().kind
	whole := f.found() && (worst == found || worst.denies())
	e.take(f)
	wait := max(f.ttl(), p.minTTL)
	if whole {
		e.failures = 0
	} else {
		retry := min(p.minTTL<<min(e.failures, 10), maxRetry)
		e.failures++
		switch {
		case f.found():
			wait = min(wait, retry)
		case worst.denies() && f.denied > 0:
			wait = min(max(f.denied, p.minTTL), maxRetry)
		default:
			wait = retry
		}
	}
	return wait - rand.N(wait/10+1)
}

// publish makes known what a look-up has brought.
func (r *Resolver) publish(e *entry, k knowledge, reason string, wait time.Duration) {
	addrs := unique(slices.Concat(k.good[v4], k.good[v6]))
	more := max(len(addrs)-maxAddrs, 0)
	addrs = addrs[:len(addrs)-more]
	now := time.Now()

	r.mu.Lock()
	defer r.mu.Unlock()
	if r.names[e.name] != e {
		return
	}
	before := e.answer
	e.told = k
	e.answer.Known, e.answer.Reason, e.answer.Next = true, reason, now.Add(wait)
	moved := !slices.Equal(addrs, before.Addrs)
	if moved {
		e.answer.Addrs, e.answer.Since = addrs, now
	}
	select {
	case <-e.known:
	default:
		close(e.known)
	}
	if !before.Known || moved || reason != before.Reason {
		r.announce(e)
		r.report(e, &before, more)
	}
}

// report writes a change to the log.
func (r *Resolver) report(e *entry, before *Answer, more int) {
	after := &e.answer
	switch {
	case after.Reason != "" && after.Reason != before.Reason:
		r.log.Warn("name look-up failed", "name", e.name, "reason", after.Reason, "kept", few(after.Addrs))
	case after.Reason == "" && before.Reason != "":
		r.log.Info("name look-up works again", "name", e.name)
	}
	if !slices.Equal(before.Addrs, after.Addrs) {
		r.log.Info("name changed", "name", e.name, "addresses", few(after.Addrs))
	}
	if more > 0 {
		r.log.Warn("addresses of a name left out", "name", e.name, "number", more, "most", maxAddrs)
	}
}

// few is the beginning of a list, for the log.
func few(addrs []netip.Addr) string {
	const most = 8
	if len(addrs) > most {
		return fmt.Sprintf("%v and %d more", addrs[:most], len(addrs)-most)
	}
	return fmt.Sprint(addrs)
}
