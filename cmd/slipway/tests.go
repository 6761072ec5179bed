package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"slipway/api/awsproto"
	"slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/terminal"
)

type testsCommand struct {
	List       testsListCommand       `cmd:"" default:"withargs" help:"List failing, flaky and slow tests."`
	Quarantine testsQuarantineCommand `cmd:"" help:"Let a test's failures not make reports fail, for some days."`
	Release    testsReleaseCommand    `cmd:"" help:"Let a test's failures count again."`
}

func (*testsCommand) Help() string { return (*testsListCommand)(nil).Help() }

type testsListCommand struct {
	client
	printer
	Group string `arg:"" optional:"" help:"A report group, by its name or ARN; without one, the first 20 by name."`
}

func (*testsListCommand) Help() string {
	return "The tests that fail in the newest report of each group, new ones first; those that are flaky, which have " +
		"both passed and failed on one commit, or turned three times in ten runs; and the slowest.\n\n" +
		"  slipway tests\n" +
		"  slipway tests web-unit\n" +
		"  slipway tests quarantine web-unit 'CartTest: total' --days 7 --reason 'waits for the new clock'\n" +
		"  slipway tests release web-unit 'CartTest: total'"
}

func (c *testsListCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	in := &slipway.GetTestOverviewInput{}
	if c.Group != "" {
		arn, err := api.reportGroup(ctx, c.Group)
		if err != nil {
			return err
		}
		in.ReportGroupArn = &arn
	}
	out, err := api.slipway.GetTestOverview(ctx, in)
	if err != nil {
		return err
	}
	return c.print(out, func(t *terminal.Table) {
		t.Head("", "GROUP", "TEST", "KNOWN", "MESSAGE")
		rows := func(state string, all []slipway.TestNote, known func(*slipway.TestNote) string) {
			for i := range all {
				n := &all[i]
				message := strings.SplitN(awsproto.Value(n.Message), "\n", 2)[0]
				t.Row(terminal.State(state), terminal.Text(lastOf(*n.ReportGroupArn)), terminal.Text(noteName(n)),
					terminal.Text(known(n)), terminal.Text(message))
			}
		}
		rows("FAILED", out.Failing, failingWords)
		rows("FLAKY", out.Flaky, flakyWords)
		rows("SLOW", out.Slow[:min(len(out.Slow), slowTests)], func(n *slipway.TestNote) string {
			return time.Duration(*n.DurationInNanoSeconds).Round(time.Millisecond).String()
		})
		if len(out.Groups) == 0 {
			t.Note("No test reports yet; the reports section of a buildspec makes them.")
		}
	})
}

func plural(n int32, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// slowTests is how many of the slowest tests are listed.
const slowTests = 5

func lastOf(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

func noteName(n *slipway.TestNote) string {
	if p := awsproto.Value(n.Prefix); p != "" {
		return p + ": " + awsproto.Value(n.Name)
	}
	return awsproto.Value(n.Name)
}

func failingWords(n *slipway.TestNote) string {
	switch {
	case n.Quarantine != nil:
		return "in quarantine until " + n.Quarantine.Until.UTC().Format(time.DateOnly)
	case *n.IsNew:
		return "new"
	}
	return fmt.Sprintf("for %d runs", *n.FailedRuns)
}

func flakyWords(n *slipway.TestNote) string {
	return fmt.Sprintf("passed and failed on %s, turned %s in %d runs", plural(*n.FlakyCommits, "commit"),
		plural(*n.Turns, "time"), *n.Runs)
}

type testsQuarantineCommand struct {
	client
	Group  string `arg:"" help:"The report group, by its name or ARN."`
	Test   string `arg:"" help:"The test, as slipway tests lists it."`
	Reason string `help:"What is known of it." required:""`
	Days   int    `help:"For how many days, 90 at most." default:"14"`
	Owner  string `help:"Who looks after it; you, if it is not given."`
}

func (c *testsQuarantineCommand) Run(ctx context.Context) error {
	if c.Days < 1 {
		return usage("--days is %d; it has to be from 1 to 90", c.Days)
	}
	api, err := c.contract()
	if err != nil {
		return err
	}
	arn, err := api.reportGroup(ctx, c.Group)
	if err != nil {
		return err
	}
	prefix, name := testName(c.Test)
	in := &slipway.PutTestQuarantineInput{ReportGroupArn: &arn, Prefix: &prefix, Name: &name, Reason: &c.Reason,
		Until: awsproto.At(time.Now().Add(time.Duration(c.Days) * 24 * time.Hour))}
	if c.Owner != "" {
		in.Owner = &c.Owner
	}
	_, err = api.slipway.PutTestQuarantine(ctx, in)
	return err
}

type testsReleaseCommand struct {
	client
	Group string `arg:"" help:"The report group, by its name or ARN."`
	Test  string `arg:"" help:"The test, as slipway tests lists it."`
}

func (c *testsReleaseCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	arn, err := api.reportGroup(ctx, c.Group)
	if err != nil {
		return err
	}
	prefix, name := testName(c.Test)
	_, err = api.slipway.DeleteTestQuarantine(ctx,
		&slipway.DeleteTestQuarantineInput{ReportGroupArn: &arn, Prefix: &prefix, Name: &name})
	return err
}

// testName takes "PREFIX: NAME" apart; a test may have no prefix.
func testName(test string) (prefix, name string) {
	if prefix, name, ok := strings.Cut(test, ": "); ok {
		return prefix, name
	}
	return "", test
}

// reportGroup finds the ARN of a report group by its name.
func (api *contract) reportGroup(ctx context.Context, name string) (string, error) {
	if strings.HasPrefix(name, "arn:") {
		return name, nil
	}
	for in := (&codebuild.ListReportGroupsInput{}); ; {
		page, err := api.builds.ListReportGroups(ctx, in)
		if err != nil {
			return "", err
		}
		for _, arn := range page.ReportGroups {
			if lastOf(arn) == name {
				return arn, nil
			}
		}
		if in.NextToken = page.NextToken; in.NextToken == nil {
			return "", missing("there is no report group %s; slipway reports lists reports with their groups", name)
		}
	}
}
