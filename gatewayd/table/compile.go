package table

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/balance"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/meter"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/rewrite"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/secure"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// Compile makes the table of a set. It never fails: what is wrong with an object is a warning on it, and the rest
// serves. Warnings come by kind and name.
func Compile(set *spec.Set, living Living) (*Table, []Warning) {
	return (*Table)(nil).Next(set, living)
}

// Next is Compile for a set that followed the table's own: it gives the same, but takes over the index of each listener
// of which nothing changed, and its routes. So a change of one object among ten thousand costs less than all of them.
// t may be nil.
func (t *Table) Next(set *spec.Set, living Living) (*Table, []Warning) {
	if t == nil {
		t = &Table{}
	}
	c := compiler{
		set:    set,
		living: living,
		before: t,
		table: &Table{
			revision:  set.Revision(),
			addresses: map[Place]*Address{},
			drafts:    map[string]*draft{},
			settings:  map[*spec.Entry]*Setting{},
			demands:   map[*spec.Entry]*demand{},
			actions:   map[*spec.Entry]action{},
			rewrites:  map[*spec.Entry]*rewrite.Rewrite{},

			identities: map[*spec.Entry]*secure.Identity{},
		},
		groups: map[groupKey]*balance.Group{},
	}
	c.listeners()
	c.rules()
	for _, d := range c.ordered {
		d.finish()
		c.warnings = append(append(c.warnings, d.ties...), d.hidden...)
	}
	slices.SortStableFunc(c.warnings, func(a, b Warning) int {
		return cmp.Or(cmp.Compare(order(a.Kind), order(b.Kind)), cmp.Compare(a.Name, b.Name))
	})
	return c.table, c.warnings
}

func order(k *spec.Kind) int { return slices.Index(spec.Kinds(), k) }

// A compiler is one run of Compile.
type compiler struct {
	set      *spec.Set
	living   Living
	before   *Table // never nil
	table    *Table
	warnings []Warning

	ordered []*draft // by the listener's name
	groups  map[groupKey]*balance.Group

	settings map[string]*Setting // of the table before, by hidden id; see settingBefore
}

type groupKey struct{ pool, setting *spec.Entry }

// A draft is what a table is made of at one listener. It is kept with the table, for the next one.
type draft struct {
	entry   *spec.Entry
	before  *draft // of the table before, while the listener's entry is the same and so far every rule; else nil
	site    *site
	address *Address
	rules   []*member
	tied    map[*Route][]*Route // rules that a rule was told to be tied with
	ties    []Warning
	hidden  []Warning
}

// A member is a rule of a listener.
type member struct {
	entry    *spec.Entry
	route    *Route
	priority uint64   // smaller first
	hosts    []string // lower case; one "" where the rule names none
	paths    []string // normal form, perhaps with a star; one "" where the rule names none
	demand   *demand  // nil where the rule asks for nothing else
}

// The priority stands above the host in a rank, the host above the path, the path above the number of conditions. A rule
// without a priority comes behind all that have one.
const (
	pathShift     = demandBits
	hostShift     = pathShift + pathBits
	priorityShift = hostShift + hostBits
	noPriority    = 1 << 32
)

func onRule(name, path, format string, args ...any) Warning {
	return Warning{Kind: spec.Rules, Name: name, Problem: spec.Problem{Path: path, Message: fmt.Sprintf(format, args...)}}
}

func onListener(name, path, format string, args ...any) Warning {
	w := onRule(name, path, format, args...)
	w.Kind = spec.Listeners
	return w
}

func onSetting(name, path, format string, args ...any) Warning {
	w := onRule(name, path, format, args...)
	w.Kind = spec.Settings
	return w
}

func (c *compiler) warn(w Warning) { c.warnings = append(c.warnings, w) }

