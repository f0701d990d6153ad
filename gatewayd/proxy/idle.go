package proxy

import (
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/table"
)

// A stock is the idle connections of this loop to one backend. Connections of different settings are kept apart: a
// setting may say how a connection is made.
type stock struct {
	backend *backend.Backend
	shelves []*shelf // by setting; nearly always one
}

// A shelf is the idle connections of one backend and setting, the one used last in front: it is the least likely to
// have been closed meanwhile.
type shelf struct {
	stock   *stock
	setting string // hidden id
	first   *upstream
	n       int
}

// shelf finds or makes the shelf of a backend and setting.
func (w *Worker) shelf(b *backend.Backend, setting string) *shelf {
	s := w.stocks[b]
	if s == nil {
		s = &stock{backend: b}
		w.stocks[b] = s
	}
	for _, h := range s.shelves {
		if h.setting == setting {
			return h
		}
	}
	h := &shelf{stock: s, setting: setting}
	s.shelves = append(s.shelves, h)
	return h
}

// fromIdle takes an idle connection for the exchange, or nil. The backend may have ended it already, or have sent what
// nobody asked for, without this worker being told yet. A request that can be repeated finds that out; for any other
// the connection is asked, which is a system call.
func (x *exchange) fromIdle() *upstream {
	w := x.w
	s := w.stocks[x.health.Backend]
	if s == nil {
		return nil
	}
	repeatable := x.flags&(xIdempotent|xComplete) == xIdempotent|xComplete
	for _, h := range s.shelves {
		for h.setting == x.route.Setting.ID && h.first != nil {
			u := h.first
			u.unshelve()
			if repeatable {
				u.taken = w.l.Now()
				return u
			}
			if u.quiet() {
				u.taken = 0
				return u
			}
			u.discard()
		}
	}
	return nil
}

// quiet says that nothing has come on an idle connection.
func (u *upstream) quiet() bool {
	q, ok := u.stream.(loop.Quieter)
	return !ok || q.Quiet()
}

// keepIdle puts a connection that can serve another request aside, or reports false.
func (w *Worker) keepIdle(u *upstream, b *backend.Backend, s *table.Setting) bool {
	if w.closing || s.KeepAliveIdle <= 0 || s.MaxIdle <= 0 || w.drains.ends(b) {
		return false
	}
	h := w.shelf(b, s.ID)
	// The limit is one over all loops; each has an equal share of it, rounded up.
	if h.n >= (s.MaxIdle+w.cfg.Loops-1)/w.cfg.Loops {
		return false
	}
	u.shelf, u.home, u.next, u.prev = h, h, h.first, nil
	if h.first != nil {
		h.first.prev = u
	}
	h.first = u
	h.n++
	w.stats.Idle++
	u.stream.SetDeadline(w.l.Now() + loop.Time(s.KeepAliveIdle))
	return true
}

// unshelve takes a connection off its shelf, if it is on one.
func (u *upstream) unshelve() {
	h := u.shelf
	if h == nil {
		return
	}
	if u.prev != nil {
		u.prev.next = u.next
	} else {
		h.first = u.next
	}
	if u.next != nil {
		u.next.prev = u.prev
	}
	u.shelf, u.next, u.prev = nil, nil, nil
	h.n--
	u.w.stats.Idle--
}

// tidy drops an empty shelf, and the stock with its last one. It is called with the end of every connection that was
// idle once, and so not while requests keep them busy.
func (w *Worker) tidy(h *shelf) {
	if h.n > 0 {
		return
	}
	s := h.stock
	for i := range s.shelves {
		if s.shelves[i] == h {
			s.shelves = append(s.shelves[:i], s.shelves[i+1:]...)
			break
		}
	}
	if len(s.shelves) == 0 && w.stocks[s.backend] == s {
		delete(w.stocks, s.backend)
	}
}

// closeIdle closes the idle connections to a backend that is gone.
func (w *Worker) closeIdle(b *backend.Backend) {
	s := w.stocks[b]
	if s == nil {
		return
	}
	delete(w.stocks, b)
	for _, h := range s.shelves {
		for h.first != nil {
			h.first.close()
		}
	}
}
