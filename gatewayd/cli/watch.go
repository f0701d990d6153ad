package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/gatewayd/terraform-provider-gatewayd/internal/api"
	"github.com/gatewayd/terraform-provider-gatewayd/internal/client"
)

// A rate is what passed on a tunnel in a second, between two readings. The zero one is not known.
type rate struct {
	received, sent float64 // bytes
	messages       float64 // both ways together
	known          bool
}

var rateHeads = []string{"RECEIVED/S", "SENT/S", "MESSAGES/S"}

// cells are those under rateHeads.
func (r rate) cells() []string {
	if !r.known {
		return []string{"-", "-", "-"}
	}
	return []string{inUnits(r.received) + "B", inUnits(r.sent) + "B", strings.TrimSpace(inUnits(r.messages))}
}

// ratesOf compares two readings. A tunnel that is new since the first has passed all that it has in its own time.
func ratesOf(before, now *api.Tunnels) map[string]rate {
	rates := make(map[string]rate, len(now.Tunnels))
	if before == nil {
		return rates
	}
	last, at := make(map[string]*api.Tunnel, len(before.Tunnels)), parseTime(now.Now)
	for i := range before.Tunnels {
		last[before.Tunnels[i].ID] = &before.Tunnels[i]
	}
	for i := range now.Tunnels {
		x := &now.Tunnels[i]
		from, was := parseTime(before.Now), last[x.ID]
		if was == nil {
			if from = parseTime(x.Opened); from.Before(parseTime(before.Now)) {
				continue // It was there, and was not read.
			}
			was = &api.Tunnel{}
		}
		if seconds := at.Sub(from).Seconds(); seconds > 0 {
			messages := x.ReceivedMessages + x.SentMessages - was.ReceivedMessages - was.SentMessages
			rates[x.ID] = rate{
				received: float64(x.ReceivedBytes-was.ReceivedBytes) / seconds, sent: float64(x.SentBytes-was.SentBytes) / seconds,
				messages: float64(messages) / seconds, known: true,
			}
		}
	}
	return rates
}

