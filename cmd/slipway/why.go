package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"slipway/api/slipway"
)

type whyCommand struct {
	client
	ID string `arg:"" help:"A build's ID (PROJECT:UUID) or ARN."`
}

func (c *whyCommand) Run(ctx context.Context) error {
	conn, err := c.open()
	if err != nil {
		return err
	}
	out, err := slipway.Client{Client: conn}.ExplainBuild(ctx, &slipway.ExplainBuildInput{Id: &c.ID})
	if err != nil {
		return err
	}
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
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
		say("  line %d: %s", *line.Number+1, *line.Text)
	}
	for _, test := range out.FailedTests {
		message := ""
		if test.Message != nil {
			message = ": " + *test.Message
		}
		say("failed test %s%s", *test.Name, message)
	}
	_, err = os.Stdout.WriteString(b.String())
	return err
}
