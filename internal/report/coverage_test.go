package report_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/api/slipway"
)

const coverGroup = "arn:aws:codebuild:eu-central-1:123456789012:report-group/app-cover"

// covering is a report of coverage.
func covering(files ...slipway.FileCoverage) slipway.Report {
	c := &slipway.Coverage{Files: files}
	for _, f := range files {
		c.LinesCovered += f.LinesCovered
		c.LinesMissed += f.LinesMissed
		c.BranchesCovered += f.BranchesCovered
		c.BranchesMissed += f.BranchesMissed
	}
	return slipway.Report{Name: "cover", Type: cb.ReportTypeCodeCoverage, Coverage: c}
}

func covered(path string, lines, missed int32) slipway.FileCoverage {
	return slipway.FileCoverage{Path: path, Sums: slipway.Sums{LinesCovered: lines, LinesMissed: missed},
		Covered: fmt.Sprintf("1-%d", lines), Missed: fmt.Sprintf("%d-%d", lines+1, lines+missed)}
}

func TestSummaryOfCoverage(t *testing.T) {
	t.Parallel()
	h := open(t)
	main := covered("main.go", 30, 10)
	main.BranchesCovered, main.BranchesMissed = 1, 3
	r := h.get(h.record(covering(main, covered("empty.go", 0, 0), covered("util.go", 45, 15)))[0])
	s := r.CodeCoverageSummary
	if r.Type != cb.ReportTypeCodeCoverage || r.Status != cb.ReportStatusTypeSucceeded || r.TestSummary != nil || s == nil {
		t.Fatalf("%+v", r)
	}
	if *s.LinesCovered != 75 || *s.LinesMissed != 25 || *s.LineCoveragePercentage != 75 || *s.BranchesCovered != 1 ||
		*s.BranchesMissed != 3 || *s.BranchCoveragePercentage != 25 {
		t.Errorf("%+v", s)
	}
	none := covering()
	none.Error = "c.xml:1:1: this is no Clover report"
	r = h.get(h.record(none)[0])
	if r.Status != cb.ReportStatusTypeIncomplete || r.CodeCoverageSummary.LineCoveragePercentage != nil {
		t.Errorf("%+v %+v", r, r.CodeCoverageSummary)
	}
	why, err := h.DescribeTestCases(t.Context(), &cb.DescribeTestCasesInput{ReportArn: r.Arn})
	if err != nil || len(why.TestCases) != 1 || *why.TestCases[0].Message != none.Error {
		t.Errorf("%+v, %v", why, err)
	}
	// A report of tests in a group of coverage says so.
	r = h.get(h.record(slipway.Report{Name: "cover", Type: cb.ReportTypeTest, Cases: cases("SUCCEEDED")})[0])
	if r.Status != cb.ReportStatusTypeIncomplete || *r.ReportGroupArn != coverGroup {
		t.Errorf("%+v", r)
	}
}

func TestDescribeCodeCoverages(t *testing.T) {
	t.Parallel()
	h := open(t)
	arn := h.record(covering(covered("c.go", 5, 5), covered("a.go", 9, 1), covered("b.go", 0, 0), covered("d.go", 0, 3)))[0]
	percent := func(n float64) *float64 { return &n }
	for want, in := range map[string]cb.DescribeCodeCoveragesInput{
		"a.go b.go c.go d.go": {},
		"d.go c.go b.go a.go": {SortBy: cb.ReportCodeCoverageSortByTypeFilePath, SortOrder: cb.SortOrderTypeDescending},
		"d.go c.go a.go b.go": {SortBy: cb.ReportCodeCoverageSortByTypeLineCoveragePercentage},
		"b.go a.go c.go d.go": {SortBy: cb.ReportCodeCoverageSortByTypeLineCoveragePercentage,
			SortOrder: cb.SortOrderTypeDescending},
		"a.go c.go": {MinLineCoveragePercentage: percent(50), MaxLineCoveragePercentage: percent(90)},
		"d.go":      {MaxLineCoveragePercentage: percent(0)},
		"":          {MinLineCoveragePercentage: percent(91), MaxLineCoveragePercentage: percent(99)},
	} {
		for _, page := range []int32{1, 3, 100} {
			in.ReportArn, in.MaxResults, in.NextToken = &arn, &page, nil
			var got []string
			for {
				out, err := h.DescribeCodeCoverages(t.Context(), &in)
				if err != nil {
					t.Fatal(err)
				}
				for _, c := range out.CodeCoverages {
					got = append(got, *c.FilePath)
					if *c.ReportARN != arn || *c.Id == "" || c.Expired == nil || (c.LineCoveragePercentage == nil) !=
						(*c.FilePath == "b.go") || c.BranchCoveragePercentage != nil {
						t.Errorf("%+v", c)
					}
				}
				if in.NextToken = out.NextToken; in.NextToken == nil {
					break
				}
			}
			if s := strings.Join(got, " "); s != want {
				t.Errorf("%+v by %d: got %s, want %s", in, page, s, want)
			}
		}
	}
	for _, in := range []cb.DescribeCodeCoveragesInput{{ReportArn: new(arn + "0")}, {ReportArn: new("x")},
		{ReportArn: &arn, NextToken: new("made up")}, {ReportArn: &arn, MinLineCoveragePercentage: percent(101)}} {
		if _, err := h.DescribeCodeCoverages(t.Context(), &in); awsproto.Code(err) != "InvalidInputException" {
			t.Errorf("%+v: %v", in, err)
		}
	}
}

