package e2e

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// inline makes a project without a source whose buildspec stands in it.
func (i *instance) inline(name, buildspec string, change ...func(*codebuild.CreateProjectInput)) *codebuild.Client {
	i.t.Helper()
	c := codebuild.NewFromConfig(i.sdk())
	in := &codebuild.CreateProjectInput{Name: &name, ServiceRole: new("arn:aws:iam::" + account + ":role/slipway"),
		Source:    &types.ProjectSource{Type: types.SourceTypeNoSource, Buildspec: &buildspec},
		Artifacts: &types.ProjectArtifacts{Type: types.ArtifactsTypeNoArtifacts},
		Environment: &types.ProjectEnvironment{Type: types.EnvironmentTypeLinuxContainer, Image: new("host"),
			ComputeType: types.ComputeTypeBuildGeneral1Small}}
	for _, f := range change {
		f(in)
	}
	must(c.CreateProject(i.t.Context(), in))(i.t)
	return c
}

// build starts a build and waits for its end.
func (i *instance) build(in *codebuild.StartBuildInput) types.Build {
	i.t.Helper()
	c := codebuild.NewFromConfig(i.sdk())
	return i.ended(*must(c.StartBuild(i.t.Context(), in))(i.t).Build.Id)
}

func (i *instance) ended(id string) (b types.Build) {
	i.t.Helper()
	c := codebuild.NewFromConfig(i.sdk())
	eventually(i.t, "the build's end", func() error {
		out, err := c.BatchGetBuilds(i.t.Context(), &codebuild.BatchGetBuildsInput{Ids: []string{id}})
		if err != nil {
			return err
		}
		if b = out.Builds[0]; !b.BuildComplete {
			return fmt.Errorf("it is in %s", *b.CurrentPhase)
		}
		return nil
	})
	return b
}

// printed is the log of a build.
func (i *instance) printed(id string) string {
	i.t.Helper()
	out, err := i.slipway("logs", id)
	if err != nil {
		i.t.Fatalf("%v: %s", err, out)
	}
	return out
}

// has fails unless a text has each of the words.
func has(t testing.TB, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("no %q in:\n%s", w, tail(text, 60))
		}
	}
}

func (i *instance) s3() *s3.Client {
	return s3.NewFromConfig(i.sdk(), func(o *s3.Options) { o.UsePathStyle = true })
}

func (i *instance) object(bucket, key string) string {
	i.t.Helper()
	out := must(i.s3().GetObject(i.t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key}))(i.t)
	defer out.Body.Close()
	return string(must(io.ReadAll(out.Body))(i.t))
}

