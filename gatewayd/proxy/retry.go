package proxy

// An attempt is one try of a request on one backend that ended without a final answer: no connection, none in time, the
// end before a whole head, or a head that is none.
type attempt struct {
	reached    bool // some bytes of the request were handed to an established connection
	passed     bool // something of the answer was passed to the client
	stale      bool // the connection had served another request, and ended before a byte of an answer came
	broken     bool // what came broke the gateway
	slow       bool // it had no answer in time, and was not the first one of its request
	idempotent bool // the method may be repeated (RFC 9110 9.2.2)
	held       bool // everything that was sent is still here
	retries    int  // how many other backends may still be tried
}

// A verdict says what to do after an attempt that failed.
type verdict uint8

const (
	giveUp verdict = iota
	// again is the same backend over a fresh connection: a kept connection may die at any moment, which says nothing
	// about the backend (RFC 9112 9.3.1). It costs no retry.
	again
	// other is another backend.
	other
)

// next is the one place that decides about retries.
func (a attempt) next() verdict {
	switch {
	case a.passed || a.broken || a.slow || !a.held:
		return giveUp
	case a.reached && !a.idempotent:
		return giveUp
	case a.stale:
		return again
	case a.retries > 0:
		return other
	}
	return giveUp
}
