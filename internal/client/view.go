package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
)

// Health reads what is known of every target.
func (c *Client) Health(ctx context.Context) (*api.Health, error) { return c.health(ctx, nil) }

// PoolHealth reads what is known of the targets of one pool, the last results of their probes included.
func (c *Client) PoolHealth(ctx context.Context, pool string) (*api.Health, error) {
	return c.health(ctx, url.Values{api.ParamPool: {pool}})
}

func (c *Client) health(ctx context.Context, query url.Values) (*api.Health, error) {
	var health api.Health
	if _, err := c.read(ctx, api.PathHealth, query, &health); err != nil {
		return nil, err
	}
	return &health, nil
}

// Explain asks what would become of a request.
func (c *Client) Explain(ctx context.Context, q api.Question) (*api.Explanation, error) {
	var e api.Explanation
	if _, err := c.read(ctx, api.PathExplain, q.Values(), &e); err != nil {
		return nil, err
	}
	return &e, nil
}

// Status reads the state of the gateway as a whole.
func (c *Client) Status(ctx context.Context) (*api.Status, error) {
	var status api.Status
	if _, err := c.read(ctx, api.PathStatus, nil, &status); err != nil {
		return nil, err
	}
	return &status, nil
}

// Tunnels reads a page of the open tunnels.
func (c *Client) Tunnels(ctx context.Context, q api.TunnelQuery) (*api.Tunnels, error) {
	var tunnels api.Tunnels
	if _, err := c.read(ctx, api.PathTunnels, q.Values(), &tunnels); err != nil {
		return nil, err
	}
	return &tunnels, nil
}

// CloseTunnels ends tunnels, or with dryRun says what that would do. It is not repeated when an answer is lost, for a second
// one would count what is left.
func (c *Client) CloseTunnels(ctx context.Context, which api.TunnelClose, dryRun bool) (*api.TunnelsClosed, error) {
	body, err := json.Marshal(which)
	if err != nil {
		return nil, fmt.Errorf("unable to encode what to close: %w", err)
	}
	r := request{method: http.MethodPost, path: api.PathClose, body: body, safe: dryRun}
	if dryRun {
		r.query = url.Values{api.ParamDryRun: {"true"}}
	}
	a, err := c.do(ctx, r)
	if err != nil {
		return nil, err
	}
	var closed api.TunnelsClosed
	if err := json.Unmarshal(a.body, &closed); err != nil {
		return nil, fmt.Errorf("the answer to POST %s is not the JSON that was expected: %w", api.PathClose, err)
	}
	return &closed, nil
}

// Drains reads what the change that made a revision of the configuration ended, and how far that is. now is what the
// gateway's clock said when it answered, to the second, for the deadlines are by that clock; it is ours where the answer
// has no time. A gateway that knows nothing of drains, or not of this revision, answers 404.
func (c *Client) Drains(ctx context.Context, revision uint64) (drains *api.Drains, now time.Time, err error) {
	drains = &api.Drains{}
	a, err := c.read(ctx, api.PathDrains+"/"+strconv.FormatUint(revision, 10), nil, drains)
	if err != nil {
		return nil, time.Time{}, err
	}
	now, err = http.ParseTime(a.header.Get("Date"))
	if err != nil {
		now = time.Now()
	}
	return drains, now, nil
}
