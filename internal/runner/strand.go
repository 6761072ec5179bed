package runner

import (
	"strings"
	"unicode/utf8"

	"slipway/api/slipway"
	"slipway/internal/mask"
)

// strand is one of the two outputs of a sandbox's commands. All of it goes into the log. Of the present command, the
// last part is kept besides.
type strand struct {
	log     *logbook
	secrets mask.Masker // a secret is found though the other output is written in between
	tail    []byte
}

// strand returns a new output of a log.
func (l *logbook) strand() *strand {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := &strand{log: l}
	s.secrets.Know(&l.secrets)
	l.strands = append(l.strands, s)
	return s
}

// output implements sink.
func (s *strand) output(p []byte) {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	s.take(s.secrets.Next(p))
}

func (s *strand) take(p []byte) {
	if len(p) == 0 {
		return
	}
	s.log.take(p)
	const most = 2 * slipway.MaxCommandOutput
	s.tail = append(s.tail, p[max(0, len(p)-most):]...)
	if len(s.tail) > most { // it is cut seldom
		s.tail = append(s.tail[:0], s.tail[len(s.tail)-slipway.MaxCommandOutput:]...)
	}
}

// cut ends the output of a command, and returns the last part of it, as text.
func (s *strand) cut() string {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	s.take(s.secrets.Rest())
	last := s.tail[max(0, len(s.tail)-slipway.MaxCommandOutput):]
	for len(last) < len(s.tail) && len(last) > 0 && !utf8.RuneStart(last[0]) {
		last = last[1:]
	}
	text := strings.ToValidUTF8(string(last), "?")
	s.tail = nil
	return text
}