func TestCodeBuildProjects(t *testing.T) {
	t.Parallel()
	i, ctx := up(t), t.Context()
	spec := "version: 0.2\nphases:\n  build:\n    commands:\n      - echo hello $NAME\n"
	c := i.inline("aa", spec)
	in := &codebuild.CreateProjectInput{Name: new("aa"), ServiceRole: new("arn:aws:iam::" + account + ":role/slipway"),
		Source:    &types.ProjectSource{Type: types.SourceTypeNoSource, Buildspec: &spec},
		Artifacts: &types.ProjectArtifacts{Type: types.ArtifactsTypeNoArtifacts},
		Environment: &types.ProjectEnvironment{Type: types.EnvironmentTypeLinuxContainer, Image: new("host"),
			ComputeType: types.ComputeTypeBuildGeneral1Small}}
	_, err := c.CreateProject(ctx, in)
	says(t, err, "ResourceAlreadyExistsException")
	in.Name = new("bad")
	in.Source = &types.ProjectSource{Type: types.SourceTypeGithub, Location: new("file:///etc")}
	_, err = c.CreateProject(ctx, in)
	says(t, err, "InvalidInputException")
	for n := range 101 {
		i.inline(fmt.Sprintf("p%03d", n), spec)
	}
	var all []string
	for pages := codebuild.NewListProjectsPaginator(c,
		&codebuild.ListProjectsInput{SortBy: types.ProjectSortByTypeName}); pages.HasMorePages(); {
		all = append(all, must(pages.NextPage(ctx))(t).Projects...)
	}
	if len(all) != 102 || all[0] != "aa" || all[101] != "p100" {
		t.Errorf("%d projects: %v", len(all), all)
	}
	_, err = c.ListProjects(ctx, &codebuild.ListProjectsInput{NextToken: new("made up")})
	says(t, err, "InvalidInputException")
	updated := must(c.UpdateProject(ctx,
		&codebuild.UpdateProjectInput{Name: new("aa"), Description: new("changed"), TimeoutInMinutes: new(int32(7))}))(
		t)
	if *updated.Project.Description != "changed" || *updated.Project.TimeoutInMinutes != 7 ||
		*updated.Project.Source.Buildspec != spec {
		t.Errorf("updated %+v", updated.Project)
	}
	_, err = c.UpdateProject(ctx, &codebuild.UpdateProjectInput{Name: new("none")})
	says(t, err, "ResourceNotFoundException")
	batch := must(c.BatchGetProjects(ctx, &codebuild.BatchGetProjectsInput{Names: []string{"aa", "none"}}))(t)
	if len(batch.Projects) != 1 || len(batch.ProjectsNotFound) != 1 {
		t.Errorf("batch %+v", batch)
	}
	_, err = c.BatchGetProjects(ctx, &codebuild.BatchGetProjectsInput{Names: []string{}})
	says(t, err, "InvalidInputException")
	must(c.DeleteProject(ctx, &codebuild.DeleteProjectInput{Name: new("p000")}))(t)
	must(c.DeleteProject(ctx, &codebuild.DeleteProjectInput{Name: new("p000")}))(t)
	_, err = c.DeleteProject(ctx, &codebuild.DeleteProjectInput{Name: new("")})
	says(t, err, "InvalidInputException")
	_, err = c.StartBuild(ctx, &codebuild.StartBuildInput{ProjectName: new("p000")})
	says(t, err, "ResourceNotFoundException")

	// Builds: overrides, tokens, lists, retry, deletion.
	start := &codebuild.StartBuildInput{ProjectName: new("aa"), IdempotencyToken: new("once"),
		EnvironmentVariablesOverride: []types.EnvironmentVariable{{Name: new("NAME"), Value: new("Ada")}}}
	one := must(c.StartBuild(ctx, start))(t).Build
	if again := must(c.StartBuild(ctx, start))(t).Build; *again.Id != *one.Id {
		t.Errorf("the same token started twice: %s %s", *one.Id, *again.Id)
	}
	start.EnvironmentVariablesOverride[0].Value = new("Bob")
	_, err = c.StartBuild(ctx, start)
	says(t, err, "InvalidInputException")
	b := i.ended(*one.Id)
	if b.BuildStatus != types.StatusTypeSucceeded || *b.BuildNumber != 1 || b.StartTime == nil || b.EndTime == nil ||
		*b.Initiator == "" {
		t.Errorf("build %+v", b)
	}
	has(t, i.printed(*b.Id), "hello Ada")
	var phases []string
	for _, p := range b.Phases {
		phases = append(phases, string(p.PhaseType))
	}
	if got := strings.Join(phases,
		" "); got != "SUBMITTED QUEUED PROVISIONING DOWNLOAD_SOURCE INSTALL PRE_BUILD BUILD POST_BUILD "+
		"UPLOAD_ARTIFACTS FINALIZING COMPLETED" {
		t.Errorf("phases %s", got)
	}
	two := must(c.RetryBuild(ctx, &codebuild.RetryBuildInput{Id: one.Id}))(t).Build
	if b := i.ended(*two.Id); b.BuildStatus != types.StatusTypeSucceeded || *b.BuildNumber != 2 {
		t.Errorf("retried %+v", b)
	}
	has(t, i.printed(*two.Id), "hello Ada")
	_, err = c.RetryBuild(ctx, &codebuild.RetryBuildInput{Id: new("aa:none")})
	says(t, err, "ResourceNotFoundException")
	if ids := must(c.ListBuildsForProject(ctx,
		&codebuild.ListBuildsForProjectInput{ProjectName: new("aa")}))(t).Ids; fmt.Sprint(ids) != fmt.Sprint(
		[]string{*two.Id, *one.Id}) {
		t.Errorf("builds %v", ids)
	}
	_, err = c.ListBuildsForProject(ctx, &codebuild.ListBuildsForProjectInput{ProjectName: new("none")})
	says(t, err, "ResourceNotFoundException")
	if ids := must(c.ListBuilds(ctx,
		&codebuild.ListBuildsInput{SortOrder: types.SortOrderTypeAscending}))(t).Ids; len(ids) != 2 ||
		ids[0] != *one.Id {
		t.Errorf("builds %v", ids)
	}
	_, err = c.ListBuilds(ctx, &codebuild.ListBuildsInput{NextToken: new("made up")})
	says(t, err, "InvalidInputException")
	if got := must(c.BatchGetBuilds(ctx,
		&codebuild.BatchGetBuildsInput{Ids: []string{"aa:none"}}))(t); len(got.BuildsNotFound) != 1 {
		t.Errorf("got %+v", got)
	}
	_, err = c.BatchGetBuilds(ctx, &codebuild.BatchGetBuildsInput{Ids: []string{}})
	says(t, err, "InvalidInputException")
	gone := must(c.BatchDeleteBuilds(ctx, &codebuild.BatchDeleteBuildsInput{Ids: []string{*two.Id}}))(t)
	if len(gone.BuildsDeleted) != 1 {
		t.Errorf("deleted %+v", gone)
	}
	_, err = c.BatchDeleteBuilds(ctx, &codebuild.BatchDeleteBuildsInput{Ids: []string{}})
	says(t, err, "InvalidInputException")
	_, err = c.StopBuild(ctx, &codebuild.StopBuildInput{Id: new("aa:none")})
	says(t, err, "ResourceNotFoundException")
}

