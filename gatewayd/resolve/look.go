package resolve

import (
	"context"
	"errors"
	"time"

	"github.com/miekg/dns"
)

// A look is one look-up of a name by DNS. Its methods may run side by side.
type look struct {
	conf    *conf
	servers *servers
	name    string        // lower case
	keep    string        // the absolute name that the known addresses are from; "" where there are none
	grace   time.Duration // how long one family's addresses wait for the other's

	// half, where it is not nil, is called with what one family has when the other takes longer than head.
	half func(finding)
	head time.Duration
}

// run tries the names that the name may stand for until one has addresses. It goes on behind one of which a server could
// not find out anything, as the C library does; but not where the known addresses are from that one, so that a name does
// not turn into another while a server is in trouble.
func (l *look) run(ctx context.Context) finding {
	var best *finding
	var denied time.Duration
	for _, candidate := range l.conf.candidates(l.name) {
		f := l.both(ctx, candidate)
		denied = shorter(denied, f.denied)
		if k := f.worst().kind; f.found() || k > confused || k == confused && candidate == l.keep {
			return f
		}
		if best == nil || f.worst().kind > best.worst().kind {
			best = &f
		}
	}
	best.denied = denied
	return *best
}

// both asks for both families of addresses together. The one that has an answer waits for the other, but not for long.
func (l *look) both(ctx context.Context, name string) finding {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var done [families]chan outcome
	for i, qtype := range [families]uint16{v4: dns.TypeA, v6: dns.TypeAAAA} {
		done[i] = make(chan outcome, 1)
		if i == v6 && l.conf.onlyIPv4 {
			done[i] <- outcome{kind: empty, failure: &failure{who: "resolv.conf", did: "forbids to ask for IPv6 addresses of"}}
			continue
		}
		go func() { done[i] <- l.family(ctx, question{name, qtype}) }()
	}
	f := finding{source: name}
	first, other := v4, v6
	select {
	case f.of[v4] = <-done[v4]:
	case f.of[v6] = <-done[v6]:
		first, other = v6, v4
	}
	if f.of[first].kind == found {
		defer time.AfterFunc(l.grace, cancel).Stop()
		l.tellHalf(f, other, done[other])
	}
	f.of[other] = <-done[other]
	f.conclude()
	return f
}

// tellHalf tells what one family has if the other does not come soon. It leaves the other's outcome where it is.
func (l *look) tellHalf(f finding, other int, done chan outcome) {
	if l.half == nil {
		return
	}
	timer := time.NewTimer(l.head)
	defer timer.Stop()
	select {
	case o := <-done:
		done <- o
	case <-timer.C:
		f.of[other] = outcome{kind: empty} // Nothing is wrong with it so far.
		l.half(f)
	}
}

// maxAsked bounds how many questions one leads to, each for the name that the last answer ends with.
const maxAsked = 8

// family asks for the addresses of one family, and again for the name that an answer leads to without its addresses.
func (l *look) family(ctx context.Context, q question) outcome {
	o := outcome{ttl: maxTTL}
	for asked := 1; ; asked++ {
		m, server, trouble := l.ask(ctx, q)
		if m == nil {
			return trouble
		}
		r := q.reply(m)
		o.ttl = min(o.ttl, r.ttl)
		switch {
		case len(r.addrs) > 0:
			o.take(r.addrs, failure{who: dnsServer(server)})
			return o
		case r.endless || r.next != "" && asked == maxAsked:
			return outcome{kind: failed, failure: &failure{dnsServer(server), "finds only more and more names (CNAME) for", ""}}
		case r.next != "":
			q.name = r.next
		case m.Rcode == dns.RcodeNameError:
			return outcome{kind: unknown, denied: r.none, failure: &failure{dnsServer(server), "does not know the name", " (NXDOMAIN)"}}
		default:
			return outcome{kind: empty, denied: r.none, failure: &failure{dnsServer(server), "knows no address of the name", " (NODATA)"}}
		}
	}
}

// ask puts a question to one server after the other, each as often as resolv.conf says, until one says something of the
// name: its answer, and which it was. Where none does the answer is nil and the outcome tells why, as well as it can.
func (l *look) ask(ctx context.Context, q question) (*dns.Msg, string, outcome) {
	trouble := make(map[string]outcome) // the last of each server
	for range l.conf.attempts {
		for _, server := range l.servers.order(l.conf.servers, l.conf.rotate) {
			m, err := exchange{server, l.conf.timeout, l.conf.tcp}.ask(ctx, q)
			if ctx.Err() != nil {
				return nil, "", outcome{kind: silent, failure: broken(l.conf.servers[0], ctx.Err())}
			}
			o := judge(server, m, err)
			if o.kind == silent {
				l.servers.missed(server, o.failure.about(quote(q.name)))
			} else {
				l.servers.heard(server)
			}
			if o.kind == found {
				return m, server, outcome{}
			}
			trouble[server] = o
		}
	}
	best := trouble[l.conf.servers[0]]
	for _, server := range l.conf.servers {
		if o := trouble[server]; o.kind < best.kind {
			best = o
		}
	}
	return nil, "", best
}

// judge tells an answer that says something of the name, which it calls found, from what is none.
func judge(server string, m *dns.Msg, err error) outcome {
	switch {
	case errors.Is(err, errMalformed), errors.Is(err, errTruncated):
		return outcome{kind: failed, failure: broken(server, err)}
	case err != nil:
		return outcome{kind: silent, failure: broken(server, err)}
	}
	f := refusal(server, m)
	switch {
	case f == nil:
		return outcome{}
	case m.Rcode == dns.RcodeServerFailure:
		return outcome{kind: confused, failure: f}
	}
	return outcome{kind: failed, failure: f}
}
