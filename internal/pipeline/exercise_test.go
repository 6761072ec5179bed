package pipeline_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	cp "slipway/api/codepipeline"
	"slipway/internal/pipeline"
	"slipway/internal/pipeline/pipelinetest"
	"slipway/spec/pipelinefile"
)

// This file adds a provider of its own to pipelines, without touching another: a mailbox, whose letters start
// pipelines, and robots that work on them.

var errAway = errors.New("the robots are away")

// mailbox is the provider of source actions that take the newest letter of a box.
type mailbox struct {
	mu      sync.Mutex
	letters map[string]string // the newest, by box
}

func letters() *mailbox { return &mailbox{letters: map[string]string{"in": "first"}} }

func box(name string) pipeline.Place { return pipeline.Place{Kind: "mailbox", Name: name} }

func (m *mailbox) put(box, letter string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.letters[box] = letter
}

func custom(category cp.ActionCategory, provider string, keys ...pipelinefile.Key) pipelinefile.ActionType {
	return pipelinefile.ActionType{
		Category: category,
		Owner:    cp.ActionOwnerCustom,
		Provider: provider,
		Version:  "1",
		Keys:     keys,
	}
}

func (m *mailbox) Types() []pipelinefile.ActionType {
	t := custom(cp.ActionCategorySource, "Mailbox", pipelinefile.Key{Name: "Box", Required: true})
	t.Outputs = pipelinefile.Range{Min: 0, Max: 1}
	return []pipelinefile.ActionType{t}
}

func (m *mailbox) Unsupported(*cp.ActionDeclaration) string { return "" }

func (m *mailbox) Describe(a *cp.ActionDeclaration) pipeline.Description {
	return pipeline.Description{What: "letters in " + a.Configuration["Box"], URL: "/boxes/" + a.Configuration["Box"]}
}

func (m *mailbox) Watches(a *cp.ActionDeclaration) []pipeline.Place {
	return []pipeline.Place{box(a.Configuration["Box"])}
}

func (m *mailbox) Override(a *cp.ActionDeclaration, o cp.SourceRevisionOverride) error {
	return pipeline.RefuseOverride(a, o)
}

func (m *mailbox) Start(_ context.Context, a *pipeline.Action) (pipeline.Outcome, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	letter, ok := m.letters[a.Configuration["Box"]]
	if !ok {
		return pipeline.Outcome{}, pipeline.Refuse("NoLetter", "The box %s is empty", a.Configuration["Box"])
	}
	return pipeline.Outcome{Result: &pipeline.Result{
		Variables: map[string]string{"Letter": letter},
		Revision:  &pipeline.Revision{ID: letter, Summary: "A letter", URL: "/letters/" + letter},
	}}, nil
}

// robots is the provider of actions that wait for a robot.
type robots struct {
	mu      sync.Mutex
	jobs    map[string]*robotJob // by the action execution
	starts  map[string]int       // how often each was started
	away    int                  // how many starts fail before a robot is there
	began   func(id string)      // called within Start, once the robot works
	asked   func(id string)      // called before Result answers
	stopped []string
}

type robotJob struct {
	order string
	ended bool
	fault string // "" for success
}

func workers() *robots { return &robots{jobs: map[string]*robotJob{}, starts: map[string]int{}} }

func robot(id string) pipeline.Wait { return pipeline.Wait{Kind: "robot", ID: id} }

func (r *robots) Types() []pipelinefile.ActionType {
	t := custom(cp.ActionCategoryInvoke, "Robot",
		pipelinefile.Key{Name: "Order", Required: true},
		pipelinefile.Key{Name: "Gently", Boolean: true},
		pipelinefile.Key{Name: "Password", Secret: true})
	t.Check = func(a *cp.ActionDeclaration, report pipelinefile.Report) {
		if a.Configuration["Order"] == "stand still" {
			report("Order", "A robot cannot stand still")
		}
	}
	return []pipelinefile.ActionType{t}
}

func (r *robots) Unsupported(a *cp.ActionDeclaration) string {
	if a.Configuration["Gently"] == "true" {
		return "Gently"
	}
	return ""
}

func (r *robots) Describe(a *cp.ActionDeclaration) pipeline.Description {
	return pipeline.Description{What: "robot: " + a.Configuration["Order"]}
}

func (r *robots) Start(_ context.Context, a *pipeline.Action) (pipeline.Outcome, error) {
	if err := r.take(a); err != nil {
		return pipeline.Outcome{}, err
	}
	if r.began != nil {
		r.began(a.ID)
	}
	return pipeline.Outcome{Wait: new(robot(a.ID)), URL: "/robots/" + a.ID}, nil
}

func (r *robots) take(a *pipeline.Action) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.starts[a.ID]++
	if r.away > 0 {
		r.away--
		return errAway
	}
	if r.jobs[a.ID] == nil {
		r.jobs[a.ID] = &robotJob{order: a.Configuration["Order"]}
	}
	return nil
}

