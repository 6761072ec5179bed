package pipeline_test

import (
	"testing"
	"time"

	cp "slipway/api/codepipeline"
)

func TestRollbacks(t *testing.T) {
	onBoth(t, cases{
		"a stage is rolled back by hand, with the variables of then":     rolledBackByHand,
		"a stage that fails is rolled back by itself":                    rolledBackByItself,
		"a stage that fails is retried by itself, and the state says so": retriedByItself,
		"rollbacks are refused":                                          rollbacksAreRefused,
	})
}

// end lets the robot of the newest execution end.
func (h *house) endRobot(work *robots, fault string) string {
	h.t.Helper()
	run := h.waits("post", "Work")
	work.end(*run.ActionExecutionId, fault)
	if err := h.Ended(h.t.Context(), robot(*run.ActionExecutionId)); err != nil {
		h.t.Fatal(err)
	}
	return run.Input.ResolvedConfiguration["Order"]
}

// twoLetters is a pipeline that has answered a first letter, and got a second. It reacts to a failure of the robots.
func twoLetters(t *testing.T, dsn string, on *cp.FailureConditions) (h *house, work *robots, first string) {
	t.Helper()
	work = workers()
	mail := letters()
	h = open(t, dsn, time.Now, mail, work)
	d := post("post", "in")
	d.Stages[1].OnFailure = on
	h.create(d)
	h.endRobot(work, "")
	first = h.newest("post", cp.PipelineExecutionStatusSucceeded)
	mail.put("in", "second")
	if err := h.Changed(t.Context(), box("in")); err != nil {
		t.Fatal(err)
	}
	return h, work, first
}

func (h *house) rollBack(stage, target string) (string, error) {
	out, err := h.RollbackStage(h.t.Context(), &cp.RollbackStageInput{
		PipelineName:              new("post"),
		StageName:                 &stage,
		TargetPipelineExecutionId: &target,
	})
	if err != nil {
		return "", err
	}
	return *out.PipelineExecutionId, nil
}

// isRollback checks an execution that succeeded.
func (h *house) isRollback(id, target string, by cp.TriggerType) {
	h.t.Helper()
	out, err := h.GetPipelineExecution(h.t.Context(), &cp.GetPipelineExecutionInput{
		PipelineName: new("post"), PipelineExecutionId: &id,
	})
	if err != nil {
		h.t.Fatal(err)
	}
	e := out.PipelineExecution
	if e.ExecutionType != cp.ExecutionTypeRollback || e.Trigger.TriggerType != by ||
		*e.RollbackMetadata.RollbackTargetPipelineExecutionId != target || *e.ArtifactRevisions[0].RevisionId != "first" {
		h.t.Errorf("execution %+v", e)
	}
	if runs := h.runs("post", id); len(runs) != 1 {
		h.t.Errorf("%d actions ran, want those of the stage alone", len(runs))
	}
}

func rolledBackByHand(t *testing.T, dsn string) {
	h, work, first := twoLetters(t, dsn, nil)
	h.endRobot(work, "")
	h.newest("post", cp.PipelineExecutionStatusSucceeded)
	back, err := h.rollBack("Robots", first)
	if err != nil {
		t.Fatal(err)
	}
	if got := h.endRobot(work, ""); got != "answer first" {
		t.Errorf("the robot was told to %q, want what it was told then", got)
	}
	if id := h.newest("post", cp.PipelineExecutionStatusSucceeded); id != back {
		t.Errorf("%s succeeded, want %s", id, back)
	}
	h.isRollback(back, first, cp.TriggerTypeManualRollback)
}

