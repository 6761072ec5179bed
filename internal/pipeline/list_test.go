package pipeline_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	cp "slipway/api/codepipeline"
	"slipway/api/slipway"
	"slipway/internal/pipeline/provider/manual"
)

func TestLists(t *testing.T) {
	onBoth(t, cases{
		"pages of pipelines":               pagesOfPipelines,
		"pages of executions":              pagesOfExecutions,
		"pages of action executions":       pagesOfActions,
		"the board orders by urgency":      boardByUrgency,
		"executions that carry a revision": carriers,
		"tags":                             tags,
		"a closed transition holds":        closedTransition,
		"former versions of a definition":  formerVersions,
		"action types, AWS's and the rest": actionTypes,
	})
}

func pagesOfPipelines(t *testing.T, dsn string) {
	h := open(t, dsn, time.Now, letters(), fails())
	for i := range 5 {
		h.create(post(fmt.Sprintf("post-%d", i), "in"))
	}
	var names []string
	in := &cp.ListPipelinesInput{MaxResults: new(int32(2))}
	for pages := 1; ; pages++ {
		out, err := h.ListPipelines(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range out.Pipelines {
			names = append(names, *p.Name)
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			if pages != 3 {
				t.Errorf("%d pages, want 3", pages)
			}
			break
		}
	}
	if want := []string{"post-0", "post-1", "post-2", "post-3", "post-4"}; !slices.Equal(names, want) {
		t.Errorf("pipelines %q, want %q", names, want)
	}
	_, err := h.ListPipelines(t.Context(), &cp.ListPipelinesInput{NextToken: new("made up")})
	wantError[*cp.InvalidNextTokenException](t, err, "not valid")
}

func pagesOfExecutions(t *testing.T, dsn string) {
	h := open(t, dsn, time.Now, letters(), fails())
	h.create(post("post", "in"))
	for range 4 {
		h.newest("post", cp.PipelineExecutionStatusSucceeded)
		if err := h.Changed(t.Context(), box("in")); err != nil {
			t.Fatal(err)
		}
	}
	h.newest("post", cp.PipelineExecutionStatusSucceeded)
	var numbers []int64
	in := &slipway.ListExecutionsInput{PipelineName: new("post"), MaxResults: new(int32(2))}
	for {
		out, err := h.ListExecutions(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range out.Executions {
			numbers = append(numbers, *x.Number)
			if len(x.Stages) != 2 || *x.Stages[1].Status != "Succeeded" {
				t.Errorf("execution %d stands at %+v, want two stages that succeeded", *x.Number, x.Stages)
			}
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	if want := []int64{5, 4, 3, 2, 1}; !slices.Equal(numbers, want) {
		t.Errorf("executions %d, want %d", numbers, want)
	}
}

// pagesOfActions cuts pages within an execution and between two.
func pagesOfActions(t *testing.T, dsn string) {
	h := open(t, dsn, time.Now, letters(), fails())
	h.create(post("post", "in"))
	h.newest("post", cp.PipelineExecutionStatusSucceeded)
	if err := h.Changed(t.Context(), box("in")); err != nil {
		t.Fatal(err)
	}
	newest := h.newest("post", cp.PipelineExecutionStatusSucceeded)
	for limit := int32(1); limit <= 5; limit++ {
		var names []string
		in := &cp.ListActionExecutionsInput{PipelineName: new("post"), MaxResults: &limit}
		for {
			out, err := h.ListActionExecutions(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range out.ActionExecutionDetails {
				names = append(names, *a.ActionName)
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				break
			}
		}
		if want := []string{"Work", "Take", "Work", "Take"}; !slices.Equal(names, want) {
			t.Errorf("with %d a page: %q, want %q", limit, names, want)
		}
	}
	if n := len(h.runs("post", newest)); n != 2 {
		t.Errorf("%d action executions of one execution, want 2", n)
	}
}

func boardByUrgency(t *testing.T, dsn string) {
	mail := letters()
	h := open(t, dsn, time.Now, mail, fails(), manual.Provider{})
	h.create(post("a-idle", "in"))
	h.newest("a-idle", cp.PipelineExecutionStatusSucceeded)
	asks := asks(nil)
	asks.Name = new("b-asks")
	h.create(asks)
	h.create(post("c-failed", "empty"))
	h.newest("c-failed", cp.PipelineExecutionStatusFailed)
	h.until("the approval asks", func() bool {
		all, _, err := h.Approvals(t.Context(), "b-asks")
		return err == nil && len(all) == 1
	})
	var names []string
	in := &slipway.GetBoardInput{MaxResults: new(int32(2))}
	for {
		out, err := h.GetBoard(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range out.Pipelines {
			names = append(names, *p.Name)
			if got := *p.Actions[0].What; got != "letters in in" && got != "letters in empty" {
				t.Errorf("the source of %s is described as %q", *p.Name, got)
			}
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	if want := []string{"c-failed", "b-asks", "a-idle"}; !slices.Equal(names, want) {
		t.Errorf("the board has %q, want %q", names, want)
	}
	if _, failed, err := h.Approvals(t.Context(), ""); err != nil || failed != 1 {
		t.Errorf("%d pipelines failed, %v, want 1", failed, err)
	}
}

func carriers(t *testing.T, dsn string) {
	mail := letters()
	mail.put("web main", "letter-1")
	h := open(t, dsn, time.Now, mail, fails())
	h.create(post("post", "web main"))
	h.newest("post", cp.PipelineExecutionStatusSucceeded)
	mail.put("web main", "letter-2")
	if err := h.Changed(t.Context(), box("web main")); err != nil {
		t.Fatal(err)
	}
	id := h.newest("post", cp.PipelineExecutionStatusSucceeded)
	for repository, want := range map[string]int{"web": 1, "we": 0, "website": 0} {
		got, err := h.Progress(t.Context(), repository, "letter-2")
		if err != nil || len(got) != want {
			t.Fatalf("%d executions carry the letter in %q, %v, want %d", len(got), repository, err, want)
		}
		if want == 1 && (*got[0].Change.ExecutionId != id || len(got[0].Stages) != 2) {
			t.Errorf("%+v, want execution %s with two stages", got[0], id)
		}
	}
	facts, err := h.Facts(t.Context(), []string{id, "none"})
	w := facts[id]
	if err != nil || len(facts) != 1 || w.Number != 2 || w.Commit != "letter-2" || w.Pipeline != "post" {
		t.Errorf("facts %+v, %v", facts, err)
	}
}

func tags(t *testing.T, dsn string) {
	h := open(t, dsn, time.Now, letters(), fails())
	h.create(post("post", "in"))
	arn := "arn:aws:codepipeline:eu-central-1:123456789012:post"
	tag := func(keys ...string) error {
		in := &cp.TagResourceInput{ResourceArn: &arn}
		for _, key := range keys {
			in.Tags = append(in.Tags, cp.Tag{Key: &key, Value: new("value")})
		}
		_, err := h.TagResource(t.Context(), in)
		return err
	}
	if err := tag("a", "b", "c"); err != nil {
		t.Fatal(err)
	}
	untag := &cp.UntagResourceInput{ResourceArn: &arn, TagKeys: []string{"b"}}
	if _, err := h.UntagResource(t.Context(), untag); err != nil {
		t.Fatal(err)
	}
	out, err := h.ListTagsForResource(t.Context(), &cp.ListTagsForResourceInput{ResourceArn: &arn})
	if err != nil || len(out.Tags) != 2 || *out.Tags[1].Key != "c" {
		t.Errorf("tags %+v, %v, want a and c", out, err)
	}
	wantError[*cp.InvalidTagsException](t, tag("aws:mine"), "must not begin with aws:")
	var many []string
	for i := range 50 {
		many = append(many, fmt.Sprintf("key-%d", i))
	}
	wantError[*cp.TooManyTagsException](t, tag(many...), "at most 50")
	arn += "-office"
	wantError[*cp.ResourceNotFoundException](t, tag("a"), "post-office")
}

func closedTransition(t *testing.T, dsn string) {
	h := open(t, dsn, time.Now, letters(), fails())
	h.create(post("post", "in"))
	h.newest("post", cp.PipelineExecutionStatusSucceeded)
	if _, err := h.DisableStageTransition(t.Context(), &cp.DisableStageTransitionInput{
		PipelineName:   new("post"),
		StageName:      new("Mail"),
		TransitionType: cp.StageTransitionTypeOutbound,
		Reason:         new("release freeze"),
	}); err != nil {
		t.Fatal(err)
	}
	if err := h.Changed(t.Context(), box("in")); err != nil {
		t.Fatal(err)
	}
	h.until("the change waits before the robots", func() bool {
		out, err := h.GetPipelineState(t.Context(), &cp.GetPipelineStateInput{Name: new("post")})
		if err != nil {
			t.Fatal(err)
		}
		robots := out.StageStates[1]
		return robots.InboundExecution != nil && *robots.InboundTransitionState.DisabledReason == "release freeze"
	})
	open := &cp.EnableStageTransitionInput{
		PipelineName:   new("post"),
		StageName:      new("Robots"),
		TransitionType: cp.StageTransitionTypeInbound,
	}
	if _, err := h.EnableStageTransition(t.Context(), open); err != nil {
		t.Fatal(err)
	}
	h.newest("post", cp.PipelineExecutionStatusSucceeded)
	open.TransitionType = cp.StageTransitionTypeOutbound
	_, err := h.EnableStageTransition(t.Context(), open)
	wantError[*cp.ValidationException](t, err, "is the last one")
}

func formerVersions(t *testing.T, dsn string) {
	h := open(t, dsn, time.Now, letters(), fails())
	h.create(post("post", "in"))
	if _, err := h.UpdatePipeline(t.Context(), &cp.UpdatePipelineInput{Pipeline: post("post", "new")}); err != nil {
		t.Fatal(err)
	}
	for version, want := range map[int32]string{1: "in", 2: "new"} {
		out, err := h.GetPipeline(t.Context(), &cp.GetPipelineInput{Name: new("post"), Version: &version})
		if err != nil {
			t.Fatal(err)
		}
		if got := out.Pipeline.Stages[0].Actions[0].Configuration["Box"]; got != want {
			t.Errorf("version %d takes letters from %q, want %q", version, got, want)
		}
	}
	_, err := h.GetPipeline(t.Context(), &cp.GetPipelineInput{Name: new("post"), Version: new(int32(3))})
	wantError[*cp.PipelineVersionNotFoundException](t, err, "no version 3")
	_, err = h.CreatePipeline(t.Context(), &cp.CreatePipelineInput{Pipeline: post("post", "in")})
	wantError[*cp.PipelineNameInUseException](t, err, "already exists")
	_, err = h.UpdatePipeline(t.Context(), &cp.UpdatePipelineInput{Pipeline: post("other", "in")})
	wantError[*cp.InvalidStructureException](t, err, "does not have a pipeline with name 'other'")
}

func actionTypes(t *testing.T, dsn string) {
	h := open(t, dsn, time.Now, letters(), workers())
	out, err := h.ListActionTypes(t.Context(), &cp.ListActionTypesInput{ActionOwnerFilter: cp.ActionOwnerCustom})
	if err != nil || len(out.ActionTypes) != 2 {
		t.Fatalf("%d custom types, %v, want those of the two providers", len(out.ActionTypes), err)
	}
	got, err := h.GetActionType(t.Context(), &cp.GetActionTypeInput{
		Category: cp.ActionCategoryInvoke,
		Owner:    new("Custom"),
		Provider: new("Robot"),
		Version:  new("1"),
	})
	if err != nil {
		t.Fatal(err)
	}
	password := got.ActionType.Properties[2]
	if *password.Name != "Password" || !*password.NoEcho || !*password.Optional {
		t.Errorf("%+v, want the optional secret of the declaration", password)
	}
	_, err = h.GetActionType(t.Context(), &cp.GetActionTypeInput{
		Category: cp.ActionCategoryInvoke,
		Owner:    new("Custom"),
		Provider: new("Golem"),
		Version:  new("1"),
	})
	wantError[*cp.ActionTypeNotFoundException](t, err, "Golem")
}
