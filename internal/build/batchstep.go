package build

import (
	"context"
	"errors"
	"slices"
	"time"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/build/batch"
	"slipway/internal/event"
	"slipway/internal/fault"
	"slipway/internal/store"
	"slipway/spec/buildspec"
)

// partEnded tells the batch of a build, if it has one, of the build's end, in the transaction of that end: so the
// builds that follow start exactly once, whatever dies when.
func (s *Service) partEnded(ctx context.Context, tx store.Tx, r *row, result *slipway.Result) error {
	if r.build.BuildBatchArn == nil {
		return nil
	}
	id := s.batchID(*r.build.BuildBatchArn)
	x, err := oneBatch(ctx, tx, `WHERE id = $1`, id)
	if err != nil || x == nil {
		return err
	}
	var e batch.Event = batch.Ended{Build: *r.build.Id, Status: r.build.BuildStatus}
	if r.work.ReadBatch && r.build.BuildStatus == cb.StatusTypeSucceeded {
		if e, err = s.read(ctx, x, r, result); err != nil {
			return err
		}
		if s.Reports != nil && sharded(x.work.Builds) {
			if x.work.TestTimes, err = s.Reports.Times(ctx, tx, *x.doc.ProjectName); err != nil {
				return err
			}
		}
	}
	return s.step(ctx, tx, x, e)
}

// read takes in the batch that a runner read. What it cannot be made of refuses it as a whole, before any of it runs.
func (s *Service) read(ctx context.Context, x *batchRow, r *row, result *slipway.Result) (batch.Event, error) {
	e := batch.Read{Build: *r.build.Id}
	if result == nil || result.Batch == nil || len(result.Batch.Builds) == 0 {
		e.Refusal = "The runner " + r.Runner + " is older than batches: it did not read the buildspec. Update it."
		return e, nil
	}
	x.doc.ResolvedSourceVersion = r.build.ResolvedSourceVersion
	x.work.Builds = result.Batch.Builds
	e.FastFail, e.Parts = result.Batch.FastFail, parts(result.Batch.Builds)
	err := permitted(&x.work.Project, x.work.Builds)
	if err == nil {
		err = checkOutputs(x.work.Job, x.state.Combine, x.work.Builds)
	}
	on, failed := s.grounds(ctx)
	if failed != nil {
		return nil, failed
	}
	tried := *x
	tried.state.Parts = append(slices.Clip(x.state.Parts[:1]), e.Parts...)
	for i := 1; err == nil && i < len(tried.state.Parts); i++ {
		var sub *submission
		if sub, err = s.part(&tried, i, on); err == nil {
			err = s.fleetThere(ctx, sub.fleet(), *x.doc.ProjectName)
		}
	}
	if _, refused := errors.AsType[*cb.InvalidInputException](err); refused {
		e.Refusal, err = awsproto.Message(err), nil
	}
	return e, err
}

// sharded tells whether builds are those of a fan-out, which part the tests among them.
func sharded(builds []slipway.BatchBuild) bool {
	return len(builds) > 0 && slices.ContainsFunc(builds[0].Variables, func(v cb.EnvironmentVariable) bool {
		return awsproto.Value(v.Name) == buildspec.ShardsVariable
	})
}

// step decides what an event does to a batch and writes it, with what follows from it. The batch is saved before
// anything that may come back here: the end of a build that is stopped.
func (s *Service) step(ctx context.Context, tx store.Tx, x *batchRow, e batch.Event) error {
	d := batch.Decide(x.state, e)
	if len(d.Start) > 0 {
		_, err := s.project(ctx, tx, *x.doc.ProjectName)
		if _, deleted := errors.AsType[*cb.ResourceNotFoundException](err); deleted {
			d = batch.Decide(d.Unstarted(), batch.Refused{Message: awsproto.Message(err)})
		} else if err != nil {
			return err
		}
	}
	if !d.Changed {
		return nil
	}
	return s.follow(ctx, tx, x, d)
}

// follow writes a batch as it was decided, and does what was decided.
func (s *Service) follow(ctx context.Context, tx store.Tx, x *batchRow, d batch.Decision) error {
	now, id, before := s.Now(), *x.doc.Id, x.state.Stage
	x.state = d.State
	started, err := s.makeParts(ctx, x, d.Start)
	if err != nil {
		return err
	}
	x.phases(before, d, now)
	if err := x.save(ctx, tx); err != nil {
		return err
	}
	s.Hints.Changed(tx, "batch/"+id, "builds")
	for _, sub := range started {
		r := &row{build: *sub.build, work: sub.work, State: State{Stage: Queued}, submitted: now, needs: sub.needs,
			fleet: sub.fleet()}
		if err := s.insert(ctx, tx, r, sub, nil); err != nil {
			return err
		}
		s.queued(tx, r)
	}
	for _, build := range d.Halt {
		r, err := one(ctx, tx, `WHERE id = $1`, build)
		if err != nil {
			return err
		}
		if r != nil {
			if _, err := s.apply(ctx, tx, r, Stop{}, nil); err != nil {
				return err
			}
		}
	}
	if d.Combine {
		if err := tx.Enqueue(ctx, store.Job{Kind: jobCombine, Key: id}); err != nil {
			return err
		}
	}
	fault.Point("batch.stepping")
	if d.End == nil {
		return nil
	}
	if err := tx.Cancel(ctx, jobBatch, id); err != nil {
		return err
	}
	return event.BatchEnded.Publish(ctx, tx, id, event.Ended{ID: id, Status: string(d.End.Status)})
}

