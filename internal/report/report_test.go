package report_test

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/object"
	"slipway/internal/quarantine"
	"slipway/internal/report"
	"slipway/internal/store"
	"slipway/internal/store/storetest"
)

type house struct {
	*cb.Service
	t       *testing.T
	db      *store.Store
	reports *report.Service
	now     time.Time
	dir     string
	of      slipway.Origin // of the builds that are recorded
}

func open(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, db: storetest.Open(t, report.Migrations()), now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	h.dir = t.TempDir()
	now := func() time.Time { return h.now }
	files, err := object.NewFolder(h.dir, quarantine.Place{Dir: t.TempDir(), Now: now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	h.reports = report.New(h.db,
		report.Config{Region: "eu-central-1", Account: "123456789012", Now: now,
			Pager: awsproto.Pager{Key: []byte("key")}, Files: files})
	h.Service = cb.New(awsproto.Hooks{}, struct {
		*report.Service
		cb.Unimplemented
	}{h.reports, cb.Unimplemented{}})
	return h
}

func (h *house) record(reports ...slipway.Report) (arns []string) {
	h.t.Helper()
	b := &cb.Build{Id: new("app:1"), ProjectName: new("app"), Arn: new("arn:build")}
	err := h.db.Write(h.t.Context(), func(tx store.Tx) (err error) {
		arns, err = h.reports.Record(h.t.Context(), tx, b, h.of, reports)
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return arns
}

func (h *house) get(arn string) cb.Report {
	h.t.Helper()
	out, err := h.BatchGetReports(h.t.Context(), &cb.BatchGetReportsInput{ReportArns: []string{arn}})
	if err != nil || len(out.Reports) != 1 {
		h.t.Fatalf("%+v, %v", out, err)
	}
	return out.Reports[0]
}

func cases(statuses ...string) (all []cb.TestCase) {
	for i, s := range statuses {
		all = append(all, cb.TestCase{Name: new(fmt.Sprint("t", i)), Status: &s, DurationInNanoSeconds: new(int64(1))})
	}
	return all
}

func TestStatusOfAReport(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in     slipway.Report
		status cb.ReportStatusType
		total  int32
	}{
		"all good":      {slipway.Report{Cases: cases("SUCCEEDED", "SKIPPED")}, cb.ReportStatusTypeSucceeded, 2},
		"one failed":    {slipway.Report{Cases: cases("SUCCEEDED", "FAILED")}, cb.ReportStatusTypeFailed, 2},
		"one in error":  {slipway.Report{Cases: cases("ERROR")}, cb.ReportStatusTypeFailed, 1},
		"an odd status": {slipway.Report{Cases: cases("MAYBE")}, cb.ReportStatusTypeSucceeded, 1},
		"no tests":      {slipway.Report{}, cb.ReportStatusTypeSucceeded, 0},
		"not readable":  {slipway.Report{Error: "r.xml:3:1: no JUnit"}, cb.ReportStatusTypeIncomplete, 1},
		"more than taken": {slipway.Report{Cases: cases(slices.Repeat([]string{"SUCCEEDED"}, 501)...)},
			cb.ReportStatusTypeSucceeded, 500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t)
			c.in.Name = "unit"
			arn := h.record(c.in)[0]
			r := h.get(arn)
			if r.Status != c.status || *r.TestSummary.Total != c.total || *r.Truncated != (len(c.in.Cases) > 500) ||
				*r.ExecutionId != "arn:build" || !r.Expired.Equal(h.now.Add(report.Life)) {
				t.Errorf("%+v %+v", r, r.TestSummary)
			}
		})
	}
}

func TestGroups(t *testing.T) {
	t.Parallel()
	h := open(t)
	made, err := h.CreateReportGroup(t.Context(),
		&cb.CreateReportGroupInput{Name: new("mine"), Type: cb.ReportTypeTest,
			ExportConfig: &cb.ReportExportConfig{ExportConfigType: cb.ReportExportConfigTypeNoExport}})
	if err != nil || *made.ReportGroup.Arn != "arn:aws:codebuild:eu-central-1:123456789012:report-group/mine" {
		t.Fatalf("%+v, %v", made, err)
	}
	mine := *made.ReportGroup.Arn
	if _, err := h.CreateReportGroup(t.Context(),
		&cb.CreateReportGroupInput{Name: new("mine"), Type: cb.ReportTypeTest,
			ExportConfig: &cb.ReportExportConfig{}}); awsproto.Code(err) != "ResourceAlreadyExistsException" {
		t.Errorf("twice: %v", err)
	}
	if _, err := h.CreateReportGroup(t.Context(),
		&cb.CreateReportGroupInput{Name: new("s3"), Type: cb.ReportTypeTest,
			ExportConfig: &cb.ReportExportConfig{ExportConfigType: cb.ReportExportConfigTypeS3}}); awsproto.Code(
		err) != "InvalidInputException" {
		t.Errorf("exported: %v", err)
	}
	if up, err := h.UpdateReportGroup(t.Context(),
		&cb.UpdateReportGroupInput{Arn: &mine, Tags: []cb.Tag{{Key: new("a"), Value: new("b")}}}); err != nil ||
		len(up.ReportGroup.Tags) != 1 {
		t.Errorf("%+v, %v", up, err)
	}
	// A report by the group's ARN, one by a name, and one of a group that nobody made.
	arns := h.record(slipway.Report{Name: mine}, slipway.Report{Name: "unit"}, slipway.Report{Name: mine + "x"})
	if len(arns) != 2 || !strings.Contains(arns[0], ":report/mine:") ||
		!strings.Contains(arns[1], ":report/app-unit:") {
		t.Errorf("%v", arns)
	}
	for i := range 7 {
		h.now = h.now.Add(time.Second)
		h.record(slipway.Report{Name: fmt.Sprint("g", i)})
	}
	for name, in := range map[string]cb.ListReportGroupsInput{"by name": {},
		"newest first": {SortBy: cb.ReportGroupSortByTypeCreatedTime, SortOrder: cb.SortOrderTypeDescending}} {
		in.MaxResults = new(int32(2))
		var all []string
		for {
			out, err := h.ListReportGroups(t.Context(), &in)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, out.ReportGroups...)
			if in.NextToken = out.NextToken; out.NextToken == nil {
				break
			}
		}
		if len(all) != 9 || name == "by name" && !slices.IsSorted(all) ||
			name != "by name" && !strings.HasSuffix(all[0], "app-g6") {
			t.Errorf("%s: %v", name, all)
		}
	}
	if _, err := h.DeleteReportGroup(t.Context(),
		&cb.DeleteReportGroupInput{Arn: &mine}); awsproto.Code(err) != "InvalidInputException" {
		t.Errorf("a group with reports was deleted: %v", err)
	}
	if _, err := h.DeleteReport(t.Context(), &cb.DeleteReportInput{Arn: &arns[0]}); err != nil {
		t.Error(err)
	}
	if _, err := h.DeleteReportGroup(t.Context(), &cb.DeleteReportGroupInput{Arn: &mine}); err != nil {
		t.Error(err)
	}
	got, err := h.BatchGetReportGroups(t.Context(), &cb.BatchGetReportGroupsInput{ReportGroupArns: []string{mine}})
	if err != nil || len(got.ReportGroupsNotFound) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	for _, arn := range []string{"", "arn:aws:codebuild:eu-central-1:999999999999:report-group/x", "x"} {
		if _, err := h.ListReportsForReportGroup(t.Context(),
			&cb.ListReportsForReportGroupInput{ReportGroupArn: &arn}); awsproto.Code(err) != "InvalidInputException" {
			t.Errorf("%q: %v", arn, err)
		}
	}
}

func TestReportsDie(t *testing.T) {
	t.Parallel()
	h := open(t)
	old := h.record(slipway.Report{Name: "unit"})[0]
	h.now = h.now.Add(report.Life + time.Second)
	if out, err := h.ListReports(t.Context(), &cb.ListReportsInput{}); err != nil || len(out.Reports) != 0 {
		t.Errorf("%+v, %v", out, err)
	}
	fresh := h.record(slipway.Report{Name: "unit"})[0]
	out, err := h.BatchGetReports(t.Context(), &cb.BatchGetReportsInput{ReportArns: []string{old, fresh}})
	if err != nil || fmt.Sprint(out.ReportsNotFound) != "["+old+"]" || len(out.Reports) != 1 {
		t.Errorf("%+v, %v", out, err)
	}
}
