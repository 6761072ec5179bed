package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"slipway/internal/terminal"
)

// batchShow shows a batch while it runs: as a tree that is drawn again and again where output is a terminal, and line
// by line elsewhere. Its methods are called by the goroutine that has the batch, but for the writers that output
// returns.
type batchShow struct {
	to   *os.File
	live bool

	mu    *sync.Mutex
	batch *localBatch
	last  map[string]string // line, by build
	state map[string]string
	drawn int // lines
	stop  chan struct{}
	over  chan struct{}
}

// drawEvery is how often the tree is drawn.
const drawEvery = 100 * time.Millisecond

func newBatchShow(to *os.File) batchShow {
	return batchShow{
		to: to, mu: new(sync.Mutex), last: map[string]string{}, state: map[string]string{},
		live: terminal.IsTerminal(to), stop: make(chan struct{}), over: make(chan struct{}),
	}
}

// begin shows the builds. A tree that is higher than the terminal is shown line by line.
func (s *batchShow) begin(b *localBatch) {
	s.batch = b
	if _, height, err := term.GetSize(int(s.to.Fd())); err != nil || height <= len(b.order) {
		s.live = false
	}
	if s.live {
		var err error
		if b.logs, err = batchLogs(b.tree); err != nil { // there is no cache folder, or it cannot be written
			s.live = false
		}
	}
	if !s.live {
		close(s.over)
		return
	}
	go func() {
		defer close(s.over)
		tick := time.NewTicker(drawEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				s.draw()
			case <-s.stop:
				s.draw()
				return
			}
		}
	}()
}

func (s *batchShow) end() {
	close(s.stop)
	<-s.over
}

func (s *batchShow) draw() {
	s.mu.Lock()
	defer s.mu.Unlock()
	width, _, err := term.GetSize(int(s.to.Fd()))
	if err != nil {
		return
	}
	var out strings.Builder
	if s.drawn > 0 {
		fmt.Fprintf(&out, "\x1b[%dA\x1b[J", s.drawn)
	}
	for _, x := range s.batch.order {
		state := s.state[x.Identifier]
		if state == "" {
			state = "waiting"
		}
		indent := strings.Repeat("  ", x.depth)
		line := fmt.Sprintf("%s%-20s %-12s %s", indent, x.Identifier, state, s.last[x.Identifier])
		if r := []rune(line); len(r) >= width {
			line = string(r[:max(width-1, 0)])
		}
		out.WriteString(line + "\n")
	}
	s.drawn = len(s.batch.order)
	_, _ = s.to.WriteString(out.String())
}

func (s *batchShow) began(x *batchBuild) { s.becomes(x, "running") }

func (s *batchShow) ended(x *batchBuild) { s.becomes(x, string(x.result.Status)) }

func (s *batchShow) becomes(x *batchBuild, state string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state[x.Identifier] = state; !s.live {
		fmt.Fprintf(s.to, "[%s] %s\n", x.Identifier, state)
	}
}

// output is where a build writes: into its log, or in lines that name it.
func (s *batchShow) output(b *localBatch, x *batchBuild) (io.WriteCloser, error) {
	lines := &batchLines{show: s, name: x.Identifier}
	if !s.live {
		return lines, nil
	}
	var err error
	lines.log, err = os.OpenFile(s.file(b, x), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	return lines, err
}

func (s *batchShow) file(b *localBatch, x *batchBuild) string {
	return filepath.Join(b.logs, x.Identifier+".log")
}

// log names the log of a build that was not shown.
func (s *batchShow) log(b *localBatch, x *batchBuild) string {
	if !s.live {
		return ""
	}
	return s.file(b, x)
}

// batchLines takes what a build writes.
type batchLines struct {
	show *batchShow
	name string
	log  *os.File // nil where all is shown
	rest []byte
}

// maxShownLine bounds what is held back of a line that does not end.
const maxShownLine = 64 << 10

func (l *batchLines) Write(p []byte) (int, error) {
	if l.log != nil {
		if _, err := l.log.Write(p); err != nil {
			return 0, err
		}
	}
	l.rest = append(l.rest, p...)
	for {
		i := bytes.IndexByte(l.rest, '\n')
		if i < 0 {
			break
		}
		l.line(l.rest[:i])
		l.rest = l.rest[i+1:]
	}
	if len(l.rest) > maxShownLine {
		l.line(l.rest)
		l.rest = nil
	}
	l.rest = bytes.Clone(l.rest)
	return len(p), nil
}

func (l *batchLines) line(text []byte) {
	l.show.mu.Lock()
	defer l.show.mu.Unlock()
	if l.log == nil {
		fmt.Fprintf(l.show.to, "[%s] %s\n", l.name, text)
		return
	}
	l.show.last[l.name] = terminal.Clean(string(text))
}

func (l *batchLines) Close() error {
	if len(l.rest) > 0 {
		l.line(l.rest)
	}
	if l.log == nil {
		return nil
	}
	return l.log.Close()
}
