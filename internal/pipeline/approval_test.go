package pipeline_test

import (
	"testing"
	"time"

	cp "slipway/api/codepipeline"
	"slipway/internal/pipeline/provider/manual"
)

func TestApprovals(t *testing.T) {
	onBoth(t, cases{
		"an approval lets the execution on":              approved,
		"a rejection fails it":                           rejected,
		"only the token of what waits now counts":        tokenOfAnother,
		"nobody decides twice":                           decidedTwice,
		"it fails when its time is over":                 approvalTimesOut,
		"it is abandoned when the definition drops it":   approvalDropped,
		"what waits is told with its variables":          approvalIsTold,
		"a stop waits for the decision, abandon doesn't": stoppedWhileAsking,
		"a failed stage is retried":                      retried,
	})
}

// asks is a pipeline whose second stage asks a person.
func asks(timeout *int32) *cp.PipelineDeclaration {
	d := post("post", "in")
	ask := action("Ask", manual.Provider{}.Types()[0], map[string]string{
		"CustomData":         "Read #{mail.Letter}",
		"ExternalEntityLink": "javascript:alert(1)",
	})
	ask.TimeoutInMinutes = timeout
	d.Stages[1] = cp.StageDeclaration{Name: new("Approve"), Actions: []cp.ActionDeclaration{ask}}
	return d
}

// token waits until the approval asks, and returns its token.
func (h *house) token() string {
	h.t.Helper()
	token := ""
	h.until("the approval asks", func() bool {
		out, err := h.GetPipelineState(h.t.Context(), &cp.GetPipelineStateInput{Name: new("post")})
		if err != nil {
			h.t.Fatal(err)
		}
		x := out.StageStates[1].ActionStates[0].LatestExecution
		if x != nil && x.Token != nil {
			token = *x.Token
		}
		return token != ""
	})
	return token
}

func (h *house) decide(token string, status cp.ApprovalStatus) error {
	_, err := h.PutApprovalResult(h.t.Context(), &cp.PutApprovalResultInput{
		PipelineName: new("post"),
		StageName:    new("Approve"),
		ActionName:   new("Ask"),
		Token:        &token,
		Result:       &cp.ApprovalResult{Status: status, Summary: new("because")},
	})
	return err
}

func asking(t *testing.T, dsn string, timeout *int32, now func() time.Time) *house {
	t.Helper()
	h := open(t, dsn, now, letters(), manual.Provider{})
	h.create(asks(timeout))
	return h
}

func approved(t *testing.T, dsn string) {
	h := asking(t, dsn, nil, time.Now)
	if err := h.decide(h.token(), cp.ApprovalStatusApproved); err != nil {
		t.Fatal(err)
	}
	id := h.newest("post", cp.PipelineExecutionStatusSucceeded)
	if got := *h.runs("post", id)[1].Output.ExecutionResult.ExternalExecutionSummary; got != "because" {
		t.Errorf("summary %q, want what the approver said", got)
	}
}

func rejected(t *testing.T, dsn string) {
	h := asking(t, dsn, nil, time.Now)
	if err := h.decide(h.token(), cp.ApprovalStatusRejected); err != nil {
		t.Fatal(err)
	}
	id := h.newest("post", cp.PipelineExecutionStatusFailed)
	if got, want := h.failure("post", id), "ApprovalRejected: Rejected: because"; got != want {
		t.Errorf("failure %q, want %q", got, want)
	}
}

func tokenOfAnother(t *testing.T, dsn string) {
	h := asking(t, dsn, nil, time.Now)
	first := h.token()
	wantError[*cp.InvalidApprovalTokenException](t, h.decide("other", cp.ApprovalStatusApproved), "token")
	h.stop("post", true)
	h.newest("post", cp.PipelineExecutionStatusStopped)
	if err := h.Changed(t.Context(), box("in")); err != nil {
		t.Fatal(err)
	}
	second := h.token()
	wantError[*cp.InvalidApprovalTokenException](t, h.decide(first, cp.ApprovalStatusApproved), "token")
	if err := h.decide(second, cp.ApprovalStatusApproved); err != nil {
		t.Error(err)
	}
}

