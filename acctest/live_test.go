package acctest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/gatewaytest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

const (
	tunnels       = 200
	secureTunnels = 40 // of them
	applies       = 4
	writes        = 280
)

// TestUnrelatedChangesEndNothing: 200 WebSockets and steady requests go through 280 writes of other objects and applies
// that add, change, rename and remove rules, pools, listeners, settings and probes around them, renew the certificate and
// rename what they use, and one that changes nothing. No WebSocket ends, no request fails, no plan warns, and the health of
// the targets is that of before. Then one apply takes a target away, which ends exactly its own.
func TestUnrelatedChangesEndNothing(t *testing.T) {
	s := newStage(t)
	port, secure := s.port("port"), s.port("secure")
	blue, green := s.backend("blue"), s.backend("green")
	var requests *load
	var talks []*talk
	var health map[string]api.TargetHealth
	bystander := &bystander{stage: s, port: port}

	s.variables["authority"], s.variables["enrolled"] = certtest.Sample(9).Certificate, true
	apply := func(n int, more ...func(*resource.TestStep)) resource.TestStep {
		s.variables["n"], s.variables["certificate"], s.variables["key"] = n, certtest.Sample(20+n).Certificate, certtest.Sample(20+n).Key
		return s.step("live", more...)
	}
	steps := []resource.TestStep{apply(0, after(func() {
		s.healthy("chat", "chat", "blue", "target/chat")
		s.healthy("secure-0", "secure-0", "blue")
		health = s.health("chat", "chat")
		requests = startLoad(t, port)
		for i := range tunnels - secureTunnels {
			talks = append(talks, startTalk(t, port, fmt.Sprintf("/%d", i), 500*time.Millisecond))
		}
		for range secureTunnels {
			talks = append(talks, talkOn(t, proven(t, secure, 20), 500*time.Millisecond))
		}
		s.witness.forget()
	}))}
	for n := 1; n <= applies; n++ {
		steps = append(steps, apply(n, before(func() { bystander.write(writes / applies) }), after(func() {
			requests.wait(20)
			_ = proven(t, secure, 20+n).Close()
		})))
	}
	steps = append(steps, apply(applies, planned(plancheck.ExpectEmptyPlan()), after(func() {
		s.nothingEnded(talks, blue.Upgrades()+green.Upgrades()-applies)
		for key, now := range s.health("chat", "chat") {
			if now.State != api.Healthy || now.Since != health[key].Since {
				t.Errorf("the health of %s was %+v and is %+v", key, health[key], now)
			}
		}
		bystander.leave()
	})))
	s.variables["enrolled"] = false
	steps = append(steps, apply(applies, before(func() { hush("green", talks) }), planned(actions(map[string]string{"gatewayd_target.chat[0]": "delete"})), after(func() {
		if err := s.witness.find("plan", "", `Mind target "chat"`, "requests and WebSockets that are open now, within 10s"); err != nil {
			t.Error(err)
		}
		s.onlyEnded("green", talks)
		requests.wait(20)
		requests.end()
	})))
	s.run(steps...)
}

// proven opens a WebSocket to a listener that shows a sample of a certificate.
func proven(tb testing.TB, port, sample int) *gatewaytest.Socket {
	tb.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(certtest.Sample(sample).Leaf)
	socket, err := gatewaytest.DialTLS(tb.Context(), gatewaytest.URL("wss", port, "/"), nil, &tls.Config{RootCAs: roots, ServerName: fmt.Sprintf("h%d.example", sample)})
	if err != nil {
		tb.Fatal(err)
	}
	return socket
}

// nothingEnded wants all WebSockets to talk on, as many as ever came to the backends, and no plan to have warned.
func (s *stage) nothingEnded(talks []*talk, upgrades int64) {
	s.Helper()
	said := make([]int64, len(talks))
	for i, talk := range talks {
		said[i] = talk.said.Load()
	}
	for i, talk := range talks {
		talk.beyond(s, said[i], fmt.Sprintf("number %d", i))
	}
	if upgrades != tunnels {
		s.Errorf("want %d WebSockets at the backends in all, got %d", tunnels, upgrades)
	}
	s.open(tunnels)
	for _, r := range s.witness.remarks("plan") {
		if strings.Contains(r.detail, "ends ") {
			s.Errorf("a change that ends nothing is warned of: %v", r)
		}
	}
}

// open wants the gateway to count so many WebSockets.
func (s *stage) open(want int) {
	s.Helper()
	eventually(s, fmt.Sprintf("the gateway counts %d WebSockets", want), func() bool {
		status, err := s.gateway.Client().Status(s.Context())
		return err == nil && status.Activity.Tunnels == int64(want)
	})
}

// hush has the WebSockets to a backend listen alone, so that they hear a Close when it comes.
func hush(backend string, talks []*talk) {
	for _, talk := range talks {
		if talk.socket.Backend == backend {
			talk.listen()
		}
	}
}