func (r *robots) Result(_ context.Context, _ *pipeline.Action, id string) (*pipeline.Result, error) {
	if r.asked != nil {
		r.asked(id)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch j := r.jobs[id]; {
	case !j.ended:
		return nil, nil
	case j.fault != "":
		return pipeline.Failed("JobFailed", "%s", j.fault), nil
	}
	return &pipeline.Result{Variables: map[string]string{"Done": r.jobs[id].order}}, nil
}

func (r *robots) Stop(_ context.Context, _ *pipeline.Action, id string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stopped = append(r.stopped, id)
	return nil
}

// end ends the work of a robot; fault is "" for success.
func (r *robots) end(id, fault string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.jobs[id].ended, r.jobs[id].fault = true, fault
}

// started is how often an action execution was started.
func (r *robots) started(id string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.starts[id]
}

func (r *robots) hasStopped(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Contains(r.stopped, id)
}

// action declares an action of the exercise.
func action(name string, t pipelinefile.ActionType, configuration map[string]string) cp.ActionDeclaration {
	return cp.ActionDeclaration{Name: &name, ActionTypeId: t.ID(), Configuration: configuration}
}

// post is a pipeline that takes letters of a box and lets a robot work on each.
func post(name, box string, more ...cp.StageDeclaration) *cp.PipelineDeclaration {
	take := action("Take", letters().Types()[0], map[string]string{"Box": box})
	take.Namespace = new("mail")
	work := action("Work", workers().Types()[0], map[string]string{"Order": "answer #{mail.Letter}"})
	work.Namespace = new("robot")
	return &cp.PipelineDeclaration{
		Name:          &name,
		RoleArn:       new("arn:aws:iam::123456789012:role/r"),
		PipelineType:  cp.PipelineTypeV2,
		ArtifactStore: &cp.ArtifactStore{Type: cp.ArtifactStoreTypeS3, Location: new("artifacts")},
		Stages: append([]cp.StageDeclaration{
			{Name: new("Mail"), Actions: []cp.ActionDeclaration{take}},
			{Name: new("Robots"), Actions: []cp.ActionDeclaration{work}},
		}, more...),
	}
}

func TestProvidersOfTheExerciseConform(t *testing.T) {
	t.Parallel()
	pipelinetest.Conforms(t, letters())
	pipelinetest.Conforms(t, workers())
}

func TestAProviderInOneFile(t *testing.T) {
	onBoth(t, cases{
		"a provider in one file succeeds and fails":      aProviderInOneFileSucceedsAndFails,
		"a provider in one file is stopped":              aProviderInOneFileIsStopped,
		"a provider in one file goes on after a restart": aProviderInOneFileGoesOnAfterARestart,
	})
}

func aProviderInOneFileSucceedsAndFails(t *testing.T, dsn string) {
	mail, work := letters(), workers()
	h := open(t, dsn, time.Now, mail, work)
	h.create(post("post", "in"))

	run := h.waits("post", "Work")
	if got := run.Input.ResolvedConfiguration; !maps.Equal(got, map[string]string{"Order": "answer first"}) {
		t.Errorf("the robot got %v, want the letter in the place of the variable", got)
	}
	want := "http://localhost/robots/" + *run.ActionExecutionId
	if got := *run.Output.ExecutionResult.ExternalExecutionUrl; got != want {
		t.Errorf("URL %q, want one below the server's own", got)
	}
	work.end(*run.ActionExecutionId, "")
	if err := h.Ended(t.Context(), robot(*run.ActionExecutionId)); err != nil {
		t.Fatal(err)
	}
	first := h.newest("post", cp.PipelineExecutionStatusSucceeded)
	if got := h.runs("post", first)[1].Output.OutputVariables["Done"]; got != "answer first" {
		t.Errorf("variable Done = %q, want %q", got, "answer first")
	}

	mail.put("in", "second")
	if err := h.Changed(t.Context(), box("in")); err != nil {
		t.Fatal(err)
	}
	run = h.waits("post", "Work")
	work.end(*run.ActionExecutionId, "out of ink")
	if err := h.Ended(t.Context(), robot(*run.ActionExecutionId)); err != nil {
		t.Fatal(err)
	}
	second := h.newest("post", cp.PipelineExecutionStatusFailed)
	if got, want := h.failure("post", second), "JobFailed: out of ink"; got != want {
		t.Errorf("failure %q, want %q", got, want)
	}
	if got := *h.executions("post")[0].SourceRevisions[0].RevisionId; got != "second" {
		t.Errorf("source revision %q, want %q", got, "second")
	}
}

func aProviderInOneFileIsStopped(t *testing.T, dsn string) {
	work := workers()
	h := open(t, dsn, time.Now, letters(), work)
	h.create(post("post", "in"))
	run := h.waits("post", "Work")
	stop := &cp.StopPipelineExecutionInput{
		PipelineName:        new("post"),
		PipelineExecutionId: run.PipelineExecutionId,
		Abandon:             new(true),
	}
	if _, err := h.StopPipelineExecution(t.Context(), stop); err != nil {
		t.Fatal(err)
	}
	h.newest("post", cp.PipelineExecutionStatusStopped)
	work.awaitStop(t, *run.ActionExecutionId)
}

// awaitStop waits until a robot was stopped.
func (r *robots) awaitStop(t *testing.T, id string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for tick := time.NewTicker(5 * time.Millisecond); !r.hasStopped(id); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("the robot of %s was not stopped", id)
		}
	}
}

func aProviderInOneFileGoesOnAfterARestart(t *testing.T, dsn string) {
	mail, work := letters(), workers()
	before := open(t, dsn, time.Now, mail, work)
	before.create(post("post", "in"))
	run := before.waits("post", "Work")
	before.leave()

	work.end(*run.ActionExecutionId, "")
	after := open(t, dsn, time.Now, mail, work)
	if err := after.Ended(t.Context(), robot(*run.ActionExecutionId)); err != nil {
		t.Fatal(err)
	}
	if id := after.newest("post", cp.PipelineExecutionStatusSucceeded); id != *run.PipelineExecutionId {
		t.Errorf("execution %s succeeded, want the one before the restart, %s", id, *run.PipelineExecutionId)
	}
	if n := work.started(*run.ActionExecutionId); n != 1 {
		t.Errorf("the robot was started %d times, want once", n)
	}
}
