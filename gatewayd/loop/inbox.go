package loop

type posted struct {
	fn func()
	at Time
}

// Post runs fn on the loop, in the order of the calls. It reports false, and drops fn, after Stop. Any goroutine may
// call it.
func (l *Loop) Post(fn func()) bool {
	at := l.kernel.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return false
	}
	l.inbox = append(l.inbox, posted{fn, at})
	l.wake()
	return true
}

// Next runs fn in the loop's next turn, when all that is ready has been seen to in this one. On the loop only: it costs less
// than Post, and is how long work is cut into pieces.
func (l *Loop) Next(fn func()) { l.next = append(l.next, fn) }

// wake is called with mu held, so that the poller is not released meanwhile.
func (l *Loop) wake() {
	if !l.posted.Swap(true) {
		l.kernel.Wake()
	}
}

// deliverPosted runs what was posted and reports whether the loop was stopped.
func (l *Loop) deliverPosted() bool {
	l.posted.Store(false)
	l.mu.Lock()
	in, stopped := l.inbox, l.stopped
	l.inbox = l.spareInbox[:0]
	l.mu.Unlock()
	for i := range in {
		l.stats.lag.add(l.now - in[i].at)
		l.call(in[i].fn)
		in[i] = posted{}
	}
	if cap(in) > 4096 {
		in = nil
	}
	l.spareInbox = in[:0]
	return stopped
}

// callNext runs what the last turn put off.
func (l *Loop) callNext() {
	now := l.next
	l.next, l.spareNext = l.spareNext[:0], nil
	for i, fn := range now {
		l.call(fn)
		now[i] = nil
	}
	l.spareNext = now[:0]
}