// onlyEnded wants the WebSockets to a backend ended by Close 1001, and all others to talk on until they say good-bye.
func (s *stage) onlyEnded(backend string, talks []*talk) {
	s.Helper()
	left := 0
	for i, talk := range talks {
		if talk.socket.Backend == backend {
			talk.closed(s, websocket.CloseGoingAway)
			continue
		}
		left++
		talk.alive(s, fmt.Sprintf("number %d", i))
	}
	if left == 0 || left == len(talks) {
		s.Errorf("%d of %d WebSockets are left", left, len(talks))
	}
	s.open(left)
	for i, talk := range talks {
		if talk.socket.Backend != backend {
			talk.end(s, fmt.Sprintf("number %d", i))
		}
	}
}

// A bystander writes objects that are none of Terraform's, and equal objects over those in use.
type bystander struct {
	*stage
	port, n int
}

// write makes n writes: new objects of every kind, other content, new names, equal content, deletions.
func (b *bystander) write(n int) {
	b.Helper()
	for range n {
		if err := b.next(); err != nil {
			b.Fatalf("write %d: %v", b.n, err)
		}
		b.n++
	}
}

func (b *bystander) next() error {
	c, ctx := b.gateway.Client(), b.Context()
	// Four rounds make an object of each kind, change them, rename them and delete them again. In each, as many writes
	// change nothing.
	kinds := spec.Kinds()
	kind := kinds[b.n%len(kinds)]
	name := fmt.Sprintf("by-%s", kind)
	if b.n/len(kinds)%2 == 1 {
		return b.equal(ctx, kind)
	}
	switch b.n / (2 * len(kinds)) % 4 {
	case 0:
		_, err := c.Create(ctx, kind, b.object(kind, name, 1), "")
		return err
	case 1:
		_, err := c.Update(ctx, kind, name, b.object(kind, name, 2), 0, "")
		return err
	case 2:
		_, err := c.Update(ctx, kind, name, b.object(kind, name+"-renamed", 2), 0, "")
		return err
	}
	_, err := c.Delete(ctx, kind, name+"-renamed", 0, "")
	return err
}

// equal writes an object that is in use as it is.
func (b *bystander) equal(ctx context.Context, kind *spec.Kind) error {
	o, meta, err := b.gateway.Client().Get(ctx, kind, "chat", "")
	if err != nil {
		return err
	}
	again, err := b.gateway.Client().Update(ctx, kind, "chat", o, 0, "")
	if err == nil && again.Revision != meta.Revision {
		err = fmt.Errorf("an equal write of %s moved its revision from %d to %d", kind, meta.Revision, again.Revision)
	}
	return err
}

// object is one of a kind on the listener and port in use, beside what uses them.
func (b *bystander) object(kind *spec.Kind, name string, n int) spec.Object {
	o := kind.New()
	switch o := o.(type) {
	case *spec.Listener:
		o.Name, o.Address, o.Port, o.Hostnames = name, "127.0.0.1", b.port, []string{fmt.Sprintf("by%d.example", n)}
	case *spec.Pool:
		port := 9
		o.Name, o.Targets = name, map[string]spec.PoolTarget{"a": {Address: fmt.Sprintf("127.0.0.%d", n), Port: &port, Weight: n}}
	case *spec.Target:
		o.Name, o.Pool, o.Address = name, "other-0", fmt.Sprintf("127.0.1.%d", n)
	case *spec.Certificate:
		o.Name, o.CertificatePEM, o.PrivateKeyPEM = name, &certtest.Sample(n).Certificate, &certtest.Sample(n).Key
	case *spec.CABundle:
		o.Name, o.PEM = name, certtest.Sample(n).Certificate
	case *spec.Probe:
		o.Name, o.UnhealthyThreshold = name, n
	case *spec.Setting:
		o.Name, o.Retries = name, n
	case *spec.Rewrite:
		value := fmt.Sprintf("by %d", n)
		o.Name, o.Steps = name, []spec.RewriteStep{{RequestHeaders: map[string]spec.RewriteHeader{"X-By": {Value: &value}}}}
	case *spec.Rule:
		o.Name, o.Listener, o.Pool, o.Setting, o.Priority = name, "chat", new("other-0"), new("chat"), &n
		o.Match = &spec.Match{Paths: []string{fmt.Sprintf("/by/%d", n)}}
	}
	return o
}

// leave deletes what is left.
func (b *bystander) leave() {
	b.Helper()
	for b.n%(8*len(spec.Kinds())) != 0 {
		b.write(1)
	}
}

// health is that of a pool's targets under a setting.
func (s *stage) health(pool, setting string) map[string]api.TargetHealth {
	s.Helper()
	all, err := s.gateway.Client().Health(s.Context())
	if err != nil {
		s.Error(err)
		return nil
	}
	return all.Pools[pool].Settings[setting].Targets
}

// draining are those of a pool that get nothing new.
func (s *stage) draining(pool string) []api.DrainingTarget {
	s.Helper()
	all, err := s.gateway.Client().Health(s.Context())
	if err != nil {
		s.Error(err)
		return nil
	}
	return all.Pools[pool].Draining
}
