package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"
	"golang.org/x/sys/unix"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/gatewaytest"
)

// TestTunnelsArePrinted: a line a tunnel, in humane units.
func TestTunnelsArePrinted(t *testing.T) {
	v := &api.Tunnels{Now: "2026-01-02T03:04:05.500Z", Open: 9, Selected: 3, Tunnels: []api.Tunnel{
		{ID: "0-1", Listener: "web", Rule: "chat", Target: "blue", Client: "192.0.2.7", ClientPort: 50412, ReceivedBytes: 812, SentBytes: 90210, ReceivedMessages: 10, SentMessages: 1200,
			Opened: "2026-01-02T00:50:05.000Z", LastActivity: "2026-01-02T03:04:02.000Z"},
		{ID: "1-2", Listener: "web", Rule: "old", Target: "target/t", Gone: []string{"rule", "target"}, Client: "2001:db8::9", SentBytes: 3_410_000_000,
			Opened: "2025-12-31T01:04:05.000Z", LastActivity: "2026-01-02T03:04:05.500Z", Draining: true, EndedBy: "change", Deadline: "2026-01-02T03:04:33.000Z"},
		{ID: "1-3", Address: "10.0.0.1", Port: 80, Gone: []string{"listener"}, Opened: "2026-01-02T03:04:06.000Z", LastActivity: "2026-01-02T03:04:06.000Z", Draining: true, EndedBy: "client"},
	}}
	const want = `
ID   LISTENER  RULE        TARGET           CLIENT           AGE    RECEIVED  SENT     MESSAGES   IDLE  STATE
0-1  web       chat        blue             192.0.2.7:50412  2h14m  812 B     90.2 kB  10 / 1200  3s    open
1-2  web       old (gone)  target/t (gone)  2001:db8::9      2d02h  0 B       3.41 GB  0 / 0      0s    ends within 27s: change
1-3  - (gone)  -           10.0.0.1 port 80 -                0s     0 B       0 B      0 / 0      0s    ends: client
`
	var b bytes.Buffer
	if err := gridOf(v, nil).print(&b); err != nil {
		t.Fatal(err)
	}
	squeeze := func(text string) string { return strings.Join(strings.Fields(text), " ") }
	if diff := cmp.Diff(squeeze(want), squeeze(b.String())); diff != "" {
		t.Errorf("(-want +got):\n%s\n%s", diff, b.String())
	}
	if got := summary(v); got != "9 open, 3 selected, 3 shown" {
		t.Errorf("summary: %s", got)
	}
}

