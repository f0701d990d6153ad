package tunnel

import (
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/meter"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/ws"
)

// A Dismissal ends tunnels though neither an object nor a limit does, because somebody asked for it.
type Dismissal struct {
	// Within is the time that their Closes are spread over. 0 is as soon as may be.
	Within time.Duration
	// Code and Reason are those of the Closes. A reason has at most 123 bytes of UTF-8.
	Code   uint16
	Reason string
	// Imagined is one that only counts.
	Imagined bool
}

// Dismiss ends the tunnels that are meant as a limit does, a bounded number a turn. It calls done, on the loop, with how many
// it ends, and how many were dismissed before or have their Close. Those that were dismissed before end earlier, if that is
// earlier now.
func (s *Set) Dismiss(which Which, d Dismissal, done func(ends, ending int)) {
	ends, ending := 0, 0
	v := &survey{set: s, which: &which}
	v.visit = func(t *Tunnel) {
		if t.dismiss(&d) {
			ends++
		} else {
			ending++
		}
	}
	v.done = func() { done(ends, ending) }
	v.begin()
}

// dismiss has the tunnel end by a dismissal, and says whether it was not to end by another.
func (t *Tunnel) dismiss(d *Dismissal) (fresh bool) {
	a := t.account
	if t.flags&(closeWanted|ended) != 0 {
		return false
	}
	fresh = t.dismissed() == nil
	if d.Imagined {
		return fresh
	}
	at := max(t.set.l.Now()+loop.Time(t.set.fraction()*float64(d.Within)), 1)
	if a.dies != 0 && a.dies <= at {
		if !fresh {
			return false
		}
		at = a.dies // Its life is over before.
	}
	if a.apart == nil {
		a.apart = new(apart)
	}
	a.apart.dismissal, a.dies = d, at
	t.arm()
	return fresh
}

// dismissed is what the tunnel is to end by, nil where it is not dismissed.
func (t *Tunnel) dismissed() *Dismissal {
	if a := t.account.apart; a != nil {
		return a.dismissal
	}
	return nil
}

// fate is what the end of the tunnel's lifetime is of, and the code of its Close.
func (t *Tunnel) fate() (cause meter.End, code uint16) {
	if d := t.dismissed(); d != nil {
		return meter.ByAdmin, d.Code
	}
	return meter.ByLimit, ws.CodeGoingAway
}

// reason is that of the Close which is sent now.
func (t *Tunnel) reason() string {
	if d := t.dismissed(); d != nil && t.cause == meter.ByAdmin {
		return d.Reason
	}
	return ""
}
