package gatewaytest

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// goroutineLabel marks the goroutines of a gateway, so that gateways of tests that run side by side are told apart.
const goroutineLabel = "gatewaytest"

// leftGoroutines fails the test where a stopped gateway still has goroutines after a while.
func (g *Gateway) leftGoroutines() {
	g.tb.Helper()
	var left []string
	if !eventually(func() bool { left = goroutinesOf(g.mark); return len(left) == 0 }) {
		g.tb.Errorf("the gateway is closed and left goroutines:\n%s", strings.Join(left, "\n\n"))
	}
}

// goroutinesOf are the stacks of the goroutines with a label, those that are the same as one.
func goroutinesOf(mark string) []string {
	var profile bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
		return []string{err.Error()}
	}
	var found []string
	label := fmt.Sprintf("%q:%q", goroutineLabel, mark)
	for _, stack := range strings.Split(profile.String(), "\n\n") {
		if strings.Contains(stack, label) {
			found = append(found, stack)
		}
	}
	return found
}

// watching counts the descriptors that are being watched, watched all that ever were.
var watching, watched atomic.Int64

// descriptors remembers what the process had open.
type descriptors struct {
	before map[string]string
	alone  bool
	count  int64
}

// watchDescriptors looks at what is open now.
func watchDescriptors() *descriptors {
	d := &descriptors{alone: watching.Add(1) == 1, count: watched.Add(1)}
	d.before = openDescriptors()
	return d
}

// check fails the test where descriptors of a directory are still open after a while, or, where no other gateway ran
// in the meantime, where more are open than before.
func (d *descriptors) check(tb testing.TB, dir string) {
	tb.Helper()
	defer watching.Add(-1)
	alone := d.alone && watched.Load() == d.count
	var left []string
	if !eventually(func() bool { left = d.left(dir, alone); return len(left) == 0 }) {
		tb.Errorf("the gateway is closed and left descriptors: %s", strings.Join(left, ", "))
	}
}

func (d *descriptors) left(dir string, alone bool) []string {
	now := openDescriptors()
	var left []string
	for _, fd := range slices.Sorted(maps.Keys(now)) {
		inside := strings.HasPrefix(now[fd], dir+string(filepath.Separator))
		if inside || alone && len(now) > len(d.before) && now[fd] != d.before[fd] {
			left = append(left, fd+" -> "+now[fd])
		}
	}
	return left
}

// openDescriptors are those of the process and what they lead to; none where the system does not tell.
func openDescriptors() map[string]string {
	open := map[string]string{}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return open
	}
	for _, e := range entries {
		// The one that reads the directory is gone by now.
		if to, err := os.Readlink(filepath.Join("/proc/self/fd", e.Name())); err == nil {
			open[e.Name()] = to
		}
	}
	return open
}
