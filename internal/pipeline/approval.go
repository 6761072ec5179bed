package pipeline

import (
	"context"
	"fmt"
	"slices"

	"slipway/api/awsproto"
	cp "slipway/api/codepipeline"
	"slipway/internal/pipeline/engine"
	"slipway/internal/store"
)

// PutApprovalResult implements codepipeline:PutApprovalResult. The token proves that the approver saw this very
// execution. It is from GetPipelineState or, in the mode PARALLEL, the externalExecutionId from ListActionExecutions.
func (s *Service) PutApprovalResult(
	ctx context.Context,
	in *cp.PutApprovalResultInput,
) (*cp.PutApprovalResultOutput, error) {
	now := s.Now()
	err := s.change(ctx, *in.PipelineName, func(tx store.Tx, r *row) ([]engine.Effect, error) {
		i, err := stageOf(r.Declaration, *in.StageName)
		if err != nil {
			return nil, err
		}
		isNamed := func(a cp.ActionDeclaration) bool { return *a.Name == *in.ActionName }
		if !slices.ContainsFunc(r.Declaration.Stages[i].Actions, isNamed) {
			return nil, &cp.ActionNotFoundException{
				Message: fmt.Sprintf("The stage '%s' has no action '%s'", *in.StageName, *in.ActionName),
			}
		}
		e, run, err := s.asked(ctx, tx, r, in)
		if err != nil {
			return nil, err
		}
		to := ref{*in.PipelineName, *e.PipelineExecutionId, *run.ActionExecutionId}
		return s.end(ctx, tx, r, to, ending{result: decision(ctx, in.Result)})
	})
	return &cp.PutApprovalResultOutput{ApprovedAt: awsproto.At(now)}, err
}

// decision is the result of an approval that a person has decided.
func decision(ctx context.Context, r *cp.ApprovalResult) engine.Result {
	result := engine.Result{
		Status: cp.ActionExecutionStatusSucceeded,
		Output: cp.ActionExecutionOutput{ExecutionResult: &cp.ActionExecutionResult{}},
	}
	if r.Status == cp.ApprovalStatusRejected {
		result = failure("ApprovalRejected", "Rejected: "+*r.Summary)
	}
	if caller := callerARN(ctx); caller != nil {
		result.By = *caller
	}
	result.Output.ExecutionResult.ExternalExecutionSummary = r.Summary
	return result
}

// asked finds the execution, and the run of its action, that waits for an approval with the request's token. Several
// may wait in a stage in the mode PARALLEL.
func (s *Service) asked(
	ctx context.Context,
	tx store.Tx,
	r *row,
	in *cp.PutApprovalResultInput,
) (*engine.Execution, *engine.Run, error) {
	stage := r.Stages[*in.StageName]
	if stage == nil || stage.Latest == "" && len(stage.Holders) == 0 {
		return nil, nil, &cp.InvalidApprovalTokenException{Message: "No execution waits for this approval"}
	}
	if err := r.readAlso(ctx, tx, *in.PipelineName, []string{stage.Latest}); err != nil {
		return nil, nil, err
	}
	for _, id := range append([]string{stage.Latest}, stage.Holders...) {
		e := r.Executions[id]
		if e == nil {
			continue
		}
		run := e.Latest(*in.StageName, *in.ActionName)
		switch {
		case run == nil || run.Token == nil || *run.Token != *in.Token:
		case !run.Asks():
			return nil, nil, &cp.ApprovalAlreadyCompletedException{
				Message: "The approval was given or ended already: it is " + string(run.Status),
			}
		default:
			return e, run, nil
		}
	}
	return nil, nil, &cp.InvalidApprovalTokenException{
		Message: "The approval token is not that of an execution which waits now. Read it again with " +
			"get-pipeline-state or, of a pipeline in the mode PARALLEL, with list-action-executions: " +
			"externalExecutionId is the token",
	}
}
