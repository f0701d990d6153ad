package tunnel

import "slices"

// surveyStep is how many tunnels a survey visits in one turn of the loop. It does more with each than a drain does.
const surveyStep = 500

// A survey visits the tunnels that are meant and were open when it began, a bounded number a turn. Unlike a drain's its
// walk belongs to no list, so there may be several at once.
type survey struct {
	set   *Set
	which *Which
	visit func(*Tunnel)
	done  func()

	oldest bool      // first; else the newest, of each list
	lists  []Subject // those behind the one whose tunnels are being visited
	slot   int       // of the lists
	cursor *Tunnel   // the next to be visited
	end    ID        // that of the last one before the survey
}

// begin makes the first turn's share of a survey.
func (v *survey) begin() {
	s := v.set
	v.end = ID{Began: s.latest, Loop: s.l.Index()}
	v.lists, v.slot = s.listsOf(v.which)
	s.surveys = append(s.surveys, v)
	v.step()
}

// listsOf are the fewest lists that are known to have all tunnels that are meant.
func (s *Set) listsOf(which *Which) (lists []Subject, slot int) {
	add := func(of Subject) {
		if s.lists[of] != nil {
			lists = append(lists, of)
		}
	}
	switch {
	case which.Backends != nil:
		for b := range which.Backends {
			add(Subject{Backend: b})
		}
		return lists, ofBackend
	case which.Rules != nil:
		for id := range which.Rules {
			add(Subject{Rule: id})
		}
		return lists, ofRule
	}
	for of, l := range s.lists {
		if l.slot == ofListener && l.first != nil && (which.Listeners == nil || which.Listeners[of.Listener]) {
			lists = append(lists, of)
		}
	}
	return lists, ofListener
}

// step is a turn's share. Once the loop stops, what was not visited by then is over anyway.
func (v *survey) step() {
	s := v.set
	for range surveyStep {
		t := v.next()
		if t == nil {
			v.finish()
			return
		}
		if t.id().Compare(v.end) > 0 {
			continue
		}
		t.look() // Else a long payload that passes would be silent, and be taken for idle.
		if v.which.fits(t) {
			v.visit(t)
		}
	}
	if !s.l.Post(v.step) {
		v.finish()
	}
}

func (v *survey) finish() {
	i := slices.Index(v.set.surveys, v)
	v.set.surveys = slices.Delete(v.set.surveys, i, i+1)
	v.done()
}

// next is the next tunnel, nil behind the last one.
func (v *survey) next() *Tunnel {
	for v.cursor == nil && len(v.lists) > 0 {
		l := v.set.lists[v.lists[0]]
		v.lists = v.lists[1:]
		switch {
		case l == nil: // All its tunnels ended meanwhile.
		case v.oldest:
			v.cursor = l.last
		default:
			v.cursor = l.first
		}
	}
	t := v.cursor
	if t != nil {
		v.pass(t)
	}
	return t
}

// pass moves on where the next tunnel to be visited is this one.
func (v *survey) pass(t *Tunnel) {
	switch {
	case v.cursor != t:
	case v.oldest:
		v.cursor = t.links[v.slot].prev
	default:
		v.cursor = t.links[v.slot].next
	}
}
