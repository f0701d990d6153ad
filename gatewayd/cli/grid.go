package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode/utf8"
)

// A grid is a table on its way to a terminal.
type grid struct {
	heads []string
	rows  [][]string // as many cells each as there are heads
}

// gutter is what stands between two columns.
const gutter = 2

// aligned puts what is parted by tabs into columns, once it is flushed.
func aligned(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 8, gutter, ' ', 0) }

// fit takes columns out until the grid is no wider than a terminal: those that can be spared, in this order.
func (g *grid) fit(columns int, spare ...string) {
	for _, head := range spare {
		if g.width() <= columns {
			return
		}
		if i := slices.Index(g.heads, head); i >= 0 {
			g.heads = slices.Delete(g.heads, i, i+1)
			for n, row := range g.rows {
				g.rows[n] = slices.Delete(row, i, i+1)
			}
		}
	}
}

// width is that of the widest line.
func (g *grid) width() int {
	all := -gutter
	for i, head := range g.heads {
		widest := utf8.RuneCountInString(head)
		for _, row := range g.rows {
			widest = max(widest, utf8.RuneCountInString(row[i]))
		}
		all += widest + gutter
	}
	return all
}

func (g *grid) print(w io.Writer) error {
	table := aligned(w)
	fmt.Fprintln(table, strings.Join(g.heads, "\t"))
	for _, row := range g.rows {
		fmt.Fprintln(table, strings.Join(row, "\t"))
	}
	return table.Flush()
}
