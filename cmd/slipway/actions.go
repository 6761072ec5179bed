package main

import (
	"context"
	"fmt"
	"os"

	"slipway/internal/actions"
	"slipway/internal/runner"
)

// actionOptions say where the actions of GitHub Actions come from.
type actionOptions struct {
	ActionsMirror  string `help:"Folder with bare repositories OWNER/NAME.git, in which actions are looked for before github.com." placeholder:"DIR" type:"existingdir" env:"SLIPWAY_ACTIONS_MIRROR"`
	ActionsOffline bool   `help:"Do not ask github.com for actions." env:"SLIPWAY_ACTIONS_OFFLINE"`
	ActionsFetched bool   `help:"Fetch actions/checkout and the like, too, instead of Slipway's own." env:"SLIPWAY_ACTIONS_FETCHED"`
}

func (o actionOptions) of() runner.Actions {
	return runner.Actions{Mirror: o.ActionsMirror, Offline: o.ActionsOffline, Fetched: o.ActionsFetched}
}

// forRunner hands the options on to a runner.
func (o actionOptions) forRunner() (args []string) {
	if o.ActionsMirror != "" {
		args = append(args, "--actions-mirror="+o.ActionsMirror)
	}
	return append(args, fmt.Sprintf("--actions-offline=%t", o.ActionsOffline),
		fmt.Sprintf("--actions-fetched=%t", o.ActionsFetched))
}

// actionsStepsCommand runs the steps of a build, within the build's room. Runners call it.
type actionsStepsCommand struct {
	Plan string `arg:""`
}

func (c *actionsStepsCommand) Run(ctx context.Context) error {
	failed, err := actions.Main(ctx, c.Plan, os.Stdout)
	if err == nil && failed {
		return exitError(1)
	}
	return err
}

// actionsAgentCommand runs programs of steps in a container beside a build, whose first process it is. Runners call it.
type actionsAgentCommand struct {
	Socket string `arg:""`
}

func (c *actionsAgentCommand) Run() error { return actions.Agent(c.Socket) }
