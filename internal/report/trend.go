package report

import (
	"context"
	"slices"
	"strconv"

	cb "slipway/api/codebuild"
	"slipway/internal/store"
)

// GetReportGroupTrend implements codebuild:GetReportGroupTrend: a figure of the newest reports of a group, the newest
// first. Percentages are from 0 to 100, and durations are nanoseconds. Reports that do not have the figure, such as
// those that could not be read, are left out.
func (s *Service) GetReportGroupTrend(ctx context.Context,
	in *cb.GetReportGroupTrendInput) (*cb.GetReportGroupTrendOutput, error) {
	g, err := s.find(ctx, s.db, *in.ReportGroupArn)
	if err != nil {
		return nil, err
	}
	if ofTests := slices.Contains(testFields, in.TrendField); ofTests != (g.Type == cb.ReportTypeTest) {
		return nil, invalid("The report group %s is of type %s, whose reports have no %s.", *g.Arn, g.Type,
			in.TrendField)
	}
	reports, err := store.Documents[cb.Report](ctx, s.db,
		`SELECT doc FROM reports WHERE grp = $1 AND created >= $2 ORDER BY seq DESC LIMIT $3`, *g.Arn,
		s.Now().Add(-Life).UnixMilli(), limit(in.NumOfReports))
	if err != nil {
		return nil, err
	}
	out := &cb.GetReportGroupTrendOutput{Stats: &cb.ReportGroupTrendStats{}, RawData: []cb.ReportWithRawData{}}
	var values []float64
	for _, r := range reports {
		if v := figure(r, in.TrendField); v != nil {
			values = append(values, *v)
			out.RawData = append(out.RawData, cb.ReportWithRawData{ReportArn: r.Arn, Data: decimal(*v)})
		}
	}
	if len(values) == 0 {
		return out, nil
	}
	total := 0.0
	for _, v := range values {
		total += v
	}
	out.Stats.Average = decimal(total / float64(len(values)))
	out.Stats.Max, out.Stats.Min = decimal(slices.Max(values)), decimal(slices.Min(values))
	return out, nil
}

// testFields are the figures of reports of tests. The others are of coverage.
var testFields = []cb.ReportGroupTrendFieldType{cb.ReportGroupTrendFieldTypePassRate,
	cb.ReportGroupTrendFieldTypeDuration, cb.ReportGroupTrendFieldTypeTotal}

func decimal(v float64) *string { return new(strconv.FormatFloat(v, 'f', -1, 64)) }

// figure is a figure of a report; nil if it has none.
func figure(r *cb.Report, field cb.ReportGroupTrendFieldType) *float64 {
	if t := r.TestSummary; t != nil {
		return testFigure(t, field)
	}
	c := r.CodeCoverageSummary
	if c == nil || r.Status == cb.ReportStatusTypeIncomplete {
		return nil
	}
	switch field {
	case cb.ReportGroupTrendFieldTypeLineCoverage:
		return c.LineCoveragePercentage
	case cb.ReportGroupTrendFieldTypeLinesCovered:
		return new(float64(*c.LinesCovered))
	case cb.ReportGroupTrendFieldTypeLinesMissed:
		return new(float64(*c.LinesMissed))
	case cb.ReportGroupTrendFieldTypeBranchCoverage:
		return c.BranchCoveragePercentage
	case cb.ReportGroupTrendFieldTypeBranchesCovered:
		return new(float64(*c.BranchesCovered))
	case cb.ReportGroupTrendFieldTypeBranchesMissed:
		return new(float64(*c.BranchesMissed))
	}
	return nil
}

func testFigure(t *cb.TestReportSummary, field cb.ReportGroupTrendFieldType) *float64 {
	switch field {
	case cb.ReportGroupTrendFieldTypePassRate:
		if *t.Total == 0 {
			return nil
		}
		return new(100 * float64(t.StatusCounts["SUCCEEDED"]) / float64(*t.Total))
	case cb.ReportGroupTrendFieldTypeDuration:
		return new(float64(*t.DurationInNanoSeconds))
	case cb.ReportGroupTrendFieldTypeTotal:
		return new(float64(*t.Total))
	}
	return nil
}
