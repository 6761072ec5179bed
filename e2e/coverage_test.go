package e2e

import (
	"archive/zip"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

const coverageSpec = `version: 0.2
phases:
  build:
    commands:
      - printf 'SF:%s/a.js\nDA:1,1\nDA:2,0\nBRDA:1,0,0,1\nBRDA:1,0,1,-\nend_of_record\n' "$PWD" > lcov.info
      - printf '<coverage><project><file name="b.php"><line num="3" type="stmt" count="1"/></file></project></coverage>' > clover.xml
      - printf '1..2\nok 1 - a\nnot ok 2 - b\n' > out.tap
      - echo '{' > bad.json
reports:
  lines: {files: lcov.info, file-format: lcov}
  php: {files: clover.xml, file-format: CloverXML}
  tap: {files: out.tap, file-format: TAP}
  bad: {files: bad.json, file-format: SIMPLECOV}
`

// exported makes a report group whose files are exported.
func (i *instance) exported(name string, kind types.ReportType, packaging types.ReportPackagingType) {
	i.t.Helper()
	must(codebuild.NewFromConfig(i.sdk()).CreateReportGroup(i.t.Context(), &codebuild.CreateReportGroupInput{
		Name: &name,
		Type: kind,
		ExportConfig: &types.ReportExportConfig{
			ExportConfigType: types.ReportExportConfigTypeS3,
			S3Destination: &types.S3ReportExportConfig{Bucket: new("reports"), Path: new("raw"), Packaging: packaging,
				EncryptionDisabled: new(true)},
		},
	}))(i.t)
}

func TestCodeBuildCoverage(t *testing.T) {
	t.Parallel()
	i, ctx := up(t), t.Context()
	arn := i.role("reporter", "codebuild.amazonaws.com", "logs:Create*", "logs:PutLogEvents", "s3:PutObject")
	c := i.inline("cov", coverageSpec, func(in *codebuild.CreateProjectInput) { in.ServiceRole = &arn })
	must(i.s3().CreateBucket(ctx, &s3.CreateBucketInput{Bucket: new("reports")}))(t)
	i.exported("cov-lines", types.ReportTypeCodeCoverage, types.ReportPackagingTypeNone)
	i.exported("cov-tap", types.ReportTypeTest, types.ReportPackagingTypeZip)
	b := i.build(&codebuild.StartBuildInput{ProjectName: new("cov")})
	if b.BuildStatus != types.StatusTypeSucceeded || len(b.ReportArns) != 4 {
		t.Fatalf("%s\n%s", steps(b), i.printed(*b.Id))
	}
	log := i.printed(*b.Id)
	has(t, log, "Report lines: 50.0 % of 2 lines covered, 50.0 % of 2 branches covered",
		"Report tap: 2 test(s), 1 failed", "bad.json:1:2: this is no SimpleCov result in JSON")
	reports := must(c.BatchGetReports(ctx, &codebuild.BatchGetReportsInput{ReportArns: b.ReportArns}))(t).Reports
	var got []string
	for _, r := range reports {
		line := fmt.Sprint(r.Type, " ", r.Status)
		if s := r.CodeCoverageSummary; s != nil && s.LineCoveragePercentage != nil {
			line += fmt.Sprintf(" %g %d %d", *s.LineCoveragePercentage, *s.LinesCovered, *s.LinesMissed)
		}
		got = append(got, line)
	}
	want := "CODE_COVERAGE SUCCEEDED 50 1 1, CODE_COVERAGE SUCCEEDED 100 1 0, TEST FAILED, CODE_COVERAGE INCOMPLETE"
	if s := strings.Join(got, ", "); s != want {
		t.Errorf("got %s, want %s", s, want)
	}
	files := must(c.DescribeCodeCoverages(ctx, &codebuild.DescribeCodeCoveragesInput{ReportArn: &b.ReportArns[0],
		SortBy: types.ReportCodeCoverageSortByTypeLineCoveragePercentage, MaxLineCoveragePercentage: new(60.0)}))(t)
	if len(files.CodeCoverages) != 1 || *files.CodeCoverages[0].FilePath != "a.js" ||
		*files.CodeCoverages[0].BranchCoveragePercentage != 50 {
		t.Errorf("%+v", files.CodeCoverages)
	}
	trend := must(c.GetReportGroupTrend(ctx, &codebuild.GetReportGroupTrendInput{
		ReportGroupArn: new(groupOf(b.ReportArns[0])), TrendField: types.ReportGroupTrendFieldTypeLineCoverage}))(t)
	if len(trend.RawData) != 1 || *trend.Stats.Average != "50" {
		t.Errorf("%+v", trend)
	}
	_, id, _ := strings.Cut(*b.Id, ":")
	if text := i.object("reports", "raw/cov-lines/"+id+"/lcov.info"); !strings.Contains(text, "DA:2,0") {
		t.Errorf("exported: %s", text)
	}
	zipped := i.object("reports", "raw/cov-tap/"+id+".zip")
	if z, err := zip.NewReader(strings.NewReader(zipped), int64(len(zipped))); err != nil || z.File[0].Name != "out.tap" {
		t.Errorf("the zip: %v", err)
	}
}

// The files of reports are exported with the rights of the build. What it may not do is said in the report.
func TestReportExportWithoutRights(t *testing.T) {
	t.Parallel()
	i, ctx := up(t), t.Context()
	arn := i.role("reporter", "codebuild.amazonaws.com", "logs:Create*", "logs:PutLogEvents", "s3:GetObject")
	c := i.inline("cov", coverageSpec, func(in *codebuild.CreateProjectInput) { in.ServiceRole = &arn })
	must(i.s3().CreateBucket(ctx, &s3.CreateBucketInput{Bucket: new("reports")}))(t)
	i.exported("cov-tap", types.ReportTypeTest, types.ReportPackagingTypeNone)
	b := i.build(&codebuild.StartBuildInput{ProjectName: new("cov")})
	if b.BuildStatus != types.StatusTypeSucceeded {
		t.Fatalf("%s\n%s", steps(b), i.printed(*b.Id))
	}
	has(t, i.printed(*b.Id), "the report's files cannot be exported: s3://reports/raw/cov-tap/")
	out := must(c.BatchGetReports(ctx, &codebuild.BatchGetReportsInput{ReportArns: b.ReportArns[2:3]}))(t)
	if r := out.Reports[0]; r.Status != types.ReportStatusTypeIncomplete {
		t.Errorf("the report is %s, want INCOMPLETE", r.Status)
	}
	cases := must(c.DescribeTestCases(ctx, &codebuild.DescribeTestCasesInput{ReportArn: &b.ReportArns[2],
		Filter: &types.TestCaseFilter{Status: new("ERROR")}}))(t).TestCases
	if len(cases) != 1 || !strings.Contains(*cases[0].Message, "AccessDenied") {
		t.Errorf("%+v", cases)
	}
}
