package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/terraform"
)

// disturb begins everything that happens to the gateway. What fails of it is a failure: nobody writes the same object.
func (s *soak) disturb(ctx context.Context) {
	for _, d := range []struct {
		name  string
		every time.Duration
		do    func(ctx context.Context, n int) error
	}{
		{"write", 50 * time.Millisecond, s.write},
		{"rotate the certificate", time.Second, s.rotate},
		{"kill a backend", 3 * time.Second, s.kill},
		{"remove a target", 3 * time.Second, s.move},
		{"apply", 10 * time.Second, s.apply},
	} {
		s.work.Go(func() {
			for n := 0; pause(ctx, d.every); n++ {
				// What was begun is finished.
				if err := d.do(context.WithoutCancel(ctx), n); err != nil {
					s.fail("%s: %v", d.name, err)
				}
			}
		})
	}
}

// pause waits; false means that it is over.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// write changes one thing or another that concerns no open connection: other objects, equal writes, terms of later ones.
func (s *soak) write(ctx context.Context, n int) (err error) {
	round := n / 8
	switch n % 8 {
	case 0:
		_, err = s.client.Create(ctx, spec.Rules, extra("extra"), "")
	case 1:
		_, err = s.client.Update(ctx, spec.Rules, "extra", extra("renamed"), 0, "")
	case 2:
		_, err = s.client.Update(ctx, spec.Pools, steady, s.pool(steady, true), 0, "")
	case 3:
		setting := setting()
		setting.RequestTimeout = spec.Duration(fmt.Sprintf("%ds", 60+round%10))
		_, err = s.client.Update(ctx, spec.Settings, setting.Name, setting, 0, "")
	case 4:
		_, err = s.client.Delete(ctx, spec.Rules, "renamed", 0, "")
	case 5:
		probe := probe()
		probe.UnhealthyThreshold = 2 + round%2
		_, err = s.client.Update(ctx, spec.Probes, probe.Name, probe, 0, "")
	case 6:
		l := listener("plain", s.plain)
		l.HeaderTimeout = spec.Duration(fmt.Sprintf("%ds", 60+round%10))
		_, err = s.client.Update(ctx, spec.Listeners, l.Name, l, 0, "")
	case 7:
		pool := s.pool(steady, true)
		pool.Name = fmt.Sprintf("other-%d", round)
		if _, err = s.client.Create(ctx, spec.Pools, pool, ""); err == nil {
			_, err = s.client.Delete(ctx, spec.Pools, pool.Name, 0, "")
		}
	}
	s.counts.writes.Add(1)
	return err
}

// extra is a rule for a host that nobody asks for.
func extra(name string) *spec.Rule {
	r := rule(name, "plain", steady)
	r.Match.Hostnames = []string{"extra.test"}
	return r
}

// rotate gives the listener another certificate, which the next client is to see.
func (s *soak) rotate(ctx context.Context, _ int) error {
	c := certificate()
	if _, err := s.client.Update(ctx, spec.Certificates, c.Name, c, 0, ""); err != nil {
		return err
	}
	s.counts.writes.Add(1)
	conn, err := (&tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}).DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", s.secure))
	if err != nil {
		return err
	}
	defer conn.Close()
	leaf, _ := pem.Decode([]byte(*c.CertificatePEM))
	if shown := conn.(*tls.Conn).ConnectionState().PeerCertificates; !bytes.Equal(shown[0].Raw, leaf.Bytes) {
		return fmt.Errorf("another certificate is shown than the one of the last write")
	}
	return nil
}

// kill ends a backend with all that is open on it, and starts it again.
func (s *soak) kill(ctx context.Context, _ int) error {
	over := s.history.begin(victim)
	defer over()
	s.stopBackend(victim)
	s.counts.kills.Add(1)
	time.Sleep(1500 * time.Millisecond)
	return until(ctx, "the backend listens again", func() error { return s.startBackend(victim) })
}

// move takes a target out of its pool, waits until nothing is open on it any more, and puts it back.
func (s *soak) move(ctx context.Context, _ int) error {
	over := s.history.begin(mover)
	defer over()
	if _, err := s.client.Update(ctx, spec.Pools, moved, s.pool(moved, false), 0, ""); err != nil {
		return err
	}
	s.counts.removals.Add(1)
	began := time.Now()
	if err := until(ctx, "the removed target is drained", func() error {
		h, err := s.client.PoolHealth(ctx, moved)
		if err == nil && len(h.Pools[moved].Draining) > 0 {
			err = fmt.Errorf("still there: %+v", h.Pools[moved].Draining)
		}
		return err
	}); err != nil {
		return err
	}
	if took := time.Since(began); took > drainTime+tell {
		return fmt.Errorf("its drain took %s of %s", took.Round(time.Millisecond), drainTime)
	}
	_, err := s.client.Update(ctx, spec.Pools, moved, s.pool(moved, true), 0, "")
	s.counts.writes.Add(2)
	return err
}

const applied = `terraform {
  required_providers {
    gatewayd = {
      source = "gatewayd/gatewayd"
    }
  }
}

variable "n" {
  type = number
}

resource "gatewayd_pool" "applied" {
  name    = "applied"
  targets = { one = { address = "127.0.0.1", port = 9, weight = var.n } }
}

resource "gatewayd_setting" "applied" {
  name    = var.n %% 2 == 0 ? "applied" : "renamed-by-apply"
  retries = var.n %% 5
}

resource "gatewayd_rule" "applied" {
  count    = 1 + var.n %% 3
  name     = "applied-${count.index}"
  listener = %q
  match    = { hostnames = ["applied-${count.index}.test"] }
  pool     = gatewayd_pool.applied.name
  setting  = gatewayd_setting.applied.name
}
`

// apply has Terraform change objects of its own.
func (s *soak) apply(ctx context.Context, n int) error {
	if s.terraform == "" {
		return nil
	}
	dir := filepath.Join(s.dir, "applied")
	config := filepath.Join(s.dir, "terraform.rc")
	if n == 0 {
		provider := fmt.Sprintf("provider_installation {\n  dev_overrides {\n    \"gatewayd/gatewayd\" = %q\n  }\n  direct {}\n}\n", s.binaries)
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(config, []byte(provider), 0o600); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "main.tf"), fmt.Appendf(nil, applied, "plain"), 0o600); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, s.terraform, "-chdir="+dir, "apply", "-auto-approve", "-no-color", "-input=false", fmt.Sprintf("-var=n=%d", n%100+1))
	c.Env = append(terraform.Environment(config), "GATEWAYD_ENDPOINTS=http://"+s.gateway.Admin, "GATEWAYD_TOKEN_FILE="+s.tokenFile())
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	s.counts.applies.Add(1)
	return nil
}

// emptied waits until nothing is left of what went through the gateway.
func (s *soak) emptied(ctx context.Context) error {
	for name := range s.ports {
		s.stopBackend(name) // So that no connection to one is kept for later.
	}
	s.client.Close()
	var now sample
	err := until(ctx, "nothing is left", func() (err error) {
		if now, err = s.sample(); err != nil {
			return err
		}
		return now.above(s.start)
	})
	if err != nil && now.time != 0 {
		s.fail("at the end: %v", err)
		err = nil
	}
	s.samples = append(s.samples, now)
	return err
}
