package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"slipway/api/slipway"
	"slipway/internal/terminal"
	"slipway/internal/view"
)

type whyCommand struct {
	client
	printer
	ID string `arg:"" help:"A build or a batch of builds (PROJECT:UUID), a deployment (d-…), an execution (UUID, PIPELINE/UUID), or a pipeline for what failed in it last."`
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
		err := c.build(ctx, api, c.ID)
		if _, unknown := errors.AsType[*slipway.BuildNotFoundException](err); unknown {
			return c.batch(ctx, api, n.build)
		}
		return err
	case n.deployment != "":
		return c.deployment(ctx, api, n.deployment)
	}
	if err := api.locate(ctx, &n); err != nil {
		return err
	}
	return c.execution(ctx, api, n)
}

func (c *whyCommand) build(ctx context.Context, api *contract, id string) error {
	known, err := view.Describe(ctx, api.slipway, []string{id})
	if err != nil {
		return err
	}
	x, err := view.ReadExplanation(ctx, api.slipway, id, view.Described(known[id]))
	if err != nil {
		return err
	}
	fromOne(x)
	return c.print(x, func(t *terminal.Table) {
		for line := range strings.Lines(explained(x) + sinceGreen(x)) {
			t.Note(strings.TrimSuffix(line, "\n"))
		}
	})
}

// fromOne counts lines from one, as people, the text and the page do; the API counts from zero.
func fromOne(x *view.Explanation) {
	for i := range x.Lines {
		x.Lines[i].Number = new(*x.Lines[i].Number + 1)
	}
	if x.Line != nil {
		x.Line = new(*x.Line + 1)
	}
}

// sinceGreen says what changed since the project was green.
func sinceGreen(x *view.Explanation) string {
	since := x.SinceGreen
	if x.Kind != view.Failed || since.GreenBuildId == nil {
		return ""
	}
	var b strings.Builder
	fmt.Fprintln(&b, "since the last green build, "+terminal.Clean(*since.GreenBuildId)+":")
	for _, c := range since.Commits {
		fmt.Fprintln(&b, "  commit "+terminal.Clean(view.Described(c).Words()))
	}
	if since.MoreCommits != nil && *since.MoreCommits {
		fmt.Fprintln(&b, "  and earlier commits")
	}
	for _, f := range since.Files {
		fmt.Fprintln(&b, terminal.Clean(fmt.Sprintf("file %s +%d -%d", *f.Path, *f.AddedLines, *f.RemovedLines)))
	}
	for _, s := range since.Settings {
		fmt.Fprintln(&b, "  "+terminal.Clean(*s.Name+": "+*s.Before+" -> "+*s.After))
	}
	if x.Unchanged() {
		fmt.Fprintln(&b, "  nothing: the same source and the same settings")
	}
	return strings.ReplaceAll(b.String(), "\nfile ", "\n  file ")
}

// messageLines is how much of a test's message, such as a traceback, is printed.
const messageLines = 12

// explained is why a build failed, in words. Its lines are counted from one.
func explained(x *view.Explanation) string {
	var b strings.Builder
	say := func(format string, args ...any) {
		text := fmt.Sprintf(format, args...)
		fmt.Fprintln(&b, strings.Repeat(" ", len(text)-len(strings.TrimLeft(text, " ")))+terminal.Clean(text))
	}
	say("%s: %s", *x.Id, x.State)
	if words := x.Change.Words(); words != "" {
		say("%s", words)
	}
	if x.Say != "" {
		say("%s", x.Say)
	}
	if x.Command != nil && *x.Command != "" {
		at := ""
		if x.Phase != nil {
			at = " in " + strings.ToLower(*x.Phase)
		}
		code := ""
		if x.ExitCode != nil {
			code = fmt.Sprintf(" (exit code %d)", *x.ExitCode)
		}
		say("command%s%s: %s", at, code, *x.Command)
	}
	if advice := view.Advice(x.Finding); advice != "" {
		say("%s", advice)
	}
	for _, line := range x.Lines {
		say("  line %d: %s", *line.Number, *line.Text)
	}
	for _, test := range x.FailedTests {
		say("failed test %s", *test.Name)
		if words := view.TestWords(test); words != "" {
			say("  %s", words)
		}
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
