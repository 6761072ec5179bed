package main

import (
	"context"
	"fmt"
	"time"

	"slipway/api/awsproto"
	"slipway/api/slipway"
	"slipway/internal/terminal"
)

type releasesCommand struct {
	client
	printer
	ID    string `arg:"" optional:"" name:"deployment" help:"The steps of this release, their weights and verdicts."`
	Live  bool   `help:"Only those that run."`
	Limit int    `short:"n" help:"At most so many releases." default:"20"`
}

func (*releasesCommand) Help() string {
	return "Releases, the newest first; of one release, its steps.\n\n  slipway releases --live\n  slipway releases d-A1B2C3D4E\n  slipway releases d-A1B2C3D4E -o json | jq '.steps[].verdict'"
}

func (c *releasesCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	if c.ID != "" {
		return c.one(ctx, api)
	}
	in, all := &slipway.ListReleasesInput{Live: &c.Live}, []slipway.ReleaseSummary{}
	for {
		page, err := api.slipway.ListReleases(ctx, in)
		if err != nil {
			return err
		}
		all = append(all, page.Releases[:min(len(page.Releases), c.Limit-len(all))]...)
		if in.NextToken = page.NextToken; in.NextToken == nil || len(all) >= c.Limit {
			break
		}
	}
	now := time.Now()
	return c.print(map[string]any{"releases": all}, func(t *terminal.Table) {
		t.Head("DEPLOYMENT", "STATUS", "GROUP", "TRAFFIC", "STARTED", "TOOK", "MESSAGE")
		for i := range all {
			x := &all[i]
			t.Row(terminal.Pointed(x.DeploymentId), releaseState(x.Status, x.Paused), terminal.Text(*x.ApplicationName+"/"+*x.DeploymentGroupName), terminal.Text(percent(x.Percent)),
				terminal.Text(terminal.Ago(x.StartTime, now)), terminal.Text(terminal.Between(x.StartTime, x.EndTime, now)), terminal.Pointed(x.Message))
		}
		if len(all) == 0 {
			t.Note("There is no release; docs/releases.md says how to release step by step.")
		}
	})
}

func (c *releasesCommand) one(ctx context.Context, api *contract) error {
	n, err := recognise(c.ID)
	if err != nil {
		return err
	}
	if n.deployment == "" {
		return usage("%q is no deployment (d-…)", c.ID)
	}
	out, err := api.slipway.GetRelease(ctx, &slipway.GetReleaseInput{DeploymentId: &n.deployment})
	if err != nil {
		return err
	}
	x, now := out.Release, time.Now()
	return c.print(x, func(t *terminal.Table) {
		t.Head("STEP", "TRAFFIC", "STATE", "BEGAN", "TOOK", "VERDICT")
		for i := range x.Steps {
			st := &x.Steps[i]
			state, verdict := terminal.Cell{Text: "ahead", Kind: terminal.NotReached}, terminal.Cell{}
			switch {
			case st.EndTime != nil:
				state = terminal.Cell{Text: "done", Kind: terminal.Succeeded}
			case st.StartTime != nil:
				state = releaseState(x.Status, x.Paused)
			}
			if v := st.Verdict; v != nil {
				verdict = terminal.Text(string(v.Decision))
				if v.Text != nil {
					verdict.Text += ": " + *v.Text
				}
			}
			began, lasted := terminal.Ago(st.StartTime, now), terminal.Between(st.StartTime, st.EndTime, now)
			if st.StartTime == nil && st.PlannedTime != nil && x.EndTime == nil {
				began = "in " + terminal.Between(awsproto.At(now), st.PlannedTime, now)
			}
			t.Row(terminal.Text(fmt.Sprint(i+1)), terminal.Text(percent(st.Percent)), state, terminal.Text(began), terminal.Text(lasted), verdict)
		}
		said := fmt.Sprintf("%s to %s/%s: %s, %s of the traffic.", *x.DeploymentId, *x.ApplicationName, *x.DeploymentGroupName, x.Status, percent(x.Percent))
		if x.Message != nil && *x.Message != "" {
			said += " " + *x.Message
		}
		t.Note(terminal.Clean(said))
		for _, a := range x.Alarms {
			if a.State != nil && *a.State == "ALARM" {
				t.Note(terminal.Clean("The alarm " + *a.Name + " is on."))
			}
		}
	})
}

// releaseState is a release's state; one that somebody paused waits for somebody.
func releaseState(status slipway.ReleaseStatus, paused *bool) terminal.Cell {
	c := terminal.State(status)
	if paused != nil && *paused && c.Kind == terminal.Running {
		return terminal.Cell{Text: "PAUSED", Kind: terminal.Waiting}
	}
	return c
}

func percent(p *int32) string {
	if p == nil {
		return ""
	}
	return fmt.Sprintf("%d %%", *p)
}
