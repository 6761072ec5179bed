package pipeline

import (
	"fmt"
	"strings"
	"time"

	"slipway/internal/view"
	"slipway/internal/web/kit"
)

// boardWords say how many pipelines need a person, move, and are at rest; what there is none of is left out.
func boardWords(b *board) (urgent, rest string) {
	urgent = "Nothing needs attention"
	if n := len(b.Urgent); n > 0 {
		urgent = kit.Count(n, "pipeline needs attention", "pipelines need attention")
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
		parts = append(parts, kit.Count(p.Failed, "stage failed", "stages failed"))
	}
	waiting := len(p.Approvals) + len(p.Asking)
	if n := len(p.Approvals); n > 0 {
		parts = append(parts, kit.Count(n, "change is waiting for approval", "changes are waiting for approval"))
	}
	if n := len(p.Asking); n > 0 {
		parts = append(parts, kit.Count(n, "release is waiting for a decision", "releases are waiting for a decision"))
	}
	if n := p.Live - waiting; n > 0 {
		parts = append(parts, kit.Count(n, "change is running", "changes are running"))
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
		return kit.Between(x.Change.Since, nil, now)
	}
	return kit.Between(x.Change.Since, x.Change.Until, now)
}
