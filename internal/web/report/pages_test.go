package report

import (
	"context"
	"io"
	"strings"
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
		{ReportArn: new(reportARN), Status: new("SUCCEEDED"), Time: webtest.At(time.Minute),
			Files: []slipway.ReportFile{file("passed.png", "image/png")}},
		{ReportArn: new(reportARN), Status: new("FAILED"), Time: webtest.At(time.Minute), Message: new("the first failure"),
			Files: []slipway.ReportFile{file("failed.png", "image/png")}},
	}}, nil
}

// file is one that the failed test has left; its SHA-256 is its name.
func file(name, kind string) slipway.ReportFile {
	return slipway.ReportFile{Prefix: new("greet"), Name: new("TestGreeting"), Path: new("shots/" + name),
		ContentType: &kind, Size: new(int64(2048)), Sha256: &name}
}

// leftFiles are the files of the report.
func leftFiles() []slipway.ReportFile {
	other := file("whole.html", "text/html; charset=utf-8")
	other.Name, other.Prefix = new(""), new("")
	return []slipway.ReportFile{file("1.png", "image/png"), file("run.webm", "video/webm"),
		file("trace.zip", "application/zip"), file("evil.svg", "image/svg+xml"), file("notes.md", "text/markdown"), other}
}

func (tests) ListReportFiles(context.Context, *slipway.ListReportFilesInput) (*slipway.ListReportFilesOutput, error) {
	return &slipway.ListReportFilesOutput{Files: leftFiles()}, nil
}

func (tests) GetBrowserTrace(context.Context, *slipway.GetBrowserTraceInput) (*slipway.GetBrowserTraceOutput, error) {
	return &slipway.GetBrowserTraceOutput{
		Name: new("takes a voucher"), Path: new("r/trace.zip"), Browser: new("chromium"), Error: new("no such <button>"),
		Steps: []slipway.BrowserStep{{Title: new("Click"), Subtitle: new("locator('button')"), Error: new("not there"),
			Frame: new("screencast/1.jpeg"), StartMicros: new(int64(1500)), TookMicros: new(int64(2_000_000))}},
		Messages: []slipway.BrowserMessage{{Kind: new("error"), Text: new("oh")}},
	}, nil
}

func TestPages(t *testing.T) {
	p := webtest.Open(t, Routes, kit.Config{Builds: reports{}, Slipway: tests{}})
	p.Shows("/tests", "unit", "1 failed")
	p.Shows("/tests/unit", "1 failed")
	p.Shows("/reports/unit:1111", "TestGreeting", "got <hello>, want <hi>")
	p.Shows("/tests/unit/case?name=TestGreeting&prefix=greet", "TestGreeting")
	p.Shows("/reports/unit:1111", "1.png", "Steps of the trace", "What the tests left", "whole.html", "2.0 KiB")
	page, _ := io.ReadAll(p.Get("/reports/unit:1111").Body)
	for _, part := range []string{`src="/reports/unit:1111/file/1.png"`, `<video controls`,
		`href="/reports/unit:1111/trace/trace.zip"`} {
		if !strings.Contains(string(page), part) {
			t.Errorf("the report has no %s", part)
		}
	}
	p.Shows("/tests/unit/case?name=TestGreeting&prefix=greet", "failed.png", "the first failure")
	p.Shows("/reports/unit:1111/trace/trace.zip", "takes a voucher", "chromium", "no such <button>", "Click",
		"2.0 s", "oh")
	if got := p.Status("/reports/none:1"); got != 404 {
		t.Errorf("a report that is not there answers %d", got)
	}
	if got := p.Status("/tests/unit/case"); got != 400 {
		t.Errorf("the history of no test case answers %d", got)
	}
}

// What a build wrote is shown so that nothing of it can act as the site that shows it.
func TestFilesOfTests(t *testing.T) {
	p := webtest.Open(t, Routes, kit.Config{Builds: reports{}, Slipway: tests{},
		ReportFile: func(_ context.Context, arn, sum string) (slipway.ReportFile, io.ReadSeekCloser, error) {
			for _, f := range leftFiles() {
				if arn == reportARN && *f.Sha256 == sum {
					return f, nopCloser{strings.NewReader("0123456789")}, nil
				}
			}
			return slipway.ReportFile{}, nil, &codebuild.ResourceNotFoundException{Message: "no such file"}
		},
		ReportFrame: func(_ context.Context, _, _, name string) (io.ReadSeeker, error) {
			return strings.NewReader("picture " + name), nil
		}})
	for sum, want := range map[string]string{
		"1.png":      "image/png|inline|sandbox; default-src 'none'",
		"run.webm":   "video/webm|inline|sandbox; default-src 'none'",
		"trace.zip":  "application/octet-stream|attachment|sandbox; default-src 'none'",
		"evil.svg":   "application/octet-stream|attachment|sandbox; default-src 'none'",
		"notes.md":   "text/plain; charset=utf-8|inline|sandbox; default-src 'none'",
		"whole.html": "text/html; charset=utf-8|inline|sandbox allow-scripts; default-src 'none'",
	} {
		resp := p.Get("/reports/unit:1111/file/" + sum)
		h := resp.Header
		how, _, _ := strings.Cut(h.Get("Content-Disposition"), ";")
		policy, _, _ := strings.Cut(h.Get("Content-Security-Policy"), "; script-src")
		got := h.Get("Content-Type") + "|" + how + "|" + policy
		if got != want || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %s", sum, got)
		}
	}
	if got := p.Get("/reports/unit:1111/trace/trace.zip/frame?name=screencast/1.jpeg"); got.Header.Get("Content-Type") !=
		"image/jpeg" {
		t.Error(got.Header)
	}
	if got := p.Status("/reports/unit:1111/file/none"); got != 404 {
		t.Errorf("a file that is not there answers %d", got)
	}
}

type nopCloser struct{ io.ReadSeeker }

func (nopCloser) Close() error { return nil }
