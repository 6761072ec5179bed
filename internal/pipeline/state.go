package pipeline

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	cp "slipway/api/codepipeline"
	"slipway/internal/fault"
	"slipway/internal/pipeline/engine"
	"slipway/internal/store"
)

// row is a pipeline as it is stored.
type row struct {
	engine.Pipeline
	created, updated int64             // in Unix milliseconds
	needed           engine.Attention  // as it was read
	place            int64             // on the board, if it was read for that
	texts            map[string]string // each execution as it was read
}

func newRow() *row {
	return &row{
		Pipeline: engine.Pipeline{
			Declaration: new(cp.PipelineDeclaration),
			Stages:      map[string]*engine.Stage{},
			Executions:  map[string]*engine.Execution{},
		},
		texts: map[string]string{},
	}
}

// fields are where the columns doc, stages, sequence, created and updated are read to.
func (r *row) fields() []any {
	return []any{store.JSON(r.Declaration), store.JSON(&r.Stages), &r.Sequence, &r.created, &r.updated}
}

func notFound(name string) error {
	return &cp.PipelineNotFoundException{Message: fmt.Sprintf("Account does not have a pipeline with name '%s'", name)}
}

const (
	selectPipeline = `SELECT doc, stages, sequence, created, updated FROM pipelines WHERE name = $1`
	selectLive     = `SELECT doc FROM pipeline_executions WHERE pipeline = $1 AND live = 1`
)

// load reads a pipeline with the executions that have not ended, and those named besides.
func load(ctx context.Context, q store.Queryer, name string, also ...string) (*row, error) {
	r := newRow()
	ok, err := store.Find(ctx, q, r.fields(), selectPipeline, name)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, notFound(name)
	}
	for _, stage := range r.Stages {
		r.needed = max(r.needed, stage.Attention)
	}
	if err := r.read(ctx, q, selectLive, name); err != nil {
		return nil, err
	}
	return r, r.readAlso(ctx, q, name, slices.Concat(also, r.shared(), r.rollbackTargets()))
}

// shared are the latest executions of the stages that several hold: what such a stage needs depends on all of them.
func (r *row) shared() (ids []string) {
	for _, stage := range r.Stages {
		if len(stage.Holders) > 0 {
			ids = append(ids, stage.Latest)
		}
	}
	return ids
}

// readAlso reads executions by their IDs. Those that are not there are left out.
func (r *row) readAlso(ctx context.Context, q store.Queryer, name string, ids []string) error {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	ids = slices.DeleteFunc(ids, func(id string) bool { return id == "" || r.Executions[id] != nil })
	if len(ids) == 0 {
		return nil
	}
	query := `SELECT doc FROM pipeline_executions WHERE pipeline = $1 AND id IN ` + store.In(2, len(ids))
	return r.read(ctx, q, query, append([]any{name}, store.Args(ids)...)...)
}

func (r *row) read(ctx context.Context, q store.Queryer, query string, args ...any) error {
	texts, err := store.Strings(ctx, q, query, args...)
	if err != nil {
		return err
	}
	for _, text := range texts {
		e := new(engine.Execution)
		if err := json.Unmarshal([]byte(text), e); err != nil {
			return fmt.Errorf("stored execution: %w", err)
		}
		r.Executions[*e.PipelineExecutionId], r.texts[*e.PipelineExecutionId] = e, text
	}
	return nil
}

// world is what a decision may know of the world.
func (s *Service) world() engine.World { return engine.World{Now: s.Now(), NewID: uuid.NewString} }

// change reads a pipeline, lets f decide what happens to it, and commits the new state together with the jobs that
// carry it out. After an error of f nothing changes.
func (s *Service) change(
	ctx context.Context,
	name string,
	f func(tx store.Tx, r *row) ([]engine.Effect, error),
	also ...string,
) error {
	fault.Point("pipeline.before-change")
	err := s.db.Write(ctx, func(tx store.Tx) error {
		r, err := load(ctx, tx, name, also...)
		if err != nil {
			return err
		}
		effects, err := f(tx, r)
		if err != nil {
			return err
		}
		return s.save(ctx, tx, name, r, effects)
	})
	fault.Point("pipeline.after-change")
	return err
}

const (
	updatePipeline = `UPDATE pipelines SET doc = $2, stages = $3, sequence = $4, updated = $5, attention = $6
		WHERE name = $1`
	upsertExecution = `INSERT INTO pipeline_executions (pipeline, sequence, id, live, doc) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (id) DO UPDATE SET live = excluded.live, doc = excluded.doc`
)

