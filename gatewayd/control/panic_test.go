package control

import (
	"log/slog"
	"testing"

	keeper "github.com/gatewayd/terraform-provider-gatewayd/gatewayd/store/memory"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

// A trap serves the empty configuration and panics at every other one.
type trap struct{}

func (p trap) Prepare(next *spec.Set, _ bool) (Prepared, []ObjectProblem) {
	if next.Len(spec.Pools) > 0 {
		panic("the plane is broken")
	}
	return p, nil
}

func (trap) Inspect(*spec.Set) []ObjectProblem { return nil }
func (trap) Publish()                          {}
func (trap) Discard()                          {}

// TestPanicAnswersNobody has the writer panic before the commit: whoever waits must not take that for a success while the
// process goes down.
func TestPanicAnswersNobody(t *testing.T) {
	c := &Controller{store: keeper.Open(), plane: trap{}, log: slog.New(slog.DiscardHandler), memory: newMemory()}
	if err := c.adopt(t.Context()); err != nil {
		t.Fatal(err)
	}
	pool := spec.Pools.New().(*spec.Pool)
	pool.Name = "web"
	j := &job{changes: []Change{{Kind: spec.Pools, Name: "web", Put: pool, IfNoneMatch: true}}, done: make(chan struct{})}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the writer did not panic")
			}
		}()
		c.write([]*job{j})
	}()
	select {
	case <-j.done:
		results, err := j.answer()
		t.Errorf("the change was answered with %v, %v", results, err)
	default:
	}
}
