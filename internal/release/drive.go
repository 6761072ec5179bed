package release

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"slipway/api/awsproto"
	"slipway/api/slipway"
	"slipway/internal/event"
	"slipway/internal/fault"
	"slipway/internal/release/analysis"
	"slipway/internal/release/shift"
	"slipway/internal/store"
)

// Begin begins the release of a deployment, with the writes of tx. Begun twice it is one.
func (s *Service) Begin(ctx context.Context, tx store.Tx, r Release) error {
	if s.Traffic == nil {
		return &awsproto.Error{
			Code:   "NotImplementedException",
			Status: 501,
			Message: "Slipway does not implement the shifting of traffic without a load balancer: " +
				"this server has none.",
		}
	}
	if len(r.Resources) == 0 || r.Baseline == "" || r.Canary == "" || r.Baseline == r.Canary {
		return fmt.Errorf("the release of %s needs a listener, and two target groups that are not the same",
			r.DeploymentID)
	}
	var status string
	if known, err := store.Find(ctx, tx, []any{&status}, `SELECT status FROM release_releases WHERE deployment = $1`,
		r.DeploymentID); err != nil || known {
		return err
	}
	policy, err := store.Document[slipway.ReleasePolicy](ctx, tx,
		`SELECT doc FROM release_policies WHERE application = $1 AND grp = $2`, r.Application, r.Group)
	if err != nil {
		return err
	}
	if r.AtOnce {
		policy = nil
	}
	plan, err := shift.NewPlan(r.Routing, policy)
	if err != nil {
		return fmt.Errorf("the release of %s: %w", r.DeploymentID, err)
	}
	now := s.Now()
	x := &row{Release: r, created: now, policy: policy, state: shift.New(plan, now), notes: []slipway.ReleaseNote{}}
	if err := x.insert(ctx, tx); err != nil {
		return err
	}
	fault.Point("release.begin")
	return s.follow(ctx, tx, x)
}

// RollBack takes the traffic of a deployment's release back to what ran before, with the writes of tx; Ended hears once
// that is in effect. A release that is rolling back goes on to do so; one that has rolled back, or never was, is
// shift.ErrEnded or a ReleaseNotFoundException.
func (s *Service) RollBack(ctx context.Context, tx store.Tx, deploymentID, reason string) error {
	return s.change(ctx, tx,
		deploymentID, func(x *row) error { return x.state.RollBack(shift.ByDeploy, reason, s.Now()) })
}

// change lets f change a release, writes what follows, and tells pages and long polls.
func (s *Service) change(ctx context.Context, tx store.Tx, deploymentID string, f func(*row) error) error {
	x, err := load(ctx, tx, deploymentID)
	if err != nil {
		return err
	}
	before := x.state.Ended()
	if err := f(x); err != nil {
		return err
	}
	if x.state.Ended() && !before {
		x.ended = s.Now()
	}
	if err := x.save(ctx, tx); err != nil {
		return err
	}
	fault.Point("release.change")
	if x.state.Ended() && !before {
		return s.finish(ctx, tx, x)
	}
	return s.follow(ctx, tx, x)
}

// follow enqueues what the state asks for.
func (s *Service) follow(ctx context.Context, tx store.Tx, x *row) error {
	s.tell(tx, x)
	switch n := x.state.Next().(type) {
	case shift.Weigh:
		return tx.Enqueue(ctx, store.Job{Kind: weighJob, Key: x.DeploymentID})
	case shift.Timer:
		return tx.Enqueue(ctx, store.Job{Kind: timerJob, Key: x.DeploymentID, RunAt: n.At})
	case shift.Analyse:
		return tx.Enqueue(ctx, store.Job{Kind: judgeJob, Key: x.DeploymentID, RunAt: n.To.Add(grace)})
	}
	return nil
}

func (s *Service) tell(tx store.Tx, x *row) {
	id := x.DeploymentID
	s.Hints.Changed(tx, "release/"+id, "deployment/"+id, "releases")
}

