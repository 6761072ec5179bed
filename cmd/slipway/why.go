package main

import (
	"context"
	"fmt"
	"strings"

	"slipway/api/slipway"
	"slipway/internal/terminal"
)

type whyCommand struct {
	client
	printer
	ID string `arg:"" help:"A build (PROJECT:UUID), a deployment (d-…), an execution (UUID, PIPELINE/UUID), or a pipeline for what failed in it last."`
}

func (*whyCommand) Help() string {
	return "The cause of a failure: the command and the lines of its log, the failed tests, the host, event and script.\n\n  slipway why web\n  slipway why web:3f0c0d5e-9d4b-4c55-8f86-0c3d1f5f0a11\n  slipway why d-A1B2C3D4E"
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
	return c.print(out, func(t *terminal.Table) {
		for line := range strings.Lines(explained(out)) {
			t.Note(strings.TrimSuffix(line, "\n"))
		}
	})
}

// explained is why a build failed, in words. Its lines are counted from one.
func explained(out *slipway.ExplainBuildOutput) string {
	var b strings.Builder
	say := func(format string, args ...any) {
		text := fmt.Sprintf(format, args...)
		fmt.Fprintln(&b, strings.Repeat(" ", len(text)-len(strings.TrimLeft(text, " ")))+terminal.Clean(text))
	}
	say("%s: %s", *out.Id, *out.Status)
	if out.Summary != nil && *out.Summary != "" {
		say("%s", *out.Summary)
	}
	if out.Command != nil && *out.Command != "" {
		at := ""
		if out.Phase != nil {
			at = " in " + *out.Phase
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
		message := ""
		if test.Message != nil {
			message = ": " + *test.Message
		}
		say("failed test %s%s", *test.Name, message)
	}
	return b.String()
}
