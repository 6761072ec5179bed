package build

import (
	"context"
	"errors"
	"slices"
	"time"

	"slipway/api/awsproto"
	"slipway/api/slipway"
	"slipway/internal/fault"
	"slipway/internal/store"
)

const (
	// grace is how much older than an acknowledgement a poll may be that comes after it.
	grace = 5 * time.Second
	// again is after what time a runner is told once more what it does not seem to have heard.
	again = 10 * time.Second
	// saveSeen is how often it is written that a runner lives.
	saveSeen = 30 * time.Second
)

// PollBuild implements slipway:PollBuild: it is held until there is a build for the runner, something to stop or to
// forget, or Config.Hold has passed. A build is assigned to the runner durably before it is answered.
func (s *Service) PollBuild(ctx context.Context, in *slipway.PollBuildInput) (*slipway.PollBuildOutput, error) {
	name, room := *in.Runner, awsproto.Value(in.Free) > 0
	if err := s.bind(ctx, name, awsproto.CallerOf(ctx).AccessKeyID, true); err != nil {
		return nil, err
	}
	p, ok := s.runners.arrive(name, awsproto.CallerOf(ctx).AccessKeyID, in.Labels, s.Now(), s.Silence)
	if !ok {
		return nil, &slipway.RunnerConflictException{Message: "Another runner polls by the name " + name +
			", with another access key. Give this one a name of its own."}
	}
	defer func() { s.runners.leave(p, s.Now()) }()
	if err := s.present(ctx, in); err != nil {
		return nil, err
	}
	timeout := time.NewTimer(s.Hold)
	defer timeout.Stop()
	room = room && s.noRoom() == nil
	for {
		out, soon, err := s.look(ctx, in, room)
		if err != nil {
			return nil, err
		}
		if soon {
			timeout.Reset(min(s.Hold, grace))
		}
		if out.Build == nil && room {
			if out.Build, err = s.takeNext(ctx, p.taker()); err != nil {
				return nil, err
			}
		}
		if out.Build != nil ||
			s.runners.news(name, append(append([]string{}, out.Stop...), out.Forget...), s.Now(), again) {
			return out, nil
		}
		done, err := s.hold(ctx, p, room, timeout.C, out)
		if done || err != nil {
			return out, err
		}
	}
}

// present notes what a runner that polls says of itself.
func (s *Service) present(ctx context.Context, in *slipway.PollBuildInput) error {
	s.runners.refuse(*in.Runner, awsproto.Value(in.Refuses))
	s.tell(presenceNotice, presence{*in.Runner, awsproto.Value(in.Refuses), in.Labels})
	if err := s.heard(ctx, *in.Runner); err != nil {
		return err
	}
	return s.says(ctx, *in.Runner, in.Labels, slots(in))
}

// hold waits until a poll has its answer, or is to look anew.
func (s *Service) hold(ctx context.Context, p *poll, room bool, timeout <-chan time.Time,
	out *slipway.PollBuildOutput) (done bool, err error) {
	if room {
		s.runners.wait(p)
		// What came into the queue between the look and this is seen by nobody else.
		if waits, _, err := s.next(ctx, s.db, p.taker()); err != nil || waits != nil {
			return s.stopWaiting(ctx, p, out, err)
		}
	}
	select {
	case order := <-p.offer:
		return s.offered(order, out), nil
	case <-p.look:
	case <-timeout:
		done = true
	case <-p.gone:
		err = &slipway.RunnerConflictException{Message: "A newer poll of the runner " + p.runner +
			" took the place of this one."}
	case <-ctx.Done():
		err = ctx.Err()
	}
	if !room {
		return done, err
	}
	took, werr := s.stopWaiting(ctx, p, out, err)
	return done || took, werr
}

// stopWaiting withdraws a poll; a build that is on its way to it already is its answer.
func (s *Service) stopWaiting(ctx context.Context, p *poll, out *slipway.PollBuildOutput,
	err error) (done bool, _ error) {
	if s.runners.withdraw(p) {
		return false, err
	}
	order := <-p.offer
	if err != nil {
		return false, err // the runner is told of the build once more when it polls again
	}
	return s.offered(order, out), nil
}

// offered answers a poll with a build that was assigned to its runner. Should the build have been stopped since, the
// runner hears of that when it acknowledges the build.
func (s *Service) offered(order *slipway.BuildOrder, out *slipway.PollBuildOutput) (done bool) {
	if order == nil {
		return false
	}
	fault.Point("build.assigned")
	out.Build = order
	return true
}

// look compares what a runner says that it has with what it was given. soon says that it is to poll again before long.
func (s *Service) look(ctx context.Context, in *slipway.PollBuildInput,
	room bool) (out *slipway.PollBuildOutput, soon bool, err error) {
	out = &slipway.PollBuildOutput{}
	name := *in.Runner
	rows, err := many(ctx, s.db, `WHERE runner = $1 AND state IN ('assigned', 'running') ORDER BY seq`, name)
	if err != nil {
		return nil, false, err
	}
	var ids []string
	for _, r := range rows {
		id := *r.build.Id
		ids = append(ids, id)
		if slices.Contains(in.Running, id) {
			if r.Stop {
				out.Stop = append(out.Stop, id)
			}
			continue
		}
		missing := Missing{name, s.Now().Sub(r.acknowledged) < grace}
		d := Decide(r.State, missing)
		switch {
		case d.Offer && room && out.Build == nil:
			if out.Build, err = s.order(r); err != nil {
				return nil, false, err
			}
		case d.End != nil:
			if _, _, err := s.happen(ctx, id, missing, nil); err != nil {
				return nil, false, err
			}
		case !d.Offer:
			soon = true
		}
	}
	for _, id := range in.Running {
		if !slices.Contains(ids, id) {
			out.Forget = append(out.Forget, id)
		}
	}
	return out, soon, nil
}