func TestUnits(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "0 B", 999: "999 B", 1000: "1.00 kB", 9994: "9.99 kB", 9996: "10.0 kB", 99_940: "99.9 kB", 99_960: "100 kB", 999_400: "999 kB", 999_600: "1.00 MB",
		1_500_000_000: "1.50 GB", 18_000_000_000_000_000_000: "18.0 EB",
	} {
		if got := bytesOf(n); got != want {
			t.Errorf("%d bytes are %s, want %s", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 59*time.Second + 999*time.Millisecond: "59s", 61 * time.Second: "1m01s", time.Hour: "1h00m", 25*time.Hour + time.Minute: "1d01h", 100 * 24 * time.Hour: "100d00h",
	} {
		if got := brief(d); got != want {
			t.Errorf("%s is %s, want %s", d, got, want)
		}
	}
}

func TestClosing(t *testing.T) {
	c := &api.TunnelClose{}
	for want, closed := range map[string]api.TunnelsClosed{
		"0 WebSockets get a Close (1001) within 10s":                                                     {},
		"2 WebSockets get a Close (1001) within 10s; 3 more are to end already, at most earlier by this": {Ends: 2, Ending: 3},
	} {
		if got := closing(c, &closed, false); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got, want := closing(c, &api.TunnelsClosed{Ends: 1}, true), "1 WebSocket would get a Close (1001) within 10s"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestRates are differences of two readings.
func TestRates(t *testing.T) {
	before := &api.Tunnels{Now: "2026-01-02T03:04:05.000Z", Tunnels: []api.Tunnel{{ID: "a", ReceivedBytes: 10, SentBytes: 100, ReceivedMessages: 3}}}
	now := &api.Tunnels{Now: "2026-01-02T03:04:07.000Z", Tunnels: []api.Tunnel{
		{ID: "a", ReceivedBytes: 30, SentBytes: 100, ReceivedMessages: 5, SentMessages: 1},
		{ID: "new", ReceivedBytes: 5, SentBytes: 50, Opened: "2026-01-02T03:04:06.500Z"},
		{ID: "unread", ReceivedBytes: 5, SentBytes: 50, Opened: "2026-01-02T03:04:04.000Z"},
	}}
	want := map[string]rate{"a": {10, 0, 1.5, true}, "new": {10, 100, 0, true}}
	if got := ratesOf(before, now); !cmp.Equal(want, got, cmp.AllowUnexported(rate{})) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := ratesOf(nil, now); len(got) != 0 {
		t.Errorf("of one reading: %v", got)
	}
	var b bytes.Buffer
	x := &listTunnels{Limit: 2}
	if err := x.show(&screen{out: &b}, now, ratesOf(before, now)); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(b.String(), "\n"); len(lines) != 5 || !strings.HasPrefix(lines[2], "new ") || !strings.HasPrefix(lines[3], "a ") {
		t.Errorf("the two busiest:\n%s", b.String())
	}
}

// TestScreen: what a terminal gets is no more than it shows, in place, and it is given back.
func TestScreen(t *testing.T) {
	var b bytes.Buffer
	rows := 3
	s := &screen{out: &b, size: func() (int, int, bool) { return 10, rows, rows > 0 }}
	if err := s.show([]byte("head\n0123456789abc\nthird\n"), "line"); err != nil {
		t.Fatal(err)
	}
	if err := s.show(nil, "no answer: because"); err != nil {
		t.Fatal(err)
	}
	s.close()
	want := enterScreen + toTop + clearLine + "line\r\n" + clearLine + "head\r\n" + clearLine + "0123456789" + toTop + clearLine + "no answer:" + leaveScreen
	if b.String() != want || s.rows() != 1 {
		t.Errorf("got %q, want %q; %d rows", b.String(), want, s.rows())
	}
	b.Reset()
	if rows = 4; s.show([]byte("head\nrow\n"), "line") != nil || !strings.HasSuffix(b.String(), "row\r\n"+clearRest) {
		t.Errorf("what stood below is left: %q", b.String())
	}
	if rows = 0; s.show(nil, "x") == nil {
		t.Error("shown on a terminal that is gone")
	}
}

// TestNarrowTerminals: what says most stays, the state above all; a wide terminal, and a file, have every column.
func TestNarrowTerminals(t *testing.T) {
	short := api.Tunnel{
		ID: "0-3b9aca1f40", Listener: "web", Rule: "chat", Target: "target/blue", Client: "192.0.2.7", ClientPort: 50412, ReceivedBytes: 812, SentBytes: 90210,
		Opened: "2026-01-02T00:50:05.000Z", LastActivity: "2026-01-02T03:04:02.000Z", Draining: true, EndedBy: "change", Deadline: "2026-01-02T03:04:33.000Z",
	}
	long := short
	long.Rule, long.Client = "chat-production-eu", "2001:db8:85a3:8d3:1319:8a2e:370:7348"
	const all = "ID LISTENER RULE TARGET CLIENT AGE RECEIVED SENT MESSAGES RECEIVED/S SENT/S MESSAGES/S IDLE STATE"
	for _, row := range []struct {
		tunnel  api.Tunnel
		columns int // 0 for a file
		want    string
	}{
		{short, 0, all},
		{short, 200, all},
		{short, 100, "ID RULE TARGET CLIENT RECEIVED/S SENT/S IDLE STATE"},
		{short, 80, "RULE TARGET CLIENT RECEIVED/S SENT/S STATE"},
		{long, 100, "TARGET CLIENT STATE"},
		{long, 80, "TARGET STATE"},
	} {
		var b bytes.Buffer
		s := &screen{out: &b}
		if row.columns > 0 {
			s.size = func() (int, int, bool) { return row.columns, 24, true }
		}
		v := &api.Tunnels{Now: "2026-01-02T03:04:05.500Z", Tunnels: []api.Tunnel{row.tunnel}}
		if err := (&listTunnels{Limit: 1}).show(s, v, ratesOf(nil, v)); err != nil {
			t.Fatal(err)
		}
		text := strings.NewReplacer(clearLine, "", "\r", "", clearRest, "").Replace(b.String())
		lines := strings.Split(text, "\n")
		if got := strings.Join(strings.Fields(lines[1]), " "); got != row.want || !strings.HasSuffix(lines[2], "ends within 27s: change") {
			t.Errorf("%d columns: %s\n%s", row.columns, got, text)
		}
	}
}

// TestDumbTerminals get no orders: a terminal is told from a file by its size, and from one that takes lines alone by TERM.
func TestDumbTerminals(t *testing.T) {
	f, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no terminal to be had: ", err)
	}
	defer func() { _ = f.Close() }()
	if err := unix.IoctlSetWinsize(int(f.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}); err != nil {
		t.Skip("no terminal to be had: ", err)
	}
	for term, want := range map[string]bool{"xterm": true, "": true, "dumb": false} {
		t.Setenv("TERM", term)
		if got := newScreen(f).size != nil; got != want {
			t.Errorf("TERM=%q: in place %t, want %t", term, got, want)
		}
	}
}

// TestWatchedJSON is JSON and nothing else, and does not depend on how high a terminal is.
func TestWatchedJSON(t *testing.T) {
	var out, errOut bytes.Buffer
	s := &screen{out: &out, size: func() (int, int, bool) { return 80, 3, true }}
	x := &listTunnels{Limit: 100, remote: remote{JSON: true}}
	if err := x.show(s, &api.Tunnels{Tunnels: make([]api.Tunnel, 7)}, nil); err != nil {
		t.Fatal(err)
	}
	if err := x.tell(s, &terminal{out: &out, err: &errOut}, errors.New("connection refused")); err != nil {
		t.Fatal(err)
	}
	s.close()
	var v api.Tunnels
	if err := json.Unmarshal(out.Bytes(), &v); err != nil || len(v.Tunnels) != 7 || errOut.String() != "gatewayd: no answer: connection refused\n" {
		t.Errorf("%v, %d tunnels, %q", err, len(v.Tunnels), errOut.String())
	}
}

// TestNoOrdersToATerminal: what others wrote is text, in whatever table it stands.
func TestNoOrdersToATerminal(t *testing.T) {
	var b bytes.Buffer
	x := &listTunnels{}
	if err := x.tell(&screen{out: &b}, nil, &api.Error{Title: "Refused", Detail: "\x1b]0;x\a\nID  LISTENER"}); err != nil {
		t.Fatal(err)
	}
	if err := gridOf(&api.Tunnels{Tunnels: []api.Tunnel{{Address: "unix:/run/\x1b[2J\t\napp é"}}}, nil).print(&b); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	if strings.ContainsAny(b.String(), "\x1b\a\t") || len(lines) != 4 || !strings.HasPrefix(lines[0], "refused: \uFFFD]0;x\uFFFD\uFFFDID") || !strings.Contains(lines[2], "unix:/run/\uFFFD[2J\uFFFD\uFFFDapp é") {
		t.Errorf("%q", b.String())
	}
}

// TestReasonsAreText: a target may have a hand in the reason of its failure, by the names of its certificate for one.
func TestReasonsAreText(t *testing.T) {
	const reason = "valid for \x1b[2J\n, not a.example"
	e := &api.Event{Kind: api.EventHealth, Health: &api.HealthTurn{What: api.HealthTurned, Reason: reason}}
	var b bytes.Buffer
	(&health{}).targets(&b, &api.Health{Pools: map[string]api.PoolHealth{"p": {Settings: map[string]api.SettingHealth{"s": {Targets: map[string]api.TargetHealth{"t": {Reason: reason}}}}}}})
	for what, text := range map[string]string{"an event": eventLine(e), "health": b.String()} {
		if strings.Contains(text, "\x1b") || !strings.Contains(text, "valid for \uFFFD[2J\uFFFD, not a.example") {
			t.Errorf("%s: %q", what, text)
		}
	}
}

// TestTunnelsOfAGateway: the table of a real one, by selectors, as JSON, and watched.
func TestTunnelsOfAGateway(t *testing.T) {
	echo := gatewaytest.StartEcho(t, "a")
	listen := freeAddress(t)
	p := serveIn(t, t.TempDir(), "--config", configFile(t, listen, echo.Addr().String()))
	remote := []string{"--endpoints", "http://" + p.admin, "--data-dir", p.dir}
	tunnels := func(args ...string) (out, errOut string, code int) {
		t.Helper()
		return gatewayd(t, append(append([]string{"tunnels"}, args...), remote...)...)
	}
	var clients []string
	var first *websocket.Conn
	for range 3 {
		socket, answer, err := websocket.DefaultDialer.Dial("ws://"+listen+"/ws", nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		defer func() { _ = socket.Close() }()
		clients = append(clients, socket.LocalAddr().String())
		if first == nil {
			first = socket
			_ = first.SetReadDeadline(time.Now().Add(time.Minute)) // an end for a broken test
		}
	}
	out, errOut, code := tunnels()
	if code != 0 {
		t.Fatalf("%d %s", code, errOut)
	}
	want(t, out, append(clients, "web", "all", "open\n", "3 open, 3 selected, 3 shown")...)
	out, _, _ = tunnels("list", "--rule", "all", "--no-draining", "--older-than", "0s", "--limit", "2", "--sort", "newest")
	want(t, out, clients[2], clients[1], "3 open, 3 selected, 2 shown")
	out, _, _ = tunnels("--draining")
	want(t, out, "3 open, 0 selected, 0 shown")
	if _, errOut, code = tunnels("--rule", "nothing"); code != 1 || !strings.Contains(errOut, `names rule "nothing", which does not exist`) {
		t.Errorf("of a rule that is not there: %d %s", code, errOut)
	}
	if _, errOut, code = tunnels("--limit", "0"); code != 1 || !strings.Contains(errOut, "--limit must be at least 1") {
		t.Errorf("none: %d %s", code, errOut)
	}
	var v api.Tunnels
	if out, _, _ = tunnels("--json"); json.Unmarshal([]byte(out), &v) != nil || len(v.Tunnels) != 3 {
		t.Errorf("as JSON: %s", out)
	}

	if _, errOut, code = tunnels("close"); code != 1 || !strings.Contains(errOut, "must say which WebSockets are meant") {
		t.Errorf("close without a word: %d %s", code, errOut)
	}
	if _, errOut, code = tunnels("close", "--pool", "app", "--code", "1006"); code != 1 || !strings.Contains(errOut, "code: must be 1000") {
		t.Errorf("a code of nobody's: %d %s", code, errOut)
	}
	out, _, _ = tunnels("close", "--pool", "app", "--dry-run")
	want(t, out, "3 WebSockets would get a Close (1001) within 10s\n")
	out, errOut, _ = tunnels("close", v.Tunnels[0].ID, "--within", "0s", "--code", "4001", "--reason", "signed out")
	want(t, out+errOut, "1 WebSocket gets a Close (4001) within 0s\n")
	if _, _, err := first.ReadMessage(); !websocket.IsCloseError(err, 4001) || !strings.Contains(err.Error(), "signed out") {
		t.Errorf("the client hears %v", err)
	}

	watch := command(append([]string{"tunnels", "--watch", "--interval", "100ms"}, remote...)...)
	blocks, err := watch.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := watch.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = watch.Process.Kill() }()
	heads := 0
	for lines := bufio.NewScanner(blocks); heads < 3 && lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "ID ") {
			heads++
			want(t, lines.Text(), "RECEIVED/S", "SENT/S", "MESSAGES/S")
		}
	}
	if err := watch.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := watch.Wait(); err != nil || heads != 3 {
		t.Errorf("watched %d times, then %v", heads, err)
	}
}
