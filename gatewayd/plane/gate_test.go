package plane

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"
	"weak"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/admin"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/control"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/store/memory"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/table"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/client"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/dnstest"
)

// A gate is a whole gateway but for its files: the admin API over HTTP, the writer, and a plane that the test can look
// into; with backends behind it.
type gate struct {
	testing.TB
	plane  *Plane
	client *client.Client
	dns    *dnstest.Server
	sick   *sick
	hold   *holding
	places map[string]place // by rule
	free   int              // a port for others
}

// views are those of the API that the test asks for.
type views struct {
	admin.Views
	plane *Plane
}

// Drains implements admin.Views.
func (v views) Drains(revision uint64) (api.Drains, bool) { return v.plane.Drains(revision) }

// Activity implements admin.Views.
func (v views) Activity() api.Activity { return v.plane.Activity() }

// newGate starts a gateway and writes the configuration that the contract is shown by. What would be ended by mistake is
// ended at once: no drain has any time.
func newGate(t testing.TB) *gate {
	t.Helper()
	g := &gate{TB: t, dns: dnstest.New(t), hold: newHolding(), free: lowPort(t)}
	p, err := Start(Config{Loops: 2, DNSServers: []string{g.dns.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	c, err := control.Open(t.Context(), control.Config{Store: memory.Open(), Plane: p})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	const token = "a-token-that-is-long-enough-for-the-contract"
	s := httptest.NewServer(admin.New(admin.Config{Control: c, Views: views{plane: p}, Auth: admin.NewToken(token), Version: "0.0.0-test", Started: time.Now()}))
	t.Cleanup(s.Close)
	if g.client, err = client.New(client.Config{Endpoints: []string{s.URL}, Token: token, RetryMax: -1}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.client.Close)
	g.plane = p
	if _, err := g.client.ReplaceConfig(t.Context(), g.document(), 0, false); err != nil {
		t.Fatal(err)
	}
	return g
}

type fields = map[string]any

// document is the configuration: a rule for each way that tunnels may go.
func (g *gate) document() []byte {
	web, secure, roams := lowPort(g), lowPort(g), lowPort(g)
	blue, green := serveNamed(g, named{"blue", g.hold}, "127.0.0.1:0", nil), serveNamed(g, named{"green", g.hold}, "127.0.0.1:0", nil)
	own, red := serveNamed(g, named{"own", g.hold}, "127.0.0.1:0", nil), serveNamed(g, named{"red", g.hold}, "127.0.0.1:0", nil)
	inner := certtest.Sample(1).TLS()
	over := serveNamed(g, named{"over", g.hold}, "127.0.0.1:0", &inner)
	one := serveNamed(g, named{"one", g.hold}, fmt.Sprintf("127.0.0.1:%d", lowPort(g)), nil)
	two := serveNamed(g, named{"two", g.hold}, fmt.Sprintf("127.0.0.2:%d", one), nil)
	g.dns.Set("app.test", 1, "127.0.0.1", "127.0.0.2")
	g.sick = &sick{}
	ill := serveNamed(g, g.sick.before(named{"sick", g.hold}), "127.0.0.1:0", nil)

	g.places = map[string]place{}
	listener := func(name string, port int, more fields) fields {
		f := fields{"name": name, "address": "127.0.0.1", "port": port, "drain_timeout": "0s"}
		for k, v := range more {
			f[k] = v
		}
		return f
	}
	target := func(port int) fields { return fields{"address": "127.0.0.1", "port": port} }
	pool := func(name string, targets fields) fields { return fields{"name": name, "targets": targets} }
	setting := func(name string, more fields) fields {
		f := fields{"name": name, "probe": "up", "drain_timeout": "0s", "request_timeout": "1h"}
		for k, v := range more {
			f[k] = v
		}
		return f
	}
	rule := func(name, listener string, port int, more fields) fields {
		f := fields{"name": name, "listener": listener}
		p := place{address: fmt.Sprintf("127.0.0.1:%d", port), secure: listener == "secure", host: listener + ".example", path: "/" + name + "/here"}
		if listener == "web" {
			f["match"] = fields{"paths": []string{"/" + name + "/*"}}
		}
		for k, v := range more {
			f[k] = v
		}
		g.places[name] = p
		return f
	}
	document, err := json.Marshal(fields{
		"certificates": []fields{
			{"name": "web", "certificate_pem": certtest.Sample(2).Certificate, "private_key_pem": certtest.Sample(2).Key},
			{"name": "client", "certificate_pem": certtest.Sample(3).Certificate, "private_key_pem": certtest.Sample(3).Key},
		},
		"ca_bundles": []fields{{"name": "inner", "pem": certtest.Sample(1).Certificate}},
		"listeners": []fields{
			listener("web", web, nil), listener("site", web, fields{"hostnames": []string{"site.example"}}),
			listener("secure", secure, fields{"protocol": "https", "certificates": []string{"web"}}), listener("roams", roams, nil),
		},
		"pools": []fields{
			pool("plain", fields{"blue": target(blue), "green": target(green)}), pool("red", fields{"red": target(red)}), pool("over", fields{"over": target(over)}),
			pool("named", fields{"web": fields{"address": "app.test", "port": two}}), pool("sick", fields{"sick": target(ill)}),
		},
		"targets": []fields{{"name": "own", "pool": "plain", "address": "127.0.0.1", "port": own}},
		"probes":  []fields{{"name": "up", "interval": "300ms", "unhealthy_threshold": 5}, {"name": "sick", "interval": "100ms", "unhealthy_threshold": 1}},
		"settings": []fields{
			setting("plain", nil), setting("sick", fields{"probe": "sick"}), setting("roams", nil),
			setting("over", fields{"protocol": "https", "tls": fields{"server_name": "h1.example", "ca_bundles": []string{"inner"}, "client_certificate": "client"}}),
		},
		"rewrites": []fields{{"name": "head", "steps": []fields{{"request_headers": fields{"X-Head": fields{"value": "{var_http_method}"}}}}}},
		"rules": []fields{
			rule("chat", "web", web, fields{"pool": "plain", "setting": "plain"}),
			rule("split", "web", web, fields{"split": fields{"one": fields{"pool": "plain", "setting": "plain"}, "two": fields{"pool": "red", "setting": "plain"}}}),
			rule("written", "web", web, fields{"pool": "plain", "setting": "plain", "rewrite": "head"}),
			rule("over", "web", web, fields{"pool": "over", "setting": "over"}), rule("named", "web", web, fields{"pool": "named", "setting": "plain"}),
			rule("sick", "web", web, fields{"pool": "sick", "setting": "sick"}), rule("site", "site", web, fields{"pool": "red", "setting": "plain"}),
			rule("secure", "secure", secure, fields{"pool": "plain", "setting": "plain"}), rule("roams", "roams", roams, fields{"pool": "plain", "setting": "roams"}),
		},
	})
	if err != nil {
		g.Fatal(err)
	}
	return document
}

// A verdict is what is known of a target under a setting.
type verdict struct {
	health *backend.Health
	status backend.Status
	since  time.Time
}

// verdicts are those of all targets but the one that falls ill and those of a name, by pool, setting and target.
func (g *gate) verdicts() map[string]verdict {
	g.plane.mu.Lock()
	defer g.plane.mu.Unlock()
	all := map[string]verdict{}
	for _, u := range g.plane.serving.pairs {
		if u.pool.Name() == "named" || u.pool.Name() == "sick" || u.setting.Name() == "roams" {
			continue
		}
		for _, m := range u.members {
			v := m.health.View()
			all[u.pool.Name()+"/"+u.setting.Name()+"/"+m.key] = verdict{m.health, v.Status, v.Since}
		}
	}
	return all
}

// tables follows the tables that were published, without holding them.
type tables struct {
	latest weak.Pointer[table.Table]
	before []weak.Pointer[table.Table]
}

// note notes the table that serves now.
func (t *tables) note(p *Plane) {
	if now := weak.Make(p.table.Load()); now != t.latest {
		t.before, t.latest = append(t.before, t.latest), now
	}
}

// left is how many of those that serve no more are in memory.
func (t *tables) left() int {
	runtime.GC()
	n := 0
	for _, p := range t.before {
		if p.Value() != nil {
			n++
		}
	}
	return n
}

// leaf is the certificate that a new connection is shown.
func (g *gate) leaf(p place) string {
	g.Helper()
	c, err := tls.Dial("tcp", p.address, &tls.Config{InsecureSkipVerify: true, ServerName: p.host})
	if err != nil {
		g.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	return certtest.PEM("CERTIFICATE", c.ConnectionState().PeerCertificates[0].Raw)
}
