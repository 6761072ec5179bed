package pipeline_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"slipway/api/codebuild"
	cp "slipway/api/codepipeline"
	"slipway/internal/pipeline"
	"slipway/spec/pipelinefile"
)

// faulty is a provider whose first starts of an action end with errors, one after another, before one succeeds.
type faulty struct {
	*robots
	with []func() error
}

func fails(with ...func() error) *faulty { return &faulty{workers(), with} }

func (f *faulty) Start(_ context.Context, a *pipeline.Action) (pipeline.Outcome, error) {
	f.mu.Lock()
	f.starts[a.ID]++
	n := f.starts[a.ID]
	f.mu.Unlock()
	if n <= len(f.with) {
		return pipeline.Outcome{}, f.with[n-1]()
	}
	return pipeline.Outcome{Result: &pipeline.Result{}}, nil
}

func TestStarts(t *testing.T) {
	onBoth(t, cases{
		"a refusal ends the action":                           refusalEndsTheAction,
		"an error of a service ends the action":               serviceErrorEndsTheAction,
		"a start is tried again after errors and panics":      triedAgain,
		"what ends before it is waited for is not missed":     endedBeforeTheWait,
		"an end that was never told is found":                 endNeverTold,
		"an action abandoned while it starts is stopped":      abandonedWhileItStarts,
		"starts are refused":                                  startsAreRefused,
		"one token starts one execution":                      oneTokenOneStart,
		"definitions are checked by providers' declarations":  checkedByDeclarations,
		"what a provider cannot do fails the start":           cannotDo,
		"secrets of a provider's type are masked and kept":    secretsAreMasked,
		"an update without a change adds no version":          updateWithoutAChange,
		"variables of an action":                              variableOfAnAction,
		"variables of the pipeline, by default and given":     variableOfThePipeline,
		"a variable that nobody set fails the action":         variableThatNobodySet,
		"waiting without telling of the end fails the action": waitsWithoutResult,
	})
}

func failsWith(t *testing.T, dsn string, want string, p pipeline.Provider) {
	t.Helper()
	h := open(t, dsn, time.Now, letters(), p)
	h.create(post("post", "in"))
	id := h.newest("post", cp.PipelineExecutionStatusFailed)
	if got := h.failure("post", id); got != want {
		t.Errorf("failure %q, want %q", got, want)
	}
}

func refusalEndsTheAction(t *testing.T, dsn string) {
	failsWith(t, dsn, "RobotBroken: It has 1 arms", fails(func() error {
		return pipeline.Refuse("RobotBroken", "It has %d arms", 1)
	}))
}

func serviceErrorEndsTheAction(t *testing.T, dsn string) {
	failsWith(t, dsn, "ResourceNotFoundException: Project not found", fails(func() error {
		return &codebuild.ResourceNotFoundException{Message: "Project not found"}
	}))
}

// deaf is a provider that starts something and cannot tell how it ends.
type deaf struct{ pipeline.Provider }

func (deaf) Start(_ context.Context, a *pipeline.Action) (pipeline.Outcome, error) {
	return pipeline.Outcome{Wait: new(robot(a.ID))}, nil
}

func waitsWithoutResult(t *testing.T, dsn string) {
	failsWith(t, dsn, "InternalError: The provider Robot cannot tell how what it waits for ends", deaf{workers()})
}

func triedAgain(t *testing.T, dsn string) {
	p := fails(
		func() error { return errAway },
		func() error { panic("the robot exploded") })
	h := open(t, dsn, time.Now, letters(), p)
	h.create(post("post", "in"))
	id := h.newest("post", cp.PipelineExecutionStatusSucceeded)
	if run := h.runs("post", id)[1]; p.started(*run.ActionExecutionId) != 3 {
		t.Errorf("%s was started %d times, want 3", *run.ActionExecutionId, p.started(*run.ActionExecutionId))
	}
}

