package terminal

import (
	"io"
	"strings"

	"github.com/clipperhouse/displaywidth"

	"slipway/internal/view"
)

// Table is rows of cells under a head. The last column may be long: it is cut where the screen ends.
type Table struct {
	head  []string
	rows  [][]Cell
	notes []string
}

// Cell is a text and perhaps a state.
type Cell struct {
	Text string
	Kind Kind
}

// Head names the columns.
func (t *Table) Head(names ...string) { t.head = names }

// Row adds a line.
func (t *Table) Row(cells ...Cell) { t.rows = append(t.rows, cells) }

// Note adds a sentence below the table.
func (t *Table) Note(text string) { t.notes = append(t.notes, text) }

// Text is a cell that is only text.
func Text(s string) Cell { return Cell{Text: s} }

// Pointed is a cell of a member that may be absent.
func Pointed(s *string) Cell {
	if s == nil {
		return Cell{}
	}
	return Cell{Text: *s}
}

// State is a cell of a status, in the words that pages use too.
func State[S ~string](status S) Cell { return Cell{view.StatusWord(status), KindOf(status)} }

const gap = 2 // spaces between columns

// Write draws the table. A table without rows is only its notes.
func (t *Table) Write(w io.Writer, s Screen) error {
	var b strings.Builder
	if len(t.rows) > 0 {
		t.draw(&b, s)
	}
	for _, note := range t.notes {
		b.WriteString(note + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (t *Table) draw(b *strings.Builder, s Screen) {
	head := make([]Cell, len(t.head))
	for i, name := range t.head {
		head[i] = Cell{name, Faint}
	}
	lines := append([][]Cell{head}, t.rows...)
	widths := make([]int, len(head))
	for _, line := range lines {
		for i := range line {
			line[i].Text = Clean(line[i].Text)
			widths[i] = max(widths[i], displaywidth.String(line[i].Text))
		}
	}
	for _, line := range lines {
		left := s.Width
		for i, c := range line {
			text := c.Text
			if i < len(line)-1 {
				text = pad(text, widths[i]+gap)
			}
			if s.Width > 0 {
				text = fit(text, max(0, left))
				left -= displaywidth.String(text)
			}
			b.WriteString(s.paint(c.Kind, text))
		}
		b.WriteByte('\n')
	}
}