func decidedTwice(t *testing.T, dsn string) {
	h := asking(t, dsn, nil, time.Now)
	token := h.token()
	if err := h.decide(token, cp.ApprovalStatusApproved); err != nil {
		t.Fatal(err)
	}
	err := h.decide(token, cp.ApprovalStatusRejected)
	wantError[*cp.ApprovalAlreadyCompletedException](t, err, "it is Succeeded")
	h.newest("post", cp.PipelineExecutionStatusSucceeded)
}

func approvalTimesOut(t *testing.T, dsn string) {
	longAgo := func() time.Time { return time.Now().Add(-time.Hour) }
	h := asking(t, dsn, new(int32(30)), longAgo)
	id := h.newest("post", cp.PipelineExecutionStatusFailed)
	if got, want := h.failure("post", id), "JobTimeout: Nobody approved or rejected it in time"; got != want {
		t.Errorf("failure %q, want %q", got, want)
	}
}

func approvalDropped(t *testing.T, dsn string) {
	h := asking(t, dsn, nil, time.Now)
	token := h.token()
	d := asks(nil)
	d.Stages[1].Actions[0].Name = new("AskAgain")
	if _, err := h.UpdatePipeline(t.Context(), &cp.UpdatePipelineInput{Pipeline: d}); err != nil {
		t.Fatal(err)
	}
	wantError[*cp.ActionNotFoundException](t, h.decide(token, cp.ApprovalStatusApproved), "no action 'Ask'")
	runs := h.runs("post", *h.executions("post")[0].PipelineExecutionId)
	if got := runs[1].Status; got != cp.ActionExecutionStatusAbandoned {
		t.Errorf("the approval that nobody can give is %s, want Abandoned", got)
	}
	if next := h.token(); next == token {
		t.Error("the new approval has the token of the one before")
	}
}

func approvalIsTold(t *testing.T, dsn string) {
	h := asking(t, dsn, nil, time.Now)
	h.token()
	h.until("the configuration is resolved", func() bool {
		all, failed, err := h.Approvals(t.Context(), "")
		if err != nil || failed != 0 || len(all) != 1 {
			t.Fatalf("approvals %+v, %d failed, %v, want one", all, failed, err)
		}
		if all[0].Link != nil {
			t.Errorf("link %q, want none that is no web address", *all[0].Link)
		}
		return *all[0].Note == "Read first"
	})
	if none, _, err := h.Approvals(t.Context(), "other"); err != nil || len(none) != 0 {
		t.Errorf("approvals of another pipeline: %+v, %v, want none", none, err)
	}
}

func stoppedWhileAsking(t *testing.T, dsn string) {
	h := asking(t, dsn, nil, time.Now)
	token := h.token()
	h.stop("post", false)
	h.newest("post", cp.PipelineExecutionStatusStopping)
	_, err := h.StopPipelineExecution(t.Context(), &cp.StopPipelineExecutionInput{
		PipelineName:        new("post"),
		PipelineExecutionId: h.executions("post")[0].PipelineExecutionId,
	})
	wantError[*cp.DuplicatedStopRequestException](t, err, "stopping already")
	if err := h.decide(token, cp.ApprovalStatusApproved); err != nil {
		t.Fatal(err)
	}
	h.newest("post", cp.PipelineExecutionStatusStopped)

	if err := h.Changed(t.Context(), box("in")); err != nil {
		t.Fatal(err)
	}
	h.token()
	h.stop("post", true)
	h.newest("post", cp.PipelineExecutionStatusStopped)
}

func retried(t *testing.T, dsn string) {
	h := asking(t, dsn, nil, time.Now)
	if err := h.decide(h.token(), cp.ApprovalStatusRejected); err != nil {
		t.Fatal(err)
	}
	id := h.newest("post", cp.PipelineExecutionStatusFailed)
	retry := &cp.RetryStageExecutionInput{
		PipelineName:        new("post"),
		StageName:           new("Approve"),
		PipelineExecutionId: &id,
		RetryMode:           cp.StageRetryModeFailedActions,
	}
	if _, err := h.RetryStageExecution(t.Context(), retry); err != nil {
		t.Fatal(err)
	}
	_, err := h.RetryStageExecution(t.Context(), retry)
	wantError[*cp.StageNotRetryableException](t, err, "did not fail")
	if err := h.decide(h.token(), cp.ApprovalStatusApproved); err != nil {
		t.Fatal(err)
	}
	if again := h.newest("post", cp.PipelineExecutionStatusSucceeded); again != id {
		t.Errorf("execution %s succeeded, want the retried one, %s", again, id)
	}
}
