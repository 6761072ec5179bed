package policy

import "strings"

// Place is where a statement stands.
type Place struct {
	Statement  int // from one
	Sid        string
	Start, End Position
	Source     string // its text, moved to the left
}

// At returns the statement at a position, which is its beginning or what AWS's simulator says is it.
func (p *Policy) At(at Position) (Place, bool) {
	for i := range p.statements {
		if s := &p.statements[i]; s.start == at || s.before == at {
			source := p.text[offset(p.text, s.start):offset(p.text, s.end)]
			return Place{i + 1, s.sid, s.start, s.end, dedent(source, s.start.Column-1)}, true
		}
	}
	return Place{}, false
}

// dedent takes as much white space from the start of each line as stands before the first.
func dedent(s string, width int) string {
	lines := strings.Split(s, "\n")
	for i := 1; i < len(lines); i++ {
		n := 0
		for n < width && n < len(lines[i]) && (lines[i][n] == ' ' || lines[i][n] == '\t') {
			n++
		}
		lines[i] = lines[i][n:]
	}
	return strings.Join(lines, "\n")
}

// offset is the place in bytes of a position.
func offset(text string, at Position) int {
	line, column := 1, 1
	for i, c := range text {
		if line == at.Line && column == at.Column {
			return i
		}
		if column++; c == '\n' {
			line, column = line+1, 1
		}
	}
	return len(text)
}