// listeners makes the addresses, and says which listener serves each host there. Listeners come by name, so of two with
// one host the first to come has the smaller name.
func (c *compiler) listeners() {
	for _, e := range c.set.All(spec.Listeners) {
		o := e.Object.(*spec.Listener)
		d := &draft{entry: e, before: c.before.drafts[o.Name], site: &site{}, address: c.address(placeOf(o))}
		if d.before != nil && d.before.entry != e {
			d.before = nil
		}
		auth := c.auth(d, o)
		if d.before != nil && !d.before.site.listener.Auth.Equal(auth) {
			d.before = nil
		}
		var l *Listener
		if d.before != nil {
			l = d.before.site.listener
		} else {
			l = newListener(e.ID, o)
			l.Auth = auth
			l.Traffic = c.living.Meters().Traffic(meter.TrafficKey{Listener: e.ID})
			l.Tunnels = l.Traffic.Held()
		}
		d.site.listener, d.site.https = l, o.Protocol == spec.HTTPS
		c.secure(d, o)
		c.table.drafts[o.Name] = d
		c.ordered = append(c.ordered, d)
		d.address.Listeners = append(d.address.Listeners, l)
		hostnames := o.Hostnames
		if len(hostnames) == 0 {
			hostnames = []string{""}
		}
		for _, h := range hostnames {
			c.serve(d, spec.Lower(h))
		}
	}
	for _, d := range c.ordered {
		c.protocol(d)
	}
	for p, a := range c.table.addresses {
		before := c.before.addresses[p]
		a.unchanged = before != nil && slices.Equal(a.Listeners, before.Listeners)
		a.sites.sort()
		a.setLimits()
		c.setProxies(a)
		c.table.places = append(c.table.places, a.Place)
	}
	slices.SortFunc(c.table.places, func(a, b Place) int {
		return cmp.Or(cmp.Compare(a.Address, b.Address), cmp.Compare(a.Port, b.Port))
	})
}

func (c *compiler) address(p Place) *Address {
	a := c.table.addresses[p]
	if a == nil {
		a = &Address{Place: p}
		c.table.addresses[p] = a
	}
	return a
}

// serve gives a host condition to a listener unless another has it.
func (c *compiler) serve(d *draft, host string) {
	l := d.site.listener
	holder := d.address.sites.get(host)
	switch {
	case holder == nil:
		d.address.sites.put(host, d.site)
	case holder == d.site:
	case host == "":
		c.warn(onListener(l.Name, "hostnames", "is empty like that of listener %q on the same address and port; "+
			"listener %q serves the hosts that no other listener names, because its name comes first", holder.listener.Name, holder.listener.Name))
	default:
		c.warn(onListener(l.Name, "hostnames", "holds %q like that of listener %q on the same address and port; "+
			"listener %q serves it, because its name comes first", host, holder.listener.Name, holder.listener.Name))
	}
}

// placeOf is where a listener's socket is. An address that is none, which only a set made by an older gateway can hold,
// stays as it is written: binding it fails and says so.
func placeOf(o *spec.Listener) Place {
	p := Place{Address: o.Address, Port: o.Port}
	if a, err := netip.ParseAddr(o.Address); err == nil {
		p.Address = a.Unmap().String()
		if a == netip.IPv6Unspecified() {
			p.Address = "" // The system cannot hold both apart on one port.
		}
	}
	return p
}

func newListener(id string, o *spec.Listener) *Listener {
	return &Listener{
		ID: id, Name: o.Name,
		HeaderTimeout:    o.HeaderTimeout.Value(),
		BodyTimeout:      o.BodyTimeout.Value(),
		KeepAliveTimeout: o.KeepAliveTimeout.Value(),
		DrainTimeout:     o.DrainTimeout.Value(),
		CloseSpread:      spec.Spread(o.CloseSpread, o.DrainTimeout),
		MaxHeaderBytes:   o.MaxHeaderBytes,
		MaxURLBytes:      o.MaxURLBytes,
		MaxConnections:   o.MaxConnections,
		MaxTunnels:       o.MaxTunnels,
		MaxBodyBytes:     int64(o.MaxBodyBytes),
		Pages:            newPages(o.ErrorPages),
		Trusted:          newTrust(o.Proxies()),
		ProxyProtocol:    o.ProxyProtocol,
	}
}

