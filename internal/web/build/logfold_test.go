package build

import (
	"fmt"
	"strings"
	"testing"

	"slipway/api/slipway"
	"slipway/internal/view"
)

func TestLogIsFoldedByCommand(t *testing.T) {
	log := `[Container] 2026/11/29 09:13:54.773873 Running on Slipway runner local
[Container] 2026/11/29 09:13:54.774 Entering phase PRE_BUILD
[Container] 2026/11/29 09:13:54.775 Running command echo "the tests begin"
the tests begin
[Container] 2026/11/29 09:13:54.776 Phase complete: PRE_BUILD State: SUCCEEDED
[Container] 2026/11/29 09:13:54.777 Entering phase BUILD
[Container] 2026/11/29 09:13:54.778 Running command python3 junit.py
AssertionError: 7.13 != 4.86
[Container] 2026/11/29 09:13:54.779 Command did not exit successfully python3 junit.py exit status 1
[Container] 2026/11/29 09:13:54.780 Phase complete: BUILD State: FAILED`
	why := &view.Explanation{ExplainBuildOutput: &slipway.ExplainBuildOutput{Phase: new("BUILD")}}
	b := &buildView{Why: why, Log: logWindow{Bad: map[int64]bool{7: true}}}
	for i, line := range strings.Split(log, "\n") {
		b.Log.Lines = append(b.Log.Lines, slipway.Line{Number: new(int64(i)), Text: &line})
	}
	want := `Runner 2 false false
echo "the tests begin" 2 false false
Runner 2 false false
python3 junit.py 3 true true
Runner 1 false false
`
	if got := told(b); got != want {
		t.Errorf("a build that failed:\n%s, not\n%s", got, want)
	}
	b.Why = nil
	b.Log.Bad = nil
	if got := told(b); !strings.Contains(got, "begin\" 2 false true") ||
		!strings.Contains(got, "Runner 2 false false") {
		t.Errorf("a build that did not fail:\n%s", got)
	}
	b.Log.Lines = b.Log.Lines[3:5] // a window that begins within a command's output
	if got := told(b); got != "Output 1 false true\nRunner 1 false false\n" {
		t.Errorf("a window within:\n%s", got)
	}
}

// told is each group with its number of lines, whether it failed, and whether it is open.
func told(b *buildView) string {
	var got strings.Builder
	lines := 0
	for _, f := range folds(b) {
		fmt.Fprintln(&got, f.heading(), len(f.Lines), f.Failed, f.Open)
		lines += len(f.Lines)
	}
	if lines != len(b.Log.Lines) {
		fmt.Fprintf(&got, "%d of %d lines\n", lines, len(b.Log.Lines))
	}
	return got.String()
}
