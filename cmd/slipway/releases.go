package main

import (
	"context"
	"fmt"
	"time"

	"slipway/api/awsproto"
	"slipway/api/slipway"
	"slipway/internal/terminal"
	"slipway/internal/view"
)

type releasesCommand struct {
	client
	printer
	ID    string `arg:"" optional:"" name:"deployment" help:"The steps of this release, their weights and verdicts."`
	Live  bool   `help:"Only those that run."`
	Limit int    `short:"n" help:"At most so many releases." default:"20"`
}

func (*releasesCommand) Help() string {
	return "Releases, the newest first; of one release, its steps.\n\n" +
		"  slipway releases --live\n" +
		"  slipway releases d-A1B2C3D4E\n" +
		"  slipway releases d-A1B2C3D4E -o json | jq '.steps[].verdict'"
}

func (c *releasesCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	if c.ID != "" {
		return c.one(ctx, api)
	}
	in, found := &slipway.ListReleasesInput{}, []slipway.ReleaseSummary{}
	if c.Live {
		in.Live = &c.Live // false would leave out those that are running
	}
	for {
		page, err := api.slipway.ListReleases(ctx, in)
		if err != nil {
			return err
		}
		found = append(found, page.Releases[:min(len(page.Releases), c.Limit-len(found))]...)
		if in.NextToken = page.NextToken; in.NextToken == nil || len(found) >= c.Limit {
			break
		}
	}
	all, err := view.ReadReleases(ctx, api.slipway, found)
	if err != nil {
		return err
	}
	now := time.Now()
	return c.print(map[string]any{"releases": all}, func(t *terminal.Table) {
		t.Head("STATE", "COMMIT", "GROUP", "TRAFFIC", "STARTED", "TOOK", "DEPLOYMENT", "AUTHOR", "CHANGE, OR WHY")
		for i := range all {
			x := &all[i]
			t.Row(
				terminal.Cell{Text: x.State, Kind: x.Kind},
				commitCell(x.Change),
				terminal.Text(x.Group),
				terminal.Text(percent(x.Percent)),
				terminal.Text(terminal.Ago(x.StartTime, now)),
				terminal.Text(terminal.Between(x.StartTime, x.EndTime, now)),
				terminal.Pointed(x.DeploymentId),
				terminal.Text(x.Change.Author),
				terminal.Text(x.Line()),
			)
		}
		if len(all) == 0 {
			t.Note("No releases yet; docs/releases.md says how to release step by step.")
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
	x, err := view.ReadCourse(ctx, api.slipway, n.deployment)
	if err != nil {
		return err
	}
	now := time.Now()
	return c.print(x, func(t *terminal.Table) {
		t.Head("STEP", "TRAFFIC", "STATE", "BEGAN", "TOOK", "VERDICT")
		for i := range x.Progress {
			t.Row(stepRow(&x.Progress[i], i, now)...)
		}
		t.Note(terminal.Clean(fmt.Sprintf("%s to %s: %s, %s of the traffic on the new version.",
			*x.DeploymentId, x.Group, x.Words, percent(x.Percent))))
		if x.Because != "" {
			t.Note(terminal.Clean(x.Because))
		}
		for _, a := range x.Alarms {
			if a.State != nil && *a.State == "ALARM" {
				t.Note(terminal.Clean("The alarm " + *a.Name + " is on."))
			}
		}
	})
}

// stepRow is a step of a release: its number, traffic, state, times and verdict.
func stepRow(st *view.Step, i int, now time.Time) []terminal.Cell {
	began := terminal.Ago(st.StartTime, now)
	if st.Planned != nil && st.Planned.After(now) {
		began = "in " + terminal.Between(awsproto.At(now), st.Planned, now)
	}
	return []terminal.Cell{
		terminal.Text(fmt.Sprint(i + 1)),
		terminal.Text(percent(&st.Percent)),
		{Text: st.State, Kind: st.Kind},
		terminal.Text(began),
		terminal.Text(terminal.Between(st.StartTime, st.EndTime, now)),
		terminal.Text(st.Verdict),
	}
}

func percent(p *int32) string {
	if p == nil {
		return ""
	}
	return fmt.Sprintf("%d %%", *p)
}
