package policy

// Place is where a statement stands.
type Place struct {
	Statement  int // from one
	Sid        string
	Start, End Position
	Source     string // its text
}

// At returns the statement at a position, which is its beginning or what AWS's simulator says is it.
func (p *Policy) At(at Position) (Place, bool) {
	for i := range p.statements {
		if s := &p.statements[i]; s.start == at || s.before == at {
			return Place{i + 1, s.sid, s.start, s.end, p.text[offset(p.text, s.start):offset(p.text, s.end)]}, true
		}
	}
	return Place{}, false
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
