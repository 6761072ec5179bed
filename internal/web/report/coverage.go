package report

import (
	"fmt"
	"net/http"
	"strconv"

	"slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/web/change"
	"slipway/internal/web/kit"
)

const (
	filesShown = 200
	trendShown = 30 // reports
)

// coverageView is a report of code coverage.
type coverageView struct {
	change.ReportLine
	Group, Build string
	Wrong        []codebuild.TestCase // why it is incomplete
	Changed      *slipway.GetChangeCoverageOutput
	Files        []slipway.CoveredFile // those with the most missed lines first
	Total        int
	Trend        []float64 // the newest first
}

func (s *pages) coveragePage(w http.ResponseWriter, r *http.Request, v kit.Visitor, line change.ReportLine) error {
	ctx := r.Context()
	x := &coverageView{
		ReportLine: line,
		Group:      kit.LastPath(kit.Text(line.ReportGroupArn)),
		Build:      kit.LastPath(kit.Text(line.ExecutionId)),
	}
	if line.Status == codebuild.ReportStatusTypeIncomplete {
		out, err := s.Builds.DescribeTestCases(ctx, &codebuild.DescribeTestCasesInput{ReportArn: line.Arn})
		if err != nil {
			return err
		}
		x.Wrong = out.TestCases
	}
	files, err := s.Slipway.GetReportCoverage(ctx, &slipway.GetReportCoverageInput{ReportArn: line.Arn})
	if err != nil {
		return err
	}
	x.Files, x.Total = files.Files[:min(len(files.Files), filesShown)], len(files.Files)
	if x.Changed, err = s.Slipway.GetChangeCoverage(ctx,
		&slipway.GetChangeCoverageInput{ReportArn: line.Arn}); err != nil {
		return err
	}
	trend, err := s.Builds.GetReportGroupTrend(ctx, &codebuild.GetReportGroupTrendInput{
		ReportGroupArn: line.ReportGroupArn,
		TrendField:     codebuild.ReportGroupTrendFieldTypeLineCoverage,
		NumOfReports:   new(int32(trendShown)),
	})
	if err != nil {
		return err
	}
	for _, d := range trend.RawData {
		p, err := strconv.ParseFloat(kit.Text(d.Data), 64)
		if err != nil {
			return fmt.Errorf("the trend of %s: %w", x.Group, err)
		}
		x.Trend = append(x.Trend, p)
	}
	s.Render(w, r, http.StatusOK, Coverage(s.Shell(r, v, "Coverage "+x.Group, "build/"+x.Build), x, s.Now()))
	return nil
}

// rate says how much was covered of something.
func rate(covered, missed *int32, what string) string {
	ran, not := int64(kit.Number32(covered)), int64(kit.Number32(missed))
	if ran+not == 0 {
		return "no " + what
	}
	return fmt.Sprintf("%.1f %% (%d of %d)", 100*float64(ran)/float64(ran+not), ran, ran+not)
}

// missedFirst are the files of a change with lines that did not run.
func (x *coverageView) missedFirst() (files []slipway.CoveredFile) {
	for _, f := range x.Changed.Files {
		if kit.Number32(f.LinesMissed) > 0 {
			files = append(files, f)
		}
	}
	return files
}

// trendWords says how the coverage of the group's reports went.
func (x *coverageView) trendWords() string {
	if len(x.Trend) == 0 {
		return "no report with lines"
	}
	say := fmt.Sprintf("%.1f %% now", x.Trend[0])
	if n := len(x.Trend); n > 1 {
		say += fmt.Sprintf(", %.1f %% %s before", x.Trend[n-1], kit.Count(n-1, "report", "reports"))
	}
	return say
}
