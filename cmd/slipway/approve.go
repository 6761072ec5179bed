package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"slipway/api/codepipeline"
	"slipway/api/slipway"
	"slipway/internal/view"
)

type approveCommand struct {
	client
	printer
	Of      string `arg:"" optional:"" name:"pipeline[/stage/action]" help:"What to approve; without it, everything that waits is listed."`
	Summary string `short:"m" help:"Why, for those who come later." placeholder:"TEXT"`
}

func (*approveCommand) Help() string {
	return "Approves the change that waits in a pipeline; where several wait, name the stage too.\n\n" +
		"  slipway approve\n" +
		"  slipway approve web -m 'looked at the diff'\n" +
		"  slipway approve web/Approve"
}

func (c *approveCommand) Run(ctx context.Context) error {
	return decide(ctx, c.client, c.printer, c.Of, c.Summary, codepipeline.ApprovalStatusApproved)
}

type rejectCommand struct {
	client
	printer
	Of      string `arg:"" name:"pipeline[/stage/action]" help:"What to reject."`
	Summary string `short:"m" help:"Why, for its author." placeholder:"TEXT"`
}

func (*rejectCommand) Help() string {
	return "Rejects the change that waits in a pipeline: its stage fails.\n\n" +
		"  slipway reject web -m 'the migration is not reversible'\n" +
		"  slipway reject web/Approve/Ask -m 'after the release train'"
}

func (c *rejectCommand) Run(ctx context.Context) error {
	return decide(ctx, c.client, c.printer, c.Of, c.Summary, codepipeline.ApprovalStatusRejected)
}

// approval is one that waits.
type approval struct {
	Pipeline  string `json:"pipelineName"`
	Stage     string `json:"stageName"`
	Action    string `json:"actionName"`
	Execution string `json:"pipelineExecutionId"`
	token     string
}

func (a *approval) path() string { return a.Pipeline + "/" + a.Stage + "/" + a.Action }

// approvals returns the approvals that wait in a pipeline.
func approvals(state *codepipeline.GetPipelineStateOutput) []approval {
	var all []approval
	for i := range state.StageStates {
		stage := &state.StageStates[i]
		for j := range stage.ActionStates {
			a := &stage.ActionStates[j]
			if x := a.LatestExecution; x != nil && x.Token != nil && stage.LatestExecution != nil {
				all = append(
					all,
					approval{
						*state.PipelineName,
						*stage.StageName,
						*a.ActionName,
						*stage.LatestExecution.PipelineExecutionId,
						*x.Token,
					},
				)
			}
		}
	}
	return all
}

func decide(ctx context.Context, c client, p printer, of, summary string, status codepipeline.ApprovalStatus) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	if of == "" {
		return waiting(ctx, api, p)
	}
	n, err := recognise(of)
	if err == nil {
		err = api.locate(ctx, &n)
	}
	if err != nil {
		return err
	}
	if n.pipeline == "" {
		return usage("%q is a build or a deployment; approvals wait in pipelines: PIPELINE, or PIPELINE/STAGE/ACTION",
			of)
	}
	a, err := api.approval(ctx, n)
	if err != nil {
		return err
	}
	if _, err := api.pipelines.PutApprovalResult(
		ctx,
		&codepipeline.PutApprovalResultInput{
			PipelineName: &a.Pipeline,
			StageName:    &a.Stage,
			ActionName:   &a.Action,
			Token:        &a.token,
			Result:       &codepipeline.ApprovalResult{Status: status, Summary: &summary},
		},
	); err != nil {
		return err
	}
	did := strings.ToLower(string(status))
	return p.done(&outcome{
		Did:       did,
		Pipeline:  a.Pipeline,
		Stage:     a.Stage,
		Action:    a.Action,
		Execution: a.Execution,
		Message: fmt.Sprintf(
			"%s is %s, for the execution %s. Follow it with: slipway watch %s",
			a.path(),
			did,
			a.Execution,
			a.Pipeline,
		),
	})
}

// approval finds the one approval that is meant.
func (c *contract) approval(ctx context.Context, n named) (*approval, error) {
	state, err := c.pipelines.GetPipelineState(ctx, &codepipeline.GetPipelineStateInput{Name: &n.pipeline})
	if err != nil {
		return nil, err
	}
	var found []approval
	all, err := c.besides(ctx, n.pipeline, approvals(state))
	if err != nil {
		return nil, err
	}
	for _, a := range all {
		if (n.stage == "" || n.stage == a.Stage) && (n.action == "" || n.action == a.Action) &&
			(n.execution == "" || n.execution == a.Execution) {
			found = append(found, a)
		}
	}
	switch len(found) {
	case 0:
		if err := stageOf(state, n); err != nil {
			return nil, err
		}
		return nil, refused(
			"nothing waits for approval in %s; slipway approve lists what waits",
			strings.TrimRight(n.pipeline+"/"+n.stage+"/"+n.action, "/"),
		)
	case 1:
		return &found[0], nil
	}
	var paths []string
	for i := range found {
		paths = append(paths, found[i].path())
	}
	return nil, usage("%d approvals wait: say which: %s", len(found), strings.Join(paths, ", "))
}

// besides adds to the approvals that a pipeline's state shows those of executions that hold a stage beside its latest.
func (c *contract) besides(ctx context.Context, pipeline string, all []approval) ([]approval, error) {
	out, err := c.slipway.ListWaiting(ctx, &slipway.ListWaitingInput{PipelineName: &pipeline})
	if err != nil {
		return nil, err
	}
	for i := range out.Waiting {
		w := &out.Waiting[i]
		if w.Kind != slipway.WaitingKindApproval || w.PipelineExecutionId == nil || slices.ContainsFunc(all,
			func(a approval) bool { return a.Execution == *w.PipelineExecutionId }) {
			continue
		}
		more, err := c.approvalsOf(ctx, pipeline, *w.PipelineExecutionId)
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	return all, nil
}

// approvalsOf returns the approvals that wait in an execution of the mode PARALLEL.
func (c *contract) approvalsOf(ctx context.Context, pipeline, execution string) (all []approval, err error) {
	out, err := c.pipelines.ListActionExecutions(ctx, &codepipeline.ListActionExecutionsInput{
		PipelineName: &pipeline,
		Filter:       &codepipeline.ActionExecutionFilter{PipelineExecutionId: &execution},
	})
	if err != nil {
		return nil, err
	}
	for i := range out.ActionExecutionDetails {
		run := &out.ActionExecutionDetails[i]
		if one := view.RunOf(*run, nil); one.Token != "" {
			all = append(all, approval{pipeline, one.Stage, one.Action, execution, one.Token})
		}
	}
	return all, nil
}
