package main

import (
	"context"
	"fmt"
	"strings"

	"slipway/api/slipway"
	"slipway/internal/terminal"
	"slipway/internal/view"
)

type whyCommand struct {
	client
	printer
	ID string `arg:"" help:"A build (PROJECT:UUID), a deployment (d-…), an execution (UUID, PIPELINE/UUID), or a pipeline for what failed in it last."`
}

func (*whyCommand) Help() string {
	return "The cause of a failure: the command and the lines of its log, the failed tests, the host, event and " +
		"script.\n\n" +
		"  slipway why web\n" +
		"  slipway why web:3f0c0d5e-9d4b-4c55-8f86-0c3d1f5f0a11\n" +
		"  slipway why d-A1B2C3D4E"
}

func (c *whyCommand) Run(ctx context.Context) error {
	n, err := recognise(c.ID)
	if err != nil {
		return err
	}
	api, err := c.contract()
	if err != nil {
		return err
	}
	switch {
	case n.build != "":
		return c.build(ctx, api, c.ID)
	case n.deployment != "":
		return c.deployment(ctx, api, n.deployment)
	}
	if err := api.locate(ctx, &n); err != nil {
		return err
	}
	return c.execution(ctx, api, n)
}

func (c *whyCommand) build(ctx context.Context, api *contract, id string) error {
	out, err := api.slipway.ExplainBuild(ctx, &slipway.ExplainBuildInput{Id: &id})
	if err != nil {
		return err
	}
	for i := range out.Lines { // the API counts from zero; people, the text and the page from one
		out.Lines[i].Number = new(*out.Lines[i].Number + 1)
	}
	if out.Line != nil {
		out.Line = new(*out.Line + 1)
	}
	since, err := api.slipway.CompareWithGreen(ctx, &slipway.CompareWithGreenInput{Id: &id})
	if err != nil {
		return err
	}
	known, err := api.describe(ctx, []string{*out.Id})
	if err != nil {
		return err
	}
	e := &explanation{out, known[*out.Id], since}
	return c.print(e, func(t *terminal.Table) {
		for line := range strings.Lines(explained(out, e.Change) + sinceGreen(out, since)) {
			t.Note(strings.TrimSuffix(line, "\n"))
		}
	})
}

// explanation is why a build failed, with the change that it built and what changed since it was green.
type explanation struct {
	*slipway.ExplainBuildOutput
	Change     slipway.Change                  `json:"change"`
	SinceGreen *slipway.CompareWithGreenOutput `json:"sinceGreen"`
}

// failed tells whether a build is one that there is a reason for.
func failed(status string) bool { return terminal.KindOf(status) == terminal.Failed }

// sinceGreen says what changed since the project was green.
func sinceGreen(out *slipway.ExplainBuildOutput, since *slipway.CompareWithGreenOutput) string {
	if !failed(*out.Status) || since.GreenBuildId == nil {
		return ""
	}
	var b strings.Builder
	fmt.Fprintln(&b, "since the last green build, "+terminal.Clean(*since.GreenBuildId)+":")
	for _, c := range since.Commits {
		fmt.Fprintln(&b, "  commit "+terminal.Clean(changeWords(c)))
	}
	if since.MoreCommits != nil && *since.MoreCommits {
		fmt.Fprintln(&b, "  and earlier commits")
	}
	for _, f := range since.Files {
		fmt.Fprintln(&b, terminal.Clean(fmt.Sprintf("file %s +%d -%d", *f.Path, *f.AddedLines, *f.RemovedLines)))
	}
	for _, x := range since.Settings {
		fmt.Fprintln(&b, "  "+terminal.Clean(*x.Name+": "+*x.Before+" -> "+*x.After))
	}
	if len(since.Commits)+len(since.Files)+len(since.Settings) == 0 {
		fmt.Fprintln(&b, "  nothing: the same source and the same settings")
	}
	return strings.ReplaceAll(b.String(), "\nfile ", "\n  file ")
}

// messageLines is how much of a test's message, such as a traceback, is printed.
const messageLines = 12

// explained is why a build failed, in words. Its lines are counted from one.
func explained(out *slipway.ExplainBuildOutput, change slipway.Change) string {
	var b strings.Builder
	say := func(format string, args ...any) {
		text := fmt.Sprintf(format, args...)
		fmt.Fprintln(&b, strings.Repeat(" ", len(text)-len(strings.TrimLeft(text, " ")))+terminal.Clean(text))
	}
	say("%s: %s", *out.Id, view.StatusWord(*out.Status))
	if words := changeWords(change); words != "" {
		say("%s", words)
	}
	if failed(*out.Status) {
		say("%s", view.ExplainedCause(out))
	} else if out.Summary != nil && *out.Summary != "" {
		say("%s", *out.Summary)
	}
	if out.Command != nil && *out.Command != "" {
		at := ""
		if out.Phase != nil {
			at = " in " + strings.ToLower(*out.Phase)
		}
		code := ""
		if out.ExitCode != nil {
			code = fmt.Sprintf(" (exit code %d)", *out.ExitCode)
		}
		say("command%s%s: %s", at, code, *out.Command)
	}
	for _, line := range out.Lines {
		say("  line %d: %s", *line.Number, *line.Text)
	}
	for _, test := range out.FailedTests {
		say("failed test %s", *test.Name)
		if test.Message == nil {
			continue
		}
		lines := strings.Split(strings.TrimSpace(*test.Message), "\n")
		for _, line := range lines[:min(len(lines), messageLines)] {
			fmt.Fprintln(&b, "  "+terminal.Painted(line))
		}
		if len(lines) > messageLines {
			say("  and %d more lines: slipway reports %s", len(lines)-messageLines, *test.ReportArn)
		}
	}
	return b.String()
}