func endedBeforeTheWait(t *testing.T, dsn string) {
	work := workers()
	h := open(t, dsn, time.Now, letters(), work)
	work.began = func(id string) { // the robot is done before Start returns, and says so
		work.end(id, "")
		if err := h.Ended(context.Background(), robot(id)); err != nil {
			t.Error(err)
		}
	}
	h.create(post("post", "in"))
	h.newest("post", cp.PipelineExecutionStatusSucceeded)
}

// endNeverTold has a clock so late that the provider is asked once more at once.
func endNeverTold(t *testing.T, dsn string) {
	work := workers()
	h := open(t, dsn, func() time.Time { return time.Now().Add(-time.Hour) }, letters(), work)
	var asked atomic.Bool // right after the start, which is told that it goes on
	work.asked = func(id string) {
		if asked.Swap(true) {
			work.end(id, "")
		}
	}
	h.create(post("post", "in"))
	h.newest("post", cp.PipelineExecutionStatusSucceeded)
}

func abandonedWhileItStarts(t *testing.T, dsn string) {
	work := workers()
	began, goOn := make(chan string), make(chan struct{})
	work.began = func(id string) {
		began <- id
		<-goOn
	}
	h := open(t, dsn, time.Now, letters(), work)
	h.create(post("post", "in"))
	id := <-began
	h.stop("post", true)
	close(goOn)
	work.awaitStop(t, id)
	h.newest("post", cp.PipelineExecutionStatusStopped)
}

// stop stops the newest execution of a pipeline.
func (h *house) stop(pipeline string, abandon bool) {
	h.t.Helper()
	in := &cp.StopPipelineExecutionInput{
		PipelineName:        &pipeline,
		PipelineExecutionId: h.executions(pipeline)[0].PipelineExecutionId,
		Abandon:             &abandon,
	}
	if _, err := h.StopPipelineExecution(h.t.Context(), in); err != nil {
		h.t.Fatal(err)
	}
}

func startsAreRefused(t *testing.T, dsn string) {
	h := open(t, dsn, time.Now, letters(), workers())
	h.create(post("post", "in"))
	for says, in := range map[string]*cp.StartPipelineExecutionInput{
		"has no variable Mood": {
			Variables: []cp.PipelineVariable{{Name: new("Mood"), Value: new("grave")}},
		},
		"Action 'Take' is a source of Mailbox, which has no revisions of type COMMIT_ID": {
			SourceRevisions: commitOf("Take"),
		},
		"The pipeline 'post' has no source action 'Nap'": {
			SourceRevisions: commitOf("Nap"),
		},
	} {
		in.Name = new("post")
		_, err := h.StartPipelineExecution(t.Context(), in)
		wantError[*cp.ValidationException](t, err, says)
	}
	if n := len(h.executions("post")); n != 1 {
		t.Errorf("%d executions, want only the one of the creation", n)
	}
}

func commitOf(action string) []cp.SourceRevisionOverride {
	return []cp.SourceRevisionOverride{{
		ActionName:    &action,
		RevisionType:  cp.SourceRevisionTypeCommitId,
		RevisionValue: new("1"),
	}}
}

func oneTokenOneStart(t *testing.T, dsn string) {
	h := open(t, dsn, time.Now, letters(), workers())
	d := post("post", "in")
	d.Variables = []cp.PipelineVariableDeclaration{{Name: new("Mood"), DefaultValue: new("gay")}}
	h.create(d)
	start := func(variables ...cp.PipelineVariable) (string, error) {
		out, err := h.StartPipelineExecution(t.Context(), &cp.StartPipelineExecutionInput{
			Name:               new("post"),
			ClientRequestToken: new("token"),
			Variables:          variables,
		})
		if err != nil {
			return "", err
		}
		return *out.PipelineExecutionId, nil
	}
	first, err := start()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := start(); err != nil || again != first {
		t.Errorf("the second start answers %q, %v, want %q", again, err, first)
	}
	_, err = start(cp.PipelineVariable{Name: new("Mood"), Value: new("grave")})
	wantError[*cp.ConflictException](t, err, "was used before")
	if n := len(h.executions("post")); n != 2 {
		t.Errorf("%d executions, want that of the creation and one of the token", n)
	}
}

