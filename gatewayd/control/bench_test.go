package control_test

import (
	"fmt"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/control"
	"github.com/gatewayd/terraform-provider-gatewayd/gatewayd/store/memory"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// An idle plane does nothing at all.
type idle struct{}

func (idle) Prepare(*spec.Set, bool) (control.Prepared, []control.ObjectProblem) { return idle{}, nil }
func (idle) Inspect(*spec.Set) []control.ObjectProblem                           { return nil }
func (idle) Publish()                                                            {}
func (idle) Discard()                                                            {}

// BenchmarkWrite changes one of 10 000 rules that all name the same objects, which is the worst for the index of holders.
func BenchmarkWrite(b *testing.B) {
	c, err := control.Open(b.Context(), control.Config{Store: memory.Open(), Plane: idle{}})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	changes := create(listener("front", 80), pool("web"), setting("plain", ""))
	for i := range 10_000 {
		changes = append(changes, create(ranked(rule(fmt.Sprint("r", i), "front", "web", "plain"), i+1))...)
	}
	if _, err := c.Apply(b.Context(), changes); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		o := ranked(rule(fmt.Sprint("r", i%10_000), "front", "web", "plain"), i%1_000_000+1)
		o.Match = &spec.Match{Paths: []string{fmt.Sprintf("/%d", i)}}
		if _, err := c.Apply(b.Context(), []control.Change{{Kind: spec.Rules, Name: o.Name, Put: o, Upsert: true}}); err != nil {
			b.Fatal(err)
		}
	}
}
