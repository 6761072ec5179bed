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

const reportARN = "arn:aws:codebuild:eu-central-1:123456789012:report/unit:1111"

// reports has one report, with a test case that failed.
type reports struct{ codebuild.Unimplemented }

func (reports) ListReports(context.Context, *codebuild.ListReportsInput) (*codebuild.ListReportsOutput, error) {
	return &codebuild.ListReportsOutput{Reports: []string{reportARN}}, nil
}

func (reports) ListReportsForReportGroup(context.Context,
	*codebuild.ListReportsForReportGroupInput) (*codebuild.ListReportsForReportGroupOutput, error) {
	return &codebuild.ListReportsForReportGroupOutput{Reports: []string{reportARN}}, nil
}

func (reports) BatchGetReports(_ context.Context,
	in *codebuild.BatchGetReportsInput) (*codebuild.BatchGetReportsOutput, error) {
	if in.ReportArns[0] != reportARN {
		return &codebuild.BatchGetReportsOutput{ReportsNotFound: in.ReportArns}, nil
	}
	return &codebuild.BatchGetReportsOutput{Reports: []codebuild.Report{{
		Arn:            new(reportARN),
		Name:           new("unit"),
		Type:           codebuild.ReportTypeTest,
		Status:         codebuild.ReportStatusTypeFailed,
		Created:        webtest.At(time.Minute),
		ExecutionId:    new("arn:aws:codebuild:eu-central-1:123456789012:build/web:1111"),
		ReportGroupArn: new("arn:aws:codebuild:eu-central-1:123456789012:report-group/unit"),
		TestSummary: &codebuild.TestReportSummary{
			Total:                 new(int32(2)),
			DurationInNanoSeconds: new(int64(5_000_000)),
			StatusCounts:          map[string]int32{"SUCCEEDED": 1, "FAILED": 1},
		},
	}}}, nil
}

func (reports) DescribeTestCases(context.Context,
	*codebuild.DescribeTestCasesInput) (*codebuild.DescribeTestCasesOutput, error) {
	return &codebuild.DescribeTestCasesOutput{TestCases: []codebuild.TestCase{{
		Name:                  new("TestGreeting"),
		Prefix:                new("greet"),
		Status:                new("FAILED"),
		Message:               new("got <hello>, want <hi>"),
		DurationInNanoSeconds: new(int64(1_000_000)),
	}}}, nil
}

// tests knows how test cases went.
type tests struct{ slipway.Unimplemented }

func (tests) GetTestOverview(context.Context, *slipway.GetTestOverviewInput) (*slipway.GetTestOverviewOutput, error) {
	return &slipway.GetTestOverviewOutput{}, nil
}

func (tests) GetTestHistory(context.Context, *slipway.GetTestHistoryInput) (*slipway.GetTestHistoryOutput, error) {
	return &slipway.GetTestHistoryOutput{Runs: []slipway.TestRun{
		{ReportArn: new(reportARN), Status: new("FAILED"), Time: webtest.At(time.Minute)},
	}}, nil
}

func TestPages(t *testing.T) {
	p := webtest.Open(t, Routes, kit.Config{Builds: reports{}, Slipway: tests{}})
	p.Shows("/tests", "unit", "1 failed")
	p.Shows("/tests/unit", "1 failed")
	p.Shows("/reports/unit:1111", "TestGreeting", "got <hello>, want <hi>")
	p.Shows("/tests/unit/case?name=TestGreeting&prefix=greet", "TestGreeting")
	if got := p.Status("/reports/none:1"); got != 404 {
		t.Errorf("a report that is not there answers %d", got)
	}
	if got := p.Status("/tests/unit/case"); got != 400 {
		t.Errorf("the history of no test case answers %d", got)
	}
}
