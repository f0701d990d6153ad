package proxy

import (
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/affinity"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// sticky is a setting with affinity.
func sticky(r *rig) {
	inClear(r) // Over TLS there is a second cookie: see TestAffinityOfOtherSites.
	r.setting.Affinity = &spec.Affinity{CookieName: "Stick"}
}

// named are servers that answer with their number.
func named(t testing.TB, n int) (list []netip.AddrPort) {
	for i := range n {
		list = append(list, answering(t, ok(fmt.Sprint(i))).addr)
	}
	return list
}

// ask sends a request with a Cookie field, none where it is "", and returns what answered and the cookies it set.
func (r *rig) ask(cookie string) (body string, set []string) {
	r.t.Helper()
	request := "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
	if cookie != "" {
		request += "Cookie: " + cookie + "\r\n"
	}
	p := r.dial()
	defer p.Close()
	p.send(request + "\r\n")
	status, header, body := p.answer("GET")
	if status != 200 {
		r.t.Fatalf("got %d %s", status, body)
	}
	return body, header.Values("Set-Cookie")
}

// client asks without a cookie and returns what answered and the cookie for the next request.
func (r *rig) client() (body, cookie string) {
	r.t.Helper()
	body, set := r.ask("")
	if len(set) != 1 {
		r.t.Fatalf("a new client got the cookies %q", set)
	}
	cookie, _, _ = strings.Cut(set[0], ";")
	return body, cookie
}

// clientOf is client until a target has answered.
func (r *rig) clientOf(target string) (cookie string) {
	r.t.Helper()
	for range 100 {
		if body, cookie := r.client(); body == target {
			return cookie
		}
	}
	r.t.Fatalf("no new client came to %s", target)
	return ""
}

// backs asks n times and wants the same target each time, and no cookie.
func (r *rig) backs(cookie, target string) {
	r.t.Helper()
	for range 6 {
		if body, set := r.ask(cookie); body != target || len(set) != 0 {
			r.t.Fatalf("got %s and cookies %q, want %s and none", body, set, target)
		}
	}
}

func TestAffinity(t *testing.T) {
	r := newRig(t, sticky, named(t, 3)...)
	for i := range 3 {
		target := fmt.Sprint(i)
		r.backs(r.clientOf(target), target)
	}
	_, set := r.ask("")
	value, attributes, _ := strings.Cut(set[0], ";")
	if attributes != " Path=/; HttpOnly" || !strings.HasPrefix(value, "Stick=") || len(value) != len("Stick=")+affinity.Size {
		t.Errorf("the cookie is %q", set[0])
	}
	for _, h := range r.registry.Healths() {
		if at := h.Backend.Key.Addr.TCP; strings.Contains(set[0], at.Addr().String()) || strings.Contains(set[0], fmt.Sprint(at.Port())) {
			t.Errorf("the cookie %q tells of %v", set[0], at)
		}
	}
}

// TestNewClientsAreSpread: those that come back take nobody's turn.
func TestNewClientsAreSpread(t *testing.T) {
	r := newRig(t, sticky, named(t, 3)...)
	cookie := r.clientOf("0")
	counts := map[string]int{}
	for range 30 {
		body, _ := r.ask("")
		counts[body]++
		if body, _ := r.ask(cookie); body != "0" {
			t.Fatalf("the client came to %s", body)
		}
	}
	if counts["0"] != 10 || counts["1"] != 10 || counts["2"] != 10 {
		t.Errorf("new clients came to %v", counts)
	}
}

// TestCookiesThatAreNoGood: each gives a normal choice and one fresh cookie that works.
func TestCookiesThatAreNoGood(t *testing.T) {
	targets := named(t, 2)
	r := newRig(t, sticky, targets...)
	good := r.clientOf("0")
	text := []byte(strings.TrimPrefix(good, "Stick="))
	at := backend.TCP(targets[0]).String()
	pin := func(k *affinity.Key, pool, setting, address string) string {
		p := affinity.Pin{Backend: k.Backend(pool, address)}
		return "Stick=" + string(affinity.NewSealer(k).Append(nil, p, affinity.Scope{Pool: pool, Setting: setting}))
	}
	if made := pin(r.key, "pool:apps", "setting:plain", at); made != good {
		t.Fatalf("the test makes %s, the gateway %s", made, good)
	}
	flipped := func(i int) string {
		b := append([]byte(nil), text...)
		b[i] = map[bool]byte{true: 'B', false: 'A'}[b[i] == 'A']
		return "Stick=" + string(b)
	}
	for name, cookie := range map[string]string{
		"none":                            "",
		"empty":                           "Stick=",
		"junk":                            "Stick=junk",
		"the address in clear":            "Stick=" + at,
		"a bit of the version":            flipped(0),
		"a bit of the backend":            flipped(4),
		"a bit of the time":               flipped(14),
		"a bit of the MAC":                flipped(39),
		"cut short":                       good[:len(good)-1],
		"longer":                          good + "A",
		"in quotes":                       `Stick="` + string(text) + `"`,
		"under another name":              strings.Replace(good, "Stick", "stick", 1),
		"another gateway's":               pin(affinity.NewKey(), "pool:apps", "setting:plain", at),
		"another pool's":                  pin(r.key, "pool:other", "setting:plain", at),
		"another setting's":               pin(r.key, "pool:apps", "setting:other", at),
		"of an address that is no target": pin(r.key, "pool:apps", "setting:plain", "127.0.0.1:1"),
		"a thousand":                      strings.Repeat(flipped(20)+"; ", 500) + "a=b",
	} {
		t.Run(name, func(t *testing.T) {
			seen := map[string]bool{}
			for range 2 {
				body, set := r.ask(cookie)
				seen[body] = true
				if len(set) != 1 || !strings.HasPrefix(set[0], "Stick=") {
					t.Fatalf("got the cookies %q", set)
				}
				fresh, _, _ := strings.Cut(set[0], ";")
				r.backs(fresh, body)
			}
			if len(seen) != 2 {
				t.Errorf("in turn would be both targets, got %v", seen)
			}
		})
	}
	for name, cookie := range map[string]string{
		"among others":        "a=b; " + good + "; c=d",
		"behind junk":         "Stick=junk; " + good,
		"before junk":         good + "; Stick=junk",
		"behind a broken one": flipped(9) + "; " + good,
		"twice":               good + "; " + good,
		"on a second line":    "a=b\r\nCookie: " + good,
	} {
		t.Run(name, func(t *testing.T) { r.backs(cookie, "0") })
	}
	t.Run("the first of two", func(t *testing.T) {
		other := r.clientOf("1")
		r.backs(good+"; "+other, "0")
		r.backs(other+"; "+good, "1")
	})
}

// TestTheCookieIsForwarded to the backend as it came.
func TestTheCookieIsForwarded(t *testing.T) {
	s := answering(t, ok("x"))
	r := newRig(t, sticky, s.addr)
	_, cookie := r.client()
	r.ask("a=b; " + cookie)
	if heads := s.got(); !strings.Contains(heads[1], "\r\nCookie: a=b; "+cookie+"\r\n") {
		t.Errorf("the backend got %q", heads[1])
	}
}

// TestBackendsSetCookiesToo: the gateway's cookie comes behind them, and takes nothing away.
func TestBackendsSetCookiesToo(t *testing.T) {
	s := answering(t, "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nCache-Control: public\r\nSet-Cookie: Stick=theirs\r\nContent-Length: 1\r\n\r\nx")
	r := newRig(t, sticky, s.addr)
	p := r.dial()
	p.send(get)
	if early := p.head(); strings.Contains(early, "Set-Cookie") {
		t.Errorf("the interim answer is %q", early)
	}
	set := p.expect(200, "x").Values("Set-Cookie")
	if len(set) != 3 || set[0] != "a=b" || set[1] != "Stick=theirs" || !strings.HasSuffix(set[2], "; Path=/; HttpOnly") {
		t.Errorf("got the cookies %q", set)
	}
}

// TestLifetime: a cookie with an end is renewed before it, and good for nothing behind it.
func TestLifetime(t *testing.T) {
	hour := spec.Duration("1h")
	r := newRig(t, func(r *rig) { sticky(r); r.setting.Affinity.TTL = &hour }, named(t, 2)...)
	h := r.registry.Healths()[0]
	var target string
	for i, at := range r.pool.Keys() {
		if *r.pool.Targets[at].Port == int(h.Backend.Key.Addr.TCP.Port()) {
			target = fmt.Sprint(i)
		}
	}
	issued := func(age time.Duration) string {
		pin := affinity.Pin{Backend: h.Backend.ID, Issued: time.Now().Add(-age).Unix()}
		return "Stick=" + string(affinity.NewSealer(r.key).Append(nil, pin, affinity.Scope{Pool: "pool:apps", Setting: "setting:plain"}))
	}
	r.backs(issued(0), target)
	for age, back := range map[time.Duration]bool{10 * time.Minute: true, 59 * time.Minute: true, -time.Hour: true, 61 * time.Minute: false} {
		seen := map[string]bool{}
		for range 2 {
			body, set := r.ask(issued(age))
			seen[body] = true
			if len(set) != 1 || !strings.HasSuffix(set[0], "; Path=/; HttpOnly; Max-Age=3600") {
				t.Fatalf("issued %v ago: got the cookies %q", age, set)
			}
			fresh, _, _ := strings.Cut(set[0], ";")
			r.backs(fresh, body)
		}
		if seen[target] != true || back != (len(seen) == 1) {
			t.Errorf("issued %v ago: came to %v, the cookie says %s", age, seen, target)
		}
	}
	// Since there is no ttl any more, the cookie is one of the session again.
	r.setting.Affinity.TTL = nil
	r.publish()
	if body, set := r.ask(issued(10 * time.Minute)); body != target || len(set) != 1 || strings.Contains(set[0], "Max-Age") {
		t.Errorf("without a ttl: came to %s, got the cookies %q", body, set)
	}
}

// TestOverflow: a target that has as much as it may sends its clients elsewhere for once, with the cookie they have.
func TestOverflow(t *testing.T) {
	gate := make(chan bool)
	first := newServer(t, func(p *peer) {
		for {
			head, _, alive := p.message()
			if !alive {
				return
			}
			if strings.HasPrefix(head, "GET /wait") {
				<-gate
			}
			if _, err := io.WriteString(p.Conn, ok("0")); err != nil {
				return
			}
		}
	})
	second := answering(t, ok("1"))
	r := newRig(t, func(r *rig) { sticky(r); r.setting.MaxConnections = 1 }, first.addr, second.addr)
	cookie := r.clientOf("0")
	waiting := r.dial()
	waiting.send("GET /wait HTTP/1.1\r\nHost: a\r\nCookie: " + cookie + "\r\n\r\n")
	until(t, "the target has as much as it may", func() bool { return r.health(first.addr).Backend.Open.Load() == 1 })
	for range 3 {
		if body, set := r.ask(cookie); body != "1" || len(set) != 0 {
			t.Errorf("came to %s and got the cookies %q", body, set)
		}
	}
	close(gate)
	waiting.expect(200, "0")
	r.backs(cookie, "0")
}

// TestARetryPinsAnew: the target that answers is where the client comes back to.
func TestARetryPinsAnew(t *testing.T) {
	dead, alive := answering(t, ok("0"), ""), answering(t, ok("1"))
	r := newRig(t, sticky, dead.addr, alive.addr)
	cookie := r.clientOf("0")
	body, set := r.ask(cookie)
	if body != "1" || len(set) != 1 {
		t.Fatalf("came to %s and got the cookies %q", body, set)
	}
	fresh, _, _ := strings.Cut(set[0], ";")
	r.backs(fresh, "1")
	// Where nothing else may be tried the answer is the gateway's, and the cookie stays what it was.
	r.setting.Retries = 0
	r.publish()
	p := r.dial()
	p.send("GET / HTTP/1.1\r\nHost: a\r\nCookie: " + cookie + "\r\n\r\n")
	if h := p.expect(502, "*"); len(h.Values("Set-Cookie")) != 0 {
		t.Errorf("a 502 sets the cookies %q", h.Values("Set-Cookie"))
	}
}

// TestTargetsThatTakeNothing: unhealthy, ejected, gone; and back again.
func TestTargetsThatTakeNothing(t *testing.T) {
	targets := named(t, 2)
	r := newRig(t, sticky, targets...)
	cookie := r.clientOf("0")
	h := r.health(targets[0])
	report := func(ok bool) { h.Report(backend.Result{At: time.Now(), OK: ok, Reason: "bad", UnhealthyThreshold: 1}) }
	r.health(targets[1]).Report(backend.Result{At: time.Now(), OK: true})
	elsewhere := func(why string) {
		t.Helper()
		body, set := r.ask(cookie)
		if body != "1" || len(set) != 1 {
			t.Errorf("%s: came to %s and got the cookies %q", why, body, set)
		}
	}
	report(true)
	r.backs(cookie, "0")
	report(false)
	elsewhere("unhealthy")
	report(true)
	r.backs(cookie, "0")
	h.Served(false, 1, time.Hour)
	until(t, "the target is ejected", func() bool { return !h.View().Ejected.IsZero() })
	until(t, "picks know it", func() bool { body, _ := r.ask(cookie); return body == "1" })
	elsewhere("ejected")
	h.SetEjects(false)
	r.publish()
	r.backs(cookie, "0")
	all := r.pool.Targets
	r.pool.Targets = map[string]spec.PoolTarget{"t1": all["t1"]}
	r.publish()
	elsewhere("gone")
	r.pool.Targets = map[string]spec.PoolTarget{"other": all["t0"], "t1": all["t1"]}
	r.publish()
	r.backs(cookie, "0")
	// A target of weight 0 gets nobody new, and keeps its clients.
	zero := all["t0"]
	zero.Weight = 0
	r.pool.Targets = map[string]spec.PoolTarget{"other": zero, "t1": all["t1"]}
	r.publish()
	r.backs(cookie, "0")
	for range 4 {
		if body, _ := r.ask(""); body != "1" {
			t.Error("a new client came to the target of weight 0")
		}
	}
}

// TestPoolsOfOneHost: a client that alternates between pools stays with its target of each, by one cookie.
func TestPoolsOfOneHost(t *testing.T) {
	r := newRig(t, func(r *rig) {
		sticky(r)
		pool := spec.Pools.New().(*spec.Pool)
		pool.Name, pool.Targets = "others", map[string]spec.PoolTarget{}
		for i, a := range named(t, 2) {
			port := int(a.Port())
			pool.Targets[fmt.Sprint(i)] = spec.PoolTarget{Address: "127.0.0.1", Port: &port, Weight: 1}
		}
		r.more = append(r.more, pool)
		r.rules = append(r.rules, &spec.Rule{Name: "other", Listener: "web", Pool: new("others"), Setting: new("plain"), Match: &spec.Match{Paths: []string{"/other"}}})
	}, named(t, 2)...)
	p := r.dial()
	jar, bodies := "a=b", map[string]string{}
	for i := range 20 {
		path := []string{"/", "/other"}[i%2]
		p.send("GET " + path + " HTTP/1.1\r\nHost: a\r\nCookie: " + jar + "\r\n\r\n")
		_, header, body := p.answer("GET")
		set := header.Values("Set-Cookie")
		switch {
		case i < 2 && len(set) == 1:
			jar, _, _ = strings.Cut(set[0], ";")
			bodies[path] = body
		case i < 2 || len(set) != 0 || body != bodies[path]:
			t.Fatalf("request %d to %s: came to %s, before to %s, and got the cookies %q", i, path, body, bodies[path], set)
		}
	}
}

// TestRewritesLeaveTheCookie: what a rewrite deletes is the backend's, in the head of a 101 too.
func TestRewritesLeaveTheCookie(t *testing.T) {
	theirs := "\r\nSet-Cookie: a=b\r\n"
	plain := answering(t, strings.Replace(ok("x"), "\r\n", theirs, 1))
	upgrades := newServer(t, func(p *peer) {
		if _, _, alive := p.message(); alive {
			p.send(strings.Replace(switching, "\r\n", theirs, 1))
			p.gone()
		}
	})
	for target, c := range map[*server]struct {
		send   string
		status int
	}{plain: {get, 200}, upgrades: {wsRequest, 101}} {
		r := newRig(t, func(r *rig) {
			sticky(r)
			r.rewriting("w", `{"response_headers":{"Set-Cookie":{"delete":true}}}`)
		}, target.addr)
		p := r.dial()
		p.send(c.send)
		status, header, _ := p.answer("GET")
		p.Close()
		if set := header.Values("Set-Cookie"); status != c.status || len(set) != 1 || !strings.HasPrefix(set[0], "Stick=") {
			t.Errorf("got %d and the cookies %q, want %d and the gateway's", status, set, c.status)
		}
	}
}

// TestSharesOfASplit: the draw comes before the cookie, which brings a client back to its target of each share's pool.
func TestSharesOfASplit(t *testing.T) {
	r := newRig(t, func(r *rig) {
		sticky(r)
		other := *r.pool
		other.Name, other.Targets = "canary", map[string]spec.PoolTarget{}
		for i, body := range []string{"2", "3"} {
			port := int(answering(t, ok(body)).addr.Port())
			other.Targets[fmt.Sprint(i)] = spec.PoolTarget{Address: "127.0.0.1", Port: &port, Weight: 1}
		}
		r.more = append(r.more, &other)
		o := r.rules[0]
		o.Pool, o.Setting = nil, nil
		o.Split = map[string]spec.Share{"a": {Pool: "apps", Setting: "plain", Weight: 1}, "b": {Pool: "canary", Setting: "plain", Weight: 1}}
	}, named(t, 2)...)
	_, cookie := r.client()
	seen, fresh := map[string]bool{}, 0
	for range 100 { // Always the same share is chance less than once in 10^29.
		body, set := r.ask(cookie)
		if seen[body] = true; len(set) > 0 {
			cookie, _, _ = strings.Cut(set[0], ";")
			fresh++
		}
	}
	if len(seen) != 2 || seen["0"] == seen["1"] || seen["2"] == seen["3"] || fresh != 1 {
		t.Errorf("came to %v with %d fresh cookies, want one target of each pool and one cookie", seen, fresh)
	}
}

// TestWebSocketsComeBack: the 101 carries the cookie, and a reconnect with it finds the same target.
func TestWebSocketsComeBack(t *testing.T) {
	switches := func(p *peer) {
		if _, _, alive := p.message(); alive {
			p.send(strings.Replace(switching, "\r\n", "\r\nX-At: "+p.LocalAddr().String()+"\r\n", 1))
			p.gone()
		}
	}
	r := newRig(t, sticky, newServer(t, switches).addr, newServer(t, switches).addr)
	connect := func(cookie string) http.Header {
		p := r.dial()
		p.send(strings.Replace(wsRequest, "\r\n", "\r\nCookie: "+cookie+"\r\n", 1))
		status, header, _ := p.answer("GET")
		if status != 101 {
			t.Fatalf("got %d", status)
		}
		p.Close()
		return header
	}
	first := connect("a=b")
	cookie, _, _ := strings.Cut(first.Get("Set-Cookie"), ";")
	for range 5 {
		if h := connect(cookie); h.Get("X-At") != first.Get("X-At") || h.Get("Set-Cookie") != "" {
			t.Errorf("came to %s and got %q, was at %s", h.Get("X-At"), h.Get("Set-Cookie"), first.Get("X-At"))
		}
	}
}

// TestWithoutAffinity nothing is read or set, whatever a client sends.
func TestWithoutAffinity(t *testing.T) {
	r := newRig(t, sticky, named(t, 2)...)
	cookie := r.clientOf("0")
	r.setting.Affinity = nil
	r.publish()
	seen := map[string]bool{}
	for range 2 {
		body, set := r.ask(cookie)
		if seen[body] = true; len(set) != 0 {
			t.Errorf("got the cookies %q", set)
		}
	}
	if len(seen) != 2 {
		t.Error("the client came back without affinity")
	}
}

// TestAffinityOfOtherSites: over TLS a client gets the cookie twice, once for requests from other sites, and either of them
// brings it back.
func TestAffinityOfOtherSites(t *testing.T) {
	r := newRig(t, func(r *rig) { sticky(r); r.https() }, named(t, 3)...)
	body, set := r.ask("")
	if len(set) != 2 {
		t.Fatalf("the cookies %q were set", set)
	}
	twin, own := set[0], set[1]
	if !strings.HasPrefix(own, "Stick=") || strings.Contains(own, "SameSite") || !strings.HasPrefix(twin, "StickCORS=") || !strings.HasSuffix(twin, "; SameSite=None; Secure") {
		t.Errorf("the cookies %q were set", set)
	}
	for _, cookie := range []string{own, twin, own + "; " + twin} {
		for range 10 {
			if again, set := r.ask(strings.ReplaceAll(cookie, "; Path=/; HttpOnly", "")); again != body || len(set) != 0 {
				t.Fatalf("with %q the client came to %s and got %q, want %s", cookie, again, set, body)
			}
		}
	}
}