func checkedByDeclarations(t *testing.T, dsn string) {
	h := open(t, dsn, time.Now, letters(), workers())
	for says, configuration := range map[string]map[string]string{
		"missing required configuration 'Order'":                nil,
		"unknown configuration 'Gentle'; did you mean 'Gently'": {"Order": "x", "Gentle": "true"},
		"must be true or false":                                 {"Order": "x", "Gently": "yes"},
		"A robot cannot stand still":                            {"Order": "stand still"},
	} {
		d := post("post", "in")
		d.Stages[1].Actions[0].Configuration = configuration
		_, err := h.CreatePipeline(t.Context(), &cp.CreatePipelineInput{Pipeline: d})
		wantError[*cp.InvalidActionDeclarationException](t, err, says)
	}
	d := post("post", "in")
	d.Stages[1].Actions[0].ActionTypeId.Provider = new("Golem")
	_, err := h.CreatePipeline(t.Context(), &cp.CreatePipelineInput{Pipeline: d})
	wantError[*cp.InvalidActionDeclarationException](t, err, "Provider: 'Golem', Owner: 'Custom'")
}

func cannotDo(t *testing.T, dsn string) {
	h := open(t, dsn, time.Now, letters(), workers())
	d := post("post", "in")
	d.Stages[1].Actions[0].Configuration["Gently"] = "true"
	h.create(d)
	h.newest("post", cp.PipelineExecutionStatusFailed)
	_, err := h.StartPipelineExecution(t.Context(), &cp.StartPipelineExecutionInput{Name: new("post")})
	wantError[*cp.ValidationException](t, err, "does not implement Gently of action Work")
}

func secretsAreMasked(t *testing.T, dsn string) {
	h := open(t, dsn, time.Now, letters(), workers())
	d := post("post", "in")
	d.Stages[1].Actions[0].Configuration["Password"] = "hunter2"
	h.create(d)
	got, err := h.GetPipeline(t.Context(), &cp.GetPipelineInput{Name: new("post")})
	if err != nil {
		t.Fatal(err)
	}
	if shown := got.Pipeline.Stages[1].Actions[0].Configuration["Password"]; shown != "****" {
		t.Errorf("the secret is shown as %q, want it masked", shown)
	}
	if d.Stages[1].Actions[0].Configuration["Password"] != "hunter2" {
		t.Error("the caller's definition was changed")
	}
	sealed := func() (doc string) {
		if err := h.db.QueryRow(t.Context(), `SELECT doc FROM pipelines`).Scan(&doc); err != nil {
			t.Fatal(err)
		}
		var found cp.PipelineDeclaration
		decode(t, doc, &found)
		return found.Stages[1].Actions[0].Configuration["Password"]
	}
	before := sealed()
	if _, err := h.UpdatePipeline(t.Context(), &cp.UpdatePipelineInput{Pipeline: got.Pipeline}); err != nil {
		t.Fatal(err)
	}
	if after := sealed(); after != before || after == "hunter2" {
		t.Errorf("stored is %q, was %q, want it sealed and unchanged by an update with the mask", after, before)
	}
}

