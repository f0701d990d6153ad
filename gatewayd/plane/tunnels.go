package plane

import (
	"cmp"
	"strings"
	"sync"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/loop"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/tunnel"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// Tunnels is a page of the open tunnels. The paths of problems are those of the query's fields. Each loop is asked, so it
// must not be called on one.
func (p *Plane) Tunnels(q api.TunnelQuery) (api.Tunnels, spec.Problems) {
	page, ps := p.pageOf(q)
	if len(ps) > 0 {
		return api.Tunnels{}, ps
	}
	limit := page.Limit
	page.Limit++ // One more tells whether there is another page.
	view := api.Tunnels{Now: stampMillis(time.Now()), Tunnels: []api.Tunnel{}}
	var seen []tunnel.Seen
	sights, clocks := p.look(page)
	for _, s := range sights {
		view.Open += int64(s.Open)
		view.Selected += int64(s.Meant)
		seen = append(seen, s.Seen...)
	}
	seen = page.Order.First(seen, page.Limit)
	if len(seen) > limit {
		seen = seen[:limit]
		if page.Order == tunnel.Oldest || page.Order == tunnel.Newest {
			view.Next = seen[limit-1].ID.String()
		}
	}
	p.mu.Lock()
	set := p.set
	p.mu.Unlock()
	live := namesOf(set) // Of thousands of objects this takes its time, in which nobody should have to wait.
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range seen {
		view.Tunnels = append(view.Tunnels, p.tunnelView(&seen[i], live, clocks[seen[i].ID.Loop]))
	}
	return view, nil
}

// orders are those of lists of tunnels.
var orders = map[string]tunnel.Order{
	"": tunnel.Oldest, api.OldestFirst: tunnel.Oldest, api.NewestFirst: tunnel.Newest, api.ActiveFirst: tunnel.Active, api.BusiestFirst: tunnel.Busiest,
}

// pageOf is a query as workers understand it.
func (p *Plane) pageOf(q api.TunnelQuery) (page tunnel.Page, ps spec.Problems) {
	var known bool
	if page.Order, known = orders[q.Sort]; !known {
		ps.Add(api.ParamSort, "must be one of %s", strings.Join(api.TunnelOrders, ", "))
	}
	if q.Next != "" {
		id, ok := tunnel.ParseID(q.Next)
		if page.Behind = &id; !ok || page.Order == tunnel.Active || page.Order == tunnel.Busiest {
			ps.Add(api.ParamNext, "must be what the page before gave as next, which only lists in the order of beginnings have")
		}
	}
	if page.Limit = q.Limit; page.Limit <= 0 {
		page.Limit = api.DefaultPage
	}
	page.Limit = min(page.Limit, api.MaxPage)
	which, problems := p.which(&q.TunnelSelector)
	page.Which = which
	ps.Append(problems)
	return page, ps
}

// which is a selector as workers understand it.
func (p *Plane) which(s *api.TunnelSelector) (which tunnel.Which, ps spec.Problems) {
	if ps = s.Check(); len(ps) > 0 {
		return which, ps
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	ids := func(path string, kind *spec.Kind, name *string) map[string]bool {
		if name == nil {
			return nil
		}
		found := p.idsOf(kind, *name)
		if len(found) == 0 {
			ps.Add(path, "names %s %q, which does not exist", kind, *name)
		}
		return found
	}
	which = tunnel.Which{
		Listeners: ids(api.ParamListener, spec.Listeners, s.Listener), Rules: ids(api.ParamRule, spec.Rules, s.Rule),
		Pools: ids(api.ParamPool, spec.Pools, s.Pool), Draining: s.Draining,
	}
	which.Client, _ = s.ClientRange()
	if s.IdleFor != nil {
		which.IdleFor = s.IdleFor.Value()
	}
	if s.OlderThan != nil {
		which.OlderThan = s.OlderThan.Value()
	}
	if s.Target != nil {
		if which.Backends = p.backendsOf(*s.Target); len(which.Backends) == 0 {
			ps.Add(api.ParamTarget, "names target %q, which no pool has", *s.Target)
		}
	}
	return which, ps
}

// backendsOf are the backends of the targets that a key is of, in any pool, those that are gone included. The plane's mu is
// held.
func (p *Plane) backendsOf(target string) map[*backend.Backend]bool {
	found := map[*backend.Backend]bool{}
	fits := func(key string) bool {
		whole, _, _ := strings.Cut(key, "@")
		return key == target || whole == target
	}
	for _, u := range p.serving.pairs {
		for i := range u.members {
			if m := &u.members[i]; fits(m.key) {
				found[m.health.Backend] = true
			}
		}
	}
	for _, followed := range p.life.backends {
		for b, o := range followed {
			if fits(o.key) {
				found[b] = true
			}
		}
	}
	return found
}

// tunnelView tells of a tunnel by the names that hold now, or did when what bears them went. The plane's mu is held.
func (p *Plane) tunnelView(s *tunnel.Seen, live map[formerID]string, c clock) api.Tunnel {
	b := s.Health.Backend
	v := api.Tunnel{
		ID: s.ID.String(), Gone: []string{}, Protocol: "ws", Opened: c.stamp(s.ID.Began), LastActivity: c.stamp(s.Stirred),
		ReceivedBytes: s.Received, SentBytes: s.Sent, ReceivedMessages: s.ReceivedMessages, SentMessages: s.SentMessages, Draining: s.Ending,
	}
	name := func(kind *spec.Kind, id string) string {
		at := formerID{kind, id}
		name, here := live[at]
		if !here {
			name = p.former.names[at] // One that went long ago has none.
			v.Gone = append(v.Gone, kind.Name)
		}
		return name
	}
	v.Listener, v.Rule = name(spec.Listeners, s.Listener), name(spec.Rules, s.Rule)
	v.Pool, v.Setting = name(spec.Pools, b.Key.Pool), name(spec.Settings, s.Health.Setting)
	v.Address, v.Port = hostAndPort(b.Key.Addr)
	if o := p.life.backends[b.Key.Pool][b]; o != nil {
		v.Target, v.Pool = o.key, cmp.Or(v.Pool, o.pool)
		if !o.here {
			v.Gone = append(v.Gone, spec.Targets.Name)
		}
	}
	if s.Client.IsValid() {
		v.Client, v.ClientPort = s.Client.Addr().String(), int(s.Client.Port())
	}
	if s.Secure {
		v.Protocol = "wss"
	}
	if s.Ending {
		v.EndedBy = s.By.String()
	}
	if s.Deadline != 0 {
		v.Deadline = c.stamp(s.Deadline)
	}
	return v
}

// A clock says what a loop's time is in the world's.
type clock struct {
	wall time.Time
	loop loop.Time
}

func (c clock) stamp(at loop.Time) string { return stampMillis(c.wall.Add(time.Duration(at - c.loop))) }

func stampMillis(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z07:00") }

// look has each loop look through its tunnels, and waits for all.
func (p *Plane) look(page tunnel.Page) ([]tunnel.Sight, []clock) {
	p.looking.Lock()
	defer p.looking.Unlock()
	sights, clocks := make([]tunnel.Sight, len(p.loops)), make([]clock, len(p.loops))
	p.survey(func(i int, done func()) {
		clocks[i] = clock{time.Now(), p.loops[i].Now()}
		p.workers[i].Tunnels().Look(page, func(s tunnel.Sight) {
			sights[i] = s
			done()
		})
	})
	return sights, clocks
}

// survey runs f on each loop and waits until all have called done.
func (p *Plane) survey(f func(i int, done func())) {
	var all sync.WaitGroup
	for i, l := range p.loops {
		all.Add(1)
		if !l.Post(func() { f(i, all.Done) }) {
			all.Done()
		}
	}
	all.Wait()
}
