package build

import (
	"html"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ansi renders a line of a log as a terminal shows it. The result is built from two things only: escaped text,
// and <span class="…"> whose classes come from the list in sgr.classes. Every other escape sequence (links,
// pictures, titles, movements of the cursor) is left out, whatever it is nested in. A carriage return and a
// backspace move back in the line, as progress bars need it. It takes linear time.
func ansi(line string) string {
	if !strings.ContainsAny(line, "\x1b\r\b\u0090\u0098\u009b\u009d\u009e\u009f") {
		return html.EscapeString(visible(line))
	}
	var row cells
	for line != "" {
		if n := sequence(line); n > 0 {
			row.obey(line[:n])
			line = line[n:]
			continue
		}
		r, n := utf8.DecodeRuneInString(line)
		row.put(r)
		line = line[n:]
	}
	return row.html()
}

// visible leaves out control characters other than the tab: they show nothing.
func visible(line string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && (r < ' ' || r >= 0x7f && r < 0xa0) {
			return -1
		}
		return r
	}, line)
}

// cell is a character with its look.
type cell struct {
	char rune
	look sgr
}

// cells is a line as it is written: characters, and where the next one goes.
type cells struct {
	all  []cell
	at   int
	look sgr
}

func (c *cells) put(r rune) {
	switch {
	case r == '\r':
		c.at = 0
		return
	case r == '\b':
		c.at = max(0, c.at-1)
		return
	case r != '\t' && (r < ' ' || r >= 0x7f && r < 0xa0):
		return
	}
	if c.at == len(c.all) {
		c.all = append(c.all, cell{})
	}
	c.all[c.at] = cell{r, c.look}
	c.at++
}

// obey follows the sequences that say something about one line: colours (CSI … m), and the erasing of its rest
// or of all of it (CSI K).
func (c *cells) obey(s string) {
	body, ok := strings.CutPrefix(s, "\x1b[")
	if !ok {
		body, ok = strings.CutPrefix(s, "\u009b")
	}
	switch {
	case !ok || body == "":
	case strings.HasSuffix(body, "m"):
		c.look.set(strings.TrimSuffix(body, "m"))
	case body == "K" || body == "0K":
		c.all = c.all[:c.at]
	case body == "2K":
		c.all, c.at = c.all[:0], 0
	}
}

func (c *cells) html() string {
	var b strings.Builder
	for i := 0; i < len(c.all); {
		look, end := c.all[i].look, i
		var text strings.Builder
		for end < len(c.all) && c.all[end].look == look {
			text.WriteRune(c.all[end].char)
			end++
		}
		if classes := look.classes(); classes != "" {
			b.WriteString(`<span class="` + classes + `">` + html.EscapeString(text.String()) + `</span>`)
		} else {
			b.WriteString(html.EscapeString(text.String()))
		}
		i = end
	}
	return b.String()
}

// sequence is how many bytes of an escape sequence stand at the beginning of a text; 0 for none. One that is
// cut off reaches to the end. Forms: ECMA-48, 5.4 (CSI) and 5.6 (strings, which end with ST or, as xterm has
// it, with BEL).
func sequence(s string) int {
	const csi, c1 = '[', "\u0090\u0098\u009d\u009e\u009f"
	switch {
	case strings.HasPrefix(s, "\u009b"):
		return control(s, len("\u009b"))
	case len(s) > 1 && s[0] == 0xc2 && strings.Contains(c1, s[:2]):
		return quoted(s, 2)
	case s[0] != '\x1b':
		return 0
	case len(s) == 1:
		return 1
	}
	switch {
	case s[1] == csi:
		return control(s, 2)
	case strings.IndexByte("]P^_X", s[1]) >= 0:
		return quoted(s, 2)
	case s[1] >= 0x20 && s[1] < 0x30: // with an intermediate character, such as the choice of a character set
		return min(len(s), 3)
	case s[1] >= 0x30 && s[1] < 0x7f:
		return 2
	}
	return 1
}

// control is the length of a control sequence whose parameters begin at a place: they end with the first byte
// from @ to ~.
func control(s string, from int) int {
	for i := from; i < len(s); i++ {
		switch c := s[i]; {
		case c >= 0x40 && c < 0x7f:
			return i + 1
		case c < 0x20 || c >= 0x7f: // no part of it: it is broken off here
			return i
		}
	}
	return len(s)
}

// quoted is the length of a string sequence. An escape that does not end it begins the next one.
func quoted(s string, from int) int {
	for i := from; i < len(s); i++ {
		switch {
		case s[i] == '\a':
			return i + 1
		case s[i] == '\x1b' && i+1 < len(s) && s[i+1] == '\\':
			return i + 2
		case s[i] == '\x1b':
			return i
		case strings.HasPrefix(s[i:], "\u009c"):
			return i + len("\u009c")
		}
	}
	return len(s)
}

// sgr is a look: a colour of the 16 that a theme has (30 to 37, 90 to 97), or any other of the 256 or of all
// (which pages show alike), and attributes.
type sgr struct {
	colour int
	other  bool
	marks  uint16 // a bit for each of 1 bold, 2 faint, 3 italic, 4 underlined, 9 crossed out
}

var attributes = []int{1, 2, 3, 4, 9}

// set takes the parameters of a sequence. What it does not know it leaves out.
func (l *sgr) set(parameters string) {
	if len(parameters) > 64 {
		return
	}
	all := strings.FieldsFunc(strings.ReplaceAll(parameters, ":", ";"), func(r rune) bool { return r == ';' })
	if len(all) == 0 {
		*l = sgr{}
	}
	for i := 0; i < len(all); i++ {
		n, err := strconv.Atoi(all[i])
		switch {
		case err != nil:
			return
		case n == 0:
			*l = sgr{}
		case slices.Contains(attributes, n):
			l.marks |= 1 << n
		case n == 22:
			l.marks &^= 1<<1 | 1<<2
		case n == 23, n == 24, n == 29:
			l.marks &^= 1 << (n - 20)
		case n >= 30 && n <= 37, n >= 90 && n <= 97:
			l.colour, l.other = n, false
		case n == 39:
			l.colour, l.other = 0, false
		case n == 38: // 38;5;N or 38;2;R;G;B
			i += extended(all[i+1:])
			l.colour, l.other = 0, true
		case n == 48:
			i += extended(all[i+1:])
		}
	}
}

// extended is how many parameters follow 38 or 48.
func extended(rest []string) int {
	switch {
	case len(rest) > 0 && rest[0] == "5":
		return min(2, len(rest))
	case len(rest) > 0 && rest[0] == "2":
		return min(4, len(rest))
	}
	return len(rest)
}

// classes are the class names of a look, as base.css knows them.
func (l sgr) classes() string {
	var all []string
	switch {
	case l.other:
		all = append(all, "term-fgx")
	case l.colour >= 90:
		all = append(all, "term-fgi"+strconv.Itoa(l.colour))
	case l.colour > 0:
		all = append(all, "term-fg"+strconv.Itoa(l.colour))
	}
	for _, n := range attributes {
		if l.marks&(1<<n) != 0 {
			all = append(all, "term-fg"+strconv.Itoa(n))
		}
	}
	return strings.Join(all, " ")
}