// makeParts makes the builds that are to start, and notes their IDs.
func (s *Service) makeParts(ctx context.Context, x *batchRow, places []int) (all []*submission, err error) {
	if len(places) == 0 {
		return nil, nil
	}
	on, err := s.grounds(ctx)
	if err != nil {
		return nil, err
	}
	for _, i := range places {
		sub, err := s.part(x, i, on)
		if err != nil {
			return nil, err
		}
		x.state.Parts[i].Build = *sub.build.Id
		all = append(all, sub)
	}
	return all, nil
}

// phases writes how far a batch has come into its document.
func (x *batchRow) phases(before batch.Stage, d batch.Decision, now time.Time) {
	b := &x.doc
	switch {
	case before == batch.Over: // once more
		b.Phases, b.EndTime, b.Complete, b.BuildBatchStatus = nil, nil, new(false), cb.StatusTypeInProgress
		x.enter(cb.BuildBatchPhaseTypeSubmitted, "", nil, now)
		if d.State.Stage == batch.Downloading {
			x.enter(cb.BuildBatchPhaseTypeDownloadBatchspec, cb.StatusTypeSucceeded, nil, now)
		} else {
			x.enter(cb.BuildBatchPhaseTypeInProgress, cb.StatusTypeSucceeded, nil, now)
		}
	case before == batch.Downloading && (d.State.Stage == batch.Running || d.State.Stage == batch.Combining):
		x.enter(cb.BuildBatchPhaseTypeInProgress, cb.StatusTypeSucceeded, nil, now)
	}
	if d.Combine {
		x.enter(cb.BuildBatchPhaseTypeCombineArtifacts, cb.StatusTypeSucceeded, nil, now)
	}
	if d.End == nil {
		return
	}
	last := map[cb.StatusType]cb.BuildBatchPhaseType{cb.StatusTypeSucceeded: cb.BuildBatchPhaseTypeSucceeded,
		cb.StatusTypeStopped: cb.BuildBatchPhaseTypeStopped}[d.End.Status]
	if last == "" {
		last = cb.BuildBatchPhaseTypeFailed
	}
	var contexts []cb.PhaseContext
	if d.End.Message != "" {
		contexts = []cb.PhaseContext{{StatusCode: &d.End.Code, Message: &d.End.Message}}
	}
	x.enter(last, d.End.Status, contexts, now)
	b.BuildBatchStatus, b.Complete, b.EndTime = d.End.Status, new(true), awsproto.At(now)
}

// enter ends the phase that a batch is in, with a status and contexts, and begins the next.
func (x *batchRow) enter(next cb.BuildBatchPhaseType, status cb.StatusType, contexts []cb.PhaseContext, now time.Time) {
	b := &x.doc
	if n := len(b.Phases); n > 0 {
		p := &b.Phases[n-1]
		p.PhaseStatus, p.EndTime, p.Contexts = status, awsproto.At(now), contexts
		p.DurationInSeconds = new(int64(max(0, now.Sub(p.StartTime.Time)) / time.Second))
	}
	b.Phases = append(slices.Clip(b.Phases), cb.BuildBatchPhase{PhaseType: next, StartTime: awsproto.At(now)})
	b.CurrentPhase = new(string(next))
}

// batchTimeout ends a batch that takes too long.
func (s *Service) batchTimeout(ctx context.Context, j store.Running) (store.Outcome, error) {
	return store.Done, s.db.Write(ctx, func(tx store.Tx) error {
		x, err := oneBatch(ctx, tx, `WHERE id = $1`, j.Key)
		if err != nil {
			return err
		}
		if x != nil {
			if err := s.step(ctx, tx, x, batch.Timeout{Minutes: batchMinutes(x)}); err != nil {
				return err
			}
		}
		return store.End(ctx, tx)
	})
}

// batchMinutes is how long a batch may take; 0 is no bound but those of its builds.
func batchMinutes(x *batchRow) int32 {
	if c := x.doc.BuildBatchConfig; c != nil {
		return awsproto.Value(c.TimeoutInMins)
	}
	return 0
}
