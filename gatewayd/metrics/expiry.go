package metrics

import (
	"slices"
	"time"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// expiries shows when certificates expire, the next ones where there are more than most. left is how many are not shown.
func (e *exposition) expiries(set *spec.Set, most int) (left int) {
	type expiry struct {
		at    time.Time
		entry *spec.Entry
	}
	var all []expiry
	for _, kind := range spec.Kinds() {
		if kind.Facts() == nil {
			continue
		}
		for _, entry := range set.All(kind) {
			if at, ok := entry.Expires(); ok {
				all = append(all, expiry{at, entry})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b expiry) int { return a.at.Compare(b.at) })
	family := e.gauge("gatewayd_expiry_timestamp_seconds", "When a certificate expires, or the first one of a bundle, in seconds since 1970. Retired ones are among them.")
	for _, x := range all[:min(len(all), most)] {
		family.set(label("kind", x.entry.Kind.Name, "name", x.entry.Name()), float64(x.at.Unix()))
	}
	return len(all) - min(len(all), most)
}
