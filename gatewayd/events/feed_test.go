package events

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
)

// tell adds n events, whose delay says which they are.
func tell(f *Feed, first, n int) {
	for i := range n {
		f.Gateway(api.GatewayTurn{What: api.GatewayStopping, Delay: fmt.Sprint(first + i)})
	}
}

// open opens a reader that ends with the test.
func open(t *testing.T, f *Feed, after string, kinds ...string) *Reader {
	t.Helper()
	r, err := f.Open(kinds, after)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// read is all that there is, an event a line: its id without the gateway's life, its kind, and what is special about it.
func read(t *testing.T, r *Reader) []string {
	t.Helper()
	var text []byte
	for more := true; more; {
		var part []byte
		part, more = r.Append(nil)
		text = append(text, part...)
	}
	var lines []string
	for block := range strings.SplitSeq(strings.TrimSuffix(string(text), "\n\n"), "\n\n") {
		if block == "" {
			continue
		}
		var id, kind, data string
		if n, err := fmt.Sscanf(strings.Replace(block, "\ndata: ", " ", 1), "id: "+r.feed.boot+"-%s\nevent: %s %s", &id, &kind, &data); n != 3 {
			t.Fatalf("%q: %v", block, err)
		}
		var e api.Event
		if err := json.Unmarshal([]byte(data), &e); err != nil || e.Kind != kind || e.Time == "" || e.ID != "" {
			t.Fatalf("%q: %v", block, err)
		}
		line := id + " " + kind
		switch {
		case e.Begin != nil:
			line += fmt.Sprint(" at ", e.Begin.Revision)
		case e.Lost != nil:
			line += fmt.Sprint(" ", e.Lost.Reason, " ", e.Lost.Events)
		case e.Change != nil:
			line += fmt.Sprint(" ", e.Change.Revision)
		case e.Drain != nil:
			line += fmt.Sprint(" ", e.Drain.Name, " of ", e.Drain.Revision)
		case e.Gateway != nil:
			line += " " + e.Gateway.What + e.Gateway.Delay
		}
		lines = append(lines, line)
	}
	return lines
}

func wantLines(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestReadersGoOnWhereTheyWere(t *testing.T) {
	f := New("1.2.3")
	now := open(t, f, "")
	wantLines(t, "from now on", read(t, now), "1 begin at 0")
	f.Published("applied", nil, nil)
	f.add(7, api.Event{Kind: api.EventChange, Change: &api.ConfigChange{Revision: 7}})
	tell(f, 1, 2)
	wantLines(t, "what is new", read(t, now), "2 change 0", "3 change 7", "4 gateway stopping1", "5 gateway stopping2")
	wantLines(t, "nothing", read(t, now))
	for after, want := range map[string][]string{
		"":                   {"5 begin at 7"},
		f.boot + "-5":        {"5 begin at 7"},
		f.boot + "-3":        {"3 begin at 7", "4 gateway stopping1", "5 gateway stopping2"},
		f.boot + "-2":        {"2 begin at 0", "3 change 7", "4 gateway stopping1", "5 gateway stopping2"},
		f.boot + "-0":        {"0 begin at 0", "1 gateway started", "2 change 0", "3 change 7", "4 gateway stopping1", "5 gateway stopping2"},
		"0123456789ab-70000": {"0 begin at 0", "0 lost restart 0", "1 gateway started", "2 change 0", "3 change 7", "4 gateway stopping1", "5 gateway stopping2"},
	} {
		wantLines(t, "behind "+after, read(t, open(t, f, after)), want...)
	}
	wantLines(t, "one kind", read(t, open(t, f, f.boot+"-0", api.EventChange)), "0 begin at 0", "2 change 0", "3 change 7")
	for _, id := range []string{"5", "-5", f.boot, f.boot + "-", f.boot + "-6", f.boot + "--1", f.boot + "-99999999999999999999", f.boot + "-5 ", strings.Repeat("x", 60) + "-1"} {
		if _, err := f.Open(nil, id); !errors.Is(err, ErrID) {
			t.Errorf("%q: %v", id, err)
		}
	}
}

// TestASlowReaderLosesWhatIsGone: it reads nothing while many times more events pass than are kept. Nobody waits for it, what is kept
// is bounded, and it is told how much it missed.
func TestASlowReaderLosesWhatIsGone(t *testing.T) {
	f := New("1.2.3")
	slow := open(t, f, "")
	const n = 5 * keepEvents
	tell(f, 2, n) // Its number is what each says.
	if len(f.records) != keepEvents || f.last != n+1 {
		t.Fatalf("%d events are kept of %d", len(f.records), f.last)
	}
	lines := read(t, slow)
	wantLines(t, "the beginning", lines[:3], "1 begin at 0", fmt.Sprintf("%d lost gone %d", n+1-keepEvents, n-keepEvents), fmt.Sprintf("%d gateway stopping%d", n+2-keepEvents, n+2-keepEvents))
	wantLines(t, "the end", lines[len(lines)-1:], fmt.Sprintf("%d gateway stopping%d", n+1, n+1))
	if len(lines) != keepEvents+2 {
		t.Errorf("%d events were read", len(lines))
	}
	tell(f, n+2, 1)
	wantLines(t, "the rest", read(t, slow), fmt.Sprintf("%d gateway stopping%d", n+2, n+2))
	wantLines(t, "one who was away", read(t, open(t, f, f.boot+"-1"))[:2], "1 begin at 0", fmt.Sprintf("%d lost gone %d", n+2-keepEvents, n+1-keepEvents))
}

// TestDrainsComeBehindTheirChange: whatever is told first. Those of what is told already do not wait.
func TestDrainsComeBehindTheirChange(t *testing.T) {
	f := New("1.2.3")
	r := open(t, f, "")
	change := func(revision uint64) {
		f.add(revision, api.Event{Kind: api.EventChange, Change: &api.ConfigChange{Revision: revision}})
	}
	drain := func(name string, revision uint64) {
		f.Drain(api.DrainTurn{Revision: revision, Drain: api.Drain{Name: name}})
	}
	change(4)
	drain("a", 5)
	drain("b", 5)
	drain("c", 7)
	drain("d", 4)
	f.Health(api.HealthTurn{})
	change(5)
	drain("e", 5)
	change(8)
	wantLines(t, "all", read(t, r), "1 begin at 0", "2 change 4", "3 drain d of 4", "4 health", "5 change 5", "6 drain a of 5", "7 drain b of 5", "8 drain e of 5", "9 change 8", "10 drain c of 7")
	for range 2 * keepEvents {
		drain("early", 9)
	}
	if len(f.held) > keepEvents {
		t.Errorf("%d are held", len(f.held))
	}
}

// TestLargeEventsAreFewer: bytes are bounded as well as events.
func TestLargeEventsAreFewer(t *testing.T) {
	f := New("1.2.3")
	for range 100 {
		f.Gateway(api.GatewayTurn{What: strings.Repeat("x", 100_000)})
	}
	size := 0
	for _, x := range f.records {
		size += len(x.data)
	}
	if size != f.size || size > keepBytes || size < keepBytes-200_000 {
		t.Errorf("%d bytes are kept, and %d are counted", size, f.size)
	}
}

func TestReadersAreBounded(t *testing.T) {
	f := New("1.2.3")
	for range maxReaders - 1 {
		open(t, f, "")
	}
	last, err := f.Open(nil, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Open(nil, ""); !errors.Is(err, ErrTooMany) {
		t.Errorf("one more: %v", err)
	}
	last.Close()
	open(t, f, "")
	f.Close()
	f.Close()
	<-f.Closed()
	if _, err := f.Open(nil, ""); !errors.Is(err, ErrClosed) {
		t.Errorf("behind the end: %v", err)
	}
	tell(f, 1, 1) // It is too late for it, and no harm.
	wantLines(t, "behind the end", read(t, last), "1 begin at 0")
}

// TestReadersAreWoken: whoever waits hears of what happens, and once of much.
func TestReadersAreWoken(t *testing.T) {
	f := New("1.2.3")
	r := open(t, f, "")
	read(t, r)
	tell(f, 1, 10)
	<-r.Wake()
	if got := read(t, r); len(got) != 10 {
		t.Errorf("got %q", got)
	}
	select {
	case <-r.Wake():
		t.Error("it is woken for nothing")
	default:
	}
}
