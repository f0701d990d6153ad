package loop

import "testing"

func TestWhatAKqueueSays(t *testing.T) {
	const (
		conn = uint64(7)<<32 | 3
		door = uint64(2)<<32 | acceptorToken | 1
	)
	var polled registered
	polled.set(5, conn)
	polled.set(6, door)
	polled.set(9, conn+1)
	polled.forget(9)
	polled.set(10, uint64(1)<<32|8)
	polled.forget(10)
	polled.set(10, uint64(1)<<32|9)
	for _, tc := range []struct {
		name string
		in   kevent
		want Event
	}{
		{"bytes", kevent{fd: 5}, Event{conn, ReadyIn}},
		{"FIN, perhaps behind bytes", kevent{fd: 5, eof: true}, Event{conn, ReadyIn | ReadyHup}},
		{"a reset", kevent{fd: 5, eof: true, fault: true}, Event{conn, ReadyIn | ReadyHup | ReadyErr}},
		{"room, or a connect that stands", kevent{fd: 5, write: true}, Event{conn, ReadyOut}},
		{"nothing can be sent", kevent{fd: 5, write: true, eof: true}, Event{conn, ReadyOut | ReadyHup}},
		{"a connect that was refused", kevent{fd: 5, write: true, eof: true, fault: true},
			Event{conn, ReadyOut | ReadyHup | ReadyErr}},
		{"a filter in trouble", kevent{fd: 5, fault: true}, Event{conn, ReadyIn | ReadyErr}},
		{"callers wait", kevent{fd: 6}, Event{door, ReadyIn}},
		{"of one that was closed", kevent{fd: 9, eof: true}, Event{wakeToken, ReadyIn | ReadyHup}},
		{"of one whose number was never polled", kevent{fd: 7}, Event{wakeToken, ReadyIn}},
		{"of one beyond all", kevent{fd: 4096, write: true}, Event{wakeToken, ReadyOut}},
		{"of a number that is another's now", kevent{fd: 10}, Event{uint64(1)<<32 | 9, ReadyIn}},
	} {
		if got := polled.event(tc.in); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}

// TestNobodyAnswersForWhatIsForgotten: what comes of a descriptor that is closed must reach neither a connection nor an
// acceptor, whatever it says.
func TestNobodyAnswersForWhatIsForgotten(t *testing.T) {
	k := newScript(1, false)
	l, err := New(Config{Kernel: k})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Stop()
	k.peers = []*peer{{name: "dialled", slow: 1}}
	calls := 0
	c := l.Dial(Remote{}, &funcs{connected: func() { calls++ }, closed: func(error) { calls++ }})
	l.event(registered{}.event(kevent{fd: int(c.fd), write: true, eof: true, fault: true}))
	l.settle()
	if calls != 0 || c.flags&(fConnecting|fDead|fWritable|fReadable) != fConnecting {
		t.Errorf("a connection heard of another's end: %d calls, flags %b", calls, c.flags)
	}
}
