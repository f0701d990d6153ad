package balance

import "github.com/gatewayd/terraform-provider-gatewayd/gatewayd/backend"

// Choices are the backends that a pick would choose from at this moment: for a hash the one that is its own, else all
// that are available and have room. Nothing is counted.
func (g *Group) Choices(w *Want) []*backend.Health {
	s := g.schedule.Load()
	all := row{0, len(s.seats)}
	if s.hashes != nil && w.Hashed && all.n > 0 {
		i := s.hashes.draw(w.Hash, 0)
		if i == none || !s.room(i, w) {
			i = s.hashes.first(s, w, all)
		}
		if i == none {
			return nil
		}
		return []*backend.Health{s.seats[i].health}
	}
	var list []*backend.Health
	for i := range s.each(all) {
		if s.room(i, w) {
			list = append(list, s.seats[i].health)
		}
	}
	return list
}
