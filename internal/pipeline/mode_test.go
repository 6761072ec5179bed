package pipeline_test

import (
	"slices"
	"testing"
	"time"

	cp "slipway/api/codepipeline"
	"slipway/internal/pipeline/provider/manual"
)

func TestExecutionModes(t *testing.T) {
	onBoth(t, cases{
		"queued executions wait in order and are shown": queuedAreShown,
		"a full queue takes no further execution":       fullQueue,
		"parallel executions are approved one by one":   approvedInParallel,
		"another mode cancels what waits":               modeIsChanged,
	})
}

// inMode is a pipeline that asks a person, with nothing in it.
func inMode(t *testing.T, dsn string, mode cp.ExecutionMode) *house {
	t.Helper()
	h := open(t, dsn, time.Now, letters(), manual.Provider{})
	d := asks(nil)
	d.ExecutionMode = mode
	h.create(d)
	h.token()
	return h
}

func (h *house) startPost() string {
	h.t.Helper()
	out, err := h.StartPipelineExecution(h.t.Context(), &cp.StartPipelineExecutionInput{Name: new("post")})
	if err != nil {
		h.t.Fatal(err)
	}
	return *out.PipelineExecutionId
}

// waiting are the executions that stand before the second stage.
func (h *house) waiting() (ids []string) {
	h.t.Helper()
	out, err := h.GetPipelineState(h.t.Context(), &cp.GetPipelineStateInput{Name: new("post")})
	if err != nil {
		h.t.Fatal(err)
	}
	for _, x := range out.StageStates[1].InboundExecutions {
		ids = append(ids, *x.PipelineExecutionId)
	}
	return ids
}

func queuedAreShown(t *testing.T, dsn string) {
	h := inMode(t, dsn, cp.ExecutionModeQueued)
	want := []string{h.startPost(), h.startPost(), h.startPost()}
	h.until("three wait", func() bool { return len(h.waiting()) == 3 })
	if got := h.waiting(); !slices.Equal(got, want) {
		t.Errorf("waiting %v, want %v", got, want)
	}
	if err := h.decide(h.token(), cp.ApprovalStatusApproved); err != nil {
		t.Fatal(err)
	}
	h.until("two wait", func() bool { return len(h.waiting()) == 2 })
	if got := h.waiting(); !slices.Equal(got, want[1:]) {
		t.Errorf("waiting %v, want %v", got, want[1:])
	}
}

func fullQueue(t *testing.T, dsn string) {
	h := inMode(t, dsn, cp.ExecutionModeQueued)
	n, err := 0, error(nil)
	again := &cp.StartPipelineExecutionInput{Name: new("post"), ClientRequestToken: new("once")}
	once, onceErr := h.StartPipelineExecution(t.Context(), again)
	if onceErr != nil {
		t.Fatal(onceErr)
	}
	for ; n < 60 && err == nil; n++ { // one of them may be in the first stage
		_, err = h.StartPipelineExecution(t.Context(), &cp.StartPipelineExecutionInput{Name: new("post")})
	}
	if n < 50 || n > 51 {
		t.Errorf("start %d was refused, want the one after 50 that wait", n)
	}
	if same, err := h.StartPipelineExecution(t.Context(), again); err != nil ||
		*same.PipelineExecutionId != *once.PipelineExecutionId {
		t.Errorf("the same start again: %v, %v; want the first one's execution", same, err)
	}
	wantError[*cp.ConcurrentPipelineExecutionsLimitExceededException](t, err, "50 executions wait")
	if err := h.Changed(t.Context(), box("in")); err != nil {
		t.Fatal(err)
	}
	if x := h.executions("post")[0]; x.Status != cp.PipelineExecutionStatusFailed || x.StatusSummary == nil {
		t.Errorf("the execution of a letter is %s, want it failed with the reason", x.Status)
	}
}

// tokenOf waits until an execution asks, and returns the token that ListActionExecutions shows.
func (h *house) tokenOf(execution string) (token string) {
	h.t.Helper()
	h.until("execution "+execution+" asks", func() bool {
		for _, run := range h.runs("post", execution) {
			if *run.ActionName == "Ask" && run.Output != nil {
				token = *run.Output.ExecutionResult.ExternalExecutionId
			}
		}
		return token != ""
	})
	return token
}

func approvedInParallel(t *testing.T, dsn string) {
	h := inMode(t, dsn, cp.ExecutionModeParallel)
	first := *h.executions("post")[0].PipelineExecutionId
	second := h.startPost()
	tokens := map[string]string{first: h.tokenOf(first), second: h.tokenOf(second)}
	waiting, _, err := h.Approvals(t.Context(), "post")
	if err != nil || len(waiting) != 2 {
		t.Fatalf("%d approvals wait, %v; want 2", len(waiting), err)
	}
	for _, id := range []string{first, second} {
		if err := h.decide(tokens[id], cp.ApprovalStatusApproved); err != nil {
			t.Fatal(err)
		}
		h.until(id+" succeeded", func() bool {
			out, err := h.GetPipelineExecution(t.Context(), &cp.GetPipelineExecutionInput{
				PipelineName: new("post"), PipelineExecutionId: &id,
			})
			return err == nil && out.PipelineExecution.Status == cp.PipelineExecutionStatusSucceeded
		})
	}
	if waiting, failed, err := h.Approvals(t.Context(), ""); len(waiting) > 0 || failed > 0 || err != nil {
		t.Errorf("%d approvals wait, %d pipelines failed, %v", len(waiting), failed, err)
	}
}

func modeIsChanged(t *testing.T, dsn string) {
	h := inMode(t, dsn, cp.ExecutionModeQueued)
	h.startPost()
	h.until("one waits", func() bool { return len(h.waiting()) == 1 })
	d := asks(nil)
	d.ExecutionMode = cp.ExecutionModeParallel
	if _, err := h.UpdatePipeline(t.Context(), &cp.UpdatePipelineInput{Pipeline: d}); err != nil {
		t.Fatal(err)
	}
	all := h.executions("post")
	if all[0].Status != cp.PipelineExecutionStatusCancelled || all[1].Status != cp.PipelineExecutionStatusInProgress {
		t.Errorf("what waited is %s and what runs %s", all[0].Status, all[1].Status)
	}
	if err := h.decide(h.token(), cp.ApprovalStatusApproved); err != nil {
		t.Fatal(err)
	}
	if x := h.executions("post")[1]; x.Status != cp.PipelineExecutionStatusCancelled {
		t.Errorf("what ran is %s, want it cancelled after its action", x.Status)
	}
	if id := h.startPost(); h.tokenOf(id) == "" {
		t.Error("no token")
	}
}
