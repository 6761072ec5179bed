package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"slipway/api/codebuild"
	"slipway/internal/terminal"
)

type reportsCommand struct {
	client
	printer
	Of    string `arg:"" optional:"" name:"build|report" help:"Reports of this build (PROJECT:UUID), or the tests of this report (its ARN)."`
	Limit int    `short:"n" help:"At most so many reports, or tests." default:"20"`
	Files bool   `help:"Of a report, list the files that its tests have left."`
	Save  string `placeholder:"DIR" help:"Of a report, save these files in a folder."`
}

func (*reportsCommand) Help() string {
	return "Test reports, the newest first; of one report, its tests, those that failed first.\n\n" +
		"  slipway reports\n" +
		"  slipway reports web:3f0c0d5e-9d4b-4c55-8f86-0c3d1f5f0a11\n" +
		"  slipway reports " +
		"arn:aws:codebuild:us-east-1:123456789012:report/web-unit:3f0c0d5e-9d4b-4c55-8f86-0c3d1f5f0a11\n\n" +
		"--files lists the pictures, videos and traces that the tests of a report have left, --save DIR saves them."
}

func (c *reportsCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	of := strings.Contains(c.Of, ":report/")
	switch {
	case (c.Files || c.Save != "") && !of:
		return usage("--files and --save are of one report: name its ARN, as slipway reports lists it")
	case c.Files || c.Save != "":
		return c.files(ctx, api)
	case of:
		return c.tests(ctx, api)
	}
	arns, err := c.arns(ctx, api)
	if err != nil {
		return err
	}
	all := []codebuild.Report{}
	for rest := arns; len(rest) > 0; {
		n := min(len(rest), buildsABatch)
		batch, err := api.builds.BatchGetReports(ctx, &codebuild.BatchGetReportsInput{ReportArns: rest[:n]})
		if err != nil {
			return err
		}
		all, rest = append(all, batch.Reports...), rest[n:]
	}
	now := time.Now()
	return c.print(map[string]any{"reports": all}, func(t *terminal.Table) {
		t.Head("STATUS", "TESTS", "FAILED", "MADE", "REPORT")
		for i := range all {
			r := &all[i]
			tests, failed := "", ""
			if s := r.TestSummary; s != nil && s.Total != nil {
				tests, failed = fmt.Sprint(*s.Total), fmt.Sprint(s.StatusCounts["FAILED"]+s.StatusCounts["ERROR"])
			}
			t.Row(
				terminal.State(r.Status),
				terminal.Text(tests),
				terminal.Text(failed),
				terminal.Text(terminal.Ago(r.Created, now)),
				terminal.Pointed(r.Arn),
			)
		}
		if len(all) == 0 {
			t.Note("No reports yet; the reports section of a buildspec makes them.")
		}
	})
}

// arns are the reports to show.
func (c *reportsCommand) arns(ctx context.Context, api *contract) ([]string, error) {
	if c.Of != "" {
		n, err := recognise(c.Of)
		if err != nil {
			return nil, err
		}
		if n.build == "" {
			return nil, usage("%q is neither a build (PROJECT:UUID) nor a report's ARN", c.Of)
		}
		out, err := api.builds.BatchGetBuilds(ctx, &codebuild.BatchGetBuildsInput{Ids: []string{n.build}})
		if err != nil {
			return nil, err
		}
		if len(out.Builds) == 0 {
			return nil, missing("there is no build %s; slipway builds lists them", n.build)
		}
		return out.Builds[0].ReportArns, nil
	}
	var all []string
	for in := (&codebuild.ListReportsInput{SortOrder: codebuild.SortOrderTypeDescending}); ; {
		page, err := api.builds.ListReports(ctx, in)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Reports[:min(len(page.Reports), c.Limit-len(all))]...)
		if in.NextToken = page.NextToken; in.NextToken == nil || len(all) >= c.Limit {
			return all, nil
		}
	}
}

func (c *reportsCommand) tests(ctx context.Context, api *contract) error {
	all := []codebuild.TestCase{}
	for _, status := range []string{"FAILED", "ERROR", "UNKNOWN", "SKIPPED", "SUCCEEDED"} {
		in := &codebuild.DescribeTestCasesInput{ReportArn: &c.Of, Filter: &codebuild.TestCaseFilter{Status: &status}}
		for len(all) < c.Limit {
			page, err := api.builds.DescribeTestCases(ctx, in)
			if err != nil {
				return err
			}
			all = append(all, page.TestCases[:min(len(page.TestCases), c.Limit-len(all))]...)
			if in.NextToken = page.NextToken; in.NextToken == nil {
				break
			}
		}
	}
	return c.print(map[string]any{"testCases": all}, func(t *terminal.Table) {
		t.Head("STATUS", "TOOK", "TEST", "MESSAGE")
		for i := range all {
			x := &all[i]
			took := ""
			if x.DurationInNanoSeconds != nil {
				took = time.Duration(*x.DurationInNanoSeconds).Round(time.Millisecond).String()
			}
			t.Row(terminal.State(*x.Status), terminal.Text(took), terminal.Pointed(x.Name), terminal.Pointed(x.Message))
		}
	})
}
