package custom

import (
	"context"
	"time"

	cp "slipway/api/codepipeline"
	"slipway/internal/event"
	"slipway/internal/store"
)

// access says whose jobs an operation may see, or returns its error.
type access func(t *actionType, j *Job) error

// custom lets operations see the jobs of custom action types alone.
func custom(_ *actionType, j *Job) error {
	if j.Type.Owner != cp.ActionOwnerCustom {
		return notFound(j.ID)
	}
	return nil
}

func notFound(id string) error { return &cp.JobNotFoundException{Message: "There is no job " + id} }

// job reads a job, or says that it is not there.
func (s *Service) job(ctx context.Context, q store.Queryer, id string, may access) (*Job, error) {
	j, err := store.Document[Job](ctx, q, `SELECT doc FROM pipeline_jobs WHERE id = $1`, id)
	switch {
	case err != nil:
		return nil, err
	case j == nil:
		return nil, notFound(id)
	}
	return j, may(s.typeOf(&j.Type), j)
}

// change reads a job, lets f decide what happens to it, and writes it. What an action waits for is told of each change
// after the acknowledgement.
func (s *Service) change(ctx context.Context, id string, may access, f func(store.Tx, *Job) error) (*Job, error) {
	var changed *Job
	err := s.db.Write(ctx, func(tx store.Tx) error {
		j, err := s.job(ctx, tx, id, may)
		if err != nil {
			return err
		}
		if err := f(tx, j); err != nil {
			return err
		}
		changed = j
		return s.update(ctx, tx, j)
	})
	return changed, err
}

// visible is the column of that name.
func (j *Job) visible() *int64 {
	if at, ok := j.Visible(); ok {
		return &at
	}
	return nil
}

// update writes a job that is there, and tells the pipeline if it has ended.
func (s *Service) update(ctx context.Context, tx store.Tx, j *Job) error {
	_, err := tx.Exec(ctx, `UPDATE pipeline_jobs SET visible = $2, doc = $3 WHERE id = $1`, j.ID, j.visible(),
		store.JSON(j))
	s.Hints.Changed(tx, "pipeline/"+j.Pipeline)
	if err != nil || !j.Over() {
		return err
	}
	return event.JobEnded.Publish(ctx, tx, j.Run, event.Ended{ID: j.ID, Status: string(j.State)})
}

const insertJob = `INSERT INTO pipeline_jobs (id, run, number, pipeline, queue, visible, doc)
	VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`

// insert writes a new job, with the timer that ends it. One of its number in the action execution stays as it is.
func (s *Service) insert(ctx context.Context, tx store.Tx, j *Job, t *actionType) error {
	r, err := tx.Exec(ctx, insertJob, j.ID, j.Run, j.Number, j.Pipeline,
		queueOf(&j.Type, j.Configuration[t.queryKey()]), j.visible(), store.JSON(j))
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n == 0 {
		return err
	}
	s.Hints.Changed(tx, "pipeline/"+j.Pipeline)
	return tx.Enqueue(ctx, store.Job{
		Kind:    timeoutJob,
		Key:     j.ID,
		Payload: j.ID,
		RunAt:   time.UnixMilli(j.Created).Add(t.timeout()),
	})
}

// jobTime is how long a job of a custom action may take ("Quotas in CodePipeline").
const jobTime = 24 * time.Hour

// timeout is how long a job of the type may take.
func (t *actionType) timeout() time.Duration {
	if t.Declaration != nil && t.Declaration.Executor.JobTimeout != nil {
		return time.Duration(*t.Declaration.Executor.JobTimeout) * time.Second
	}
	return jobTime
}

// keptEnded is how long a job stays once it has ended, so that a late result is told why it is not taken.
const keptEnded = 24 * time.Hour

// timeOut does the job timeoutJob.
func (s *Service) timeOut(ctx context.Context, r store.Running) (store.Outcome, error) {
	now, again := s.world(), time.Time{}
	err := s.db.Write(ctx, func(tx store.Tx) error {
		j, err := store.Document[Job](ctx, tx, `SELECT doc FROM pipeline_jobs WHERE id = $1`, r.Key)
		if err != nil || j == nil {
			return err
		}
		if j.TimeOut(now) {
			again = s.Now().Add(keptEnded)
			return s.update(ctx, tx, j)
		}
		if gone := time.UnixMilli(j.Ended).Add(keptEnded); gone.After(s.Now()) {
			again = gone
			return nil
		}
		_, err = tx.Exec(ctx, `DELETE FROM pipeline_jobs WHERE id = $1`, r.Key)
		return err
	})
	if err != nil || again.IsZero() {
		return store.Done, err
	}
	return store.Again(again), nil
}
