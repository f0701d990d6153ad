package crud

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/client"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A Leaving tells of a write what it takes out that somebody may still use: of all drains that the write began, those
// that Terraform waits for. It is nil where the write takes nothing out. after is nil where it deletes the object.
type Leaving func(before, after spec.Object) func(api.Drain) bool

// How often the gateway is asked what is left, and how long after the last deadline it is believed that something ends.
const (
	firstPause = 200 * time.Millisecond
	lastPause  = 2 * time.Second
	grace      = 10 * time.Second
)

// settle waits until nothing is open any more of what a write took out. Terraform destroys a target's machine when the
// write has returned, and with it whatever still went to it. revision is that of the configuration which the write made.
//
// The write is done, so what goes wrong here is a warning.
func (r *Resource) settle(ctx context.Context, revision uint64, state tftypes.Value, after spec.Object) diag.Diagnostics {
	before := read(r.kind, state).object
	if !r.gateway.waits || r.leaving == nil || revision == 0 || before == nil {
		return nil
	}
	mine := r.leaving(before, after)
	if mine == nil {
		return nil
	}
	left, err := await(ctx, r.gateway.client, revision, mine)
	if err == nil {
		return nil
	}
	return diag.Diagnostics{diag.NewWarningDiagnostic(fmt.Sprintf("Not everything of %s %q had ended", r.kind, before.Key()), paragraphs(
		capital(err.Error())+".", left.String(),
		"The change itself is made and serves. What is destroyed next may end what is still open."))}
}

// await asks until nothing is left of what is mine. A gateway that does not know drains, or not this one, ends it: the
// one is older than drains, and after a restart of the other nothing is open.
func await(ctx context.Context, c *client.Client, revision uint64, mine func(api.Drain) bool) (left remains, err error) {
	for pause := firstPause; ; pause = min(lastPause, pause*3/2) {
		drains, now, err := c.Drains(ctx, revision)
		switch {
		case ctx.Err() != nil:
			return left, errInterrupted
		case api.ErrorReason(err) == api.UnknownPath, isGone(err):
			return nil, nil
		case err != nil:
			return left, fmt.Errorf("the gateway does not say any more what is open: %w", err)
		}
		left = remaining(drains, mine)
		if len(left) == 0 {
			return nil, nil
		}
		if end := left.deadline(); now.After(end.Add(grace)) {
			return left, fmt.Errorf("their time was over at %s, by the gateway's clock", end.Format(time.RFC3339))
		}
		tflog.Info(ctx, "waiting for what is open to end", map[string]any{"revision": revision, "left": left.String()})
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return left, errInterrupted
		}
	}
}

var errInterrupted = errors.New("terraform was interrupted while it waited")

// A remains is what is still open, by kind and name.
type remains []api.Drain

func remaining(all *api.Drains, mine func(api.Drain) bool) remains {
	return slices.DeleteFunc(slices.Clone(all.Drains), func(d api.Drain) bool { return d.Open <= 0 || !mine(d) })
}

// deadline is the last one; the zero time where a gateway gives none that can be read.
func (r remains) deadline() time.Time {
	var last time.Time
	for _, d := range r {
		if at, err := time.Parse(time.RFC3339, d.Deadline); err == nil && at.After(last) {
			last = at
		}
	}
	return last
}

// String is a line for each.
func (r remains) String() string {
	lines := make([]string, len(r))
	for i, d := range r {
		lines[i] = fmt.Sprintf("%s %q of pool %q at %s: %d open until %s at the latest", d.Kind, d.Name, d.Pool, place(d), d.Open, d.Deadline)
	}
	return strings.Join(lines, "\n")
}

// place is where the target of a drain is.
func place(d api.Drain) string {
	if d.Port == 0 {
		return d.Address
	}
	return fmt.Sprintf("%s port %d", d.Address, d.Port)
}
