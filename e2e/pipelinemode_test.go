package e2e

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
)

// inMode creates a pipeline that asks a person, in an execution mode.
func (f *flow) inMode(name string, mode types.ExecutionMode) *types.PipelineDeclaration {
	d := declare(name, source(), stage("Approve", approval("Ask")))
	d.PipelineType, d.ExecutionMode = types.PipelineTypeV2, mode
	f.create(d)
	return d
}

// asked waits until an execution asks for an approval, and returns the token that list-action-executions shows.
func (f *flow) asked(pipeline, execution string) (token string) {
	f.t.Helper()
	eventually(f.t, "the execution asks", func() error {
		out, err := f.ListActionExecutions(f.t.Context(), &codepipeline.ListActionExecutionsInput{
			PipelineName: &pipeline,
			Filter:       &types.ActionExecutionFilter{PipelineExecutionId: &execution},
		})
		if err != nil {
			return err
		}
		for _, a := range out.ActionExecutionDetails {
			if *a.ActionName == "Ask" && a.Output != nil {
				token = *a.Output.ExecutionResult.ExternalExecutionId
				return nil
			}
		}
		return errors.New("not yet")
	})
	return token
}

func TestPipelineExecutionModes(t *testing.T) {
	t.Parallel()
	f, ctx := newFlow(t), t.Context()
	d := f.inMode("queue", types.ExecutionModeQueued)
	first := f.newest("queue", 1, types.PipelineExecutionStatusInProgress)
	f.token("queue", "Approve", "Ask", first)
	second, third := f.start("queue"), f.start("queue")
	eventually(t, "two wait in order", func() error {
		out := must(f.GetPipelineState(ctx, &codepipeline.GetPipelineStateInput{Name: new("queue")}))(t)
		in := out.StageStates[1].InboundExecutions
		if len(in) != 2 || *in[0].PipelineExecutionId != second || *in[1].PipelineExecutionId != third {
			return errors.New("not yet")
		}
		return nil
	})
	for n, id := range []string{first, second} {
		if err := f.decide("queue", "Approve", "Ask", f.token("queue", "Approve", "Ask", id),
			types.ApprovalStatusApproved); err != nil {
			t.Fatal(err)
		}
		f.newest("queue", n+1, types.PipelineExecutionStatusSucceeded)
	}
	f.token("queue", "Approve", "Ask", third)
	waits := f.start("queue")
	d.ExecutionMode = types.ExecutionModeSuperseded
	must(f.UpdatePipeline(ctx, &codepipeline.UpdatePipelineInput{Pipeline: d}))(t)
	got := must(f.GetPipelineExecution(ctx, &codepipeline.GetPipelineExecutionInput{
		PipelineName: new("queue"), PipelineExecutionId: &waits,
	}))(t).PipelineExecution
	if got.ExecutionMode != types.ExecutionModeQueued {
		t.Errorf("mode %s", got.ExecutionMode)
	}
	f.newest("queue", 4, types.PipelineExecutionStatusCancelled)

	f.inMode("fleet", types.ExecutionModeParallel)
	one := f.newest("fleet", 1, types.PipelineExecutionStatusInProgress)
	two := f.start("fleet")
	token := f.asked("fleet", one)
	f.asked("fleet", two)
	if err := f.decide("fleet", "Approve", "Ask", token, types.ApprovalStatusApproved); err != nil {
		t.Fatal(err)
	}
	f.newest("fleet", 1, types.PipelineExecutionStatusSucceeded)
	has(t, must(f.slipway("approve", "fleet"))(t), "fleet/Approve/Ask is approved", two)
	f.newest("fleet", 2, types.PipelineExecutionStatusSucceeded)
}

func TestPipelineRollsBack(t *testing.T) {
	t.Parallel()
	f, ctx := newFlow(t), t.Context()
	d := declare("back", source(), stage("Approve", approval("Ask")))
	d.PipelineType = types.PipelineTypeV2
	d.Stages[1].OnFailure = &types.FailureConditions{Result: types.ResultRollback}
	f.create(d)
	first := f.newest("back", 1, types.PipelineExecutionStatusInProgress)
	decide := func(execution string, status types.ApprovalStatus) {
		t.Helper()
		if err := f.decide("back", "Approve", "Ask", f.token("back", "Approve", "Ask", execution), status); err != nil {
			t.Fatal(err)
		}
	}
	decide(first, types.ApprovalStatusApproved)
	f.newest("back", 1, types.PipelineExecutionStatusSucceeded)
	decide(f.start("back"), types.ApprovalStatusRejected)
	f.newest("back", 2, types.PipelineExecutionStatusFailed)
	automatic := f.newest("back", 3, types.PipelineExecutionStatusInProgress)
	decide(automatic, types.ApprovalStatusApproved)
	f.newest("back", 3, types.PipelineExecutionStatusSucceeded)
	manual := *must(f.RollbackStage(ctx, &codepipeline.RollbackStageInput{
		PipelineName: new("back"), StageName: new("Approve"), TargetPipelineExecutionId: &first,
	}))(t).PipelineExecutionId
	for id, by := range map[string]types.TriggerType{
		automatic: types.TriggerTypeAutomatedRollback, manual: types.TriggerTypeManualRollback,
	} {
		got := must(f.GetPipelineExecution(ctx, &codepipeline.GetPipelineExecutionInput{
			PipelineName: new("back"), PipelineExecutionId: &id,
		}))(t).PipelineExecution
		if got.ExecutionType != types.ExecutionTypeRollback || got.Trigger.TriggerType != by ||
			*got.RollbackMetadata.RollbackTargetPipelineExecutionId != first {
			t.Errorf("execution %+v", got)
		}
	}
	decide(manual, types.ApprovalStatusApproved)
	f.newest("back", 4, types.PipelineExecutionStatusSucceeded)
}
