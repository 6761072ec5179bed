package build

import (
	"context"
	"errors"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/internal/build/batch"
	"slipway/internal/store"
)

// StopBuildBatch implements codebuild:StopBuildBatch. The batch goes on to be IN_PROGRESS until its builds have ended;
// one that has ended stays as it is.
func (s *Service) StopBuildBatch(ctx context.Context, in *cb.StopBuildBatchInput) (*cb.StopBuildBatchOutput, error) {
	if err := s.checkBatchID(in.Id); err != nil {
		return nil, err
	}
	var out cb.BuildBatch
	err := s.db.Write(ctx, func(tx store.Tx) error {
		x, err := s.stepNamed(ctx, tx, *in.Id, batch.Stop{})
		out = x
		return err
	})
	return &cb.StopBuildBatchOutput{BuildBatch: &out}, err
}

// stepNamed lets an event happen to a batch and returns it as it is then.
func (s *Service) stepNamed(ctx context.Context, tx store.Tx, name string, e batch.Event) (cb.BuildBatch, error) {
	id := s.batchID(name)
	x, err := oneBatch(ctx, tx, `WHERE id = $1`, id)
	if err == nil && x == nil {
		err = s.noBatch(name)
	}
	if err != nil {
		return cb.BuildBatch{}, err
	}
	if err := s.step(ctx, tx, x, e); err != nil {
		return cb.BuildBatch{}, err
	}
	if x, err = oneBatch(ctx, tx, `WHERE id = $1`, id); err != nil {
		return cb.BuildBatch{}, err
	}
	shown, err := s.shownBatches(ctx, tx, []*batchRow{x})
	if err != nil {
		return cb.BuildBatch{}, err
	}
	return shown[0], nil
}

// RetryBuildBatch implements codebuild:RetryBuildBatch: the same batch once more, with all of its builds or those that
// did not succeed.
func (s *Service) RetryBuildBatch(ctx context.Context,
	in *cb.RetryBuildBatchInput) (*cb.RetryBuildBatchOutput, error) {
	if err := s.checkBatchID(in.Id); err != nil {
		return nil, err
	}
	out := new(cb.BuildBatch)
	err := s.db.Write(ctx, func(tx store.Tx) error {
		*out = cb.BuildBatch{}
		return s.db.Once(ctx, tx, "build.batch.retry", awsproto.Value(in.IdempotencyToken), in, out,
			s.Now().Add(tokenLife), func() (err error) {
				*out, err = s.retryBatch(ctx, tx, *in.Id, in.RetryType != cb.RetryBuildBatchTypeRetryFailedBuilds)
				return err
			})
	})
	if errors.Is(err, store.ErrTokenMismatch) {
		err = invalid("The idempotencyToken was used within the last five minutes with other parameters.")
	}
	if err != nil {
		return nil, err
	}
	return &cb.RetryBuildBatchOutput{BuildBatch: out}, nil
}

func (s *Service) retryBatch(ctx context.Context, tx store.Tx, name string, all bool) (cb.BuildBatch, error) {
	x, err := oneBatch(ctx, tx, `WHERE id = $1`, s.batchID(name))
	switch {
	case err != nil:
		return cb.BuildBatch{}, err
	case x == nil:
		return cb.BuildBatch{}, s.noBatch(name)
	case x.state.Stage != batch.Over:
		return cb.BuildBatch{}, invalid("The batch %s is in progress; only one that has failed can be retried.",
			*x.doc.Id)
	case x.work.Job != nil:
		return cb.BuildBatch{}, invalid("The batch %s is a pipeline's; retry the stage of the pipeline %s.", *x.doc.Id,
			x.work.Job.Pipeline)
	case x.doc.BuildBatchStatus == cb.StatusTypeSucceeded:
		return cb.BuildBatch{}, invalid("The batch %s succeeded; only one that has failed can be retried.", *x.doc.Id)
	}
	if _, err := s.project(ctx, tx, *x.doc.ProjectName); err != nil {
		return cb.BuildBatch{}, err
	}
	if err := s.boundBatch(ctx, tx, x); err != nil {
		return cb.BuildBatch{}, err
	}
	return s.stepNamed(ctx, tx, name, batch.Retry{All: all})
}

// DeleteBuildBatch implements codebuild:DeleteBuildBatch: a batch and its builds, those of earlier tries too.
func (s *Service) DeleteBuildBatch(ctx context.Context,
	in *cb.DeleteBuildBatchInput) (*cb.DeleteBuildBatchOutput, error) {
	if err := s.checkBatchID(in.Id); err != nil {
		return nil, err
	}
	var out *cb.DeleteBuildBatchOutput
	err := s.db.Write(ctx, func(tx store.Tx) error {
		out = &cb.DeleteBuildBatchOutput{BuildsDeleted: []string{}, BuildsNotDeleted: []cb.BuildNotDeleted{}}
		x, err := oneBatch(ctx, tx, `WHERE id = $1`, s.batchID(*in.Id))
		switch {
		case err != nil:
			return err
		case x == nil:
			out.StatusCode = new("BATCH_NOT_FOUND")
			return nil
		case x.state.Stage != batch.Over:
			out.StatusCode = new("BATCH_IN_PROGRESS")
			return nil
		}
		out.StatusCode = new("BATCH_DELETED")
		out.BuildsDeleted, err = s.removeBatch(ctx, tx, x)
		s.Hints.Changed(tx, "batch/"+*x.doc.Id, "builds")
		return err
	})
	return out, err
}

// removeBatch deletes a batch with its builds and returns their ARNs.
func (s *Service) removeBatch(ctx context.Context, tx store.Tx, x *batchRow) ([]string, error) {
	gone := []string{}
	for _, p := range x.state.Parts {
		for _, id := range append(append([]string{}, p.Prior...), p.Build) {
			r, err := one(ctx, tx, `WHERE id = $1`, id)
			if err != nil {
				return nil, err
			}
			if r == nil {
				continue
			}
			if err := remove(ctx, tx, r); err != nil {
				return nil, err
			}
			gone = append(gone, *r.build.Arn)
		}
	}
	_, err := tx.Exec(ctx, `DELETE FROM batches WHERE id = $1`, *x.doc.Id)
	return gone, err
}
