package build

import (
	"context"
	"database/sql"
	"strings"
	"time"

	cb "slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/build/batch"
	"slipway/internal/store"
)

// batchRow is a batch in the database.
type batchRow struct {
	doc       cb.BuildBatch
	state     batch.State
	work      batchWork
	submitted time.Time
}

// batchWork is what the builds of a batch are made of.
type batchWork struct {
	// Project is the project as it was when the batch started, with the overrides over it.
	Project cb.Project `json:"project"`
	// Builds are those of the buildspec, once it was read.
	Builds []slipway.BatchBuild `json:"builds,omitzero"`
	// TestTimes are what the builds of a fan-out split their tests by. They are read once, so that all agree.
	TestTimes []slipway.TestTime `json:"testTimes,omitzero"`
	// Occasion is what the webhook's event adds to each of them.
	Occasion occasion `json:"occasion,omitzero"`
	// Job is the action of a pipeline that the batch runs for, nil for none.
	Job *slipway.PipelineJob `json:"job,omitzero"`
}

const batchColumns = `submitted, doc, state, work`

func scanBatch(r *sql.Rows) (*batchRow, error) {
	var x batchRow
	var submitted int64
	err := r.Scan(&submitted, store.JSON(&x.doc), store.JSON(&x.state), store.JSON(&x.work))
	x.submitted = moment(submitted)
	return &x, err
}

func manyBatches(ctx context.Context, q store.Queryer, where string, args ...any) ([]*batchRow, error) {
	return store.All(ctx, q, scanBatch, `SELECT `+batchColumns+` FROM batches `+where, args...)
}

// oneBatch returns a batch, or nil.
func oneBatch(ctx context.Context, q store.Queryer, where string, args ...any) (*batchRow, error) {
	all, err := manyBatches(ctx, q, where, args...)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return all[0], nil
}

// save writes how far a batch has come.
func (x *batchRow) save(ctx context.Context, tx store.Tx) error {
	_, err := tx.Exec(ctx, `UPDATE batches SET status = $2, doc = $3, state = $4, work = $5 WHERE id = $1`,
		*x.doc.Id, string(x.doc.BuildBatchStatus), store.JSON(&x.doc), store.JSON(&x.state), store.JSON(&x.work))
	return err
}

// insertBatch numbers a batch and writes it.
func (s *Service) insertBatch(ctx context.Context, tx store.Tx, x *batchRow, origin string) error {
	name := *x.doc.ProjectName
	var n int64
	if ok, err := store.Find(ctx, tx, []any{&n},
		`UPDATE projects SET last_batch = last_batch + 1 WHERE name = $1 RETURNING last_batch`, name); err != nil || !ok {
		if err == nil {
			err = &cb.ResourceNotFoundException{Message: "Project cannot be found: " + s.arn("project", name)}
		}
		return err
	}
	x.doc.BuildBatchNumber = &n
	_, err := tx.Exec(ctx, `INSERT INTO batches (id, seq, project, origin, status, submitted, doc, state, work)
		VALUES ($1, (SELECT COALESCE(MAX(seq), 0) + 1 FROM batches), $2, $3, $4, $5, $6, $7, $8)`,
		*x.doc.Id, name, origin, string(x.doc.BuildBatchStatus), x.submitted.UnixMilli(),
		store.JSON(&x.doc), store.JSON(&x.state), store.JSON(&x.work))
	return err
}

// batchID takes an ID or an ARN.
func (s *Service) batchID(idOrARN string) string {
	return strings.TrimPrefix(idOrARN, s.arn("build-batch", ""))
}

func (s *Service) checkBatchID(id *string) error {
	if id == nil {
		return invalid("The id of the batch is required.")
	}
	project, unique, ok := strings.Cut(s.batchID(*id), ":")
	if !ok || project == "" || unique == "" {
		return invalid("Invalid build batch ID provided: %q is not PROJECT:UUID.", *id)
	}
	return nil
}

func (s *Service) noBatch(id string) error {
	return &cb.ResourceNotFoundException{Message: "Build batch cannot be found: " +
		s.arn("build-batch", s.batchID(id))}
}