// save writes what changed, and the jobs for the effects.
func (s *Service) save(ctx context.Context, tx store.Tx, name string, r *row, effects []engine.Effect) error {
	needs := r.attention()
	if _, err := tx.Exec(ctx, updatePipeline, name, store.JSON(r.Declaration), store.JSON(r.Stages), r.Sequence,
		r.updated, boardPlace(needs)); err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(r.Executions)) {
		if err := saveExecution(ctx, tx, name, r, r.Executions[id]); err != nil {
			return err
		}
	}
	for _, e := range effects {
		if err := s.enqueue(ctx, tx, name, r, e); err != nil {
			return err
		}
	}
	changed := []string{"pipeline/" + name, "pipelines"}
	if needs != r.needed {
		changed = append(changed, "attention")
	}
	s.Hints.Changed(tx, changed...)
	return nil
}

// saveExecution writes an execution, if it differs from what was read.
func saveExecution(ctx context.Context, tx store.Tx, name string, r *row, e *engine.Execution) error {
	id := *e.PipelineExecutionId
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if string(text) == r.texts[id] {
		return nil
	}
	live := int64(1)
	if e.Ended() {
		live = 0
	}
	if _, err := tx.Exec(ctx, upsertExecution, name, e.Sequence, id, live, string(text)); err != nil {
		return err
	}
	return moved(ctx, tx, name, r.texts[id], e)
}

// approvalLife is how long an approval waits unless it says otherwise ("Quotas in CodePipeline").
const approvalLife = 7 * 24 * time.Hour

// enqueue adds the jobs that carry out an effect.
func (s *Service) enqueue(ctx context.Context, tx store.Tx, name string, r *row, e engine.Effect) error {
	to := ref{name, e.Execution, e.Run}
	switch e.Kind {
	case engine.StartRule:
		return tx.Enqueue(ctx, store.Job{Kind: ruleJob, Key: e.Run, Payload: to})
	case engine.AbandonRule:
		return forgetRule(ctx, tx, e.Run)
	case engine.AbandonAction:
		return tx.Enqueue(ctx, store.Job{Kind: abandonJob, Key: e.Run, Payload: to})
	}
	run := r.Executions[e.Execution].Run(e.Run)
	if run.Token != nil {
		life := approvalLife
		if m := run.Action.TimeoutInMinutes; m != nil {
			life = time.Duration(*m) * time.Minute
		}
		timeout := store.Job{Kind: timeoutJob, Key: e.Run, Payload: to, RunAt: run.StartTime.Add(life)}
		if err := tx.Enqueue(ctx, timeout); err != nil {
			return err
		}
	}
	return tx.Enqueue(ctx, store.Job{Kind: startJob, Key: e.Run, Payload: to})
}

const selectExecutions = `SELECT doc FROM pipeline_executions WHERE pipeline = $1 AND sequence < $2
	ORDER BY sequence DESC LIMIT $3`

// executionsOf reads a page of a pipeline's executions, the newest first, below a sequence number.
func executionsOf(
	ctx context.Context,
	q store.Queryer,
	name string,
	below int64,
	limit int,
) ([]*engine.Execution, error) {
	return store.All(ctx, q, scanExecution, selectExecutions, name, below, limit)
}

func scanExecution(rows *sql.Rows) (*engine.Execution, error) {
	e := new(engine.Execution)
	return e, rows.Scan(store.JSON(e))
}

// executionOf reads one execution of a pipeline, or says that it is not there.
func executionOf(ctx context.Context, q store.Queryer, name, id string) (*engine.Execution, error) {
	e, err := store.Document[engine.Execution](ctx, q,
		`SELECT doc FROM pipeline_executions WHERE id = $1 AND pipeline = $2`, id, name)
	if err == nil && e == nil {
		err = noExecution(name, id)
	}
	return e, err
}

func noExecution(pipeline, id string) error {
	return &cp.PipelineExecutionNotFoundException{
		Message: fmt.Sprintf("Could not find pipeline execution %s of pipeline %s", id, pipeline),
	}
}

// executionsByID reads executions of any pipelines. Those that are not there are left out.
func executionsByID(ctx context.Context, q store.Queryer, ids []string) (map[string]*engine.Execution, error) {
	query := `SELECT doc FROM pipeline_executions WHERE id IN ` + store.In(1, len(ids))
	es, err := store.Documents[engine.Execution](ctx, q, query, store.Args(ids)...)
	all := map[string]*engine.Execution{}
	for _, e := range es {
		all[*e.PipelineExecutionId] = e
	}
	return all, err
}
