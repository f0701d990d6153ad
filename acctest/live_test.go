package acctest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

const (
	tunnels = 200
	applies = 5
	writes  = 280
)

// TestUnrelatedChangesEndNothing: 200 WebSockets and steady requests go through 280 writes of other objects and five
// applies. No WebSocket ends, no request fails, and the health of the targets is that of before.
func TestUnrelatedChangesEndNothing(t *testing.T) {
	s := newStage(t)
	port := s.port("port")
	s.port("secure")
	blue, green := s.backend("blue"), s.backend("green")
	var requests *load
	var talks []*talk
	var health map[string]api.TargetHealth
	bystander := &bystander{stage: s, port: port}

	s.variables["n"], s.variables["authority"] = 0, certtest.Sample(9).Certificate
	s.variables["key"] = certtest.Sample(9).Key
	steps := []resource.TestStep{s.step("live", after(func() {
		s.healthy("chat", "chat", "blue", "target/chat")
		health = s.health("chat", "chat")
		requests = startLoad(t, port)
		for i := range tunnels {
			talks = append(talks, startTalk(t, port, fmt.Sprintf("/%d", i), 500*time.Millisecond))
		}
	}))}
	for n := 1; n <= applies; n++ {
		s.variables["n"] = n
		steps = append(steps, s.step("live", before(func() { bystander.write(writes / applies) }), after(func() { requests.wait(20) })))
	}
	steps[applies].PostApplyFunc = func() {
		said := make([]int64, tunnels)
		for i, talk := range talks {
			said[i] = talk.said.Load()
		}
		for i, talk := range talks {
			talk.beyond(t, said[i], fmt.Sprintf("number %d", i))
		}
		if n := blue.Upgrades() + green.Upgrades(); n != tunnels {
			t.Errorf("want %d WebSockets at the backends in all, got %d", tunnels, n)
		}
		status, err := s.gateway.Client().Status(t.Context())
		if err != nil || status.Activity.Tunnels != tunnels {
			t.Errorf("want %d open WebSockets, got %+v and %v", tunnels, status, err)
		}
		for key, now := range s.health("chat", "chat") {
			if now.State != api.Healthy || now.Since != health[key].Since {
				t.Errorf("the health of %s was %+v and is %+v", key, health[key], now)
			}
		}
		requests.end()
		for i, talk := range talks {
			talk.end(t, fmt.Sprintf("number %d", i))
		}
		bystander.leave()
	}
	s.run(steps...)
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
