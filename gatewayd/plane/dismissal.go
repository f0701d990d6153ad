package plane

import (
	"fmt"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/tunnel"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// CloseTunnels ends tunnels because somebody asked for it, or with dryRun says what that would do. It returns when all have
// been told. Each loop is asked, so it must not be called on one.
func (p *Plane) CloseTunnels(c *api.TunnelClose, dryRun bool) (api.TunnelsClosed, spec.Problems) {
	if ps := c.Check(); len(ps) > 0 {
		return api.TunnelsClosed{}, ps
	}
	which, ps := p.which(&c.TunnelSelector)
	if c.IDs != nil {
		which.IDs = make(map[tunnel.ID]bool, len(c.IDs))
	}
	for i, text := range c.IDs {
		id, ok := tunnel.ParseID(text)
		if !ok {
			ps.Add(fmt.Sprintf("ids[%d]", i), "must be the id of a WebSocket, as the list has it")
		}
		which.IDs[id] = true
	}
	if len(ps) > 0 {
		return api.TunnelsClosed{}, ps
	}
	d := tunnel.Dismissal{Within: c.Spread(), Code: uint16(c.Status()), Reason: c.Reason, Imagined: dryRun}
	p.looking.Lock()
	defer p.looking.Unlock()
	type count struct{ ends, ending int }
	counts := make([]count, len(p.loops))
	p.survey(func(i int, done func()) {
		p.workers[i].Tunnels().Dismiss(which, d, func(ends, ending int) {
			counts[i] = count{ends, ending}
			done()
		})
	})
	var closed api.TunnelsClosed
	for _, n := range counts {
		closed.Ends += int64(n.ends)
		closed.Ending += int64(n.ending)
	}
	if p.events != nil && !dryRun && closed.Ends > 0 {
		p.events.Closes(api.CloseTurn{
			TunnelsClosed: closed, Selected: c.Values().Encode(), ByIDs: len(c.IDs), All: c.All, Code: c.Status(), ClosesBy: stampMillis(time.Now().Add(c.Spread())),
		})
	}
	return closed, nil
}
