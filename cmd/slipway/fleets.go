package main

import (
	"context"
	"fmt"
	"strings"

	"slipway/api/slipway"
	"slipway/internal/terminal"
)

type fleetsCommand struct {
	client
	printer
}

func (*fleetsCommand) Help() string {
	return "A fleet is a set of runners that take the builds of its projects and no others. Fleets are made by " +
		"CodeBuild's API; a runner joins one by its name.\n\n" +
		"  aws codebuild create-fleet --name gpu --base-capacity 2 --environment-type LINUX_CONTAINER " +
		"--compute-type BUILD_GENERAL1_LARGE --overflow-behavior QUEUE\n" +
		"  slipway runner --fleet gpu --name gpu-1\n" +
		"  slipway fleets"
}

func (c *fleetsCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	out, err := api.slipway.ListFleetStates(ctx, &slipway.ListFleetStatesInput{})
	if err != nil {
		return err
	}
	return c.print(out, func(t *terminal.Table) {
		t.Head("FLEET", "CAPACITY", "RUNNING", "WAITING", "ELSEWHERE", "OVERFLOW", "RUNNERS")
		for _, f := range out.Fleets {
			t.Row(terminal.Pointed(f.Name), terminal.Text(capacity(f)), terminal.Text(fmt.Sprint(*f.Running)),
				terminal.Text(fmt.Sprint(*f.Queued)), terminal.Text(fmt.Sprint(*f.Overflowing)),
				terminal.Pointed(f.OverflowBehavior), terminal.Text(runnersOf(f)))
		}
		for _, f := range out.Fleets {
			if f.Message != nil {
				t.Note(*f.Name + ": " + *f.Message)
			}
		}
		if len(out.Fleets) == 0 {
			t.Note("There is no fleet. Builds run on any runner that can run them.")
		}
	})
}

// capacity is how many builds of a fleet may run at a time.
func capacity(f slipway.FleetState) string {
	if *f.MaxCapacity == *f.BaseCapacity {
		return fmt.Sprint(*f.BaseCapacity)
	}
	return fmt.Sprintf("%d–%d", *f.BaseCapacity, *f.MaxCapacity)
}

// runnersOf names the runners of a fleet, each with how many of its places are taken.
func runnersOf(f slipway.FleetState) string {
	var all []string
	for _, r := range f.Runners {
		all = append(all, fmt.Sprintf("%s (%d/%d)", *r.Name, len(r.Builds), *r.Slots))
	}
	if len(all) == 0 {
		return "none"
	}
	return strings.Join(all, ", ")
}
