package build

import (
	"cmp"
	"context"
	"time"

	cb "slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/event"
	"slipway/internal/fault"
	"slipway/internal/store"
)

// apply decides what an event does to a build and writes it, with what follows from it. result is the runner's, if it
// is one's.
func (s *Service) apply(ctx context.Context, tx store.Tx, r *row, e Event, result *slipway.Result) (Decision, error) {
	d := Decide(r.State, e)
	if d.State == r.State && d.End == nil {
		return d, nil
	}
	now, id := s.Now(), *r.build.Id
	before := r.Stage
	if err := s.carryOut(ctx, tx, r, d, result, now); err != nil {
		return d, err
	}
	if before == Queued && d.State.Stage != Queued {
		// A timeout that is being handled at this moment finds the build out of the queue.
		if err := tx.Cancel(ctx, jobQueued, id); err != nil {
			return d, err
		}
	}
	if d.Tell {
		s.wake(tx, d.State.Runner)
	}
	r.State = d.State
	s.Hints.Changed(tx, r.topics()...)
	if err := r.save(ctx, tx); err != nil || r.fleet == "" || d.Run || before == r.Stage {
		return d, err
	}
	return d, s.moved(ctx, tx, r.fleet)
}

// carryOut does what was decided about a build.
func (s *Service) carryOut(ctx context.Context, tx store.Tx, r *row, d Decision, result *slipway.Result,
	now time.Time) error {
	switch {
	case d.End != nil:
		return s.end(ctx, tx, r, *d.End, result, now)
	case d.Run:
		r.acknowledged = now
	case d.Requeue:
		r.assigned = time.Time{}
		s.queued(tx, r)
		deadline := r.submitted.Add(time.Duration(*r.build.QueuedTimeoutInMinutes) * time.Minute)
		return tx.Enqueue(ctx, store.Job{Kind: jobQueued, Key: *r.build.Id, RunAt: deadline})
	case d.State.Stage == Assigned:
		r.assigned = now
		return s.watch(ctx, tx, d.State.Runner)
	}
	return nil
}

// end completes a build's document, keeps its reports and tells of its end.
func (s *Service) end(ctx context.Context, tx store.Tx, r *row, end End, result *slipway.Result, now time.Time) error {
	id := *r.build.Id
	r.build = closed(r, end, result, s.progresses.of(id), now)
	if result != nil {
		r.cause, r.surroundings = result.Cause, surroundings(result)
		if err := s.recordCaches(ctx, tx, r, result.Caches); err != nil {
			return err
		}
		if len(result.Reports) > 0 && s.Reports != nil {
			arns, err := s.Reports.Record(ctx, tx, &r.build, originOf(r), result.Reports)
			if err != nil {
				return err
			}
			r.build.ReportArns = arns
			if r.cause, err = s.withTests(ctx, tx, r.cause, end.Status, arns); err != nil {
				return err
			}
		}
	} else {
		phase := cb.BuildPhaseTypeQueued
		if n := len(r.build.Phases); n > 1 {
			phase = r.build.Phases[n-2].PhaseType
		}
		r.cause = &slipway.Cause{Phase: string(phase), Message: end.Message}
	}
	runner := r.Runner
	tx.Notify(endNotice, id)
	tx.AfterCommit(func() { s.progresses.forget(id) })
	if runner != "" && result == nil {
		s.wake(tx, runner)
	}
	if err := forgetTerminals(ctx, tx, id); err != nil {
		return err
	}
	if r.Sandbox {
		return s.endCommands(ctx, tx, id, end)
	}
	if err := s.autoRetry(ctx, tx, r); err != nil {
		return err
	}
	if err := s.partEnded(ctx, tx, r, result); err != nil {
		return err
	}
	fault.Point("build.ending")
	return event.BuildEnded.Publish(ctx, tx, id, event.Ended{ID: id, Status: string(end.Status)})
}

// happen loads a build, lets an event happen to it and returns it; nil if there is no such build.
func (s *Service) happen(ctx context.Context, id string, e Event,
	result *slipway.Result) (r *row, d Decision, err error) {
	err = s.db.Write(ctx, func(tx store.Tx) (err error) {
		if r, err = one(ctx, tx, `WHERE id = $1`, id); err != nil || r == nil {
			return err
		}
		d, err = s.apply(ctx, tx, r, e, result)
		return err
	})
	return r, d, err
}

// queueTimeout ends a build that nobody took in time.
func (s *Service) queueTimeout(ctx context.Context, j store.Running) (store.Outcome, error) {
	return store.Done, s.db.Write(ctx, func(tx store.Tx) error {
		r, err := one(ctx, tx, `WHERE id = $1`, j.Key)
		if err != nil {
			return err
		}
		if r != nil {
			if _, err := s.apply(ctx, tx, r, QueueTimeout{*r.build.QueuedTimeoutInMinutes}, nil); err != nil {
				return err
			}
		}
		return store.End(ctx, tx)
	})
}

// StopBuild implements codebuild:StopBuild. A build that runs goes on to be IN_PROGRESS until its runner has ended it;
// one that has ended stays as it is.
func (s *Service) StopBuild(ctx context.Context, in *cb.StopBuildInput) (*cb.StopBuildOutput, error) {
	if err := s.checkBuildID(*in.Id); err != nil {
		return nil, err
	}
	id := s.buildID(*in.Id)
	if r, err := oneBuild(ctx, s.db, id); err != nil || r == nil {
		return nil, cmp.Or(err, s.noBuild(*in.Id))
	}
	r, _, err := s.happen(ctx, id, Stop{}, nil)
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, s.noBuild(*in.Id)
	}
	return &cb.StopBuildOutput{Build: new(s.shown(r))}, nil
}

func (s *Service) noBuild(id string) error {
	return &cb.ResourceNotFoundException{Message: "Build cannot be found: " + s.arn("build", s.buildID(id))}
}
