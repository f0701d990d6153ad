package cli

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/spec"
)

func TestEventsAreInWords(t *testing.T) {
	target := api.Drain{Kind: "target", Name: "target/b", Pool: "app", Address: "10.0.0.2", Port: 80, Open: 3, Deadline: "2026-01-02T03:04:35Z"}
	for want, e := range map[string]api.Event{
		"what follows came behind revision 17, gatewayd 1.2.3":                                   {Begin: &api.Begin{Revision: 17, Version: "1.2.3"}},
		"the gateway was started anew, or is another one; what it knows of its own life follows": {Lost: &api.Lost{Reason: api.LostRestart}},
		"7 events are not kept any more; look at status and health":                              {Lost: &api.Lost{Reason: api.LostGone, Events: 7}},
		"revision 18 loaded": {Change: &api.ConfigChange{What: api.ChangeLoaded, Revision: 18}},
		`revision 18 applied: pool "app" renamed to "shop", target "b" deleted, and 2 more`:                                                         {Change: &api.ConfigChange{What: api.ChangeApplied, Revision: 18, More: 2, Objects: []api.ChangedObject{{Kind: "pool", Name: "shop", Was: "app", What: api.ObjectRenamed}, {Kind: "target", Name: "b", What: api.ObjectDeleted}}}},
		`pool "app" setting "s" target "a" (10.0.0.1 port 80): unhealthy, was healthy: status 503`:                                                  {Health: &api.HealthTurn{What: api.HealthTurned, Pool: "app", Setting: "s", Target: "a", Address: "10.0.0.1", Port: 80, From: "healthy", To: "unhealthy", Reason: "status 503"}},
		`pool "app" setting "s" target "a" (10.0.0.1 port 80): unhealthy, was healthy: status 503; what is open on it ends by 2026-01-02T03:04:35Z`: {Health: &api.HealthTurn{What: api.HealthTurned, Pool: "app", Setting: "s", Target: "a", Address: "10.0.0.1", Port: 80, From: "healthy", To: "unhealthy", Reason: "status 503", EndsBy: "2026-01-02T03:04:35Z"}},
		`pool "app" setting "s" target "a" (unix:/run/a.sock): healthy, was unknown`:                                                                {Health: &api.HealthTurn{What: api.HealthTurned, Pool: "app", Setting: "s", Target: "a", Address: "unix:/run/a.sock", From: "unknown", To: "healthy"}},
		`pool "app" setting "s" target "a" (10.0.0.1 port 80): ejected until 2026-01-02T03:04:35Z`:                                                  {Health: &api.HealthTurn{What: api.HealthEjected, Pool: "app", Setting: "s", Target: "a", Address: "10.0.0.1", Port: 80, Until: "2026-01-02T03:04:35Z"}},
		`pool "app" setting "s" target "a" (10.0.0.1 port 80): returned`:                                                                            {Health: &api.HealthTurn{What: api.HealthReturned, Pool: "app", Setting: "s", Target: "a", Address: "10.0.0.1", Port: 80}},
		`pool "app" target "n": app.example is 10.0.0.1, 10.0.0.2, was no address`:                                                                  {Health: &api.HealthTurn{What: api.HealthResolved, Pool: "app", Target: "n", Name: "app.example", Addresses: []string{"10.0.0.1", "10.0.0.2"}}},
		`target "target/b" of pool "app" (10.0.0.2 port 80): begun by revision 18, 3 open, ends by 2026-01-02T03:04:35Z`:                            {Drain: &api.DrainTurn{What: api.DrainBegun, Revision: 18, Drain: target}},
		`rule "all": over, 0 open`: {Drain: &api.DrainTurn{What: api.DrainOver, Drain: api.Drain{Kind: "rule", Name: "all"}}},
		"somebody sends 17 WebSockets (rule=chat, by 20 ids) away with 1001, by 2026-01-02T03:04:35Z; 3 more had to go already": {Close: &api.CloseTurn{TunnelsClosed: api.TunnelsClosed{Ends: 17, Ending: 3}, Selected: "rule=chat", ByIDs: 20, Code: 1001, ClosesBy: "2026-01-02T03:04:35Z"}},
		"somebody sends 1 WebSocket (by id) away with 4001, by 2026-01-02T03:04:35Z":                                            {Close: &api.CloseTurn{TunnelsClosed: api.TunnelsClosed{Ends: 1}, ByIDs: 1, Code: 4001, ClosesBy: "2026-01-02T03:04:35Z"}},
		"somebody sends 2 WebSockets (all) away with 1001, by 2026-01-02T03:04:35Z":                                             {Close: &api.CloseTurn{TunnelsClosed: api.TunnelsClosed{Ends: 2}, All: true, Code: 1001, ClosesBy: "2026-01-02T03:04:35Z"}},
		"started 1.2.3": {Gateway: &api.GatewayTurn{What: api.GatewayStarted, Version: "1.2.3"}},
		"stopping: accepts connections for 5s, gone within 25s": {Gateway: &api.GatewayTurn{What: api.GatewayStopping, Delay: "5s", Timeout: "25s"}},
		"-": {Kind: "weather"},
	} {
		if got := eventWords(&e); got != want {
			t.Errorf("want %s\ngot  %s", want, got)
		}
	}
}

// TestEventsAreFollowed: line by line as they happen, until the user ends it.
func TestEventsAreFollowed(t *testing.T) {
	p := serveIn(t, t.TempDir())
	for format, wanted := range map[string][]string{
		"words": {"  begin    what follows came behind revision ", "  change   revision "},
		"json":  {`"kind":"begin"`, `"objects":[{"kind":"pool","name":"json","what":"created"}]`},
	} {
		args := []string{"events", "--kind", "change,drain", "--endpoints", "http://" + p.admin, "--data-dir", p.dir}
		if format == "json" {
			args = append(args, "--json")
		}
		c := command(args...)
		var told bytes.Buffer
		c.Stderr = &told
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Process.Kill() })
		lines := bufio.NewReader(out)
		for i, part := range wanted {
			line, err := lines.ReadString('\n')
			if err != nil || !strings.Contains(line, part) {
				t.Fatalf("%s: want %q, got %q, %v: %s", format, part, line, err, told.String())
			}
			if i > 0 {
				break
			}
			pool := spec.Pools.New().(*spec.Pool)
			pool.Name = format
			if _, err := p.client.Create(t.Context(), spec.Pools, pool, ""); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if err := c.Wait(); err != nil || told.Len() > 0 {
			t.Errorf("%s: it ends with %v: %s", format, err, told.String())
		}
	}
	_, errOut, code := gatewayd(t, "events", "--kind", "weather")
	if code != 2 || !strings.Contains(errOut, "weather") {
		t.Errorf("a kind that there is not: %d: %s", code, errOut)
	}
}

// TestOutagesAreToldOnce: a gateway that is away for a night fills no terminal.
func TestOutagesAreToldOnce(t *testing.T) {
	var b bytes.Buffer
	o := outage{out: &b}
	broken, refused := errors.New("the stream broke off"), errors.New("connection refused")
	for _, why := range []error{broken, refused, refused, refused} {
		o.tell(why)
	}
	o.said = "" // an event came
	o.tell(refused)
	if got := strings.Count(b.String(), "\n"); got != 3 || strings.Count(b.String(), "refused; trying again until it answers\n") != 2 {
		t.Errorf("got %d lines:\n%s", got, b.String())
	}
}
