package balance

import "github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"

// A standing is a member at one moment.
type standing struct {
	*member
	backend.Standing
	unprobed bool // it is available because nobody knows better
	weight   int  // at present, in parts of settled of its Weight
}

// waits says that the group began with the member and that its first probe has not ended.
func (s *standing) waits() bool {
	return s.first && s.Status == backend.Unknown && !s.Probed && !s.Ejected
}

// A choice is who is available at one moment.
type choice struct {
	list     []standing // those that are picked
	kept     []standing // those of weight 0 that clients come back to
	unprobed bool       // some are available although they were not probed, which only a young group has
}

// choose says which members get something.
func (p Policy) choose(members []member, young bool) (c choice) {
	all := make([]standing, 0, len(members))
	var idle []standing  // those of weight 0
	var found, in [3]int // of the others, by status: how many, and how many of them are not ejected
	for i := range members {
		m := &members[i]
		if m.Weight <= 0 && !p.Affinity {
			continue
		}
		s := standing{member: m, Standing: m.Health.Standing()}
		if m.Weight <= 0 {
			idle = append(idle, s)
			continue
		}
		all = append(all, s)
		found[s.Status]++
		if !s.Ejected {
			in[s.Status]++
		}
	}
	status := backend.Healthy
	switch {
	case found[backend.Healthy] > 0:
	case found[backend.Unhealthy] == 0:
		status = backend.Unknown
	case p.FailOpen:
		return choice{list: all, kept: idle}
	}
	c.list = all[:0]
	for _, s := range all {
		s.unprobed = young && status != backend.Unknown && s.waits()
		c.unprobed = c.unprobed || s.unprobed
		if s.unprobed || s.Status == status && !(s.Ejected && in[status] > 0) {
			c.list = append(c.list, s)
		}
	}
	for _, s := range idle {
		s.unprobed = young && s.waits()
		c.unprobed = c.unprobed || s.unprobed
		if s.unprobed || !s.Ejected && (s.Status == backend.Healthy || s.Status == status) {
			c.kept = append(c.kept, s)
		}
	}
	return c
}
