package main

import (
	"fmt"
	"os"

	"slipway/internal/identity/policy"
	"slipway/internal/terminal"
)

type identityCheckCommand struct {
	printer
	Files []string `arg:"" help:"Files with a policy each, in JSON."`
	As    string   `enum:"identity,trust,resource" default:"identity" help:"What the policies are for: identity (users, groups, roles, boundaries, sessions), trust (of a role) or resource (of a bucket, a key, a topic)."`
}

func (*identityCheckCommand) Help() string {
	return "Checks policies without a server: the errors for which IAM would refuse them, and warnings for what has " +
		"no effect, or more than it seems. The exit code is 1 if there is an error.\n\n" +
		"  slipway identity check team-a.json\n" +
		"  slipway identity check --as=trust trust.json"
}

// finding is one of a file.
type finding struct {
	File string `json:"file"`
	policy.Finding
}

func (c *identityCheckCommand) Run() error {
	kinds := map[string]policy.Kind{"identity": policy.Identity, "trust": policy.Trust, "resource": policy.Resource}
	kind := kinds[c.As]
	findings, failed := []finding{}, false
	for _, file := range c.Files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		for _, f := range policy.Check(kind, string(text)) {
			findings = append(findings, finding{file, f})
			failed = failed || f.Severity == policy.SeverityError
		}
	}
	err := c.print(map[string]any{"findings": findings}, func(t *terminal.Table) {
		doubted := map[string]bool{}
		for i := range findings {
			f := &findings[i]
			doubted[f.File] = true
			said := terminal.Clean(f.Sentence())
			t.Note(fmt.Sprintf("%s:%d:%d: %s: %s", f.File, f.Line, f.Column, f.Severity, said))
		}
		for _, file := range c.Files {
			if !doubted[file] {
				t.Note(file + ": a valid policy")
			}
		}
	})
	if err == nil && failed {
		return exitError(exitFailed)
	}
	return err
}
