package main

import (
	"context"
	"fmt"
	"os"

	"slipway/api/codedeploy"
	"slipway/api/codepipeline"
	"slipway/api/slipway"
	"slipway/internal/terminal"
	"slipway/internal/view"
)

// deployedFailure is the first event of a deployment that failed.
type deployedFailure struct {
	Deployment *view.Deployment `json:"deploymentInfo"`
	*view.Failure
}

// tailLines is how much of a script's output says why it failed.
const tailLines = 10

func (c *whyCommand) deployment(ctx context.Context, api *contract, id string) error {
	out, err := api.deployments.GetDeployment(ctx, &codedeploy.GetDeploymentInput{DeploymentId: &id})
	if err != nil {
		return err
	}
	targets, err := api.targets(ctx, id)
	if err != nil {
		return err
	}
	d, err := view.ReadDeployment(ctx, api.slipway, out.DeploymentInfo)
	if err != nil {
		return err
	}
	f := &deployedFailure{Deployment: d, Failure: view.FirstFailure(view.TargetsOf(targets))}
	return c.print(f, f.explain)
}

// explain says what was deployed, and how it ended.
func (f *deployedFailure) explain(t *terminal.Table) {
	d := f.Deployment
	t.Note(terminal.Clean(*d.DeploymentId + " to " + d.Group + ": " + d.State))
	if change := d.Change.Words(); change != "" {
		t.Note(terminal.Clean(change))
	}
	back := rolledBack(d.Release)
	switch {
	case back != "":
		t.Note(terminal.Clean(back))
	case f.Failure != nil:
		t.Note(terminal.Clean(f.Cause()))
		f.tell(t)
	case d.ErrorInformation != nil && d.ErrorInformation.Message != nil:
		t.Note(terminal.Clean(view.Plain(*d.ErrorInformation.Message)))
	}
	if d.RollbackInfo != nil && d.RollbackInfo.RollbackDeploymentId != nil {
		t.Note(terminal.Clean("rolled back by " + *d.RollbackInfo.RollbackDeploymentId))
	}
}

// rolledBack is why the release of a deployment was rolled back; "" if it was not.
func rolledBack(r *view.Release) string {
	if r == nil || r.Status != slipway.ReleaseStatusRolledBack || r.Message == nil {
		return ""
	}
	if r.Because != "" {
		return r.Because
	}
	return *r.Message
}

// tell prints which event failed on which host, its script, and the last lines of its output.
func (f *deployedFailure) tell(t *terminal.Table) {
	event := *f.Event.LifecycleEventName
	t.Note(terminal.Clean("failed on " + f.Host + " in " + event))
	d := f.Event.Diagnostics
	if d == nil {
		return
	}
	if d.ScriptName != nil && *d.ScriptName != "" {
		t.Note(terminal.Clean("script: " + *d.ScriptName))
	}
	if d.Message != nil && *d.Message != "" {
		t.Note(terminal.Clean(*d.Message))
	}
	lines := f.LastLines(tailLines)
	if lines == nil {
		return // no script printed anything
	}
	for _, line := range lines {
		t.Note("  " + terminal.Clean(line))
	}
	t.Note(
		terminal.Clean("all of it: slipway logs " + *f.Deployment.DeploymentId + " --host " + f.Host + " --event " +
			event),
	)
}

// execution finds the actions that failed and explains the build or the deployment of each, in one execution or in the
// last failed one of each stage.
func (c *whyCommand) execution(ctx context.Context, api *contract, n named) error {
	if n.execution != "" {
		return c.failedIn(ctx, api, n)
	}
	state, err := api.pipelines.GetPipelineState(ctx, &codepipeline.GetPipelineStateInput{Name: &n.pipeline})
	if err == nil {
		err = stageOf(state, n)
	}
	if err != nil {
		return err
	}
	broken := brokenStages(state, n)
	for i, of := range broken {
		if i > 0 && c.Output != "table" {
			return usage("several stages of %s failed; say which: %s/%s", n.pipeline, n.pipeline, of.stage)
		}
		if i > 0 {
			fmt.Fprintln(os.Stdout)
		}
		if err := c.failedIn(ctx, api, of); err != nil {
			return err
		}
	}
	if len(broken) > 0 {
		return nil
	}
	if n.stage == "" { // its newest execution may have ended in no stage
		if n.execution, err = api.lastCancelled(ctx, n.pipeline); err != nil {
			return err
		}
	}
	if n.execution == "" {
		return refused("no stage of %s failed or was stopped", n.pipeline)
	}
	return c.ended(ctx, api, n)
}

// brokenStages returns the stages that n names and in which an execution failed or was stopped, each with that
// execution.
func brokenStages(state *codepipeline.GetPipelineStateOutput, n named) []named {
	var all []named
	for i := range state.StageStates {
		s := &state.StageStates[i]
		if brokenOff(s.LatestExecution) && (n.stage == "" || n.stage == *s.StageName) {
			of := n
			of.stage, of.execution = *s.StageName, *s.LatestExecution.PipelineExecutionId
			all = append(all, of)
		}
	}
	return all
}

// brokenOff reports whether an execution failed in a stage, or was stopped there.
func brokenOff(x *codepipeline.StageExecution) bool {
	return x != nil &&
		(x.Status == codepipeline.StageExecutionStatusFailed || x.Status == codepipeline.StageExecutionStatusStopped)
}

// failedIn explains the first action that failed in an execution, in the stage that is named if one is.
func (c *whyCommand) failedIn(ctx context.Context, api *contract, n named) error {
	in := &codepipeline.ListActionExecutionsInput{
		PipelineName: &n.pipeline,
		Filter:       &codepipeline.ActionExecutionFilter{PipelineExecutionId: &n.execution},
	}
	for {
		page, err := api.pipelines.ListActionExecutions(ctx, in)
		if err != nil {
			return err
		}
		for i := range page.ActionExecutionDetails {
			a := &page.ActionExecutionDetails[i]
			meant := (n.stage == "" || n.stage == *a.StageName) && (n.action == "" || n.action == *a.ActionName)
			if a.Status == codepipeline.ActionExecutionStatusFailed && meant {
				return c.action(ctx, api, n, a)
			}
		}
		if in.NextToken = page.NextToken; in.NextToken == nil {
			return c.ended(ctx, api, n)
		}
	}
}

func (c *whyCommand) action(ctx context.Context, api *contract, n named, a *codepipeline.ActionExecutionDetail) error {
	if a.Output != nil && a.Output.ExecutionResult != nil && a.Output.ExecutionResult.ExternalExecutionId != nil {
		id := *a.Output.ExecutionResult.ExternalExecutionId
		switch of, err := recognise(id); {
		case err == nil && of.build != "":
			return c.build(ctx, api, id)
		case err == nil && of.deployment != "":
			return c.deployment(ctx, api, id)
		}
	}
	return c.print(a, func(t *terminal.Table) {
		said := n.pipeline + "/" + *a.StageName + "/" + *a.ActionName + ": " + view.StatusWord(a.Status)
		t.Note(terminal.Clean(said))
		if a.Output == nil || a.Output.ExecutionResult == nil {
			return
		}
		if r := a.Output.ExecutionResult; r.ErrorDetails != nil && r.ErrorDetails.Message != nil {
			t.Note(terminal.Clean(view.Plain(*r.ErrorDetails.Message)))
		} else if r.ExternalExecutionSummary != nil {
			t.Note(terminal.Clean(*r.ExternalExecutionSummary))
		}
	})
}
