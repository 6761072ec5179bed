package testreport

import (
	"fmt"
	"strconv"
	"strings"
)

// tap reads the Test Anything Protocol, versions 12 to 14. A subtest's lines are indented, and its outcome is that of
// the line behind them. What follows a failed test as comments or YAML is its message.
func (f *file) tap() error {
	t := &tapFile{file: f, planned: -1}
	n, err := f.eachLine(t.line)
	t.flush()
	switch {
	case err != nil:
		return err
	case n == 0:
		return errEmpty
	case t.count == 0 && t.planned < 0:
		return fmt.Errorf("it has no line like 1..N, ok or not ok")
	case t.planned >= 0 && t.count < t.planned && !t.bailed:
		return fmt.Errorf("the plan is of %d tests, and the results of %d are there", t.planned, t.count)
	}
	return nil
}

// tapFile is what was read of a file.
type tapFile struct {
	*file
	planned int // how many tests there are to be; -1 while that was not said
	count   int
	bailed  bool
	open    *testCase // one that may get a message
	text    strings.Builder
}

func (t *tapFile) line(line string) error {
	switch {
	case strings.HasPrefix(line, "ok"), strings.HasPrefix(line, "not ok"):
		if isPoint(line) {
			t.flush()
			t.point(line)
		}
	case strings.HasPrefix(line, "1.."):
		plan, _, _ := strings.Cut(line[3:], "#")
		n, err := strconv.ParseInt(strings.TrimSpace(plan), 10, 32)
		if err != nil || n < 0 {
			return fmt.Errorf("%q is no plan like 1..N", limit(line, 60))
		}
		t.planned = int(n)
	case strings.HasPrefix(line, "Bail out!"):
		t.flush()
		t.bailed = true
		why := strings.TrimSpace(strings.TrimPrefix(line, "Bail out!"))
		t.add(testCase{name: "Bail out!", status: Error, message: why})
	case strings.HasPrefix(line, "#"), strings.HasPrefix(line, "  "):
		if t.open != nil && t.text.Len() < maxMessage {
			if comment, ok := strings.CutPrefix(line, "#"); ok {
				line = strings.TrimPrefix(comment, " ")
			}
			if s := strings.TrimSpace(line); s != "---" && s != "..." {
				t.text.WriteString(line[:min(len(line), maxMessage)] + "\n")
			}
		}
	}
	return nil
}

// isPoint tells whether a line is a test's outcome, and not a word that begins like one.
func isPoint(line string) bool {
	rest := strings.TrimPrefix(strings.TrimPrefix(line, "not "), "ok")
	return rest == "" || rest[0] == ' '
}

// point reads an outcome: [not] ok NUMBER - NAME # SKIP or TODO with a reason.
func (t *tapFile) point(line string) {
	t.count++
	c := testCase{status: Succeeded}
	rest, failed := strings.CutPrefix(line, "not ")
	rest = strings.TrimSpace(strings.TrimPrefix(rest, "ok"))
	if failed {
		c.status = Failed
	}
	number, name, _ := strings.Cut(rest, " ")
	if _, err := strconv.Atoi(number); err != nil {
		number, name = strconv.Itoa(t.count), rest
	}
	name, directive := cutDirective(name)
	c.name = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(name), "- "))
	if c.name == "" || c.name == "-" {
		c.name = "test " + number
	}
	word, why, _ := strings.Cut(directive, " ")
	switch {
	case len(word) >= 4 && strings.EqualFold(word[:4], "skip"):
		c.status, c.message = Skipped, strings.TrimSpace(why)
	case strings.EqualFold(word, "todo") && failed: // known to fail
		c.status, c.message = Skipped, strings.TrimSpace(directive)
	}
	t.open = &c
}

// cutDirective cuts a name from what follows the # that is not escaped.
func cutDirective(text string) (name, directive string) {
	for i := range len(text) {
		if text[i] == '#' && i > 0 && text[i-1] == ' ' {
			name, directive = text[:i], strings.TrimSpace(text[i+1:])
			break
		}
		name = text[:i+1]
	}
	return strings.ReplaceAll(name, `\#`, "#"), directive
}

// flush adds the test that may have got a message.
func (t *tapFile) flush() {
	if t.open == nil {
		return
	}
	if bad := t.open.status == Failed; bad {
		t.open.message = joined(t.open.message, t.text.String())
	}
	t.add(*t.open)
	t.open = nil
	t.text.Reset()
}
