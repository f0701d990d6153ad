package tunnel

import (
	"cmp"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
)

// An ID tells a tunnel from every other one of the process, of all times.
type ID struct {
	Began loop.Time // no two of a loop begin at the same
	Loop  int
}

// String is the loop, a "-" and the beginning in hex.
func (id ID) String() string { return fmt.Sprintf("%d-%x", id.Loop, uint64(id.Began)) }

// ParseID reads what String wrote.
func ParseID(text string) (id ID, ok bool) {
	on, began, _ := strings.Cut(text, "-")
	n, err := strconv.ParseUint(on, 10, 16)
	at, err2 := strconv.ParseUint(began, 16, 64)
	id = ID{Began: loop.Time(at), Loop: int(n)}
	return id, err == nil && err2 == nil && id.String() == text
}

// Compare is the order of beginnings.
func (id ID) Compare(other ID) int {
	return cmp.Or(cmp.Compare(id.Began, other.Began), cmp.Compare(id.Loop, other.Loop))
}

// A Which says which tunnels are meant: those that all of it fits. What is left out fits every one.
type Which struct {
	Listeners, Rules, Pools map[string]bool // hidden ids
	Backends                map[*backend.Backend]bool
	Client                  netip.Prefix
	IdleFor, OlderThan      time.Duration // at least
	Draining                *bool
	IDs                     map[ID]bool
}

// fits says whether a tunnel is meant.
func (w *Which) fits(t *Tunnel) bool {
	now, a := t.set.l.Now(), t.account
	h := t.links[ofHealth].list.subject.Health
	switch {
	case w.Listeners != nil && !w.Listeners[t.links[ofListener].list.subject.Listener],
		w.Rules != nil && !w.Rules[t.links[ofRule].list.subject.Rule],
		w.Pools != nil && !w.Pools[h.Backend.Key.Pool],
		w.Backends != nil && !w.Backends[h.Backend],
		w.IdleFor > 0 && now-a.stirred < loop.Time(w.IdleFor),
		w.OlderThan > 0 && now-a.began < loop.Time(w.OlderThan),
		w.Draining != nil && *w.Draining != t.ending(),
		w.IDs != nil && !w.IDs[t.id()],
		w.Client.IsValid() && !w.Client.Contains(t.from().Addr()):
		return false
	}
	return true
}

// id tells the tunnel from others.
func (t *Tunnel) id() ID { return ID{Began: t.account.began, Loop: t.set.l.Index()} }

// from is who the client is, as far as that is believed. It is kept only where its connection does not say it.
func (t *Tunnel) from() netip.AddrPort {
	if a := t.account.apart; a != nil && a.client.IsValid() {
		return a.client
	}
	at := t.client.RemoteAddr()
	return netip.AddrPortFrom(at.Addr().WithZone(""), at.Port())
}

// ending says that the tunnel is on its way out.
func (t *Tunnel) ending() bool {
	return t.deadline != 0 || t.flags&(closeWanted|ended|known) != 0 || t.dismissed() != nil
}

// An apart is what few tunnels have.
type apart struct {
	client    netip.AddrPort // where its connection is another's, as a proxy's
	dismissal *Dismissal     // then dies is when its Close is due
}

// beginning is now, or a nanosecond behind the last one where that was now, too.
func (s *Set) beginning() loop.Time {
	s.latest = max(s.l.Now(), s.latest+1)
	return s.latest
}
