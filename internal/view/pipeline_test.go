package view

import (
	"slices"
	"testing"

	"slipway/api/codepipeline"
	"slipway/api/slipway"
)

// stageState is a stage with the execution in it, whose actions are Work in one state.
func stageState(name, execution string, status codepipeline.StageExecutionStatus,
	work *codepipeline.ActionExecution) codepipeline.StageState {
	st := codepipeline.StageState{StageName: &name}
	if execution != "" {
		st.LatestExecution = &codepipeline.StageExecution{PipelineExecutionId: &execution, Status: status}
	}
	st.ActionStates = []codepipeline.ActionState{{ActionName: new("Work"), LatestExecution: work}}
	return st
}

func ran(status codepipeline.ActionExecutionStatus, external string) *codepipeline.ActionExecution {
	return &codepipeline.ActionExecution{Status: status, ExternalExecutionId: &external}
}

// web is a pipeline of four stages: the second holds a newer change, the fourth was never reached.
func web(second codepipeline.StageState) *Documents {
	succeeded := ran(codepipeline.ActionExecutionStatusSucceeded, "")
	d := &Documents{Name: "web", Executions: map[string]codepipeline.PipelineExecutionSummary{}}
	for _, name := range []string{"Source", "Build", "Test", "Deploy"} {
		d.Definition.Stages = append(d.Definition.Stages, codepipeline.StageDeclaration{Name: &name})
	}
	d.State.StageStates = []codepipeline.StageState{
		stageState("Source", "new", codepipeline.StageExecutionStatusSucceeded, succeeded),
		second,
		stageState("Test", "old", codepipeline.StageExecutionStatusSucceeded, succeeded),
		stageState("Deploy", "", "", nil),
	}
	d.Actions = []slipway.DescribedAction{
		{StageName: new("Source"), ActionName: new("Work"), What: new("web, main"), RepositoryName: new("web")},
		{StageName: new("Deploy"), ActionName: new("Work"), What: new("shop/live"), ApplicationName: new("shop"),
			DeploymentGroupName: new("live")},
	}
	return d
}

func TestTheStateOfAStageIsThatOfItsActionsAndWhatIsKnown(t *testing.T) {
	inProgress, failed := codepipeline.StageExecutionStatusInProgress, codepipeline.StageExecutionStatusFailed
	running, broken := codepipeline.ActionExecutionStatusInProgress, codepipeline.ActionExecutionStatusFailed
	for name, c := range map[string]struct {
		status codepipeline.StageExecutionStatus
		work   *codepipeline.ActionExecution
		known  Board
		kind   Kind
		say    string
	}{
		"an action runs": {inProgress, ran(running, "b:1"), Board{}, Running, "Work is running"},
		"an approval waits": {inProgress, ran(running, ""), Board{Waiting: []slipway.Waiting{{
			Kind: slipway.WaitingKindApproval, PipelineName: new("web"), StageName: new("Build"),
			ActionName: new("Work"), PipelineExecutionId: new("new")}}}, Waiting, "Waiting for approval"},
		"an approval of another execution waits": {inProgress, ran(running, ""), Board{Waiting: []slipway.Waiting{{
			Kind: slipway.WaitingKindApproval, PipelineName: new("web"), StageName: new("Build"),
			ActionName: new("Work"), PipelineExecutionId: new("other")}}}, Running, "Work is running"},
		"an approval of another pipeline waits": {inProgress, ran(running, ""), Board{Waiting: []slipway.Waiting{{
			Kind: slipway.WaitingKindApproval, PipelineName: new("shop"), StageName: new("Build"),
			ActionName: new("Work")}}}, Running, "Work is running"},
		"a release is under way": {inProgress, ran(running, "d-1"), Board{Releases: map[string]slipway.ReleaseSummary{
			"d-1": {Status: slipway.ReleaseStatusShifting, Percent: new(int32(10))}}}, Running, "Releasing, 10 %"},
		"a release waits": {inProgress, ran(running, "d-1"), Board{Waiting: []slipway.Waiting{{
			Kind: slipway.WaitingKindRelease, DeploymentId: new("d-1"), Percent: new(int32(10))}}},
			Waiting, "Waiting for a decision at 10 %"},
		"it failed for a known cause": {failed, ran(broken, "b:1"), Board{Changes: map[string]slipway.Change{
			"b:1": {Cause: new("test_tax: 1 != 2")}}}, Failed, "test_tax: 1 != 2"},
		"it failed": {failed, ran(broken, "b:1"), Board{}, Failed, "failed"},
		"it was stopped while an action runs": {codepipeline.StageExecutionStatusStopped, ran(running, "b:1"),
			Board{}, Stopped, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := NewBoard(c.known, web(stageState("Build", "new", c.status, c.work)))
			st := b.Pipelines[0].Stages[1]
			if st.Kind != c.kind || st.Say != c.say {
				t.Errorf("%s %q, want %s %q", st.Kind, st.Say, c.kind, c.say)
			}
			if c.kind != Stopped && b.Pipelines[0].Kind != c.kind {
				t.Errorf("the pipeline is %s, want what its stage is, %s", b.Pipelines[0].Kind, c.kind)
			}
		})
	}
}

