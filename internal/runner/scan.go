package runner

import (
	"bytes"
	"strings"

	"slipway/api/slipway"
	"slipway/spec/toolerror"
)

const (
	maxTelling = 5   // lines of a cause
	maxLooked  = 500 // bytes of one
	// Of a command's output these are kept until it ends, in bytes: the beginning, pieces after that which look like an
	// error, and the end.
	keptHead    = 256 << 10
	keptTelling = 256 << 10
	keptTail    = 32 << 10
	// Around what looks like an error so much is kept, in bytes: the place of an error often stands beside it.
	keptBefore, keptAfter = 1 << 10, 4 << 10
)

// signs are what lines that tell of an error have in them: error, Error, ERROR, FAIL, failed, fatal, panic, Traceback,
// undefined, not found, Killed, No space left.
var signs = [][]byte{[]byte("rror"), []byte("ERROR"), []byte("FAIL"), []byte("ailed"), []byte("atal"), []byte("panic"),
	[]byte("undefined"), []byte("not found"), []byte("No s"), []byte("Traceback"), []byte("xception"), []byte("Killed")}

// scan keeps what may tell why a command failed, of its output as it goes by. It keeps little and costs little: what it
// means is asked only once the command has failed.
type scan struct {
	head    piece
	telling []piece
	told    int    // bytes of telling
	tail    []byte // the last bytes
	seen    int64
}

// piece is a part of the output, from the line with a number.
type piece struct {
	line int64
	text []byte
}

// look takes more output; line is the number of the line that p begins in.
func (s *scan) look(p []byte, line int64) {
	if s.seen == 0 {
		s.head.line = line
	}
	s.seen += int64(len(p))
	if n := min(len(p), keptHead-len(s.head.text)); n > 0 {
		s.head.text = append(s.head.text, p[:n]...)
		line += int64(bytes.Count(p[:n], []byte{'\n'}))
		p = p[n:]
	}
	if len(p) == 0 {
		return
	}
	if n := len(p); n >= keptTail {
		s.tail = append(s.tail[:0], p[n-keptTail:]...)
	} else if s.tail = append(s.tail, p...); len(s.tail) > 2*keptTail {
		s.tail = append(s.tail[:0], s.tail[len(s.tail)-keptTail:]...)
	}
	for len(p) > 0 && s.told < keptTelling {
		at := firstSign(p)
		if at < 0 {
			return
		}
		from, to := max(0, at-keptBefore), min(len(p), at+keptAfter)
		line += int64(bytes.Count(p[:from], []byte{'\n'}))
		s.telling = append(s.telling, piece{line, bytes.Clone(p[from:to])})
		s.told += to - from
		line += int64(bytes.Count(p[from:to], []byte{'\n'}))
		p = p[to:]
	}
}

// firstSign is where the first sign of an error stands in p, or -1.
func firstSign(p []byte) int {
	first := -1
	for _, sign := range signs {
		within := p
		if first >= 0 {
			within = p[:first]
		}
		if at := bytes.Index(within, sign); at >= 0 {
			first = at
		}
	}
	return first
}

// lines are those that were kept, in their order; next is the number of the log's next line.
func (s *scan) lines(next int64) []toolerror.Line {
	all := s.head.lines()
	for _, p := range s.telling {
		all = append(all, p.lines()...)
	}
	end := piece{next - int64(bytes.Count(s.tail, []byte{'\n'})), s.tail}
	for _, l := range end.lines() {
		if len(all) == 0 || l.Number > all[len(all)-1].Number {
			all = append(all, l)
		}
	}
	return all
}

func (p *piece) lines() (all []toolerror.Line) {
	number := p.line
	for l := range bytes.Lines(p.text) {
		all = append(all, toolerror.Line{Number: number, Text: shown(l)})
		number++
	}
	return all
}

// result is what tells why a command failed: what a tool said is wrong, if that is known, and the lines that say so,
// else the lines that look like an error from the first that says it on, else the last three with something in them.
func (s *scan) result(next int64, exit int) (*toolerror.Finding, []slipway.Line) {
	all := s.lines(next)
	f := toolerror.Find(all, exit)
	if f != nil && !f.Weak {
		return f, told(f.Lines)
	}
	var looks []toolerror.Line
	for _, l := range all {
		if f != nil && l.Number < f.Lines[0].Number {
			continue
		}
		if len(looks) < maxTelling && firstSign([]byte(l.Text)) >= 0 {
			looks = append(looks, l)
		}
	}
	if len(looks) > 0 {
		return nil, told(looks)
	}
	return nil, s.last(all)
}

// last are the last three lines with something in them.
func (s *scan) last(all []toolerror.Line) []slipway.Line {
	var last []toolerror.Line
	for i := len(all) - 1; i >= 0 && len(last) < 3; i-- {
		if strings.TrimSpace(all[i].Text) != "" {
			last = append([]toolerror.Line{all[i]}, last...)
		}
	}
	return told(last)
}

func told(lines []toolerror.Line) (all []slipway.Line) {
	for _, l := range lines {
		all = append(all, slipway.Line{Number: new(l.Number), Text: new(strings.TrimSpace(l.Text))})
	}
	return all
}

// shown is a line as text, without colours and what ends it.
func shown(p []byte) string {
	p = p[:min(len(p), maxLooked)]
	var b strings.Builder
	for i := 0; i < len(p); i++ {
		if p[i] == 0x1b {
			if i+1 < len(p) && p[i+1] == '[' {
				for i += 2; i < len(p) && (p[i] < '@' || p[i] > '~'); i++ {
				}
			}
			continue
		}
		if p[i] >= ' ' || p[i] == '\t' {
			b.WriteByte(p[i])
		}
	}
	return strings.TrimRight(strings.ToValidUTF8(b.String(), "\uFFFD"), " \t")
}