// watch reads again and again, and shows each reading.
func (x *listTunnels) watch(ctx context.Context, t *terminal, c *client.Client) error {
	if x.Interval < 100*time.Millisecond {
		return fmt.Errorf("--interval must be at least 100ms, not %s", x.Interval)
	}
	s := newScreen(t.out)
	tick := time.NewTicker(x.Interval)
	defer tick.Stop()
	defer s.close()
	var before *api.Tunnels
	for {
		v, err := x.reading(ctx, c)
		switch {
		case ctx.Err() != nil:
			return nil // The user has seen enough.
		case err != nil && before == nil:
			return err
		case err != nil:
			err = x.tell(s, t, err) // It may be back, as behind a restart.
		default:
			err = x.show(s, v, ratesOf(before, v))
			before = v
		}
		if err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// tell says why there is nothing to show. What reads JSON gets nothing else.
func (x *listTunnels) tell(s *screen, t *terminal, why error) error {
	text := why.Error()
	if _, answered := errors.AsType[*api.Error](why); !answered {
		text = "no answer: " + text
	}
	if x.JSON {
		_, err := fmt.Fprintln(t.err, "gatewayd:", text)
		return err
	}
	return s.show(nil, printable(text))
}

// reading is what one look finds. The busiest of a second are among those on which something passed last.
func (x *listTunnels) reading(ctx context.Context, c *client.Client) (*api.Tunnels, error) {
	q := api.TunnelQuery{TunnelSelector: x.selector.selector(), Sort: x.Sort, Limit: x.Limit}
	if x.busiest() {
		q.Sort, q.Limit = api.ActiveFirst, api.MaxPage
	}
	return readTunnels(ctx, c, q)
}

func (x *listTunnels) busiest() bool { return x.Sort == "" || x.Sort == api.BusiestFirst }

// show shows a reading.
func (x *listTunnels) show(s *screen, read *api.Tunnels, rates map[string]rate) error {
	v := *read
	v.Tunnels = slices.Clone(v.Tunnels)
	if x.busiest() {
		slices.SortStableFunc(v.Tunnels, func(a, b api.Tunnel) int {
			ra, rb := rates[a.ID], rates[b.ID]
			return cmp.Or(cmp.Compare(rb.received+rb.sent, ra.received+ra.sent), cmp.Compare(b.ReceivedBytes+b.SentBytes, a.ReceivedBytes+a.SentBytes))
		})
	}
	v.Tunnels = v.Tunnels[:min(x.Limit, len(v.Tunnels))]
	if x.JSON {
		return printJSON(s.out, &v)
	}
	v.Tunnels = v.Tunnels[:min(s.rows(), len(v.Tunnels))]
	g := gridOf(&v, rates)
	g.fit(s.columns(), "RECEIVED", "SENT", "MESSAGES", "LISTENER", "MESSAGES/S", "AGE", "IDLE", "ID", "RECEIVED/S", "SENT/S", "RULE", "CLIENT")
	var table bytes.Buffer
	if err := g.print(&table); err != nil {
		return err
	}
	return s.show(table.Bytes(), v.Now+"  "+summary(&v))
}

// A screen is where a table is shown anew and anew: in place on a terminal, else block by block.
type screen struct {
	out  io.Writer
	size func() (columns, rows int, ok bool) // nil where the output is no terminal
	used bool
}

func newScreen(out io.Writer) *screen {
	s := &screen{out: out}
	f, ok := out.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" { // Such a terminal takes lines alone.
		return s
	}
	size := func() (columns, rows int, ok bool) {
		w, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
		if err != nil {
			return 0, 0, false
		}
		return int(w.Col), int(w.Row), w.Col > 0 && w.Row > 0
	}
	if _, _, ok := size(); ok {
		s.size = size
	}
	return s
}

// frame is how many lines a table has beside its rows: what is said of all, and its head.
const frame = 2

// endless is what a file has of columns and rows.
const endless = 1 << 30

// rows is how many rows of a table are to be seen.
func (s *screen) rows() int {
	if s.size != nil {
		if _, rows, ok := s.size(); ok {
			return max(rows-frame, 1)
		}
	}
	return endless
}

// columns is how many characters of a line are to be seen.
func (s *screen) columns() int {
	if s.size != nil {
		if columns, _, ok := s.size(); ok {
			return columns
		}
	}
	return endless
}

// The sequences by which a terminal is told what to do (ECMA-48, and xterm's second screen).
const (
	enterScreen = "\x1b[?1049h\x1b[?25l"
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	toTop       = "\x1b[H"
	clearLine   = "\x1b[K"
	clearRest   = "\x1b[J"
)

// show shows a table under a line. Without a table what stood there stays, as far as it can.
func (s *screen) show(table []byte, line string) error {
	if s.size == nil {
		if s.used {
			line = "\n" + line
		}
		s.used = true
		_, err := fmt.Fprintf(s.out, "%s\n%s", line, table)
		return err
	}
	columns, rows, ok := s.size()
	if !ok {
		return errors.New("the terminal is gone")
	}
	var b strings.Builder
	if !s.used {
		s.used = true
		b.WriteString(enterScreen)
	}
	// A line is cleared before it is written: behind its last column the cursor still stands on that.
	b.WriteString(toTop + clearLine + cut(line, columns))
	if table != nil {
		lines := strings.Split(strings.TrimSuffix(string(table), "\n"), "\n")
		for _, text := range lines[:min(len(lines), rows-1)] {
			b.WriteString("\r\n" + clearLine + cut(text, columns))
		}
		if len(lines) < rows-1 {
			b.WriteString("\r\n" + clearRest)
		}
	}
	_, err := io.WriteString(s.out, b.String())
	return err
}

// close gives a terminal back as it was.
func (s *screen) close() {
	if s.size != nil && s.used {
		fmt.Fprint(s.out, leaveScreen) // There is nobody left to tell.
	}
}

// cut is as much of a line as a terminal shows.
func cut(line string, columns int) string {
	if utf8.RuneCountInString(line) <= columns {
		return line
	}
	return string([]rune(line)[:columns])
}
