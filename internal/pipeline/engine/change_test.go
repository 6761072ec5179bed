package engine

import (
	"fmt"
	"testing"

	cp "slipway/api/codepipeline"
)

// changes are what can become of the stage S1 and its action A0 while something runs there.
var changes = map[string]func(d *cp.PipelineDeclaration){
	"nothing":        func(*cp.PipelineDeclaration) {},
	"stage removed":  func(d *cp.PipelineDeclaration) { d.Stages = append(d.Stages[:1:1], d.Stages[2:]...) },
	"stage renamed":  func(d *cp.PipelineDeclaration) { d.Stages[1].Name = new("New") },
	"stage moved":    func(d *cp.PipelineDeclaration) { d.Stages[1], d.Stages[2] = d.Stages[2], d.Stages[1] },
	"action renamed": func(d *cp.PipelineDeclaration) { d.Stages[1].Actions[0].Name = new("New") },
	"action removed": func(d *cp.PipelineDeclaration) { d.Stages[1].Actions = d.Stages[1].Actions[1:] },
	"action of another type": func(d *cp.PipelineDeclaration) {
		d.Stages[1].Actions[0].ActionTypeId = &cp.ActionTypeId{Category: cp.ActionCategoryDeploy, Provider: new("S3")}
	},
	"later stages removed": func(d *cp.PipelineDeclaration) { d.Stages = d.Stages[:2] },
}

// works are what can run in S1, or wait before it.
var works = map[string]struct {
	category cp.ActionCategory
	waits    bool
}{
	"a build":             {cp.ActionCategoryBuild, false},
	"a deployment":        {cp.ActionCategoryDeploy, false},
	"an approval":         {cp.ActionCategoryApproval, false},
	"a closed transition": {cp.ActionCategoryBuild, true},
}

func staged(category cp.ActionCategory) *cp.PipelineDeclaration {
	d := declaration(4, 2)
	d.Stages[1].Actions[0].ActionTypeId = &cp.ActionTypeId{Category: category, Provider: new("P")}
	d.Stages[1].Actions[1].RunOrder = new(int32(2))
	return d
}

func TestNoChangeOfADefinitionStrandsWhatRuns(t *testing.T) {
	for change, do := range changes {
		for work, w := range works {
			for _, stop := range []string{"", "stop", "abandon"} {
				t.Run(fmt.Sprintf("%s, %s, %s", work, change, stop), func(t *testing.T) {
					b := newBench(staged(w.category))
					e := b.changed(t, w.category, w.waits, do, stop)
					b.seen(t, e)
					b.endAll(e)
					if w.waits && !e.Ended() {
						// it waits before a stage that is there, and goes on when somebody opens the transition
						b.did(SetTransition(b.p, "S1", cp.TransitionState{Enabled: new(true)}, b.world()), nil)
						b.endAll(e)
					}
					endedRightly(t, e)
				})
			}
		}
	}
}

// changed lets an execution come to the stage S1, or to the closed transition before it, and changes the definition.
// Then it stops the execution, if it has not ended: "stop", "abandon", or "" for not.
func (b *bench) changed(
	t *testing.T,
	category cp.ActionCategory,
	waits bool,
	do func(*cp.PipelineDeclaration),
	stop string,
) *Execution {
	t.Helper()
	if waits {
		b.did(SetTransition(b.p, "S1", cp.TransitionState{Enabled: new(false)}, b.world()), nil)
	}
	e := b.start()
	for _, job := range b.jobs { // of the first stage
		b.finish(job, cp.ActionExecutionStatusSucceeded)
	}
	d := staged(category)
	do(d)
	b.p.Declaration = d
	b.did(Reconcile(b.p, b.world()), nil)
	if stop != "" && !e.Ended() {
		effects, err := Stop(b.p, *e.PipelineExecutionId, stop == "abandon", nil, b.world())
		if err != nil {
			t.Fatalf("it cannot be stopped: %v", err)
		}
		b.did(effects, nil)
	}
	return e
}

// endedRightly checks that an execution has ended, with all of its stages, and says why if it was cancelled.
func endedRightly(t *testing.T, e *Execution) {
	t.Helper()
	if !e.Ended() {
		t.Fatalf("it is %s for ever: %+v", e.Status, e.Stages)
	}
	if e.Status == cp.PipelineExecutionStatusCancelled && e.StatusSummary == nil {
		t.Error("it was cancelled and does not say why")
	}
	for name, v := range e.Stages {
		if v.Status == cp.StageExecutionStatusInProgress || v.Status == cp.StageExecutionStatusStopping {
			t.Errorf("stage %s is %s", name, v.Status)
		}
	}
}

// seen checks that an approval that waits is one of an action that the definition names.
func (b *bench) seen(t *testing.T, e *Execution) {
	t.Helper()
	for _, r := range e.Runs {
		if r.Token == nil || r.Status != cp.ActionExecutionStatusInProgress {
			continue
		}
		named := false
		for _, s := range b.p.Declaration.Stages {
			for _, a := range s.Actions {
				named = named || *s.Name == *r.StageName && *a.Name == *r.ActionName
			}
		}
		if !named {
			t.Errorf("the approval %s/%s waits, and nobody can see it", *r.StageName, *r.ActionName)
		}
	}
}

// endAll ends what runs for an execution, until nothing does.
func (b *bench) endAll(e *Execution) {
	for range 50 {
		for _, r := range e.Runs {
			if r.Status == cp.ActionExecutionStatusInProgress {
				effects, err := Finish(b.p, *e.PipelineExecutionId, *r.ActionExecutionId,
					Result{Status: cp.ActionExecutionStatusSucceeded}, b.world())
				b.did(effects, err)
			}
		}
	}
}
