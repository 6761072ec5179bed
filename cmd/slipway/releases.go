package main

import (
	"context"
	"fmt"
	"strings"
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
	in, all := &slipway.ListReleasesInput{}, []slipway.ReleaseSummary{}
	if c.Live {
		in.Live = &c.Live // false would leave out those that are running
	}
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
	var ids []string
	for i := range all {
		ids = append(ids, *all[i].DeploymentId)
	}
	known, err := view.Describe(ctx, api.slipway, ids)
	if err != nil {
		return err
	}
	now := time.Now()
	return c.print(map[string]any{"releases": all}, func(t *terminal.Table) {
		t.Head("STATE", "COMMIT", "GROUP", "TRAFFIC", "STARTED", "TOOK", "DEPLOYMENT", "AUTHOR", "CHANGE, OR WHY")
		for i := range all {
			x := &all[i]
			change := view.Described(known[*x.DeploymentId])
			t.Row(
				releaseState(x.Status, x.Paused),
				commitCell(change),
				terminal.Text(*x.ApplicationName+"/"+*x.DeploymentGroupName),
				terminal.Text(percent(x.Percent)),
				terminal.Text(terminal.Ago(x.StartTime, now)),
				terminal.Text(terminal.Between(x.StartTime, x.EndTime, now)),
				terminal.Pointed(x.DeploymentId),
				terminal.Text(change.Author),
				releaseSaid(change, x),
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
	out, err := api.slipway.GetRelease(ctx, &slipway.GetReleaseInput{DeploymentId: &n.deployment})
	if err != nil {
		return err
	}
	x, now := out.Release, time.Now()
	return c.print(x, func(t *terminal.Table) {
		t.Head("STEP", "TRAFFIC", "STATE", "BEGAN", "TOOK", "VERDICT")
		for i := range x.Steps {
			t.Row(stepRow(x, i, now)...)
		}
		group := *x.ApplicationName + "/" + *x.DeploymentGroupName
		words := view.ReleaseWords(x.Status, x.Paused, x.Percent)
		t.Note(terminal.Clean(fmt.Sprintf("%s to %s: %s, %s of the traffic on the new version.",
			*x.DeploymentId, group, words, percent(x.Percent))))
		if x.Message != nil {
			if _, because, ok := strings.Cut(*x.Message, ": "); ok {
				t.Note(terminal.Clean(because))
			}
		}
		for _, a := range x.Alarms {
			if a.State != nil && *a.State == "ALARM" {
				t.Note(terminal.Clean("The alarm " + *a.Name + " is on."))
			}
		}
	})
}

// stepRow is a step of a release: its number, traffic, state, times and verdict.
func stepRow(x *slipway.Release, i int, now time.Time) []terminal.Cell {
	st := &x.Steps[i]
	state := terminal.Cell{Text: terminal.NotReached.Title(), Kind: terminal.NotReached}
	switch {
	case st.EndTime != nil && !view.RolledBackAt(x, st):
		state = terminal.Cell{Text: "Done", Kind: terminal.Succeeded}
	case st.StartTime != nil:
		state = releaseState(x.Status, x.Paused)
	case x.EndTime == nil:
		state.Text = "Planned"
	}
	ended := st.EndTime
	if ended == nil {
		ended = x.EndTime // the step that was rolled back ended with its release
	}
	began := terminal.Ago(st.StartTime, now)
	if planned := st.PlannedTime; st.StartTime == nil && planned != nil && planned.After(now) && x.EndTime == nil {
		began = "in " + terminal.Between(awsproto.At(now), st.PlannedTime, now)
	}
	verdict := terminal.Cell{}
	if st.Verdict != nil {
		verdict = terminal.Pointed(st.Verdict.Text)
	}
	return []terminal.Cell{
		terminal.Text(fmt.Sprint(i + 1)),
		terminal.Text(percent(st.Percent)),
		state,
		terminal.Text(began),
		terminal.Text(terminal.Between(st.StartTime, ended, now)),
		verdict,
	}
}

// releaseState returns a release's state. A release that a person paused waits for a person.
func releaseState(status slipway.ReleaseStatus, paused *bool) terminal.Cell {
	k := view.ReleaseKind(status, paused)
	if k == terminal.Waiting && status != slipway.ReleaseStatusAsking {
		return terminal.Cell{Text: "Paused", Kind: k}
	}
	return terminal.Cell{Text: view.StatusWord(status), Kind: k}
}

// releaseSaid returns the last cell of a row: why a release was rolled back or waits, else the subject of its change.
func releaseSaid(c view.Change, x *slipway.ReleaseSummary) terminal.Cell {
	if k := view.ReleaseKind(x.Status, x.Paused); x.Message != nil && (k == terminal.Back || k == terminal.Waiting) {
		if _, because, ok := strings.Cut(*x.Message, ": "); ok {
			return terminal.Text(view.Plain(because))
		}
	}
	return terminal.Text(c.Title())
}

func percent(p *int32) string {
	if p == nil {
		return ""
	}
	return fmt.Sprintf("%d %%", *p)
}
