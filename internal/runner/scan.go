package runner

import (
	"bytes"
	"strings"

	"slipway/api/slipway"
)

const (
	maxTelling = 5   // lines of a cause
	maxLooked  = 500 // bytes of one
	tailBytes  = 4 << 10
)

// signs are what lines that tell of an error have in them: error, Error, ERROR, FAIL, failed, fatal, panic, Traceback,
// undefined, not found.
var signs = [][]byte{[]byte("rror"), []byte("ERROR"), []byte("FAIL"), []byte("ailed"), []byte("atal"), []byte("panic"),
	[]byte("undefined"), []byte("not found"), []byte("No such")}

// scan looks for errors in the output of one command as it goes by. It keeps little and costs little.
type scan struct {
	found []slipway.Line
	part  []byte // the beginning of a line that has not ended
	tail  []byte // the last bytes
}

// look takes more output; line is the number of the line that p begins in.
func (s *scan) look(p []byte, line int64) {
	if n := len(p); n >= tailBytes {
		s.tail = append(s.tail[:0], p[n-tailBytes:]...)
	} else if s.tail = append(s.tail, p...); len(s.tail) > 2*tailBytes {
		s.tail = append(s.tail[:0], s.tail[len(s.tail)-tailBytes:]...)
	}
	if len(s.found) >= maxTelling {
		return
	}
	first := bytes.IndexByte(p, '\n')
	if first < 0 {
		s.part = append(s.part, p[:min(len(p), max(0, maxLooked-len(s.part)))]...)
		return
	}
	s.line(append(s.part, p[:min(first, maxLooked)]...), line)
	last := bytes.LastIndexByte(p, '\n')
	s.part = append(s.part[:0], p[last+1:min(len(p), last+1+maxLooked)]...)
	if whole := p[first+1 : last+1]; telling(whole) {
		number := line + 1
		for l := range bytes.Lines(whole) {
			s.line(l, number)
			number++
		}
	}
}

func telling(p []byte) bool {
	for _, sign := range signs {
		if bytes.Contains(p, sign) {
			return true
		}
	}
	return false
}

func (s *scan) line(p []byte, number int64) {
	if len(s.found) < maxTelling && telling(p) {
		s.found = append(s.found, slipway.Line{Number: new(number), Text: new(shown(p))})
	}
}

// result returns the lines found, or the last three with something in them; next is the number of the log's next line.
func (s *scan) result(next int64) []slipway.Line {
	if len(s.part) > 0 {
		s.line(s.part, next)
	}
	if len(s.found) > 0 {
		return s.found
	}
	lines := bytes.Split(s.tail, []byte{'\n'})
	number := next // the line that has not ended, which is empty if the last one has
	for i := len(lines) - 1; i >= 0 && len(s.found) < 3; i-- {
		if text := shown(lines[i]); text != "" && (i > 0 || len(s.tail) < tailBytes) {
			s.found = append([]slipway.Line{{Number: new(number), Text: new(text)}}, s.found...)
		}
		number--
	}
	return s.found
}

// shown is a line as text, without colours.
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
	return strings.TrimSpace(strings.ToValidUTF8(b.String(), "\uFFFD"))
}
