package api

import (
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A TunnelSelector says which tunnels are meant: those that all of it fits. What is nil fits every one.
type TunnelSelector struct {
	// Listener, Rule and Pool are names as they are now, or the last ones of what is gone.
	Listener *string `json:"listener"`
	Rule     *string `json:"rule"`
	Pool     *string `json:"pool"`
	// Target is a key as in SettingHealth, of any pool; without "@" and an address it is all addresses of a DNS name.
	Target *string `json:"target"`
	// Client is an IP address, or a range of them in CIDR form.
	Client *string `json:"client"`
	// IdleFor is how long nothing has passed, OlderThan how long the tunnel has been open, at least.
	IdleFor   *spec.Duration `json:"idle_for"`
	OlderThan *spec.Duration `json:"older_than"`
	// Draining says whether the tunnel is on its way out.
	Draining *bool `json:"draining"`
}

// Empty says that every tunnel is meant.
func (s *TunnelSelector) Empty() bool { return *s == TunnelSelector{} }

// meansAll says that it leaves no tunnel out, though it may say something: each has been silent, and open, for 0s.
func (s *TunnelSelector) meansAll() bool {
	rest := *s
	for _, d := range []**spec.Duration{&rest.IdleFor, &rest.OlderThan} {
		if *d != nil && (*d).Value() == 0 {
			*d = nil
		}
	}
	return rest.Empty()
}

// texts are the fields that are strings, by their names on the wire.
func (s *TunnelSelector) texts() map[string]*string {
	return map[string]*string{
		ParamListener: s.Listener, ParamRule: s.Rule, ParamPool: s.Pool, ParamTarget: s.Target, ParamClient: s.Client,
		ParamIdleFor: (*string)(s.IdleFor), ParamOlderThan: (*string)(s.OlderThan),
	}
}

// Values are the selector as a query.
func (s *TunnelSelector) Values() url.Values {
	v := url.Values{}
	for name, text := range s.texts() {
		if text != nil {
			v.Set(name, *text)
		}
	}
	if s.Draining != nil {
		v.Set(ParamDraining, strconv.FormatBool(*s.Draining))
	}
	return v
}

// ReadTunnelSelector reads a selector from a query.
func ReadTunnelSelector(v url.Values) (s TunnelSelector, ps spec.Problems) {
	text := func(name string) *string {
		if !v.Has(name) {
			return nil
		}
		return new(v.Get(name))
	}
	s = TunnelSelector{
		Listener: text(ParamListener), Rule: text(ParamRule), Pool: text(ParamPool), Target: text(ParamTarget), Client: text(ParamClient),
		IdleFor: (*spec.Duration)(text(ParamIdleFor)), OlderThan: (*spec.Duration)(text(ParamOlderThan)),
	}
	switch d := text(ParamDraining); {
	case d == nil:
	case *d == "true" || *d == "false":
		s.Draining = new(*d == "true")
	default:
		ps.Add(ParamDraining, "must be true or false")
	}
	return s, ps
}

// Check says what is wrong with the selector by itself. An empty text is mostly a variable that somebody forgot to set.
func (s *TunnelSelector) Check() (ps spec.Problems) {
	for _, name := range []string{ParamListener, ParamRule, ParamPool, ParamTarget, ParamClient, ParamIdleFor, ParamOlderThan} {
		if text := s.texts()[name]; text != nil && *text == "" {
			ps.Add(name, "must not be empty; leave it out where any will do")
		}
	}
	if s.Client != nil && *s.Client != "" {
		if _, ok := s.ClientRange(); !ok {
			ps.Add(ParamClient, "must be an IP address such as 10.0.0.5, or a range such as 10.0.0.0/8 or 2001:db8::/32")
		}
	}
	checkDuration(&ps, ParamIdleFor, s.IdleFor)
	checkDuration(&ps, ParamOlderThan, s.OlderThan)
	return ps
}

// maxDuration bounds how a duration is written, which may have any number of zeros: it is logged, and told to who follows events.
const maxDuration = 64

// checkDuration wants a duration that is not below 0, where there is one.
func checkDuration(ps *spec.Problems, path string, d *spec.Duration) {
	if d == nil || *d == "" {
		return
	}
	if v, err := time.ParseDuration(string(*d)); err != nil || v < 0 || len(*d) > maxDuration {
		ps.Add(path, "must be a duration such as \"30s\" or \"1h30m\"")
	}
}

// ClientRange is Client as a range; false where it is none.
func (s *TunnelSelector) ClientRange() (netip.Prefix, bool) {
	if s.Client == nil {
		return netip.Prefix{}, false
	}
	if a, err := netip.ParseAddr(*s.Client); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(*s.Client)
	if err != nil || p.Addr().Is4In6() {
		return netip.Prefix{}, false
	}
	return p.Masked(), true
}

// The orders of a list of tunnels.
const (
	OldestFirst  = "oldest" // the default
	NewestFirst  = "newest"
	ActiveFirst  = "active"  // by the last byte
	BusiestFirst = "busiest" // by the bytes since the beginning, both ways together
)

// TunnelOrders are all orders.
var TunnelOrders = []string{OldestFirst, NewestFirst, ActiveFirst, BusiestFirst}

// A TunnelQuery asks for a page of tunnels.
type TunnelQuery struct {
	TunnelSelector
	// Sort is one of TunnelOrders; empty means OldestFirst. Only lists in the order of beginnings have more than one page.
	Sort string
	// Limit is the size of the page; 0 means DefaultPage.
	Limit int
	// Next is that of the page before.
	Next string
}

// Values are the query of PathTunnels.
func (q *TunnelQuery) Values() url.Values {
	v := q.TunnelSelector.Values()
	if q.Sort != "" {
		v.Set(ParamSort, q.Sort)
	}
	if q.Limit != 0 {
		v.Set(ParamLimit, strconv.Itoa(q.Limit))
	}
	if q.Next != "" {
		v.Set(ParamNext, q.Next)
	}
	return v
}

// Tunnels is a page of the open tunnels.
type Tunnels struct {
	// Now is the gateway's clock when they were looked at. It and the other times are RFC 3339 in UTC, with milliseconds.
	Now string `json:"now"`
	// Open counts all open tunnels, Selected those that the selector means, on all pages.
	Open     int64    `json:"open"`
	Selected int64    `json:"selected"`
	Tunnels  []Tunnel `json:"tunnels"`
	// Next asks for the page behind this one; empty on the last.
	Next string `json:"next,omitempty"`
}

// A Tunnel is an open WebSocket.
type Tunnel struct {
	// ID is the tunnel's own as long as it lives, and no other one's.
	ID string `json:"id"`
	// Listener, Rule, Pool, Setting and Target (as in SettingHealth) are what the tunnel belongs to, by the names that hold
	// now. Gone lists which of them are gone: those have their last names.
	Listener string   `json:"listener"`
	Rule     string   `json:"rule"`
	Pool     string   `json:"pool"`
	Setting  string   `json:"setting"`
	Target   string   `json:"target"`
	Gone     []string `json:"gone"`
	// Address is the target's IP address, or "unix:" and a path, with Port 0.
	Address string `json:"address"`
	Port    int    `json:"port"`
	// Client is the client's IP address as in the access log; it may be a trusted proxy's word, which need not tell the port.
	// Empty where the connection has ended already.
	Client     string `json:"client"`
	ClientPort int    `json:"client_port"`
	// Protocol is ws or wss: how the client came to the gateway.
	Protocol string `json:"protocol"`
	Opened   string `json:"opened"`
	// LastActivity is when the last byte passed, in either direction.
	LastActivity  string `json:"last_activity"`
	ReceivedBytes uint64 `json:"received_bytes"`
	SentBytes     uint64 `json:"sent_bytes"`
	// Messages are those that have passed whole, control frames left out, as far as the framing could be followed.
	ReceivedMessages uint64 `json:"received_messages"`
	SentMessages     uint64 `json:"sent_messages"`
	// Draining says that the tunnel is on its way out. EndedBy is why, a word of ended_by of the access log, and Deadline
	// when it is cut at the latest; empty where there is none.
	Draining bool   `json:"draining"`
	EndedBy  string `json:"ended_by,omitempty"`
	Deadline string `json:"deadline,omitempty"`
}
