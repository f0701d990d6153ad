package plane

import "github.com/gatewayd/terraform-provider-gatewayd/gatewayd/accesslog"

func (p *Plane) openAccessLog(cfg accesslog.Config, loops int) (err error) {
	if cfg.Path == "" {
		return nil
	}
	cfg.Loops, cfg.Log = loops, p.log
	p.access, err = accesslog.Open(cfg)
	return err
}

// sink is where a loop's worker logs, nil without an access log.
func (p *Plane) sink(loop int) *accesslog.Sink {
	if p.access == nil {
		return nil
	}
	return p.access.Sink(loop)
}

// ReopenAccessLog opens the file of the access log anew, as behind a rotation.
func (p *Plane) ReopenAccessLog() {
	if p.access != nil {
		p.access.Reopen()
	}
}

// closeAccessLog writes what is left. The loops have stopped.
func (p *Plane) closeAccessLog() {
	if p.access == nil {
		return
	}
	if err := p.access.Close(); err != nil {
		p.log.Warn("The access log did not end well.", "error", err)
	}
}