// An update that changes nothing adds no version, whether a secret is masked in it or told again.
func updateWithoutAChange(t *testing.T, dsn string) {
	h := open(t, dsn, time.Now, letters(), workers())
	d := post("post", "in")
	d.Stages[1].Actions[0].Configuration["Password"] = "hunter2"
	h.create(d)
	first, err := h.GetPipeline(t.Context(), &cp.GetPipelineInput{Name: new("post")})
	if err != nil {
		t.Fatal(err)
	}
	update := func(d *cp.PipelineDeclaration, version int32) {
		t.Helper()
		out, err := h.UpdatePipeline(t.Context(), &cp.UpdatePipelineInput{Pipeline: d})
		if err != nil {
			t.Fatal(err)
		}
		got, err := h.GetPipeline(t.Context(), &cp.GetPipelineInput{Name: new("post")})
		if err != nil {
			t.Fatal(err)
		}
		if *out.Pipeline.Version != version || *got.Pipeline.Version != version {
			t.Errorf("answered version %d, stored %d, want %d", *out.Pipeline.Version, *got.Pipeline.Version, version)
		}
		if same := got.Metadata.Updated.Equal(first.Metadata.Updated.Time); version == 1 && !same {
			t.Errorf("updated %s, want it as it was", got.Metadata.Updated)
		}
	}
	update(first.Pipeline, 1)
	update(d, 1)
	d.Stages[1].Actions[0].Configuration["Password"] = "hunter3"
	update(d, 2)
	d.ExecutionMode = cp.ExecutionModeQueued
	update(d, 3)
}

// orders creates a pipeline whose robot has an order, and returns what the robot got.
func orders(t *testing.T, h *house, order string) string {
	t.Helper()
	d := post("post", "in")
	d.Variables = []cp.PipelineVariableDeclaration{{Name: new("Mood"), DefaultValue: new("gay")}}
	d.Stages[1].Actions[0].Configuration["Order"] = order
	h.create(d)
	return h.waits("post", "Work").Input.ResolvedConfiguration["Order"]
}

func variableOfAnAction(t *testing.T, dsn string) {
	h := open(t, dsn, time.Now, letters(), workers())
	got := orders(t, h, "read #{mail.Letter} for #{codepipeline.PipelineExecutionId}")
	if want := "read first for " + *h.executions("post")[0].PipelineExecutionId; got != want {
		t.Errorf("the robot got %q, want %q", got, want)
	}
}

func variableOfThePipeline(t *testing.T, dsn string) {
	h := open(t, dsn, time.Now, letters(), workers())
	if got := orders(t, h, "be #{variables.Mood}"); got != "be gay" {
		t.Errorf("the robot got %q, want the default", got)
	}
	h.stop("post", true)
	h.newest("post", cp.PipelineExecutionStatusStopped)
	if _, err := h.StartPipelineExecution(t.Context(), &cp.StartPipelineExecutionInput{
		Name:      new("post"),
		Variables: []cp.PipelineVariable{{Name: new("Mood"), Value: new("grave")}},
	}); err != nil {
		t.Fatal(err)
	}
	if got := h.waits("post", "Work").Input.ResolvedConfiguration["Order"]; got != "be grave" {
		t.Errorf("the robot got %q, want the value of the start", got)
	}
}

func variableThatNobodySet(t *testing.T, dsn string) {
	h := open(t, dsn, time.Now, letters(), workers())
	d := post("post", "in")
	d.Stages[1].Actions[0].Configuration["Order"] = "lick #{mail.Stamp}"
	h.create(d)
	id := h.newest("post", cp.PipelineExecutionStatusFailed)
	want := "InvalidActionConfiguration: The configuration Order has the variable #{mail.Stamp}, " +
		"which no action before it has set"
	if got := h.failure("post", id); got != want {
		t.Errorf("failure %q, want %q", got, want)
	}
}

func TestTwoProvidersOfOneTypeAreRefused(t *testing.T) {
	t.Parallel()
	if _, err := pipeline.New(nil, pipeline.Config{Providers: []pipeline.Provider{workers(), workers()}}); err == nil {
		t.Error("two providers of one action type were taken")
	}
	if pipelinefile.AWS().Find(workers().Types()[0].ID()) != nil {
		t.Error("a provider's own type is in AWS's catalogue")
	}
}
