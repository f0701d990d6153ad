package daemon

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/client"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// TestThousandsEnrolAtOnce: each target by a request of its own, many at a time. All are members when they are answered,
// of two that claim one place exactly one is, and the pool's own ETag is what it was.
func TestThousandsEnrolAtOnce(t *testing.T) {
	dir := t.TempDir()
	d, err := Start(context.Background(), Config{DataDir: dir, Admin: "127.0.0.1:0", Loops: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	c, err := client.New(client.Config{Endpoints: []string{"http://" + d.AdminAddr()}, TokenFile: filepath.Join(dir, "admin.token")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	ctx := context.Background()
	pool, err := create(ctx, c, spec.Pools, `{"name":"p"}`)
	if err != nil {
		t.Fatal(err)
	}
	for kind, text := range map[*spec.Kind]string{
		spec.Probes: `{"name":"rarely","interval":"24h"}`, spec.Listeners: fmt.Sprintf(`{"name":"l","address":"127.0.0.1","port":%d}`, freePort(t)),
	} {
		if _, err := create(ctx, c, kind, text); err != nil {
			t.Fatal(err)
		}
	}
	for _, w := range []struct {
		kind *spec.Kind
		text string
	}{{spec.Settings, `{"name":"s","probe":"rarely"}`}, {spec.Rules, `{"name":"r","listener":"l","pool":"p","setting":"s"}`}} {
		if _, err := create(ctx, c, w.kind, w.text); err != nil {
			t.Fatal(err)
		}
	}
	const n, twins = 3000, 64
	var refused atomic.Int64
	work := make(chan int)
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			for i := range work {
				name, place := fmt.Sprint("t", i), i
				if i >= n {
					name, place = fmt.Sprint("twin", i), i-n // The place of one that enrols as well.
				}
				_, err := create(ctx, c, spec.Targets, fmt.Sprintf(`{"name":%q,"pool":"p","address":"127.9.%d.%d","port":1}`, name, place/250, 1+place%250))
				switch {
				case err == nil:
				case api.IsInvalid(err) && strings.Contains(err.Error(), "address: is the address and port of gatewayd_target"):
					refused.Add(1)
				default:
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
	for i := range n {
		work <- i
		if i < twins {
			work <- n + i
		}
	}
	close(work)
	all.Wait()
	if got := refused.Load(); got != twins {
		t.Errorf("%d of %d twins were refused", got, twins)
	}
	health, err := c.Health(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(health.Pools["p"].Settings["s"].Targets); got != n {
		t.Errorf("%d targets are members, want %d", got, n)
	}
	if _, meta, err := c.Get(ctx, spec.Pools, "p", ""); err != nil || meta.Revision != pool.Revision {
		t.Errorf("the pool is at revision %d, want %d; %v", meta.Revision, pool.Revision, err)
	}
}

func create(ctx context.Context, c *client.Client, kind *spec.Kind, text string) (client.Meta, error) {
	o, problems := spec.Decode(kind, []byte(text))
	if problems != nil {
		return client.Meta{}, problems
	}
	return c.Create(ctx, kind, o, "")
}