// rules gives each rule to its listener, by name.
func (c *compiler) rules() {
	all := c.set.All(spec.Rules)
	c.table.routes = make([]*Route, 0, len(all))
	for _, e := range all {
		o := e.Object.(*spec.Rule)
		d := c.table.drafts[o.Listener]
		if d == nil {
			c.warn(onRule(o.Name, "listener", "names listener %q, which does not exist; the rule takes no requests until it does", o.Listener))
			continue
		}
		r := c.route(e, o, d.site.listener)
		c.count(&r, d.same(e))
		m := d.add(e, r, c.demand(e))
		c.table.routes = append(c.table.routes, m.route)
	}
}

// add makes the next rule of the listener, or takes it over from the table before while that had the same one in the
// same place.
func (d *draft) add(e *spec.Entry, r Route, asks *demand) *member {
	if d.before != nil {
		if i := len(d.rules); i < len(d.before.rules) && d.before.rules[i].entry == e && *d.before.rules[i].route == r {
			m := d.before.rules[i]
			d.rules = append(d.rules, m)
			return m
		}
		d.before = nil
	}
	o := e.Object.(*spec.Rule)
	route := r // Taking the address of r would allocate above, too.
	m := &member{entry: e, route: &route, priority: noPriority, hosts: everything, paths: everything, demand: asks}
	if o.Priority != nil {
		m.priority = uint64(min(max(*o.Priority, 0), noPriority-1))
	}
	if o.Match != nil && len(o.Match.Hostnames) > 0 {
		m.hosts = lowered(o.Match.Hostnames)
	}
	if o.Match != nil && len(o.Match.Paths) > 0 {
		m.paths = lowered(o.Match.Paths)
	}
	d.rules = append(d.rules, m)
	return m
}

// finish makes the index of the listener's rules, or takes it over, and finds out what they hide from each other.
func (d *draft) finish() {
	before := d.before
	d.before = nil // Or each table would keep all that were before it.
	if before == nil || len(before.rules) != len(d.rules) {
		d.index()
		d.shadows()
		return
	}
	d.site.cells, d.site.branches = before.site.cells, before.site.branches
	d.tied, d.ties, d.hidden = before.tied, before.ties, before.hidden
	if !d.address.unchanged {
		d.hidden = nil // It depends on which hosts the other listeners serve.
		d.shadows()
	}
}

// everything is the one condition of a rule that names no hosts, or no paths.
var everything = []string{""}

// lowered is the list in lower case and each of it once; the list itself where it is so already.
func lowered(list []string) []string {
	if len(list) == 1 {
		if l := spec.Lower(list[0]); l != list[0] {
			return []string{l}
		}
		return list
	}
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = spec.Lower(s)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (c *compiler) route(e *spec.Entry, o *spec.Rule, l *Listener) Route {
	r := Route{Listener: l, RuleID: e.ID, RuleName: o.Name}
	rewritable := c.rewrite(&r, o)
	if o.Pool != nil && o.Setting != nil {
		c.send(&r, "", *o.Pool, *o.Setting)
	} else {
		c.act(&r, e, o)
	}
	if !rewritable {
		r.Group, r.Split = nil, nil
	}
	return r
}

// send makes the route one to a pool by a setting, which the rule names below the path at.
func (c *compiler) send(r *Route, at, poolName, settingName string) {
	r.PoolName = poolName
	pool, setting := c.set.Get(spec.Pools, poolName), c.set.Get(spec.Settings, settingName)
	if pool == nil {
		c.warn(onRule(r.RuleName, at+"pool", "names pool %q, which was dropped; requests of the rule are answered 502", poolName))
	} else {
		r.PoolID = pool.ID
		switch p := pool.Object.(*spec.Pool); {
		case p.Algorithm == spec.SourceHash:
			r.HashSource = true
		case p.Algorithm == spec.HeaderHash && p.HashHeader != nil:
			r.HashHeader = spec.Lower(*p.HashHeader)
		}
	}
	if setting == nil {
		c.warn(onRule(r.RuleName, at+"setting", "names setting %q, which was dropped; requests of the rule are answered 502", settingName))
	}
	r.Setting = c.setting(setting)
	if pool != nil && setting != nil {
		r.Group = c.group(groupKey{pool, setting})
	}
}

func (c *compiler) group(k groupKey) *balance.Group {
	g, ok := c.groups[k]
	if !ok {
		g = c.living.Group(k.pool, k.setting)
		c.groups[k] = g
	}
	return g
}
