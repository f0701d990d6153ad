package plane

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/balance"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/http1"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/proxy"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/table"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// maxPassed is how many rules that did not take a request are told.
const maxPassed = 20

// Explain says what would become of a request, by the table, the parser and the groups that serve. The paths of problems
// are the names of the question's parameters.
func (p *Plane) Explain(q api.Question) (e api.Explanation, ps spec.Problems) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e.Targets, e.Passed, e.Shares, e.Rerouted = []api.ExplainedTarget{}, []api.PassedRule{}, []api.ExplainedShare{}, []string{}
	a := newAsked(q, &ps)
	if len(ps) > 0 {
		return e, ps
	}
	t := p.table.Load()
	addr := p.entry(t, q.AtListener, &a, &ps)
	if len(ps) > 0 {
		return e, ps
	}
	e.Address, e.Port = a.place.Address, a.place.Port
	d := proxy.Decide(addr, a.head, a.client)
	e.Path, e.Rewritten = string(d.Normal), d.Rewritten
	e.Rerouted = append(e.Rerouted, d.Rerouted...)
	if d.Status != 0 {
		e.Status, e.Reason, e.Message = d.Status, d.Reason.String(), d.Sentence
	}
	if l := d.Found.Listener; l != nil {
		e.Listener, e.ClientAuth = l.Name, l.Auth.Mode()
	}
	if d.Found.Listener != nil && d.Matched != nil {
		passed := t.Passed(d.Found, d.Matched, d.Normal)
		e.More = max(0, len(passed)-maxPassed)
		for _, r := range passed[:len(passed)-e.More] {
			e.Passed = append(e.Passed, api.PassedRule{Rule: r.Rule, Why: r.Why})
		}
	}
	if r := d.Found.Route; r != nil {
		e.Rule, e.Pool, e.Setting = r.RuleName, r.PoolName, r.Setting.Name
	}
	p.explainAction(&e, &d, d.Client)
	return e, nil
}

// explainAction says what the rule does: that is decided where it gets to act.
func (p *Plane) explainAction(e *api.Explanation, d *proxy.Decision, client netip.Addr) {
	r := d.Found.Route
	if r == nil || !d.Acts {
		return
	}
	switch {
	case r.Group != nil:
		e.Action = "pool"
		x := p.explainWay(&d.Ways[0], d.Request, client)
		e.Sent, e.Status, e.Reason, e.Message, e.Targets = x.Sent, x.Status, x.Reason, x.Message, x.Targets
	case r.Split != nil:
		e.Action = "split"
		for i := range d.Ways {
			e.Shares = append(e.Shares, p.explainWay(&d.Ways[i], d.Request, client))
		}
	case r.Respond != nil:
		e.Action, e.Status, e.Message = "respond", r.Respond.Status, "the rule answers this by itself"
	case r.Redirect != nil:
		e.Action, e.Status, e.Location, e.Message = "redirect", r.Redirect.Status, string(d.Location), "the rule sends the client elsewhere"
		if e.Location == "" {
			e.Message += ", to the address that it came to, as it names no host"
		}
	}
}

// entry is where the request comes in: the socket of every address for a port, or that of one listener.
func (p *Plane) entry(t *table.Table, listener string, a *asked, ps *spec.Problems) *table.Address {
	for _, at := range t.Addresses() {
		addr := t.Address(at.Address, at.Port)
		named := slices.ContainsFunc(addr.Listeners, func(l *table.Listener) bool { return l.Name == listener })
		if listener != "" && named || listener == "" && at.Port == a.place.Port {
			a.place = at
			return addr // "" comes before every literal address.
		}
	}
	if listener != "" {
		ps.Add(api.ParamAtListener, "names listener %q, which does not exist", listener)
	}
	return nil
}