func TestTrendOfAGroup(t *testing.T) {
	t.Parallel()
	h := open(t)
	for i := range int32(3) {
		h.now = h.now.Add(time.Second)
		h.record(covering(covered("a.go", 10*i, 30-10*i)), slipway.Report{Name: "unit",
			Cases: cases("SUCCEEDED", []string{"FAILED", "SUCCEEDED"}[i%2])})
	}
	broken := covering()
	broken.Error = "cannot be read"
	h.record(broken)
	unit := strings.Replace(coverGroup, "cover", "unit", 1)
	for field, want := range map[cb.ReportGroupTrendFieldType]string{
		cb.ReportGroupTrendFieldTypePassRate:     "50,100,50 avg 66.66666666666667 max 100 min 50",
		cb.ReportGroupTrendFieldTypeDuration:     "2,2,2 avg 2 max 2 min 2",
		cb.ReportGroupTrendFieldTypeTotal:        "2,2,2 avg 2 max 2 min 2",
		cb.ReportGroupTrendFieldTypeLinesCovered: "20,10,0 avg 10 max 20 min 0",
		cb.ReportGroupTrendFieldTypeLinesMissed:  "10,20,30 avg 20 max 30 min 10",
		cb.ReportGroupTrendFieldTypeLineCoverage: "66.66666666666667,33.333333333333336,0 avg 33.333333333333336 " +
			"max 66.66666666666667 min 0",
		cb.ReportGroupTrendFieldTypeBranchesCovered: "0,0,0 avg 0 max 0 min 0",
		cb.ReportGroupTrendFieldTypeBranchesMissed:  "0,0,0 avg 0 max 0 min 0",
		cb.ReportGroupTrendFieldTypeBranchCoverage:  "",
	} {
		group, other := coverGroup, unit
		if field == "PASS_RATE" || field == "DURATION" || field == "TOTAL" {
			group, other = unit, coverGroup
		}
		out, err := h.GetReportGroupTrend(t.Context(), &cb.GetReportGroupTrendInput{ReportGroupArn: &group, TrendField: field})
		if err != nil {
			t.Fatal(err)
		}
		if got := trendSaid(out); got != want {
			t.Errorf("%s: got %s, want %s", field, got, want)
		}
		if _, err := h.GetReportGroupTrend(t.Context(), &cb.GetReportGroupTrendInput{ReportGroupArn: &other,
			TrendField: field}); awsproto.Code(err) != "InvalidInputException" {
			t.Errorf("%s of the other type: %v", field, err)
		}
	}
	out, err := h.GetReportGroupTrend(t.Context(), &cb.GetReportGroupTrendInput{ReportGroupArn: &unit, TrendField: "TOTAL",
		NumOfReports: new(int32(2))})
	if err != nil || len(out.RawData) != 2 {
		t.Errorf("%+v, %v", out, err)
	}
	if _, err := h.GetReportGroupTrend(t.Context(), &cb.GetReportGroupTrendInput{ReportGroupArn: new(unit + "x"),
		TrendField: "TOTAL"}); awsproto.Code(err) != "ResourceNotFoundException" {
		t.Error(err)
	}
}

func trendSaid(out *cb.GetReportGroupTrendOutput) string {
	var data []string
	for _, r := range out.RawData {
		data = append(data, *r.Data)
	}
	if out.Stats.Average == nil {
		return strings.Join(data, ",")
	}
	return fmt.Sprintf("%s avg %s max %s min %s", strings.Join(data, ","), *out.Stats.Average, *out.Stats.Max, *out.Stats.Min)
}

func TestExportsOfGroups(t *testing.T) {
	t.Parallel()
	h := open(t)
	for name, d := range map[string]*cb.S3ReportExportConfig{"no destination": nil, "no bucket": {Path: new("a")},
		"another account": {Bucket: new("b"), BucketOwner: new("999999999999")}} {
		if _, err := h.CreateReportGroup(t.Context(), &cb.CreateReportGroupInput{Name: new("g"), Type: cb.ReportTypeTest,
			ExportConfig: &cb.ReportExportConfig{ExportConfigType: cb.ReportExportConfigTypeS3,
				S3Destination: d}}); awsproto.Code(err) != "InvalidInputException" {
			t.Errorf("%s: %v", name, err)
		}
	}
	d := &cb.S3ReportExportConfig{Bucket: new("reports"), Path: new("raw"), Packaging: cb.ReportPackagingTypeZip,
		EncryptionKey: new("alias/aws/s3"), EncryptionDisabled: new(true), BucketOwner: new("123456789012")}
	made, err := h.CreateReportGroup(t.Context(), &cb.CreateReportGroupInput{Name: new("app-unit"), Type: cb.ReportTypeTest,
		ExportConfig: &cb.ReportExportConfig{ExportConfigType: cb.ReportExportConfigTypeS3, S3Destination: d}})
	if err != nil {
		t.Fatal(err)
	}
	kept := made.ReportGroup.ExportConfig.S3Destination
	if *kept.EncryptionKey != "alias/aws/s3" || !*kept.EncryptionDisabled {
		t.Errorf("%+v", kept)
	}
	h.record(slipway.Report{Name: "cover"})
	got, err := h.reports.Exports(t.Context(), "app", []string{"none", "cover", "unit", *made.ReportGroup.Arn})
	if err != nil || len(got) != 2 || *got[0].Report != "unit" || *got[1].Report != *made.ReportGroup.Arn ||
		*got[0].Bucket != "reports" || *got[0].Path != "raw" || *got[0].Group != "app-unit" || !*got[0].Zip {
		t.Errorf("%+v, %v", got, err)
	}
}
