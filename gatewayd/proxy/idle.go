package proxy

import (
	"slices"

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

// A shelf is the idle connections of one backend under one setting, the one used last in front: it is the least likely
// to have been closed meanwhile.
type shelf struct {
	stock  *stock
	health *backend.Health
	first  *upstream
	n      int
}

func (s *stock) shelf(h *backend.Health) *shelf {
	for _, f := range s.shelves {
		if f.health == h {
			return f
		}
	}
	return nil
}

// shelf finds or makes the shelf of a backend under a setting.
func (w *Worker) shelf(h *backend.Health) *shelf {
	s := w.stocks[h.Backend]
	if s == nil {
		s = &stock{backend: h.Backend}
		w.stocks[h.Backend] = s
	}
	f := s.shelf(h)
	if f == nil {
		f = &shelf{stock: s, health: h}
		s.shelves = append(s.shelves, f)
	}
	return f
}

// fromIdle takes an idle connection for the exchange, or nil. The backend may have ended it already without this worker
// being told yet. A request that can be repeated finds that out, and what the poller tells in this turn is not taken for
// an answer; for any other request the connection is asked, which is a system call.
func (x *exchange) fromIdle() *upstream {
	w := x.w
	s := w.stocks[x.health.Backend]
	if s == nil || x.route.Setting.SendProxyProtocol {
		return nil // A connection of before the setting was changed has not told whom it is for.
	}
	f := s.shelf(x.health)
	if f == nil {
		return nil
	}
	repeatable := x.flags&(xIdempotent|xComplete) == xIdempotent|xComplete
	for f.first != nil {
		u := f.first
		if !u.madeWith(x.route.Setting) {
			u.close()
			continue
		}
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
	return nil
}

// madeWith says that a connection was made with the own addresses and the TLS that a setting has now.
func (u *upstream) madeWith(s *table.Setting) bool {
	sources := s.Sources
	if u.tls != s.TLS || u.tls != nil && !u.proved() {
		return false
	}
	if len(u.sources) != len(sources) {
		return false
	}
	if len(sources) == 0 || &u.sources[0] == &sources[0] { // nearly always: it is the same setting
		return true
	}
	return slices.Equal(u.sources, sources)
}

// quiet says that nothing has come on an idle connection.
func (u *upstream) quiet() bool {
	q, ok := u.stream.(loop.Quieter)
	return !ok || q.Quiet()
}

// keepIdle puts a connection that can serve another request aside, or reports false.
func (w *Worker) keepIdle(u *upstream, h *backend.Health, s *table.Setting) bool {
	if w.closing || !reusable(s) || w.drains.ends(h) || !h.Shelve(s.MaxIdle) {
		return false
	}
	f := w.shelf(h)
	u.shelf, u.home, u.next, u.prev = f, f, f.first, nil
	if f.first != nil {
		f.first.prev = u
	}
	f.first = u
	f.n++
	w.idle.Add(1)
	u.stream.SetDeadline(w.l.Now() + loop.Time(s.KeepAliveIdle))
	return true
}

// reusable says that connections of a setting may serve one request after the other. One that began with a client's
// address belongs to that client.
func reusable(s *table.Setting) bool {
	return s.KeepAliveIdle > 0 && s.MaxIdle > 0 && !s.SendProxyProtocol
}

// unshelve takes a connection off its shelf, if it is on one.
func (u *upstream) unshelve() {
	f := u.shelf
	if f == nil {
		return
	}
	if u.prev != nil {
		u.prev.next = u.next
	} else {
		f.first = u.next
	}
	if u.next != nil {
		u.next.prev = u.prev
	}
	u.shelf, u.next, u.prev = nil, nil, nil
	f.n--
	f.health.Unshelve()
	u.w.idle.Add(-1)
}

// tidy drops an empty shelf, and the stock with its last one. It is called with the end of every connection that was
// idle once, and so not while requests keep them busy.
func (w *Worker) tidy(f *shelf) {
	if f.n > 0 {
		return
	}
	s := f.stock
	for i := range s.shelves {
		if s.shelves[i] == f {
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
	for _, f := range s.shelves {
		f.clear()
	}
}

// closeShelf closes the idle connections to a backend under one setting.
func (w *Worker) closeShelf(h *backend.Health) {
	if s := w.stocks[h.Backend]; s != nil {
		if f := s.shelf(h); f != nil {
			f.clear()
		}
	}
}

func (f *shelf) clear() {
	for f.first != nil {
		f.first.close()
	}
}
