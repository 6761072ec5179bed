package testreport

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// gotest reads the events of go test -json. A package that failed though no test in it did, because it did not
// compile or because it crashed, is a test case itself.
func (f *file) gotest() error {
	g := &goEvents{file: f, output: map[[2]string]*strings.Builder{}, failed: map[string]bool{}}
	j := f.json()
	for n := 0; ; n++ {
		var e goEvent
		err := j.event(&e)
		if errors.Is(err, io.EOF) {
			if n == 0 {
				return errEmpty
			}
			return nil
		}
		if err != nil {
			return err
		}
		g.add(e)
	}
}

// goEvent is one event.
type goEvent struct{ action, pkg, test, elapsed, output string }

// event reads an event; io.EOF when there is none.
func (j *jsonFile) event(e *goEvent) error {
	offset := j.d.InputOffset()
	j.in.mark = offset
	j.lines.pass(offset)
	t, err := j.d.Token()
	if err != nil {
		return err
	}
	if t != json.Delim('{') {
		return fmt.Errorf("an event is expected, not %s", said(t))
	}
	j.next, j.ahead = t, true
	return j.object(map[string]func() error{
		"Action":  j.into(&e.action),
		"Package": j.into(&e.pkg),
		"Test":    j.into(&e.test),
		"Elapsed": j.into(&e.elapsed),
		"Output":  j.into(&e.output),
	})
}

// goEvents is what was read of a file.
type goEvents struct {
	*file
	output map[[2]string]*strings.Builder // of what runs, by package and test
	failed map[string]bool                // packages in which a test failed
}

func (g *goEvents) add(e goEvent) {
	key := [2]string{e.pkg, e.test}
	switch e.action {
	case "output":
		text := g.output[key]
		if text == nil {
			text = &strings.Builder{}
			g.output[key] = text
		}
		if text.Len() < maxMessage && !isNoise(e.output) {
			text.WriteString(e.output)
		}
		return
	case "pass", "fail", "skip":
	default:
		return
	}
	c := testCase{suite: e.pkg, prefix: e.pkg, name: e.test, nanoseconds: nanoseconds(e.elapsed),
		status: map[string]string{"pass": Succeeded, "fail": Failed, "skip": Skipped}[e.action]}
	if text := g.output[key]; text != nil && e.action != "pass" {
		c.message = strings.TrimSpace(text.String())
	}
	delete(g.output, key)
	if e.test == "" {
		if e.action != "fail" || g.failed[e.pkg] {
			return
		}
		c.name, c.status = "(package)", Error
	}
	g.failed[e.pkg] = g.failed[e.pkg] || e.action == "fail"
	g.file.add(c)
}

// isNoise tells the lines that only say what the events say.
func isNoise(line string) bool {
	line = strings.TrimLeft(line, " ")
	if len(line) < 8 {
		return false
	}
	return slices.Contains([]string{"=== RUN ", "=== PAUS", "=== CONT", "=== NAME", "--- PASS", "--- FAIL", "--- SKIP"},
		line[:8])
}
