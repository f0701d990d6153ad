package loop

// A kevent is what a kqueue says of one filter of one descriptor, as far as the loop needs it. It is translated apart
// from the system calls, so that every system's tests run the translation.
type kevent struct {
	fd    int
	write bool // of the write filter, else of the read filter
	eof   bool // EV_EOF: on the read filter FIN or the end of all; on the write filter nothing can be sent any more
	fault bool // EV_ERROR, or an errno beside EV_EOF: the socket holds an error
}

// registered is the tokens of what a kqueue polls, by descriptor. A kqueue would carry them itself, but in a field that is
// a pointer to Go and to the garbage collector, which must not see numbers there.
type registered []uint64

// set notes the token of a descriptor, whose number may have been another one's before.
func (r *registered) set(fd int, token uint64) {
	for fd >= len(*r) {
		*r = append(*r, wakeToken)
	}
	(*r)[fd] = token
}

// forget makes what may still be heard of a descriptor nobody's.
func (r registered) forget(fd int) {
	if uint(fd) < uint(len(r)) {
		r[fd] = wakeToken
	}
}

// event translates. What is not registered, or not any more, becomes a wake-up, which nobody answers.
//
// Both filters of a socket may become an Event of their own in one turn. The end of the write filter is also heard after
// the loop's own FIN; it is a hang-up all the same, for this is how a connect ends that was refused, and costs no more than
// a read in vain.
func (r registered) event(k kevent) Event {
	ev := Event{Token: wakeToken}
	if uint(k.fd) < uint(len(r)) {
		ev.Token = r[k.fd]
	}
	ev.Ready = ReadyIn
	if k.write {
		ev.Ready = ReadyOut
	}
	if k.eof {
		ev.Ready |= ReadyHup
	}
	if k.fault {
		ev.Ready |= ReadyErr
	}
	return ev
}