func rolledBackByItself(t *testing.T, dsn string) {
	h, work, first := twoLetters(t, dsn, &cp.FailureConditions{Result: cp.ResultRollback})
	if got := h.endRobot(work, "it fell"); got != "answer second" {
		t.Errorf("the robot was told to %q", got)
	}
	if got := h.endRobot(work, ""); got != "answer first" {
		t.Errorf("the robot was told to %q, want what it was told when it succeeded", got)
	}
	id := h.newest("post", cp.PipelineExecutionStatusSucceeded)
	h.isRollback(id, first, cp.TriggerTypeAutomatedRollback)
	if all := h.executions("post"); len(all) != 3 || all[1].Status != cp.PipelineExecutionStatusFailed ||
		all[0].RollbackMetadata == nil {
		t.Errorf("%d executions, the second is %s", len(all), all[1].Status)
	}
}

func retriedByItself(t *testing.T, dsn string) {
	h, work, _ := twoLetters(t, dsn, &cp.FailureConditions{Result: cp.ResultRetry})
	first := h.waits("post", "Work")
	h.endRobot(work, "it fell")
	h.until("it works again", func() bool {
		return *h.waits("post", "Work").ActionExecutionId != *first.ActionExecutionId
	})
	out, err := h.GetPipelineState(t.Context(), &cp.GetPipelineStateInput{Name: new("post")})
	if err != nil {
		t.Fatal(err)
	}
	m := out.StageStates[1].RetryStageMetadata
	if m == nil || *m.AutoStageRetryAttempt != 1 || m.ManualStageRetryAttempt != nil ||
		m.LatestRetryTrigger != cp.RetryTriggerAutomatedStageRetry {
		t.Errorf("retryStageMetadata %+v", m)
	}
	h.endRobot(work, "it fell again")
	h.newest("post", cp.PipelineExecutionStatusFailed)
}

func rollbacksAreRefused(t *testing.T, dsn string) {
	h, work, first := twoLetters(t, dsn, nil)
	h.waits("post", "Work")
	_, err := h.rollBack("Robots", first)
	wantError[*cp.UnableToRollbackStageException](t, err, "an execution is in the stage")
	h.endRobot(work, "")
	h.newest("post", cp.PipelineExecutionStatusSucceeded)
	_, err = h.rollBack("Mail", first)
	wantError[*cp.UnableToRollbackStageException](t, err, "the first stage")
	_, err = h.rollBack("None", first)
	wantError[*cp.StageNotFoundException](t, err, "None")
	_, err = h.rollBack("Robots", "11111111-1111-1111-1111-111111111111")
	wantError[*cp.PipelineExecutionNotFoundException](t, err, "11111111")
	d := post("post", "in")
	d.Stages[1].OnFailure = &cp.FailureConditions{Result: cp.ResultRollback}
	if _, err := h.UpdatePipeline(t.Context(), &cp.UpdatePipelineInput{Pipeline: d}); err != nil {
		t.Fatal(err)
	}
	_, err = h.rollBack("Robots", first)
	wantError[*cp.PipelineExecutionOutdatedException](t, err, "another version")
	for says, change := range map[string]func(*cp.PipelineDeclaration){
		"PARALLEL":             func(d *cp.PipelineDeclaration) { d.ExecutionMode = cp.ExecutionModeParallel },
		"the first stage":      func(d *cp.PipelineDeclaration) { d.Stages[0].OnFailure = d.Stages[1].OnFailure },
		"is not one of":        func(d *cp.PipelineDeclaration) { d.Stages[1].OnFailure.Result = cp.ResultSkip },
		"need pipelineType V2": func(d *cp.PipelineDeclaration) { d.PipelineType = cp.PipelineTypeV1 },
		"needs the result RETRY": func(d *cp.PipelineDeclaration) {
			d.Stages[1].OnFailure.RetryConfiguration = &cp.RetryConfiguration{}
		},
	} {
		d := post("post", "in")
		d.Stages[1].OnFailure = &cp.FailureConditions{Result: cp.ResultRollback}
		change(d)
		_, err := h.UpdatePipeline(t.Context(), &cp.UpdatePipelineInput{Pipeline: d})
		if says == "need pipelineType V2" {
			wantError[*cp.InvalidStructureException](t, err, says)
		} else {
			wantError[*cp.InvalidStageDeclarationException](t, err, says)
		}
	}
}
