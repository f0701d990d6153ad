package spec

import (
	"maps"
	"slices"
)

// A Share is one pool of a split.
type Share struct {
	Pool    string `json:"pool" tfsdk:"pool" spec:"required,ref=pool" doc:"Name of the pool that takes this share of the requests."`
	Setting string `json:"setting" tfsdk:"setting" spec:"required,ref=setting" doc:"Name of the setting by which they go to the pool."`
	Weight  int    `json:"weight" tfsdk:"weight" spec:"0..1000" doc:"Weight among the shares. 0 means that the pool takes nothing, but is probed and ready."`
}

func (s *Share) defaults() { s.Weight = 1 }

// Shares are the keys of the split, in order.
func (r *Rule) Shares() []string { return slices.Sorted(maps.Keys(r.Split)) }

// checkShares refuses a split that sends nothing anywhere.
func (r *Rule) checkShares(ps *Problems) {
	var weights []string
	for _, k := range r.Shares() {
		if r.Split[k].Weight != 0 {
			return
		}
		weights = append(weights, join(key("split", k), "weight"))
	}
	if len(weights) > 0 {
		// A share that is not known yet at all may have a weight.
		ps.AddNeeding(weights[0], append(weights[1:], "split"+AnyElement), "must not be 0 in every share; give at least one a weight")
	}
}
