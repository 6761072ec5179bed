package web

import (
	"slices"

	"slipway/api/codepipeline"
	"slipway/internal/view"
)

// berth is a stage with the change that lies in it.
type berth struct {
	Name      string
	Kind      Kind
	Change    change
	Cont      bool // the same change as in the stage before, whose hull reaches over this one
	Over      int  // the stages that the change's hull reaches over
	Hull      Kind // the worst of these
	Inbound   *change
	Groups    [][]act
	Closed    bool
	Door      *codepipeline.TransitionState
	Next      string // the stage behind
	NextDoor  *codepipeline.TransitionState
	Retryable bool
	Serves    []served
}

// act is an action with its latest run.
type act struct {
	Stage, Name string
	What        string // its provider, with what it works on
	Kind        Kind
	Say         string
	Error       string
	Href        string
	Release     string // where its release is watched
	run         *codepipeline.ActionExecution
}

// berthsARow is how many stages stand side by side at most.
const berthsARow = 6

// moor lets one hull reach over neighbouring stages that hold the same change, as long as they stand in one row.
func moor(stages []berth) {
	first := 0
	for i := range stages {
		b := &stages[i]
		b.Over, b.Hull = 1, b.Kind
		if !b.Cont || i%berthsARow == 0 {
			b.Cont, first = false, i
			continue
		}
		head := &stages[first]
		head.Over++
		if rank(b.Kind) < rank(head.Hull) {
			head.Hull = b.Kind
		}
		for j := first; j <= i; j++ { // where each stage shows its own, on a narrow screen, they look alike
			stages[j].Hull = head.Hull
		}
	}
}

func closed(t *codepipeline.TransitionState) bool { return t != nil && t.Enabled != nil && !*t.Enabled }

func actionOf(stage *codepipeline.StageDeclaration, name string) *codepipeline.ActionDeclaration {
	if stage != nil {
		for i := range stage.Actions {
			if *stage.Actions[i].Name == name {
				return &stage.Actions[i]
			}
		}
	}
	return nil
}

// groups are a stage's actions by their runOrder: those of a group run side by side.
func groups(pipeline string, d *codepipeline.StageDeclaration, st *codepipeline.StageState, known *view.Board) [][]act {
	byOrder := map[int32][]act{}
	var orders []int32
	for i := range st.ActionStates {
		state := &st.ActionStates[i]
		order := int32(1)
		decl := actionOf(d, *state.ActionName)
		if decl != nil && decl.RunOrder != nil {
			order = *decl.RunOrder
		}
		if _, ok := byOrder[order]; !ok {
			orders = append(orders, order)
		}
		byOrder[order] = append(byOrder[order], makeAct(pipeline, st, state, decl, known))
	}
	slices.Sort(orders)
	var all [][]act
	for _, o := range orders {
		all = append(all, byOrder[o])
	}
	return all
}

func makeAct(
	pipeline string,
	st *codepipeline.StageState,
	state *codepipeline.ActionState,
	decl *codepipeline.ActionDeclaration,
	known *view.Board,
) act {
	a := act{Stage: *st.StageName, Name: *state.ActionName, run: state.LatestExecution}
	if state.EntityUrl != nil {
		a.Href = local(pathOf(*state.EntityUrl))
	}
	if decl != nil {
		a.What = what(decl)
	}
	a.Kind, a.Say = known.Action(pipeline, st, state)
	x := state.LatestExecution
	if x == nil {
		return a
	}
	if x.ExternalExecutionUrl != nil {
		a.Href = pathOf(*x.ExternalExecutionUrl)
	}
	switch a.Kind {
	case Failed:
		a.Error, a.Say = a.Say, ""
	case Running:
		a.Say = "" // the glyph says it
	}
	id := text(x.ExternalExecutionId)
	if r, ok := known.Releases[id]; ok {
		a.Say, a.Release = releaseWord(r.Status, r.Paused, r.Percent), releasePath(id)
		if w := known.Awaits(pipeline, a.Stage, state); w != nil {
			a.Say = view.WaitingSentence(w)
		}
	}
	return a
}

// what an action works with, in a few words.
func what(a *codepipeline.ActionDeclaration) string {
	c := a.Configuration
	switch text(a.ActionTypeId.Provider) {
	case "CodeCommit":
		return c["RepositoryName"] + ", " + c["BranchName"]
	case "CodeBuild":
		return c["ProjectName"]
	case "CodeDeploy":
		return c["ApplicationName"] + "/" + c["DeploymentGroupName"]
	case "S3":
		return "s3://" + c["S3Bucket"] + c["BucketName"] + "/" + c["S3ObjectKey"] + c["ObjectKey"]
	case "Manual":
		return "Manual approval"
	}
	return text(a.ActionTypeId.Provider)
}