func TestSpansAreStagesWithOneChange(t *testing.T) {
	build := stageState("Build", "new", codepipeline.StageExecutionStatusInProgress,
		ran(codepipeline.ActionExecutionStatusInProgress, "d-1"))
	build.InboundTransitionState = &codepipeline.TransitionState{
		Enabled:        new(false),
		DisabledReason: new("release freeze"),
		LastChangedBy:  new("arn:aws:iam::123456789012:user/ada"),
	}
	d := web(build)
	d.State.StageStates[2].InboundExecution = &codepipeline.StageExecution{PipelineExecutionId: new("newest-of-all")}
	p := NewBoard(Board{
		Releases: map[string]slipway.ReleaseSummary{
			"d-1": {Status: slipway.ReleaseStatusShifting, Percent: new(int32(25))},
		},
		Serving: map[string]slipway.ServingGroup{"shop/live": {Versions: []slipway.ServedVersion{{}}}},
	}, d).Pipelines[0]

	var got []string
	for _, g := range p.Spans {
		names := ""
		for _, st := range g.Stages {
			names += st.Name + " "
		}
		got = append(got, names+string(g.Kind))
	}
	if want := []string{"Source Build running", "Test succeeded", "Deploy none"}; !slices.Equal(got, want) {
		t.Errorf("spans %q, want %q", got, want)
	}
	if p.Spans[0].Percent != 25 || p.Spans[0].Say != "Releasing, 25 %" {
		t.Errorf("the first span is at %d %%, %q", p.Spans[0].Percent, p.Spans[0].Say)
	}
	if got, want := p.Spans[1].Waits, "newest- waits to enter Test"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := p.Stages[1].Closed, "closed by ada: release freeze"; got != want {
		t.Errorf("transition %q, want %q", got, want)
	}
	if p.Source != "web, main" || p.Repository != "web" || len(p.Stages[3].Serves) != 1 {
		t.Errorf("source %q, repository %q, %d groups serve; want those that the providers describe",
			p.Source, p.Repository, len(p.Stages[3].Serves))
	}
}

func TestAnExecutionSaysWhereItIs(t *testing.T) {
	d := &web(codepipeline.StageState{StageName: new("Build")}).Definition
	mark := func(stage, status string, asks bool) slipway.StageMark {
		return slipway.StageMark{StageName: &stage, Status: &status, Asks: &asks}
	}
	for name, c := range map[string]struct {
		x      codepipeline.PipelineExecutionSummary
		marks  []slipway.StageMark
		kind   Kind
		word   string
		note   string
		reason string
	}{
		"running": {codepipeline.PipelineExecutionSummary{Status: codepipeline.PipelineExecutionStatusInProgress},
			[]slipway.StageMark{mark("Source", "Succeeded", false), mark("Build", "InProgress", false)},
			Running, "Running in Build", "", ""},
		"asking": {codepipeline.PipelineExecutionSummary{Status: codepipeline.PipelineExecutionStatusInProgress},
			[]slipway.StageMark{mark("Build", "InProgress", true)}, Waiting, "Waiting for approval", "", ""},
		"failed": {codepipeline.PipelineExecutionSummary{Status: codepipeline.PipelineExecutionStatusFailed},
			[]slipway.StageMark{mark("Test", "Failed", false)}, Failed, "Failed in Test", "", ""},
		"superseded": {codepipeline.PipelineExecutionSummary{Status: codepipeline.PipelineExecutionStatusSuperseded,
			StatusSummary: new("Superseded by execution 12345678-9")}, nil, Superseded, "Superseded", "", "1234567"},
		"stopped": {codepipeline.PipelineExecutionSummary{Status: codepipeline.PipelineExecutionStatusStopped,
			StopTrigger: &codepipeline.StopExecutionTrigger{Reason: new("wrong branch")}}, nil,
			Stopped, "Stopped", "“wrong branch”", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c.x.PipelineExecutionId = new("id")
			one := ExecutionOf(c.x, c.marks, d, nil)
			if one.Kind != c.kind || one.Word != c.word || one.Note != c.note || one.SupersededName != c.reason {
				t.Errorf("%s %q %q %q, want %s %q %q %q", one.Kind, one.Word, one.Note, one.SupersededName,
					c.kind, c.word, c.note, c.reason)
			}
		})
	}
}

func TestMarksAreTheWorstOfTheLatestRuns(t *testing.T) {
	run := func(stage, action string, status codepipeline.ActionExecutionStatus) codepipeline.ActionExecutionDetail {
		return codepipeline.ActionExecutionDetail{StageName: &stage, ActionName: &action, Status: status}
	}
	got := Marks([]codepipeline.ActionExecutionDetail{ // the newest first
		run("Build", "A", codepipeline.ActionExecutionStatusSucceeded),
		run("Build", "B", codepipeline.ActionExecutionStatusFailed),
		run("Build", "A", codepipeline.ActionExecutionStatusFailed), // retried since
		run("Source", "S", codepipeline.ActionExecutionStatusSucceeded),
	})
	if len(got) != 2 || *got[0].StageName != "Build" || *got[0].Status != "Failed" || *got[1].Status != "Succeeded" {
		t.Errorf("%+v", got)
	}
}
