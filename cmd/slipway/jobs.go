package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"slipway/api/slipway"
	"slipway/internal/terminal"
)

type jobsCommand struct {
	List    jobsListCommand    `cmd:"" default:"withargs" help:"List jobs: what waits, runs, or has failed."`
	Retry   jobsRetryCommand   `cmd:"" help:"Run a job that failed again, now."`
	Discard jobsDiscardCommand `cmd:"" help:"Take a job away: what it was to do is not done."`
}

type jobsListCommand struct {
	client
	printer
	Dead bool `help:"Only dead jobs: those that failed at their last attempt."`
}

func (*jobsListCommand) Help() string {
	return "A job is one piece of the server's own work: starting an action, shifting traffic, sending an event.\n" +
		"A failed job is tried again; after its last attempt it is dead and stays in this list.\n\n" +
		"  slipway jobs\n" +
		"  slipway jobs --dead\n" +
		"  slipway jobs retry pipeline.start 1234"
}

func (c *jobsListCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	all := []slipway.Job{}
	for in := (&slipway.ListJobsInput{Dead: &c.Dead}); ; {
		page, err := api.slipway.ListJobs(ctx, in)
		if err != nil {
			return err
		}
		all = append(all, page.Jobs...)
		if in.NextToken = page.NextToken; in.NextToken == nil {
			break
		}
	}
	now := time.Now()
	return c.print(map[string]any{"jobs": all}, func(t *terminal.Table) {
		t.Head("KIND", "KEY", "STATE", "DUE", "ATTEMPTS", "LAST ERROR")
		for i := range all {
			j := &all[i]
			lastError := ""
			if n := len(j.Failures); n > 0 {
				lastError = *j.Failures[n-1].Error
			}
			t.Row(
				terminal.Pointed(j.Kind),
				terminal.Pointed(j.Key),
				jobState(j.State),
				terminal.Text(terminal.Ago(j.DueTime, now)),
				terminal.Text(fmt.Sprint(*j.Attempt)),
				terminal.Text(lastError),
			)
		}
		if len(all) == 0 && c.Dead {
			t.Note("No failed jobs.")
		} else if len(all) == 0 {
			t.Note("No jobs are waiting or running.")
		}
	})
}

// jobState is the state of a job. One that waits is not yet running, as a release that waits is.
func jobState(s slipway.JobState) terminal.Cell {
	if s == slipway.JobStateWaiting {
		return terminal.Text("Waiting")
	}
	return terminal.State(s)
}

// oneJob names a job as the list does.
type oneJob struct {
	client
	Kind string `arg:"" help:"Its kind, as slipway jobs lists it."`
	Key  string `arg:"" help:"Its key."`
}

type jobsRetryCommand struct{ oneJob }

func (c *jobsRetryCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	if _, err := api.slipway.RetryJob(ctx, &slipway.RetryJobInput{Kind: &c.Kind, Key: &c.Key}); err != nil {
		return err
	}
	fmt.Fprintf(os.Stdout, "%s %s runs again.\n", c.Kind, c.Key)
	return nil
}

type jobsDiscardCommand struct{ oneJob }

func (c *jobsDiscardCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	if _, err := api.slipway.DiscardJob(ctx, &slipway.DiscardJobInput{Kind: &c.Kind, Key: &c.Key}); err != nil {
		return err
	}
	fmt.Fprintf(os.Stdout, "%s %s is discarded.\n", c.Kind, c.Key)
	return nil
}

func (*jobsCommand) Help() string { return (*jobsListCommand)(nil).Help() }
