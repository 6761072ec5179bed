package web

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"slipway/internal/view"
)

// count says a number of things: none, one, or how many.
func count(n int, one, many string) string {
	switch n {
	case 0:
		return "no " + many
	case 1:
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// boardWords say how many pipelines need a person, move, and are at rest; what there is none of is left out.
func boardWords(b *board) (urgent, rest string) {
	urgent = "Nothing needs attention"
	if n := len(b.Urgent); n > 0 {
		urgent = count(n, "pipeline needs attention", "pipelines need attention")
	}
	if n := len(b.Running); n > 0 {
		rest += fmt.Sprintf(", %d running", n)
	}
	if n := len(b.Idle); n > 0 {
		rest += fmt.Sprintf(", %d idle", n)
	}
	return urgent, rest + "."
}

// pipelineWords says what is going on in a pipeline.
func pipelineWords(p *pipelineView) string {
	var parts []string
	if p.Failed > 0 {
		parts = append(parts, count(p.Failed, "stage failed", "stages failed"))
	}
	waiting := len(p.Approvals) + len(p.Asking)
	if n := len(p.Approvals); n > 0 {
		parts = append(parts, count(n, "change is waiting for approval", "changes are waiting for approval"))
	}
	if n := len(p.Asking); n > 0 {
		parts = append(parts, count(n, "release is waiting for a decision", "releases are waiting for a decision"))
	}
	if n := p.Live - waiting; n > 0 {
		parts = append(parts, count(n, "change is running", "changes are running"))
	}
	if len(parts) == 0 {
		return "Nothing is running and nothing is waiting."
	}
	return strings.ToUpper(parts[0][:1]) + parts[0][1:] + suffix(parts[1:]) + "."
}

func suffix(parts []string) string {
	if len(parts) == 0 {
		return ""
	}
	return ", " + strings.Join(parts, ", ")
}

// lasted is how long an execution took, or takes so far.
func lasted(x view.Execution, now time.Time) string {
	if x.Live() {
		return between(x.Change.Since, nil, now)
	}
	return between(x.Change.Since, x.Change.Until, now)
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func decimal(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) }

// printable tells whether bytes are text.
func printable(content []byte) bool {
	return utf8.Valid(content) && !bytes.ContainsRune(content, 0)
}

// short is a commit's first characters, or an execution's if its commit is not known.
func short(commit, execution string) string {
	if commit == "" {
		commit = execution
	}
	return view.Short(commit)
}

func firstLine(s string) string { return view.FirstLine(s) }
