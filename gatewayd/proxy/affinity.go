package proxy

import (
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/affinity"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
)

// A bond is what an exchange keeps of its client's affinity cookie.
type bond struct {
	home   affinity.ID // the backend that the client comes back to; none where it brought no pin that holds
	state  bondState
	others []byte // pins of the client that are none of this pool and setting, as they go behind a fresh one
}

type bondState uint8

const (
	bondNone  bondState = iota // the setting has no affinity
	bondFresh                  // a pin is due whatever backend answers
	bondHeld                   // a pin is due where another backend answers than home
	bondFull                   // home is at its limit: another one answers this time, and the pin stays
)

func (b *bond) reset() { b.home, b.state, b.others = affinity.ID{}, bondNone, b.others[:0] }

// recall reads the request's affinity cookie, where the setting has one. Whatever it holds, the request is served.
func (x *exchange) recall(req *http1.Request) {
	w, a := x.w, x.route.Setting.Affinity
	if a == nil || w.sealer == nil {
		return
	}
	w.pins.Reset()
	for i := range req.Fields {
		if f := &req.Fields[i]; f.ID == http1.FieldCookie {
			w.pins.Collect(f.Value, a.CookieName)
		}
	}
	x.bond.state = bondFresh
	if w.pins.Len() == 0 {
		return
	}
	pin, ok := w.sealer.Take(&w.pins, x.scope())
	x.bond.others = w.pins.AppendTo(x.bond.others[:0])
	if !ok {
		return
	}
	switch pin.Worth(time.Now(), a.Lifetime) {
	case affinity.Good:
		x.bond.home, x.bond.state = pin.Backend, bondHeld
	case affinity.Due:
		x.bond.home = pin.Backend
	}
}

// goBack takes a place on the backend that the client comes back to, once; nil where it does not, or cannot.
func (x *exchange) goBack() *backend.Health {
	if x.bond.home == (affinity.ID{}) || len(x.tried) > 0 {
		return nil
	}
	h, full := x.route.Group.Return(x.bond.home, x.route.Setting.MaxConnections)
	if full {
		x.bond.state = bondFull
	}
	return h
}

// remind adds a fresh pin to the head of the final answer, where one is due.
func (x *exchange) remind(r *http1.Response) {
	b := &x.bond
	if b.state == bondNone || b.state == bondFull || b.state == bondHeld && b.home == x.health.Backend.ID {
		return
	}
	w, a := x.w, x.route.Setting.Affinity
	c := affinity.Cookie{
		Name: a.CookieName, Lifetime: a.Lifetime, Of: x.scope(), Others: b.others,
		Pin: affinity.Pin{Backend: x.health.Backend.ID},
	}
	if c.Lifetime > 0 {
		c.Pin.Issued = time.Now().Unix()
	}
	w.cookie = w.sealer.AppendCookie(w.cookie[:0], &c)
	r.Fields = append(r.Fields, http1.Field{Name: setCookie, Value: w.cookie, ID: http1.FieldSetCookie})
}

// scope is which requests the pins of this one's client are good for.
func (x *exchange) scope() affinity.Scope {
	return affinity.Scope{Pool: x.route.PoolID, Setting: x.route.Setting.ID}
}

var setCookie = []byte("Set-Cookie")
