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

// boardWords says how many pipelines move, and how many are at rest.
func boardWords(b *board) string {
	moves := "no other moves"
	switch n := len(b.Way); n {
	case 0:
	case 1:
		moves = "1 moves by itself"
	default:
		moves = fmt.Sprintf("%d move by themselves", n)
	}
	rest := "none is at rest"
	switch n := len(b.Rest); n {
	case 0:
	case 1:
		rest = "1 is at rest"
	default:
		rest = fmt.Sprintf("%d are at rest", n)
	}
	return moves + ", " + rest + "."
}

// hands says how many pipelines need somebody.
func hands(b *board) string {
	switch n := b.Failed + b.Waiting; n {
	case 0:
		return "Nothing needs a hand"
	case 1:
		return "1 pipeline needs a hand"
	default:
		return fmt.Sprintf("%d pipelines need a hand", n)
	}
}

// pipelineWords says what is going on in a pipeline.
func pipelineWords(p *pipelineView) string {
	var parts []string
	if p.Failed > 0 {
		parts = append(parts, count(p.Failed, "stage failed", "stages failed"))
	}
	if n := len(p.Approvals); n > 0 {
		parts = append(parts, count(n, "change waits for your approval", "changes wait for your approval"))
	}
	if n := len(p.Running) - len(p.Approvals); n > 0 {
		parts = append(parts, count(n, "change is moving", "changes are moving"))
	}
	if len(parts) == 0 {
		return "Nothing moves and nothing is owed."
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
func lasted(x executionRow, now time.Time) string {
	if x.Kind == Running || x.Kind == Waiting {
		return between(x.Change.Since, nil, now)
	}
	return between(x.Change.Since, x.Change.Until, now)
}

// lastPart is the name at the end of an ARN.
func lastPart(arn string) string { return arn[strings.LastIndexAny(arn, "/:")+1:] }

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func decimal(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) }

// printable tells whether bytes are text.
func printable(content []byte) bool {
	return utf8.Valid(content) && !bytes.ContainsRune(content, 0)
}
