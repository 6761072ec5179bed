package runner

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"slipway/api/slipway"
	"slipway/internal/mask"
	"slipway/spec/toolerror"
)

// logbook is the log of a build: what its commands write, and between it the runner's own lines, as CodeBuild writes
// them.
type logbook struct {
	mu      sync.Mutex
	w       io.Writer
	lines   int64 // that have ended
	midLine bool
	scan    scan
	err     error

	kept int64 // bytes of commands' output that were kept
	full bool  // maxLog was reached

	secrets mask.Masker
	strands []*strand // see strand.go
	veils   map[*veil]bool
}

// maxLog bounds what a log keeps of the output of a build's commands, in bytes; tests have less.
var maxLog int64 = 1 << 30

// counts is what a journal's writer knows of itself; it cuts very long lines into several.
type counts interface {
	Lines() int64
	MidLine() bool
}

func newLogbook(w io.Writer) *logbook {
	l := &logbook{w: w, veils: map[*veil]bool{}}
	l.count(nil)
	return l
}

func (l *logbook) write(p []byte) {
	if _, err := l.w.Write(p); err != nil && l.err == nil {
		l.err = err
	}
	l.count(p)
}

func (l *logbook) count(p []byte) {
	if c, ok := l.w.(counts); ok {
		l.lines, l.midLine = c.Lines(), c.MidLine()
		return
	}
	l.lines += int64(bytes.Count(p, []byte{'\n'}))
	if len(p) > 0 {
		l.midLine = p[len(p)-1] != '\n'
	}
}

// output takes what commands wrote.
func (l *logbook) output(p []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.take(l.secrets.Next(p))
}

// flush takes what was held back because it might begin a secret.
func (l *logbook) flush() {
	if held := l.secrets.Rest(); len(held) > 0 {
		l.take(held)
	}
}

// take keeps output in which secrets are masked.
func (l *logbook) take(p []byte) {
	l.scan.look(p, l.lines)
	if l.full {
		return
	}
	rest := maxLog - l.kept
	l.kept += min(rest, int64(len(p)))
	if int64(len(p)) <= rest {
		l.write(p)
		return
	}
	l.full = true
	l.write(p[:rest])
	l.line("The log has its limit of %s: what commands write from here on is not kept", bytesText(maxLog))
}

// say writes a line of the runner's.
func (l *logbook) say(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.line(format, args...)
}

func (l *logbook) line(format string, args ...any) {
	l.flush()
	var b bytes.Buffer
	if l.midLine {
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "[Container] %s %s\n", time.Now().UTC().Format("2006/01/02 15:04:05.000000"),
		strings.TrimRight(fmt.Sprintf(format, args...), "\n"))
	l.write(l.secrets.Whole(b.Bytes()))
}

// conceal masks a value in what is written from now on. It reports false for one that is too short.
func (l *logbook) conceal(value string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flush()
	for _, s := range l.strands {
		s.secrets.Add(value)
	}
	for v := range l.veils {
		v.secrets.Add(value)
	}
	return l.secrets.Add(value)
}

// concealed is a text of the build's in which secrets are masked.
func (l *logbook) concealed(text string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.secrets.Whole([]byte(text)))
}

// end takes the last of the output.
func (l *logbook) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flush()
}

// begin says that a command's output begins here, and returns the number of its first line.
func (l *logbook) begin() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flush()
	l.scan = scan{}
	return l.lines
}

// telling returns what the output since begin says is wrong, nil if that is not known, and the lines that say so or
// look like it; without one, the last that are there. exit is the exit code of what wrote it.
func (l *logbook) telling(exit int) (*toolerror.Finding, []slipway.Line) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flush()
	return l.scan.result(l.lines, exit)
}

// failed is the first error in writing the log.
func (l *logbook) failed() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}
