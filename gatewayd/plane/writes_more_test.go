package plane

import (
	"strconv"
	"strings"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/client"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

func portOf(p place) string {
	_, port, _ := strings.Cut(p.address, ":")
	return port
}

func atoi(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

func (w *writer) pools() {
	for _, algorithm := range []string{spec.LeastConnections, spec.PowerOfTwo, spec.SourceHash, spec.HeaderHash} {
		trial(w, "plain", func(o *spec.Pool) {
			if o.Algorithm = algorithm; algorithm == spec.HeaderHash {
				o.HashHeader = new("Number")
			}
		})
	}
	trial(w, "plain", func(o *spec.Pool) { o.SlowStart, o.FailOpen = "1s", true })
	// Nobody answers there, so that no request is there when it leaves again.
	trial(w, "plain", func(o *spec.Pool) {
		o.Targets["other"] = spec.PoolTarget{Address: "127.0.0.1", Port: new(9), Weight: 5}
	})
	for _, weight := range []int{0, 7} {
		trial(w, "plain", func(o *spec.Pool) {
			t := o.Targets["blue"]
			t.Weight = weight
			o.Targets["blue"] = t
		})
	}
	trial(w, "plain", func(o *spec.Pool) {
		o.Targets["azure"] = o.Targets["blue"]
		delete(o.Targets, "blue")
	})
}

func (w *writer) targets() {
	trial(w, "own", func(o *spec.Target) { o.Weight = 3 })
	was, _ := w.read(spec.Pools, "plain")
	o, _ := w.read(spec.Pools, "plain")
	without := o.(*spec.Pool)
	blue := without.Targets["blue"]
	delete(without.Targets, "blue")
	own := &spec.Target{Name: "blue", Pool: "plain", Address: blue.Address, Port: blue.Port, Weight: 1}
	w.changes(client.Put("plain", without), client.Put("blue", own))
	w.changes(api.Change{Kind: "target", Name: "blue", Delete: true}, client.Put("plain", was))
}

func (w *writer) settings() {
	for _, change := range []func(o *spec.Setting){
		func(o *spec.Setting) { o.Host, o.PathPrefix = new("inside.example:81"), new("/v2/") },
		func(o *spec.Setting) { o.HostFromTarget = true },
		func(o *spec.Setting) {
			o.ConnectTimeout, o.RequestTimeout, o.StreamIdleTimeout, o.WriteTimeout = "5s", "30s", "30s", "30s"
		},
		func(o *spec.Setting) { o.DrainTimeout, o.CloseSpread = "1h", new(spec.Duration("1m")) },
		func(o *spec.Setting) { o.Retries, o.MaxConnections = 2, 100000 },
		func(o *spec.Setting) { o.KeepAlive = spec.KeepAlive{IdleTimeout: "1s", MaxIdle: 3} },
		func(o *spec.Setting) { o.Affinity = &spec.Affinity{CookieName: "Stays"} },
		func(o *spec.Setting) { o.Eject = &spec.Eject{Failures: 1000, For: "100ms"} },
		func(o *spec.Setting) { o.OnUnhealthy = spec.Close },
	} {
		trial(w, "plain", change)
	}
	for _, change := range []func(o *spec.Setting){
		// Each of them would end what is open at once, or let nothing in, had it not begun before.
		func(o *spec.Setting) {
			o.WebSocket = spec.WebSocket{IdleTimeout: "1ms", MaxLifetime: "1ms", MaxMessageBytes: 1, AllowedOrigins: []string{"https://elsewhere.example"}}
		},
		func(o *spec.Setting) { o.MaxConnections, o.WriteTimeout = 1, "1s" },
		func(o *spec.Setting) {
			o.Protocol, o.TLS = spec.HTTPS, &spec.TLSOut{Verify: true, CABundles: []string{"inner"}}
		},
		func(o *spec.Setting) { o.SendProxyProtocol, o.SourceAddresses = true, []string{"127.0.0.3"} },
		func(o *spec.Setting) { o.Port, o.Probe = new(9), nil },
	} {
		trial(w, "roams", change)
	}
	trial(w, "over", func(o *spec.Setting) { o.TLS.Verify, o.TLS.CABundles, o.TLS.ClientCertificate = false, nil, nil })
}

func (w *writer) probes() {
	for _, change := range []func(o *spec.Probe){
		func(o *spec.Probe) { o.Path = "/other?than=before" },
		func(o *spec.Probe) { o.Interval, o.Timeout = "24h", "20s" },
		func(o *spec.Probe) { o.UnhealthyThreshold, o.HealthyThreshold = 20, 20 },
		func(o *spec.Probe) { o.Host = new("inside.example") },
		func(o *spec.Probe) { o.HostFromSetting = true },
		func(o *spec.Probe) { o.Match.Statuses = []string{"200"} },
	} {
		trial(w, "up", change)
	}
}

func (w *writer) rewrites() {
	for _, value := range []string{"{var_host}", "x"} {
		trial(w, "head", func(o *spec.Rewrite) {
			o.Steps = append(o.Steps, spec.RewriteStep{
				RequestHeaders:  map[string]spec.RewriteHeader{"X-More": {Value: &value}},
				ResponseHeaders: map[string]spec.RewriteResponseHeader{"X-More": {Value: &value}},
			})
		})
	}
	trial(w, "head", func(o *spec.Rewrite) { o.Steps = []spec.RewriteStep{} })
}

func (w *writer) certificates() {
	renew := func(name string, n int) {
		p := certtest.Sample(n)
		w.put(name, &spec.Certificate{Name: name, CertificatePEM: &p.Certificate, PrivateKeyPEM: &p.Key})
	}
	renew("web", 7)
	if w.leaf(w.places["secure"]) != certtest.Sample(7).Certificate {
		w.Error("a new connection is shown the old certificate")
	}
	renew("web", 2)
	renew("client", 7)
	renew("client", 3)
	trial(w, "inner", func(o *spec.CABundle) { o.PEM += certtest.Sample(8).Certificate })
}

func (w *writer) retirements() {
	for _, at := range []struct {
		kind *spec.Kind
		name string
	}{
		{spec.Pools, "plain"}, {spec.Settings, "plain"}, {spec.Probes, "up"}, {spec.Rewrites, "head"}, {spec.Certificates, "web"}, {spec.CABundles, "inner"},
	} {
		o, m := w.read(at.kind, at.name)
		if c, ok := o.(*spec.Certificate); ok { // Who brings it back has the key.
			key := certtest.KeyOf(*c.CertificatePEM)
			c.PrivateKeyPEM = &key
		}
		if holders := w.remove(at.kind, at.name); len(holders) == 0 {
			w.Errorf("nobody holds %s %s", at.kind, at.name)
		}
		// What serves on can be changed around.
		trial(w, "chat", func(o *spec.Rule) { o.Priority = new(5) })
		if outcome := w.create(o); outcome != "revived" {
			w.Errorf("%s %s was %s, not revived", at.kind, at.name, outcome)
		}
		if _, again := w.read(at.kind, at.name); again.ID != m.ID {
			w.Errorf("%s %s came back as another", at.kind, at.name)
		}
	}
}

// names takes an address out of the answer to a DNS name, once: it takes its seconds.
func (w *writer) names() {
	if w.round > 0 {
		return
	}
	w.dns.Set("app.test", 1, "127.0.0.1")
	until(w, "the address has left the answer, with what is open on it", func() bool {
		list := w.plane.Health("").Pools["named"].Draining
		return len(list) == 1 && list[0].Address == "127.0.0.2" && list[0].Open > 0 && list[0].Deadline == ""
	})
	w.goes(w.places["named"], "one")
	w.put("named", func() spec.Object { o, _ := w.read(spec.Pools, "named"); return o }())
}

// unhealthy lets a target fall ill whose setting keeps what is open; it stays so.
func (w *writer) unhealthy() {
	w.sick.set(true)
	until(w, "the target is unhealthy", func() bool {
		return w.plane.Health("").Pools["sick"].Settings["sick"].Targets["sick"].State == api.Unhealthy
	})
	trial(w, "sick", func(o *spec.Setting) { o.Retries = 3 })
}
