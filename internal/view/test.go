package view

import (
	"fmt"
	"strings"

	"slipway/api/slipway"
)

// TestWords are the facts about a test that failed: whether it failed before, whether it is flaky, whether its failures
// count. It is "" where there are none.
func TestWords(t slipway.FailedTest) string {
	var say []string
	if t.IsNew != nil {
		say = append(say, map[bool]string{true: "new", false: "failed before"}[*t.IsNew])
	}
	switch n := t.FlakyCommits; {
	case n != nil && *n == 1:
		say = append(say, "flaky: passed and failed on 1 commit of the last 30 days")
	case n != nil && *n > 1:
		say = append(say, fmt.Sprintf("flaky: passed and failed on %d commits of the last 30 days", *n))
	}
	if t.QuarantinedUntil != nil {
		say = append(say, "in quarantine until "+t.QuarantinedUntil.UTC().Format("2 January")+", "+
			text(t.QuarantineOwner)+" looks after it")
	}
	return strings.Join(say, "; ")
}
