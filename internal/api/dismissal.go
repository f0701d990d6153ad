package api

import (
	"time"
	"unicode/utf8"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A TunnelClose is the body of PathClose: it ends tunnels with a Close, as a limit of theirs does. It needs a selector, ids
// or All.
type TunnelClose struct {
	TunnelSelector
	// IDs are those of tunnels, at most MaxPage. With a selector it is those of them that it fits.
	IDs []string `json:"ids"`
	// All means every tunnel; nothing else selects then.
	All bool `json:"all"`
	// Within is the time over which the Closes are spread: 0s to 1h, "10s" where it is not given.
	Within *spec.Duration `json:"within"`
	// Code is that of the Closes: 1000, 1001 (where it is not given), 1008, 1012, 1013 or 3000 to 4999.
	Code *int `json:"code"`
	// Reason is the text in the Closes, at most 123 bytes.
	Reason string `json:"reason"`
}

// What a TunnelClose has where nothing is given, and what it may have at most.
const (
	DefaultCloseWithin = 10 * time.Second
	MaxCloseWithin     = time.Hour
	DefaultCloseCode   = 1001
	MaxCloseReason     = 123
)

// TunnelsClosed says what a TunnelClose does, or would do.
type TunnelsClosed struct {
	// Ends is how many tunnels it ends. Ending is how many others were meant too, and were to be closed by an earlier call, or
	// have their Close.
	Ends   int64 `json:"ends"`
	Ending int64 `json:"ending"`
}

// Spread is Within, or what stands in its place.
func (c *TunnelClose) Spread() time.Duration {
	if c.Within == nil {
		return DefaultCloseWithin
	}
	return c.Within.Value()
}

// Status is Code, or what stands in its place.
func (c *TunnelClose) Status() int {
	if c.Code == nil {
		return DefaultCloseCode
	}
	return *c.Code
}

// Check says what is wrong with it by itself.
func (c *TunnelClose) Check() (ps spec.Problems) {
	ps = c.TunnelSelector.Check()
	selects := !c.Empty() || c.IDs != nil
	switch {
	case !c.All && selects && c.IDs == nil && c.TunnelSelector.meansAll() && len(ps) == 0:
		ps.Add("", "must say more than that WebSockets are idle or open for 0s, which all of them are; all = true means every one")
	case c.All && selects:
		ps.Add("all", "must stand alone: it means every WebSocket, whatever else is said")
	case !c.All && !selects:
		ps.Add("", "must say which WebSockets are meant: by listener, rule, pool, target, client, idle_for, older_than, draining or ids, or by all = true")
	}
	if c.IDs != nil && (len(c.IDs) == 0 || len(c.IDs) > MaxPage) {
		ps.Add("ids", "must have 1 to %d elements, not %d", MaxPage, len(c.IDs))
	}
	if c.Within != nil {
		v, err := time.ParseDuration(string(*c.Within))
		if err != nil || v < 0 || v > MaxCloseWithin {
			ps.Add("within", "must be a duration of 0s to 1h, such as \"30s\"")
		}
	}
	switch code := c.Status(); {
	case code == 1000, code == 1001, code == 1008, code == 1012, code == 1013, code >= 3000 && code <= 4999:
	default:
		ps.Add("code", "must be 1000, 1001, 1008, 1012, 1013 or 3000 to 4999, not %d", code)
	}
	if len(c.Reason) > MaxCloseReason || !utf8.ValidString(c.Reason) {
		ps.Add("reason", "must be at most %d bytes of UTF-8", MaxCloseReason)
	}
	return ps
}