// noRoom says why no build may begin now, or nil.
func (s *Service) noRoom() error {
	if s.Room == nil {
		return nil
	}
	return s.Room()
}

// taker is the runner of a poll.
func (p *poll) taker() taker { return taker{p.runner, p.fleet, p.meets} }

// takeNext assigns the oldest build of the queue that the runner may take, or returns nil.
func (s *Service) takeNext(ctx context.Context, t taker) (*slipway.BuildOrder, error) {
	if r, _, err := s.next(ctx, s.db, t); err != nil || r == nil {
		return nil, err // an empty queue costs no commit
	}
	var r *row
	err := s.db.Write(ctx, func(tx store.Tx) error {
		var overflow bool
		var err error
		if r, overflow, err = s.next(ctx, tx, t); err != nil || r == nil {
			return err
		}
		_, err = s.apply(ctx, tx, r, Assign{t.name, overflow}, nil)
		return err
	})
	if err != nil || r == nil {
		return nil, err
	}
	fault.Point("build.assigned")
	return s.order(r)
}

// lastHeard is when a runner was last heard of, by its row and by what this process knows.
func (s *Service) lastHeard(name string, seen int64) time.Time {
	last := moment(seen)
	if t := s.runners.lastSeen(name, s.Now()); t.After(last) {
		last = t
	}
	return last
}

// speaks notes that a runner lives, and refuses a caller with another access key than the runner's.
func (s *Service) speaks(ctx context.Context, name string) error {
	if err := s.bind(ctx, name, awsproto.CallerOf(ctx).AccessKeyID, false); err != nil {
		return err
	}
	return s.heard(ctx, name)
}

// heard notes that a runner lives.
func (s *Service) heard(ctx context.Context, name string) error {
	now := s.Now()
	if !s.runners.heard(name, now, saveSeen) {
		return nil
	}
	return s.db.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx,
			`INSERT INTO runners (name, seen) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET seen = excluded.seen`,
			name, now.UnixMilli())
		return err
	})
}

// says writes what a runner says that it can, and how many builds it runs at a time, when it says something new.
func (s *Service) says(ctx context.Context, name string, labels []string, slots int) error {
	if !s.runners.says(name, labels, slots) {
		return nil
	}
	labels = append([]string{}, labels...)
	return s.db.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE runners SET labels = $1, slots = $2, fleet = $3 WHERE name = $4`,
			store.JSON(&labels), slots, fleetOf(labels), name)
		return err
	})
}

// slots is how many builds a runner runs at a time. One that does not say so has what is free, and what it runs.
func slots(in *slipway.PollBuildInput) int {
	if in.Slots != nil {
		return int(*in.Slots)
	}
	return int(awsproto.Value(in.Free)) + len(in.Running)
}

// watch looks, while a runner has builds, whether it is still heard of.
func (s *Service) watch(ctx context.Context, tx store.Tx, runner string) error {
	return tx.Enqueue(ctx, store.Job{Kind: jobRunner, Key: runner, RunAt: s.Now().Add(s.Silence)})
}

func (s *Service) watchRunner(ctx context.Context, j store.Running) (store.Outcome, error) {
	var seen int64
	if _, err := store.Find(ctx, s.db, []any{&seen}, `SELECT seen FROM runners WHERE name = $1`, j.Key); err != nil {
		return store.Done, err
	}
	now := s.Now()
	last := s.lastHeard(j.Key, seen)
	// While the server was down it could hear nobody.
	patience := last
	if s.started.After(patience) {
		patience = s.started
	}
	rows, err := many(ctx, s.db, `WHERE runner = $1 AND state IN ('assigned', 'running')`, j.Key)
	if err != nil || len(rows) == 0 {
		return store.Done, err
	}
	if due := patience.Add(s.Silence); due.After(now) {
		return store.Again(due), nil
	}
	var errs []error
	for _, r := range rows {
		_, d, err := s.happen(ctx, *r.build.Id, Silent{j.Key, last}, nil)
		if d.End != nil {
			s.Log.Warn("a runner is silent: its build ends", "runner", j.Key, "since", last, "build", *r.build.Id)
		}
		errs = append(errs, err)
	}
	return store.Done, errors.Join(errs...)
}

// Holds returns an error unless a running build is in the hands of the runner that asks.
func (s *Service) Holds(ctx context.Context, runner, id string) error {
	_, err := s.inHands(ctx, runner, id)
	return err
}

// inHands returns a running build that a runner asks for, if it is in that runner's hands: nobody else gets what is the
// build's.
func (s *Service) inHands(ctx context.Context, runner, id string) (*row, error) {
	if err := s.speaks(ctx, runner); err != nil {
		return nil, err
	}
	r, err := one(ctx, s.db, `WHERE id = $1`, id)
	if err != nil {
		return nil, err
	}
	if r == nil || r.Stage != Running || r.Runner != runner {
		return nil, unknown(id)
	}
	return r, nil
}
