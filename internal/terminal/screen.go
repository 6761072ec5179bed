// Package terminal draws what the command line shows: tables, documents, the live board, colours and progress. It knows
// the contract and no implementation, as the pages do.
package terminal

import (
	"os"
	"strings"

	"github.com/clipperhouse/displaywidth"
	"golang.org/x/term"
)

// Screen is what is written to: a terminal with a width and perhaps colours, or a file or pipe with neither.
type Screen struct {
	Width  int // in columns; 0 for no limit
	Colour bool
}

// ScreenOf looks at a file. Colour is for terminals alone, and not where NO_COLOR is set or TERM is dumb
// (https://no-color.org).
func ScreenOf(f *os.File) Screen {
	if !IsTerminal(f) {
		return Screen{}
	}
	s := Screen{Width: 80, Colour: os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
	if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
		s.Width = width
	}
	return s
}

// IsTerminal reports whether a file is a terminal.
func IsTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// paint colours a text, which must be clean, in a kind's colour.
func (s Screen) paint(k Kind, text string) string {
	if style := styles[k]; s.Colour && style != "" && text != "" {
		return "\x1b[" + style + "m" + text + "\x1b[m"
	}
	return text
}

// Clean turns a text that others wrote into one line that is safe on a terminal: it removes escape sequences, other
// control characters, and characters that change the direction of writing.
func Clean(text string) string {
	var b strings.Builder
	for parts := sequences.StringGraphemes(text); parts.Next(); {
		if part := parts.Value(); !strings.HasPrefix(part, "\x1b") {
			b.WriteString(strings.Map(printable, part))
		}
	}
	return strings.TrimSpace(b.String())
}

// Painted is Clean for text that may have colours, such as a log's. It keeps tabs, spaces, and sequences that set
// colours and weight; these end with the line.
func Painted(line string) string {
	var b strings.Builder
	painted := false
	for parts := sequences.StringGraphemes(line); parts.Next(); {
		part := parts.Value()
		switch {
		case strings.HasPrefix(part, "\x1b[") && strings.HasSuffix(part, "m") &&
			strings.Trim(part[2:len(part)-1], "0123456789;:") == "":
			painted = true
			b.WriteString(part)
		case part == "\t":
			b.WriteString(part)
		case !strings.HasPrefix(part, "\x1b"):
			b.WriteString(strings.Map(printable, part))
		}
	}
	if painted {
		b.WriteString("\x1b[m")
	}
	return b.String()
}

// sequences treats an escape sequence as one character.
var sequences = displaywidth.Options{ControlSequences: true}

func printable(r rune) rune {
	switch {
	case r == '\t' || r == '\n' || r == '\r':
		return ' '
	case r < ' ' || r >= 0x7f && r < 0xa0,
		r == 0x61c || r == 0x200e || r == 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069:
		return -1
	}
	return r
}

// fit cuts a text to a width.
func fit(text string, width int) string { return displaywidth.TruncateString(text, width, "…") }

// pad fills a text up to a width.
func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-displaywidth.String(text)))
}
