package plane

import (
	"net/http"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop/looptest"
)

// This file is about the requests that are open while something is taken away, as the WebSockets of an hourglass are.

// ask opens a request by a rule that its backend holds. It is one that no other target may be asked instead.
func (h *hourglass) ask(rule string, number int) {
	h.t.Helper()
	at := h.doors[rule]
	at.path = "/" + rule + "/held"
	l, err := connect(at)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = l.Close() })
	l.n = number
	if err := l.begin(http.MethodPost); err != nil {
		h.t.Fatal(err)
	}
	until(h.t, "the request is at a backend", func() bool { l.backend = h.hold.of(l.n); return l.backend != "" })
	h.asked = append(h.asked, &held{l, rule})
}

// requests are those that are open, parted.
func (h *hourglass) requests(own func(*held) bool) (owned, others []*held) {
	for _, x := range h.asked {
		if own(x) {
			owned = append(owned, x)
		} else {
			others = append(others, x)
		}
	}
	return owned, others
}

// inFlight is how many requests are open, when everything has come about that was due.
func (h *hourglass) inFlight() (open int) {
	h.settle()
	for i := range h.plane.workers {
		h.plane.each(func(on int) {
			if on == i {
				open += h.plane.workers[on].Stats().Open
			}
		})
	}
	return open
}

// cut wants the requests that are its own to be open until the end of their drain and no longer, at a moment since it began,
// and those of others to be open.
func (r *removal) cut(h *hourglass, own []*held, moment time.Duration) {
	h.t.Helper()
	want := len(h.asked)
	for _, x := range own {
		switch timeout, _ := r.terms(x); {
		case moment >= timeout+looptest.Late:
			want--
		case moment >= timeout:
			return // Within the time that a timer may be late.
		}
	}
	if got := h.inFlight(); got != want {
		h.t.Errorf("%v behind the removal %d requests are open, want %d", moment, got, want)
	}
}

// release lets all requests go, and wants some answered by who holds them.
func (h *hourglass) release(which func(*held) bool) {
	h.t.Helper()
	close(h.hold.free)
	for _, x := range h.asked {
		if which(x) {
			if err := x.answered(x.backend); err != nil {
				h.t.Error(err)
			}
		}
	}
}
