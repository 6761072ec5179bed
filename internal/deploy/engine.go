package deploy

import (
	"context"
	"reflect"

	"slipway/api/awsproto"
	cd "slipway/api/codedeploy"
	"slipway/internal/deploy/rollout"
	"slipway/internal/event"
	"slipway/internal/fault"
	"slipway/internal/store"
)

// react carries out what the decider says until it has nothing to add, and writes the deployment.
func (s *Service) react(ctx context.Context, tx store.Tx, d *deployment) error {
	for {
		n := d.state.Next()
		if reflect.DeepEqual(n, rollout.Next{}) {
			break
		}
		if err := s.apply(ctx, tx, d, n); err != nil {
			return err
		}
	}
	fault.Point("deploy.before-react")
	return d.save(ctx, tx)
}

func (s *Service) apply(ctx context.Context, tx store.Tx, d *deployment, n rollout.Next) error {
	now := s.Now()
	if n.Begin > 0 {
		if err := s.beginPending(ctx, tx, d, n.Begin); err != nil {
			return err
		}
	}
	if n.Skip {
		err := s.each(ctx, tx, d, cd.TargetStatusPending, func(u *rollout.Unit) { u.Skip(now) })
		if err != nil {
			return err
		}
	}
	if n.Halt {
		err := s.each(ctx, tx, d, cd.TargetStatusInProgress, func(u *rollout.Unit) { u.Halt(now) })
		if err != nil {
			return err
		}
	}
	if n.Step != "" {
		if err := s.step(ctx, tx, d, n.Step); err != nil {
			return err
		}
	}
	switch {
	case n.End == nil:
		return nil
	case d.rollsBack(n.End.Status):
		// The rollback's targets are listed outside the transaction. The deployment stays live until then.
		return tx.Enqueue(ctx, store.Job{Kind: rollbackJob, Key: d.id})
	}
	return s.finish(ctx, tx, d, n.End, nil)
}

// finish ends a deployment. Its group learns how, a rollback to targets begins if one is due, and the end is published.
func (s *Service) finish(ctx context.Context, tx store.Tx, d *deployment, end *rollout.End, targets []Target) error {
	now := awsproto.At(s.Now())
	d.live = false
	d.info.Status, d.info.ErrorInformation, d.info.CompleteTime = end.Status, end.Error, now
	// Saved before a rollback takes its place as the group's live deployment.
	if err := d.save(ctx, tx); err != nil {
		return err
	}
	g, err := groupByID(ctx, tx, d.grp)
	if err != nil {
		return err
	}
	if g != nil {
		g.attempted(d, now)
		if err := g.save(ctx, tx); err != nil {
			return err
		}
		if err := s.triggerEnd(ctx, tx, g, d); err != nil {
			return err
		}
		if d.rollsBack(end.Status) {
			if err := s.trigger(ctx, tx, g, d, cd.TriggerEventTypeDeploymentRollback); err != nil {
				return err
			}
			if err := s.rollBack(ctx, tx, d, g, targets); err != nil {
				return err
			}
		}
	}
	for _, job := range []string{limitJob, waitJob, undoJob} {
		if err := tx.Cancel(ctx, job, d.id); err != nil {
			return err
		}
	}
	if err := tx.Enqueue(ctx, store.Job{Kind: logsJob, Key: d.id}); err != nil {
		return err
	}
	s.Hints.Changed(tx, "deployment/"+d.id, "deployments")
	tx.AfterCommit(func() {
		s.Log.Info("deployment ended", "deployment", d.id, "status", end.Status, "error",
			awsproto.Value(messageOf(end.Error)))
	})
	return event.DeploymentEnded.Publish(ctx, tx, d.id, event.Ended{ID: d.id, Status: string(end.Status)})
}

// attempted notes in a group how a deployment to it ended.
func (g *group) attempted(d *deployment, now *awsproto.Time) {
	last := &cd.LastDeploymentInfo{
		DeploymentId: &d.id,
		Status:       d.info.Status,
		CreateTime:   d.info.CreateTime,
		EndTime:      now,
	}
	g.LastAttemptedDeployment = last
	if d.info.Status != cd.DeploymentStatusSucceeded {
		return
	}
	g.LastSuccessfulDeployment, g.TargetRevision, g.revision = last, d.info.Revision, revisionKey(d.info.Revision)
	if d.traffic != nil && d.traffic.Side != "" {
		g.side = d.traffic.Side
	}
}

func messageOf(e *cd.ErrorInformation) *string {
	if e == nil {
		return nil
	}
	return e.Message
}

// stopLive fails what is in progress in a group that is going away.
func (s *Service) stopLive(ctx context.Context, tx store.Tx, grp string, code cd.ErrorCode, message string) error {
	live, err := store.Strings(ctx, tx, `SELECT id FROM deploy_deployments WHERE grp = $1 AND live = 1`, grp)
	if err != nil || len(live) == 0 {
		return err
	}
	d, err := loadDeployment(ctx, tx, live[0])
	if err != nil {
		return err
	}
	d.state.Ask(rollout.Stop{Status: cd.DeploymentStatusFailed, Code: code, Message: message, Halt: true})
	return s.react(ctx, tx, d)
}
