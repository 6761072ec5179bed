package deploy

import (
	"context"
	"errors"
	"slices"

	"slipway/api/awsproto"
	cd "slipway/api/codedeploy"
	"slipway/internal/store"
)

// rollbackEvent is the event of an ended deployment that a rollback can be tied to; "" if there is none.
func (d *deployment) rollbackEvent(ended cd.DeploymentStatus) cd.AutoRollbackEvent {
	switch ended {
	case cd.DeploymentStatusFailed:
		return cd.AutoRollbackEventDeploymentFailure
	case cd.DeploymentStatusStopped:
		if d.state.Stop != nil && d.state.Stop.Code == cd.ErrorCodeAlarmActive {
			return cd.AutoRollbackEventDeploymentStopOnAlarm
		}
		return cd.AutoRollbackEventDeploymentStopOnRequest
	}
	return ""
}

// rollsBack reports whether the end of a deployment is followed by a rollback: its configuration asks for one, and it
// changed something. A rollback is not rolled back, nor is a deployment whose group was deleted.
func (d *deployment) rollsBack(ended cd.DeploymentStatus) bool {
	c, occasion := d.info.AutoRollbackConfiguration, d.rollbackEvent(ended)
	if occasion == "" || c == nil || !awsproto.Value(c.Enabled) || !slices.Contains(c.Events, occasion) {
		return false
	}
	if d.info.Creator == cd.DeploymentCreatorCodeDeployRollback {
		return false
	}
	if stop := d.state.Stop; stop != nil {
		switch stop.Code {
		case cd.ErrorCodeDeploymentGroupMissing, cd.ErrorCodeApplicationMissing:
			return false
		}
	}
	if b := d.state.BlueGreen; b != nil {
		return b.Begun
	}
	return d.state.Succeeded+d.state.Failed > 0
}

// endInRollback is the job that ends a deployment and begins its rollback, in one transaction.
func (s *Service) endInRollback(ctx context.Context, j store.Running) (store.Outcome, error) {
	d, err := loadLive(ctx, s.db, j.Key)
	if err != nil || d == nil || !d.state.Ended {
		return store.Done, err
	}
	g, err := groupByID(ctx, s.db, d.grp)
	if err != nil {
		return store.Done, err
	}
	var targets []Target
	if g != nil {
		if targets, err = s.targets(ctx, g); err != nil {
			return store.Done, err
		}
	}
	again := false
	err = s.db.Write(ctx, func(tx store.Tx) error {
		d, err := loadLive(ctx, tx, j.Key)
		if err != nil || d == nil {
			return err
		}
		now, err := groupByID(ctx, tx, d.grp)
		if err != nil {
			return err
		}
		if again = g != nil && now != nil && !g.same(now); again {
			return nil // its targets may be others
		}
		return s.finish(ctx, tx, d, d.state.Outcome(), targets)
	})
	if err != nil {
		return store.Done, err
	}
	if again {
		return store.Again(s.Now()), nil
	}
	return store.Done, s.abandonMissing(ctx, g, targets)
}

// rollBack deploys the last good revision of the group once more, as a deployment of its own.
func (s *Service) rollBack(ctx context.Context, tx store.Tx, d *deployment, g *group, targets []Target) error {
	if g.TargetRevision == nil {
		d.info.RollbackInfo = &cd.RollbackInfo{
			RollbackMessage: new("There is nothing to roll back to: no deployment to the deployment group " +
				*g.DeploymentGroupName + " has succeeded yet."),
		}
		return d.save(ctx, tx)
	}
	in := &cd.CreateDeploymentInput{
		ApplicationName:               g.ApplicationName,
		DeploymentGroupName:           g.DeploymentGroupName,
		Revision:                      g.TargetRevision,
		DeploymentConfigName:          d.info.DeploymentConfigName,
		Description:                   new("Rollback of " + d.id),
		IgnoreApplicationStopFailures: d.info.IgnoreApplicationStopFailures,
		OverrideAlarmConfiguration:    d.info.OverrideAlarmConfiguration,
		AutoRollbackConfiguration: &cd.AutoRollbackConfiguration{
			Enabled: new(false),
			Events:  []cd.AutoRollbackEvent{},
		},
	}
	if good := g.LastSuccessfulDeployment; good != nil {
		last, err := loadDeployment(ctx, tx, *good.DeploymentId)
		if err != nil {
			return err
		}
		in.FileExistsBehavior = last.info.FileExistsBehavior
	}
	message := "The deployment " + d.id + " ended as " + string(d.info.Status) + " and is rolled back."
	info := &cd.DeploymentInfo{
		Creator:      cd.DeploymentCreatorCodeDeployRollback,
		RollbackInfo: &cd.RollbackInfo{RollbackTriggeringDeploymentId: &d.id, RollbackMessage: &message},
	}
	id, err := s.create(ctx, tx, in, info, scope{d.traffic.mirrored(), targets})
	// A rollback that is refused is no reason that the deployment cannot end.
	if refusal, ok := errors.AsType[awsproto.ServiceError](err); ok {
		d.info.RollbackInfo = &cd.RollbackInfo{
			RollbackMessage: new("The rollback could not be started: " + refusal.Error()),
		}
		return d.save(ctx, tx)
	}
	if err != nil {
		return err
	}
	d.info.RollbackInfo = &cd.RollbackInfo{RollbackDeploymentId: &id, RollbackMessage: &message}
	return d.save(ctx, tx)
}
