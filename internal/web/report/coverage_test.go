package report

import (
	"context"
	"testing"
	"time"

	"slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/web/kit"
	"slipway/internal/web/webtest"
)

// coverages has one report of coverage.
type coverages struct{ reports }

func (coverages) BatchGetReports(context.Context,
	*codebuild.BatchGetReportsInput) (*codebuild.BatchGetReportsOutput, error) {
	return &codebuild.BatchGetReportsOutput{Reports: []codebuild.Report{{
		Arn:            new(reportARN),
		Type:           codebuild.ReportTypeCodeCoverage,
		Status:         codebuild.ReportStatusTypeSucceeded,
		Created:        webtest.At(time.Minute),
		ExecutionId:    new("arn:aws:codebuild:eu-central-1:123456789012:build/web:1111"),
		ReportGroupArn: new("arn:aws:codebuild:eu-central-1:123456789012:report-group/cover"),
		CodeCoverageSummary: &codebuild.CodeCoverageReportSummary{
			LineCoveragePercentage: new(62.5),
			LinesCovered:           new(int32(5)),
			LinesMissed:            new(int32(3)),
		},
	}}}, nil
}

func (coverages) GetReportGroupTrend(context.Context,
	*codebuild.GetReportGroupTrendInput) (*codebuild.GetReportGroupTrendOutput, error) {
	return &codebuild.GetReportGroupTrendOutput{RawData: []codebuild.ReportWithRawData{
		{Data: new("62.5")}, {Data: new("50")},
	}}, nil
}

// covers knows the files of a report, and what of its change ran.
type covers struct{ tests }

func (covers) GetReportCoverage(context.Context,
	*slipway.GetReportCoverageInput) (*slipway.GetReportCoverageOutput, error) {
	return &slipway.GetReportCoverageOutput{Files: []slipway.CoveredFile{
		{Path: new("src/cart.go"), LinesCovered: new(int32(5)), LinesMissed: new(int32(3)), BranchesMissed: new(int32(4))},
	}}, nil
}

func (covers) GetChangeCoverage(context.Context,
	*slipway.GetChangeCoverageInput) (*slipway.GetChangeCoverageOutput, error) {
	return &slipway.GetChangeCoverageOutput{
		LinesCovered:  new(int32(1)),
		LinesMissed:   new(int32(2)),
		AfterCommitId: new("0123456789abcdef0123456789abcdef01234567"),
		Files: []slipway.CoveredFile{{Path: new("src/cart.go"), LinesCovered: new(int32(1)), LinesMissed: new(int32(2)),
			Missed: new("7-8")}},
	}, nil
}

func TestCoveragePage(t *testing.T) {
	p := webtest.Open(t, Routes, kit.Config{Builds: coverages{}, Slipway: covers{}})
	p.Shows("/reports/cover:1111", "62.5 % of lines covered", "33.3 % (1 of 3)", "src/cart.go", "7-8", "62.5 % (5 of 8)",
		"0.0 % (0 of 4)", "62.5 % now, 50.0 % 1 report before")
	p.Shows("/tests", "62.5 % of lines covered")
}
