package pipeline_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"slipway/api/awsproto"
	cp "slipway/api/codepipeline"
	"slipway/internal/event"
	"slipway/internal/object"
	"slipway/internal/pipeline"
	"slipway/internal/pipeline/provider/rule"
	"slipway/internal/quarantine"
	"slipway/internal/store"
	"slipway/internal/store/seal"
	"slipway/internal/store/storetest"
)

// patience is how long a test waits for what happens in the background.
const patience = 30 * time.Second

// cases are tests by what they show; each gets an empty database.
type cases map[string]func(t *testing.T, dsn string)

// onBoth runs tests on SQLite and on PostgreSQL.
func onBoth(t *testing.T, all cases) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		for name, test := range all {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t, "sqlite:"+filepath.Join(t.TempDir(), "slipway.db"))
			})
		}
	})
	t.Run("postgres", func(t *testing.T) {
		server := storetest.Postgres(t)
		for name, test := range all {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t, server.Database(t))
			})
		}
	})
}

// house is a service of pipelines with its database and object store.
type house struct {
	*pipeline.Service
	t       *testing.T
	db      *store.Store
	objects *object.Store
	hints   *event.Hints
	bells   *bells
	leave   func() // ends the work of the house, as the end of a process does
}

// open opens a house on a database, whose jobs run until the test ends or the house is left.
func open(t *testing.T, dsn string, now func() time.Time, providers ...pipeline.Provider) *house {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	ctx, cancel := context.WithCancel(context.Background())
	db, err := store.Open(ctx, store.Options{
		DSN:        dsn,
		Migrations: []store.Migrations{object.Migrations(), pipeline.Migrations()},
		Twice:      true,
		Log:        log,
	})
	if err != nil {
		t.Fatal(err)
	}
	aside := quarantine.Place{Dir: t.TempDir(), Now: time.Now, Log: log}
	blobs, err := object.NewFolder(t.TempDir(), aside)
	if err != nil {
		t.Fatal(err)
	}
	objects, err := object.Open(ctx, db, object.Config{Blobs: blobs, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := seal.Open(filepath.Join(t.TempDir(), "seal"))
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, db: db, objects: objects, hints: event.NewHints(db), bells: &bells{}}
	h.Service, err = pipeline.New(db, pipeline.Config{
		Region:    "eu-central-1",
		Account:   "123456789012",
		URL:       "http://localhost",
		Now:       now,
		Log:       log,
		Pager:     awsproto.Pager{Key: []byte("key")},
		Seal:      sealer,
		Hints:     h.hints,
		Objects:   objects,
		Providers: providers,
		Rules: []pipeline.RuleProvider{
			rule.Variable{},
			rule.Window{Now: now},
			rule.Alarm{Alarms: h.bells, Now: now},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	event.ObjectWritten.SubscribeTo(db, "pipelines",
		func(ctx context.Context, q store.Queryer, o event.Object) (bool, error) {
			return h.Watches(ctx, q, box(o.Key))
		},
		func(ctx context.Context, _ string, o event.Object) error { return h.Changed(ctx, box(o.Key)) })
	var work sync.WaitGroup
	work.Go(func() { _ = db.Work(ctx) })
	h.leave = sync.OnceFunc(func() {
		cancel()
		work.Wait()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(h.leave)
	return h
}

// create makes a pipeline, which starts its first execution.
func (h *house) create(d *cp.PipelineDeclaration) {
	h.t.Helper()
	if _, err := h.CreatePipeline(h.t.Context(), &cp.CreatePipelineInput{Pipeline: d}); err != nil {
		h.t.Fatal(err)
	}
}

// until waits until something that changes with pipelines is so.
func (h *house) until(what string, is func() bool) {
	h.t.Helper()
	changed, stop := h.hints.Listen("pipelines")
	defer stop()
	late := time.After(patience)
	for !is() {
		select {
		case <-changed:
		case <-late:
			h.t.Fatalf("not so after %s: %s", patience, what)
		}
	}
}

// executions are those of a pipeline, the newest first.
func (h *house) executions(pipeline string) []cp.PipelineExecutionSummary {
	h.t.Helper()
	out, err := h.ListPipelineExecutions(h.t.Context(), &cp.ListPipelineExecutionsInput{PipelineName: &pipeline})
	if err != nil {
		h.t.Fatal(err)
	}
	return out.PipelineExecutionSummaries
}

// newest waits until the newest execution of a pipeline has a status, and returns its ID.
func (h *house) newest(pipeline string, status cp.PipelineExecutionStatus) string {
	h.t.Helper()
	id, got := "", cp.PipelineExecutionStatus("")
	h.until(fmt.Sprintf("the newest execution of %s is %s", pipeline, status), func() bool {
		all := h.executions(pipeline)
		if len(all) == 0 {
			return false
		}
		id, got = *all[0].PipelineExecutionId, all[0].Status
		return got == status
	})
	return id
}

// runs are the action executions of an execution, the first to start first.
func (h *house) runs(pipeline, execution string) []cp.ActionExecutionDetail {
	h.t.Helper()
	out, err := h.ListActionExecutions(h.t.Context(), &cp.ListActionExecutionsInput{
		PipelineName: &pipeline,
		Filter:       &cp.ActionExecutionFilter{PipelineExecutionId: &execution},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	slices.Reverse(out.ActionExecutionDetails)
	return out.ActionExecutionDetails
}

// failure is the code and the message with which the last action of an execution failed.
func (h *house) failure(pipeline, execution string) string {
	h.t.Helper()
	runs := h.runs(pipeline, execution)
	last := runs[len(runs)-1]
	if last.Status != cp.ActionExecutionStatusFailed {
		h.t.Fatalf("action %s is %s, want it failed", *last.ActionName, last.Status)
	}
	why := last.Output.ExecutionResult.ErrorDetails
	return *why.Code + ": " + *why.Message
}

// waits waits until an action of the newest execution waits for what its provider started, and returns its run.
func (h *house) waits(pipeline, action string) cp.ActionExecutionDetail {
	h.t.Helper()
	var found cp.ActionExecutionDetail
	h.until(action+" waits", func() bool {
		all := h.executions(pipeline)
		if len(all) == 0 {
			return false
		}
		for _, run := range h.runs(pipeline, *all[0].PipelineExecutionId) {
			if *run.ActionName == action && run.Status == cp.ActionExecutionStatusInProgress {
				found = run
				return run.Output != nil
			}
		}
		return false
	})
	return found
}

// wantError fails unless an error is of a type and says something.
func wantError[T error](t *testing.T, err error, says string) {
	t.Helper()
	if _, ok := err.(T); !ok || !strings.Contains(err.Error(), says) {
		t.Errorf("err = %T %v, want a %T that says %q", err, err, *new(T), says)
	}
}

// decode reads a stored document.
func decode(t *testing.T, doc string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(doc), into); err != nil {
		t.Fatal(err)
	}
}
