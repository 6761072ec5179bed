package main

import (
	"context"
	"time"

	"slipway/api/codebuild"
	"slipway/internal/terminal"
	"slipway/internal/view"
)

type sandboxesCommand struct {
	client
	printer
	Of    string `arg:"" optional:"" help:"Sandboxes of this project, or the commands of this sandbox (PROJECT:UUID)." name:"project|sandbox"`
	Limit int    `short:"n" help:"At most so many." default:"20"`
}

func (*sandboxesCommand) Help() string {
	return "Sandboxes, the newest first; of one, its commands. slipway debug starts one, slipway stop ends it.\n\n" +
		"  slipway sandboxes\n" +
		"  slipway sandboxes web -n 5\n" +
		"  slipway sandboxes web:3f0c0d5e-9d4b-4c55-8f86-0c3d1f5f0a11"
}

func (c *sandboxesCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	if n, err := recognise(c.Of); err == nil && n.build != "" {
		return c.commands(ctx, api, n.build)
	}
	all, err := c.list(ctx, api)
	if err != nil {
		return err
	}
	now := time.Now()
	return c.print(map[string]any{"sandboxes": all}, func(t *terminal.Table) {
		t.Head("STATUS", "STARTED", "TOOK", "SOURCE", "SANDBOX")
		for i := range all {
			x := &all[i]
			t.Row(
				terminal.Cell{Text: view.SandboxWord(*x.Status), Kind: view.SandboxKind(*x.Status)},
				terminal.Text(terminal.Ago(x.RequestTime, now)),
				terminal.Text(terminal.Between(x.RequestTime, x.EndTime, now)),
				terminal.Text(view.SandboxSource(x)),
				terminal.Pointed(x.Id),
			)
		}
		if len(all) == 0 {
			t.Note("No sandboxes yet. Start one: slipway debug PROJECT")
		}
	})
}

// list reads the newest sandboxes.
func (c *sandboxesCommand) list(ctx context.Context, api *contract) ([]codebuild.Sandbox, error) {
	all := []codebuild.Sandbox{}
	var next *string
	for len(all) < c.Limit {
		var ids []string
		if c.Of == "" {
			page, err := api.builds.ListSandboxes(ctx, &codebuild.ListSandboxesInput{NextToken: next})
			if err != nil {
				return nil, err
			}
			ids, next = page.Ids, page.NextToken
		} else {
			page, err := api.builds.ListSandboxesForProject(ctx,
				&codebuild.ListSandboxesForProjectInput{ProjectName: &c.Of, NextToken: next})
			if err != nil {
				return nil, err
			}
			ids, next = page.Ids, page.NextToken
		}
		if ids = ids[:min(len(ids), c.Limit-len(all))]; len(ids) == 0 {
			break
		}
		out, err := api.builds.BatchGetSandboxes(ctx, &codebuild.BatchGetSandboxesInput{Ids: ids})
		if err != nil {
			return nil, err
		}
		all = append(all, out.Sandboxes...)
		if next == nil {
			break
		}
	}
	return all, nil
}

// commands prints the newest commands of a sandbox.
func (c *sandboxesCommand) commands(ctx context.Context, api *contract, id string) error {
	in := &codebuild.ListCommandExecutionsForSandboxInput{SandboxId: &id}
	all := []codebuild.CommandExecution{}
	for len(all) < c.Limit {
		in.MaxResults = new(int32(min(c.Limit-len(all), 100)))
		page, err := api.builds.ListCommandExecutionsForSandbox(ctx, in)
		if err != nil {
			return err
		}
		all = append(all, page.CommandExecutions...)
		if in.NextToken = page.NextToken; in.NextToken == nil {
			break
		}
	}
	now := time.Now()
	return c.print(map[string]any{"commandExecutions": all}, func(t *terminal.Table) {
		t.Head("STATUS", "EXIT", "STARTED", "TOOK", "COMMAND")
		for i := range all {
			x := &all[i]
			exit := ""
			if x.ExitCode != nil {
				exit = *x.ExitCode
			}
			t.Row(
				terminal.Cell{Text: view.SandboxWord(*x.Status), Kind: view.SandboxKind(*x.Status)},
				terminal.Text(exit),
				terminal.Text(terminal.Ago(x.SubmitTime, now)),
				terminal.Text(terminal.Between(x.StartTime, x.EndTime, now)),
				terminal.Text(*x.Command),
			)
		}
		if len(all) == 0 {
			t.Note("No commands yet.")
		}
	})
}