// groupOf is the ARN of a report's group.
func groupOf(report string) string {
	group, _, _ := strings.Cut(strings.Replace(report, ":report/", ":report-group/", 1),
		":"+report[strings.LastIndexByte(report, ':')+1:])
	return group
}

const junit = `<testsuite name="s" tests="3"><testcase classname="c" name="good" time="0.5"/><testcase classname="c" name="bad"><failure message="2 is not 3">trace</failure></testcase><testcase classname="c" name="left out"><skipped/></testcase></testsuite>`

func TestCodeBuildReports(t *testing.T) {
	t.Parallel()
	i, ctx := up(t), t.Context()
	c := i.inline("tests",
		"version: 0.2\nphases:\n  build:\n    commands:\n      - |\n        echo '"+junit+
			"' > junit.xml\n      - exit 3\nreports:\n  unit:\n    files: junit.xml\n")
	b := i.build(&codebuild.StartBuildInput{ProjectName: new("tests")})
	if b.BuildStatus != types.StatusTypeFailed || len(b.ReportArns) != 1 {
		t.Fatalf("build %+v", b)
	}
	report := must(c.BatchGetReports(ctx,
		&codebuild.BatchGetReportsInput{ReportArns: append(b.ReportArns, b.ReportArns[0]+"0")}))(t)
	if len(report.Reports) != 1 || len(report.ReportsNotFound) != 1 ||
		report.Reports[0].Status != types.ReportStatusTypeFailed || *report.Reports[0].TestSummary.Total != 3 {
		t.Errorf("reports %+v", report)
	}
	_, err := c.BatchGetReports(ctx, &codebuild.BatchGetReportsInput{ReportArns: []string{}})
	says(t, err, "InvalidInputException")
	cases := map[string]string{}
	for pages := codebuild.NewDescribeTestCasesPaginator(c,
		&codebuild.DescribeTestCasesInput{ReportArn: &b.ReportArns[0],
			MaxResults: new(int32(1))}); pages.HasMorePages(); {
		for _, x := range must(pages.NextPage(ctx))(t).TestCases {
			cases[*x.Name] = *x.Status
		}
	}
	if fmt.Sprint(cases) != "map[bad:FAILED good:SUCCEEDED left out:SKIPPED]" {
		t.Errorf("cases %v", cases)
	}
	_, err = c.DescribeTestCases(ctx, &codebuild.DescribeTestCasesInput{ReportArn: new(b.ReportArns[0] + "0")})
	says(t, err, "ResourceNotFoundException")
	why, err := i.slipway("why", *b.Id)
	if err != nil {
		t.Error(err)
	}
	has(t, why, "Failed", "bad: 2 is not 3", "exit code 3")

	made := must(c.CreateReportGroup(ctx,
		&codebuild.CreateReportGroupInput{Name: new("mine"), Type: types.ReportTypeTest,
			ExportConfig: &types.ReportExportConfig{ExportConfigType: types.ReportExportConfigTypeNoExport}}))(t)
	_, err = c.CreateReportGroup(ctx,
		&codebuild.CreateReportGroupInput{Name: new("mine"), Type: types.ReportTypeTest,
			ExportConfig: &types.ReportExportConfig{ExportConfigType: types.ReportExportConfigTypeNoExport}})
	says(t, err, "ResourceAlreadyExistsException")
	must(c.UpdateReportGroup(ctx,
		&codebuild.UpdateReportGroupInput{Arn: made.ReportGroup.Arn,
			Tags: []types.Tag{{Key: new("a"), Value: new("b")}}}))(t)
	_, err = c.UpdateReportGroup(ctx, &codebuild.UpdateReportGroupInput{Arn: new(*made.ReportGroup.Arn + "0")})
	says(t, err, "ResourceNotFoundException")
	var groups []string
	for pages := codebuild.NewListReportGroupsPaginator(c,
		&codebuild.ListReportGroupsInput{MaxResults: new(int32(1)), SortBy: types.ReportGroupSortByTypeName,
			SortOrder: types.SortOrderTypeAscending}); pages.HasMorePages(); {
		groups = append(groups, must(pages.NextPage(ctx))(t).ReportGroups...)
	}
	if len(groups) != 2 || !strings.HasSuffix(groups[0], "/mine") || !strings.HasSuffix(groups[1], "/tests-unit") {
		t.Fatalf("groups %v", groups)
	}
	_, err = c.ListReportGroups(ctx, &codebuild.ListReportGroupsInput{NextToken: new("made up")})
	says(t, err, "InvalidInputException")
	got := must(c.BatchGetReportGroups(ctx,
		&codebuild.BatchGetReportGroupsInput{ReportGroupArns: []string{groups[0], groups[0] + "0"}}))(t)
	if len(got.ReportGroups) != 1 || len(got.ReportGroupsNotFound) != 1 || len(got.ReportGroups[0].Tags) != 1 {
		t.Errorf("groups %+v", got)
	}
	_, err = c.BatchGetReportGroups(ctx, &codebuild.BatchGetReportGroupsInput{ReportGroupArns: []string{}})
	says(t, err, "InvalidInputException")
	if all := must(c.ListReports(ctx,
		&codebuild.ListReportsInput{Filter: &types.ReportFilter{Status: types.ReportStatusTypeFailed}}))(
		t).Reports; len(all) != 1 {
		t.Errorf("reports %v", all)
	}
	_, err = c.ListReports(ctx, &codebuild.ListReportsInput{NextToken: new("made up")})
	says(t, err, "InvalidInputException")
	if all := must(c.ListReportsForReportGroup(ctx,
		&codebuild.ListReportsForReportGroupInput{ReportGroupArn: &groups[1]}))(t).Reports; len(all) != 1 ||
		all[0] != b.ReportArns[0] {
		t.Errorf("reports %v", all)
	}
	_, err = c.ListReportsForReportGroup(ctx,
		&codebuild.ListReportsForReportGroupInput{ReportGroupArn: new(groups[1] + "0")})
	says(t, err, "ResourceNotFoundException")
	// Tests that fail are the report's failure, and none of the build; a group can be named by its ARN.
	i.inline("soft",
		"version: 0.2\nphases:\n  build:\n    commands:\n      - |\n        echo '"+junit+"' > junit.xml\nreports:\n  "+
			groupOf(b.ReportArns[0])+":\n    files: ['*.xml']\n  none:\n    files: [none.xml]\n")
	soft := i.build(&codebuild.StartBuildInput{ProjectName: new("soft")})
	if soft.BuildStatus != types.StatusTypeSucceeded || len(soft.ReportArns) != 2 {
		t.Errorf("%s, reports %v", steps(soft), soft.ReportArns)
	}
	all := must(c.ListReportsForReportGroup(ctx,
		&codebuild.ListReportsForReportGroupInput{ReportGroupArn: new(groupOf(b.ReportArns[0])),
			Filter: &types.ReportFilter{Status: types.ReportStatusTypeFailed}}))(t).Reports
	if len(all) != 2 || all[1] != b.ReportArns[0] {
		t.Errorf("reports %v", all)
	}
	_, err = c.DeleteReportGroup(ctx, &codebuild.DeleteReportGroupInput{Arn: &groups[1]})
	says(t, err, "InvalidInputException")
	must(c.DeleteReport(ctx, &codebuild.DeleteReportInput{Arn: &b.ReportArns[0]}))(t)
	_, err = c.DeleteReport(ctx, &codebuild.DeleteReportInput{Arn: new("no ARN")})
	says(t, err, "InvalidInputException")
	must(c.DeleteReportGroup(ctx, &codebuild.DeleteReportGroupInput{Arn: &groups[1], DeleteReports: true}))(t)
	if got := must(c.BatchGetReports(ctx,
		&codebuild.BatchGetReportsInput{ReportArns: []string{b.ReportArns[0], soft.ReportArns[0]}}))(t); len(
		got.ReportsNotFound) != 2 {
		t.Errorf("deleted with their group: %+v", got)
	}
}