func (s *Service) finish(ctx context.Context, tx store.Tx, x *row) error {
	s.tell(tx, x)
	end := event.ReleaseEnd{
		Deployment: x.DeploymentID,
		Promoted:   x.state.Status == slipway.ReleaseStatusPromoted,
		ByHand:     x.state.Cause == shift.ByHand,
		Reason:     x.state.Reason,
	}
	tx.AfterCommit(func() {
		s.Log.Info("release ended", "deployment", x.DeploymentID, "status", x.state.Status, "reason", end.Reason)
	})
	for _, kind := range []string{timerJob, weighJob, judgeJob} {
		if err := tx.Cancel(ctx, kind, x.DeploymentID); err != nil {
			return err
		}
	}
	return event.ReleaseEnded.Publish(ctx, tx, x.DeploymentID, end)
}

// recheck is how long the router is left alone when it has not said that it applied a share. It is a safety net:
// Applied wakes.
const recheck = 15 * time.Second

// gone are the errors of a load balancer for what is not there, or does not forward to the target groups any more.
var gone = []string{"ListenerNotFound", "RuleNotFound", "TargetGroupNotFound", "LoadBalancerNotFound",
	"InvalidLoadBalancerAction"}

// refusals are the errors of a role that may not change a listener or a rule, or that CodeDeploy may not assume.
var refusals = []string{"AccessDenied", "AccessDeniedException"}

// weigh tells the router the share that a release wants, and the release once that is in effect.
func (s *Service) weigh(ctx context.Context, j store.Running) (store.Outcome, error) {
	x, err := load(ctx, s.db, j.Key)
	if awsproto.Code(err) == "ReleaseNotFoundException" {
		return store.Done, nil
	}
	if err != nil {
		return store.Done, err
	}
	w, ok := x.state.Next().(shift.Weigh)
	if !ok {
		return store.Done, nil
	}
	effective, err := s.carry(ctx, x, w.Percent)
	if x.fails(err) {
		return store.Done, s.event(ctx, j, func(x *row) error {
			return x.state.RollBack(shift.ByFailure, "The traffic cannot be shifted: "+err.Error(), s.Now())
		})
	}
	if err := errors.Join(err, s.troubled(ctx, x, err)); err != nil {
		return store.Done, err
	}
	if !effective {
		return store.Again(s.Now().Add(recheck)), nil
	}
	return store.Done, s.event(ctx, j, func(x *row) error {
		x.state.InEffect(w.Percent, s.Now())
		return nil
	})
}

// fails reports whether an error ends the way forward of a release. On the way back a right that is missing is waited
// for: traffic is not left half way.
func (x *row) fails(err error) bool {
	switch code := awsproto.Code(err); {
	case err == nil:
		return false
	case slices.Contains(refusals, code):
		return x.state.Status != slipway.ReleaseStatusRollingBack
	default:
		return slices.Contains(gone, code)
	}
}

// acting returns the context in which the traffic of a release is moved.
func (s *Service) acting(ctx context.Context, x *row) (context.Context, error) {
	if s.Act == nil {
		return ctx, nil
	}
	return s.Act(ctx, x.DeploymentID)
}

// carry tells the router a share and reports whether it is in effect. On the way back a listener that is gone carries
// no traffic to anyone.
func (s *Service) carry(ctx context.Context, x *row, percent int) (bool, error) {
	ctx, err := s.acting(ctx, x)
	if err != nil {
		return false, err
	}
	resources := x.Resources
	if x.state.Status == slipway.ReleaseStatusRollingBack {
		resources = nil
		for _, r := range x.Resources {
			err := s.Traffic.Weigh(ctx, []string{r}, x.weights(percent))
			if slices.Contains(gone, awsproto.Code(err)) {
				continue
			}
			if err != nil {
				return false, err
			}
			resources = append(resources, r)
		}
		if len(resources) == 0 {
			return true, nil
		}
	} else if err := s.Traffic.Weigh(ctx, resources, x.weights(percent)); err != nil {
		return false, err
	}
	return s.Traffic.InEffect(ctx, resources, x.weights(percent))
}

