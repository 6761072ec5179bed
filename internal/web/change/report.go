package change

import (
	"context"
	"fmt"
	"strings"

	"slipway/api/codebuild"
	"slipway/internal/view"
	"slipway/internal/web/kit"
)

// ReportLine is a report in a list.
type ReportLine struct {
	codebuild.Report
	Kind  kit.Kind
	Words string
}

// ReportLines reads reports by their ARNs, in that order.
func ReportLines(ctx context.Context, api codebuild.API, arns []string) ([]ReportLine, error) {
	if len(arns) == 0 {
		return nil, nil
	}
	out, err := api.BatchGetReports(
		ctx,
		&codebuild.BatchGetReportsInput{ReportArns: arns[:min(100, len(arns))]},
	)
	if err != nil {
		return nil, err
	}
	var all []ReportLine
	for _, x := range out.Reports {
		all = append(all, ReportLine{x, view.KindOf(x.Status), reportWords(x)})
	}
	return all, nil
}

// CaseWord is what the status of a test case is called.
func CaseWord(status string) string {
	switch status {
	case "SUCCEEDED":
		return "passed"
	case "FAILED":
		return "failed"
	case "ERROR":
		return "error"
	case "SKIPPED":
		return "skipped"
	}
	return "unknown"
}

// reportWords sums a report up.
func reportWords(r codebuild.Report) string {
	if c := r.CodeCoverageSummary; c != nil && c.LineCoveragePercentage != nil {
		return fmt.Sprintf("%.1f %% of lines covered", *c.LineCoveragePercentage)
	}
	t := r.TestSummary
	if t == nil {
		return strings.ToLower(string(r.Status))
	}
	var parts []string
	for _, status := range []string{"FAILED", "ERROR", "SUCCEEDED", "SKIPPED", "UNKNOWN"} {
		if n := t.StatusCounts[status]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, CaseWord(status)))
		}
	}
	if len(parts) == 0 {
		return "no tests"
	}
	return strings.Join(parts, ", ")
}
