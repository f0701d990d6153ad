package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/certtest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/client"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/gatewaytest"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/terraform"
)

// patience bounds each wait for something to happen.
const patience = 30 * time.Second

// The pools, each with two targets. Nothing happens to those of steady. One of killed is killed over and over, one of moved
// leaves its pool and comes back.
const (
	steady = "steady"
	killed = "killed"
	moved  = "moved"
)

// victim and mover are the targets that something happens to.
const (
	victim = "killed-one"
	mover  = "moved-one"
)

var pools = []string{steady, killed, moved}

// drainTime is how long a removed target's tunnels and requests may go on.
const drainTime = 2 * time.Second

// A stage is the gateway in a process of its own, and its backends in this one.
type stage struct {
	dir       string // temporary
	binaries  string // directory of the two
	terraform string // path of the binary; empty without
	plain     int    // ports of the two listeners
	secure    int
	gateway   *gatewaytest.Process
	client    *client.Client
	token     string

	mu       sync.Mutex
	backends map[string]*gatewaytest.Echo // guarded by mu
	ports    map[string]int               // of the backends; nothing changes once all were started
}

// set starts the backends and the gateway, and configures it.
func (s *stage) set(ctx context.Context, bin string) (err error) {
	if s.binaries, err = filepath.Abs(bin); err != nil {
		return err
	}
	if s.dir, err = os.MkdirTemp("", "gatewayd-soak-"); err != nil {
		return err
	}
	if s.terraform, err = terraform.Find(ctx); err != nil {
		fmt.Println("Nothing will be applied by Terraform:", err)
	}
	s.backends, s.ports = map[string]*gatewaytest.Echo{}, map[string]int{}
	for _, pool := range pools {
		for _, name := range []string{pool + "-one", pool + "-two"} {
			if err := s.startBackend(name); err != nil {
				return err
			}
		}
	}
	ports, err := gatewaytest.FreePorts(3)
	if err != nil {
		return err
	}
	s.plain, s.secure = ports[1], ports[2]
	if s.gateway, err = gatewaytest.StartProcess(ctx, filepath.Join(s.binaries, "gatewayd"), s.dir, ports[0], terraform.Environment("")); err != nil {
		return err
	}
	if s.client, err = client.New(client.Config{Endpoints: []string{"http://" + s.gateway.Admin}, TokenFile: s.tokenFile()}); err != nil {
		return err
	}
	token, err := os.ReadFile(s.tokenFile())
	if err != nil {
		return err
	}
	s.token = string(token)
	return s.configure(ctx)
}

func (s *stage) tokenFile() string { return gatewaytest.TokenFile(s.dir) }

// startBackend starts a backend, the first time at a free port.
func (s *stage) startBackend(name string) error {
	b, err := gatewaytest.NewEcho(name, fmt.Sprintf("127.0.0.1:%d", s.ports[name]))
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.backends[name] = b
	if s.ports[name] == 0 {
		s.ports[name] = int(b.Addr().Port())
	}
	return nil
}

// stopBackend ends a backend without a word to whoever talks to it.
func (s *stage) stopBackend(name string) {
	s.mu.Lock()
	b := s.backends[name]
	delete(s.backends, name)
	s.mu.Unlock()
	if b != nil {
		b.Close()
	}
}

// until waits for something to come about.
func until(ctx context.Context, what string, is func() error) error {
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		err := is()
		if err == nil {
			return nil
		}
		if time.Now().After(end) || ctx.Err() != nil {
			return fmt.Errorf("waited in vain until %s: %w", what, err)
		}
	}
}

// configure makes two listeners, and for each pool a rule, told apart by host name.
func (s *stage) configure(ctx context.Context) error {
	plain, secure := listener("plain", s.plain), listener("secure", s.secure)
	secure.Protocol, secure.Certificates = "https", []string{"shown"}
	objects := []struct {
		kind *spec.Kind
		o    spec.Object
	}{{spec.Certificates, certificate()}, {spec.Listeners, plain}, {spec.Listeners, secure}, {spec.Probes, probe()}, {spec.Settings, setting()}}
	for _, c := range objects {
		if _, err := s.client.Create(ctx, c.kind, c.o, ""); err != nil {
			return err
		}
	}
	for _, name := range pools {
		if _, err := s.client.Create(ctx, spec.Pools, s.pool(name, true), ""); err != nil {
			return err
		}
		for _, l := range []string{"plain", "secure"} {
			if _, err := s.client.Create(ctx, spec.Rules, rule(name+"-"+l, l, name), ""); err != nil {
				return err
			}
		}
	}
	return until(ctx, "every target is healthy", func() error {
		h, err := s.client.Health(ctx)
		if err != nil {
			return err
		}
		for _, name := range pools {
			for key, t := range h.Pools[name].Settings["short"].Targets {
				if t.State != api.Healthy {
					return fmt.Errorf("%s is %s", key, t.State)
				}
			}
		}
		return nil
	})
}

func probe() *spec.Probe {
	p := spec.Probes.New().(*spec.Probe)
	p.Name, p.Path, p.Interval, p.Timeout = "quick", "/health", "500ms", "10s"
	return p
}

func setting() *spec.Setting {
	s := spec.Settings.New().(*spec.Setting)
	s.Name, s.Probe, s.DrainTimeout = "short", new("quick"), spec.Duration(drainTime.String())
	return s
}

func listener(name string, port int) *spec.Listener {
	l := spec.Listeners.New().(*spec.Listener)
	l.Name, l.Address, l.Port = name, "127.0.0.1", port
	l.HeaderTimeout = "60s" // The clients are on the same machine, which may be busy.
	return l
}

// pool has both of its targets, or the second alone.
func (s *stage) pool(name string, both bool) *spec.Pool {
	p := spec.Pools.New().(*spec.Pool)
	p.Name, p.Targets, p.FailOpen = name, map[string]spec.PoolTarget{}, true // A machine that is busy is no reason for a 502.
	for _, key := range []string{name + "-one", name + "-two"} {
		if both || key != name+"-one" {
			p.Targets[key] = spec.PoolTarget{Address: "127.0.0.1", Port: new(s.ports[key]), Weight: 1}
		}
	}
	return p
}

func rule(name, listener, pool string) *spec.Rule {
	r := spec.Rules.New().(*spec.Rule)
	r.Name, r.Listener, r.Pool, r.Setting = name, listener, new(pool), new("short")
	r.Match = &spec.Match{Hostnames: []string{host(pool)}}
	return r
}

func host(pool string) string { return pool + ".test" }

func certificate() *spec.Certificate {
	pair := certtest.New(certtest.Issue{Names: []string{"*.test"}})
	c := spec.Certificates.New().(*spec.Certificate)
	c.Name, c.CertificatePEM, c.PrivateKeyPEM = "shown", &pair.Certificate, &pair.Key
	return c
}

// explain prints the end of the gateway's log.
func (s *stage) explain() {
	fmt.Printf("\nThe last that gatewayd logged:\n\n%s\n", strings.Join(gatewaytest.LastLogged(s.dir), "\n"))
}

// clear ends the gateway and the backends and removes the directory.
func (s *stage) clear() {
	s.gateway.End()
	for name := range s.ports {
		s.stopBackend(name)
	}
	if s.dir != "" {
		if err := os.RemoveAll(s.dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
}