// troubled keeps why the router could not be told, so that a person sees what the release waits for.
func (s *Service) troubled(ctx context.Context, x *row, err error) error {
	trouble := ""
	if err != nil {
		trouble = err.Error()
	}
	if trouble == x.trouble {
		return nil
	}
	return s.db.Write(ctx, func(tx store.Tx) error {
		s.tell(tx, x)
		_, err := tx.Exec(ctx, `UPDATE release_releases SET trouble = $2 WHERE deployment = $1`, x.DeploymentID,
			trouble)
		return err
	})
}

// timer tells a release that its wait is over. Was it told too early, what follows from the state sets it again.
func (s *Service) timer(ctx context.Context, j store.Running) (store.Outcome, error) {
	return store.Done, s.event(ctx, j, func(x *row) error {
		x.state.Tick(s.Now())
		return nil
	})
}

// grace is how long the last measurements of a window may take until they are here.
const grace = 2 * time.Second

// judge tells a release the verdict on its step.
func (s *Service) judge(ctx context.Context, j store.Running) (store.Outcome, error) {
	x, err := load(ctx, s.db, j.Key)
	if awsproto.Code(err) == "ReleaseNotFoundException" {
		return store.Done, nil
	}
	if err != nil {
		return store.Done, err
	}
	a, ok := x.state.Next().(shift.Analyse)
	if !ok {
		return store.Done, nil
	}
	// Routers report whole seconds: from the first that has the weights from its beginning on, to the one in which the
	// wait ended. They stay until the verdict.
	w := analysis.Window{
		Percent: a.Percent,
		From:    a.From.Truncate(time.Second).Add(time.Second),
		To:      a.To.Truncate(time.Second).Add(time.Second),
		Looks:   x.state.Looks(),
	}
	if s.Metrics != nil {
		if err := s.measure(ctx, x, &w); err != nil {
			return store.Done, err
		}
	}
	v := analysis.Judge(x.policy, w)
	s.Log.Info("release judged", "deployment", x.DeploymentID, "percent", a.Percent, "decision", v.Decision, "why",
		*v.Text)
	return store.Done, s.event(ctx, j, func(x *row) error {
		x.state.Judged(a.Step, v, s.Now())
		return nil
	})
}

// measure reads what both sides of a release did in a window, as a whole and slice by slice.
func (s *Service) measure(ctx context.Context, x *row, w *analysis.Window) (err error) {
	if w.Canary, err = s.Metrics.Window(ctx, x.Canary, w.From, w.To); err != nil {
		return err
	}
	if w.Baseline, err = s.Metrics.Window(ctx, x.Baseline, w.From, w.To); err != nil {
		return err
	}
	from := w.From.Add(analysis.WarmUp(w.To.Sub(w.From)))
	step := analysis.SliceOf(w.To.Sub(from))
	canary, err := s.Metrics.Windows(ctx, x.Canary, from, w.To, step)
	if err != nil {
		return err
	}
	baseline, err := s.Metrics.Windows(ctx, x.Baseline, from, w.To, step)
	if err != nil {
		return err
	}
	for i := range min(len(canary), len(baseline)) {
		w.Slices = append(w.Slices, analysis.Slice{Canary: canary[i], Baseline: baseline[i]})
	}
	return nil
}

// event changes the release that a job is for; the job ends with it. A release that has ended meanwhile is left alone.
func (s *Service) event(ctx context.Context, j store.Running, f func(*row) error) error {
	return s.db.Write(ctx, func(tx store.Tx) error {
		err := s.change(ctx, tx, j.Key, f)
		if err != nil && !errors.Is(err, shift.ErrEnded) {
			return err
		}
		return store.End(ctx, tx)
	})
}

// Applied is to be called when a router has applied another table: releases that wait for that look again.
func (s *Service) Applied(ctx context.Context) error {
	const waiting = `SELECT deployment FROM release_releases WHERE live = 1 AND status IN ('SHIFTING', 'ROLLING_BACK')`
	ids, err := store.Strings(ctx, s.db, waiting)
	if err != nil || len(ids) == 0 {
		return err
	}
	return s.db.Write(ctx, func(tx store.Tx) error {
		for _, id := range ids {
			if err := tx.Enqueue(ctx, store.Job{Kind: weighJob, Key: id}); err != nil {
				return err
			}
		}
		return nil
	})
}