// explainWay says what a target of one pool and setting gets, which targets there are, and which of them the request may
// go to.
func (p *Plane) explainWay(way *proxy.Way, req *http1.Request, client netip.Addr) api.ExplainedShare {
	r := way.Route
	e := api.ExplainedShare{Share: way.Share, Weight: int(way.Weight), Pool: r.PoolName, Setting: r.Setting.Name, Targets: []api.ExplainedTarget{}}
	refused := func(why proxy.Reason) { e.Status, e.Reason, e.Message = why.Status(), why.String(), why.Sentence() }
	if way.Refused {
		e.Status, e.Reason, e.Message = way.Why.Status(), way.Why.String(), way.Sentence
		return e
	}
	want := balance.Want{Limit: r.Setting.MaxConnections}
	want.Hash, want.Hashed = proxy.HashOf(r, req, client)
	choices := r.Group.Choices(&want)
	if home := proxy.HomeOf(r, req, p.registry.Affinity); home != nil {
		choices = []*backend.Health{home}
	}
	if u := p.serving.pairs[pair{r.PoolID, r.Setting.ID}]; u != nil {
		for _, m := range u.members {
			h := targetHealth(m, false)
			e.Targets = append(e.Targets, api.ExplainedTarget{
				Target: m.key, Address: h.Address, Port: h.Port, State: h.State, Reason: h.Reason,
				Choice: slices.ContainsFunc(choices, func(c *backend.Health) bool { return c == m.health }),
			})
		}
		slices.SortFunc(e.Targets, func(a, b api.ExplainedTarget) int { return strings.Compare(a.Target, b.Target) })
	}
	if len(choices) > 0 {
		e.Sent = string(way.Sent)
		if req.HasQuery {
			e.Sent += "?" + string(req.Query)
		}
		return e
	}
	want.Limit = 0
	if len(r.Group.Choices(&want)) > 0 {
		refused(proxy.ReasonMaxConnections)
	} else {
		refused(proxy.ReasonNoBackend)
	}
	return e
}

// An asked is a question as a request head.
type asked struct {
	head   []byte
	place  table.Place
	client netip.Addr // invalid where none is given
}

func newAsked(q api.Question, ps *spec.Problems) (a asked) {
	scheme, rest, ok := strings.Cut(q.URL, "://")
	scheme = strings.ToLower(scheme)
	standard := map[string]int{"http": 80, "ws": 80, "https": 443, "wss": 443}[scheme]
	if !ok || standard == 0 {
		ps.Add(api.ParamURL, "must be a URL with http://, https://, ws:// or wss:// in front")
		return a
	}
	odd := func(c rune) bool { return c <= ' ' || c == 0x7f }
	if strings.ContainsFunc(q.URL, odd) {
		ps.Add(api.ParamURL, "must hold no spaces or control characters; write a space as %%20")
	}
	if strings.ContainsFunc(q.Method, odd) {
		ps.Add(api.ParamMethod, "must hold no spaces or control characters")
	}
	if len(*ps) > 0 {
		return a
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	authority, target := rest[:end], rest[end:]
	target, _, _ = strings.Cut(target, "#") // No client sends a fragment.
	if !strings.HasPrefix(target, "/") && !(target == "" && q.Method == "OPTIONS") {
		target = "/" + target
	}
	a.place.Port = standard
	if i := strings.LastIndexByte(authority, ':'); i >= 0 && !strings.HasSuffix(authority, "]") {
		port, err := strconv.ParseUint(authority[i+1:], 10, 16)
		if err != nil || port == 0 {
			ps.Add(api.ParamURL, "must have a port from 1 to 65535, or no colon behind the host")
			return a
		}
		a.place.Port = int(port)
	}
	if q.Client != "" {
		client, err := netip.ParseAddr(q.Client)
		if err != nil {
			ps.Add(api.ParamClient, "must be an IP address such as 10.0.0.5 or 2001:db8::5")
			return a
		}
		a.client = client.Unmap()
	}
	if strings.HasPrefix(scheme, "ws") {
		q.Headers = shaking(q.Headers)
	}
	a.write(q, authority, target)
	return a
}

// write puts the head together.
func (a *asked) write(q api.Question, authority, target string) {
	method := q.Method
	if method == "" {
		method = "GET"
	}
	if target == "" {
		target = "*"
	}
	hosted := has(q.Headers, "host")
	a.head = append(a.head, method+" "+target+" HTTP/1.1\r\n"...)
	if !hosted {
		a.head = append(a.head, "Host: "+authority+"\r\n"...)
	}
	for _, h := range q.Headers {
		a.head = append(a.head, strings.TrimSuffix(h, "\r")+"\r\n"...)
	}
	a.head = append(a.head, "\r\n"...)
}

// has says whether a line is of a header, named in lower case.
func has(headers []string, header string) bool {
	return slices.ContainsFunc(headers, func(h string) bool {
		name, _, _ := strings.Cut(h, ":")
		return http1.EqualFold([]byte(name), header)
	})
}

// shaking are headers with what a WebSocket's handshake (RFC 6455 section 4.1) lacks. What is there stays, so that a wrong one
// can be asked about, too. Any key will do: nobody answers to it.
func shaking(headers []string) []string {
	all := slices.Clone(headers)
	for _, h := range [...]struct{ name, line string }{
		{"upgrade", "Upgrade: websocket"}, {"connection", "Connection: Upgrade"}, {"sec-websocket-version", "Sec-WebSocket-Version: 13"},
		{"sec-websocket-key", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="},
	} {
		if !has(headers, h.name) {
			all = append(all, h.line)
		}
	}
	return all
}
