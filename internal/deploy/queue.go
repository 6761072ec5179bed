package deploy

import (
	"context"
	"time"

	"slipway/api/awsproto"
	cd "slipway/api/codedeploy"
	"slipway/internal/deploy/rollout"
	"slipway/internal/fault"
	"slipway/internal/store"
)

// Command is a lifecycle event of a unit in the hands of the unit's agent.
type Command struct {
	Deployment, Unit string
	Event            string
	Position         int // of the event among those of the unit
	Attempt          int // of handing it out
}

// commandsOf names the commands of a unit among hints.
func commandsOf(unit string) string { return "commands/" + unit }

// Waiting returns a channel that gets a value after a command of a unit began to wait, until stop is called. Listen
// before Take.
func (s *Service) Waiting(unit string) (woken <-chan struct{}, stop func()) {
	return s.Hints.Listen(commandsOf(unit))
}

// Take hands out the command of a unit that has waited longest. Without one it returns nil, and the time at which there
// will be one if that is known.
func (s *Service) Take(ctx context.Context, unit string) (*Command, time.Time, error) {
	var at int64
	ok, err := store.Find(ctx, s.db, []any{&at},
		`SELECT deliverable FROM deploy_targets WHERE host = $1 ORDER BY deliverable LIMIT 1`, unit)
	if err != nil || !ok {
		return nil, time.Time{}, err
	}
	if at > s.Now().UnixMilli() {
		return nil, time.UnixMilli(at), nil
	}
	var c *Command
	err = s.db.Write(ctx, func(tx store.Tx) error {
		c = nil
		now := s.Now()
		u, err := store.Document[rollout.Unit](ctx, tx, `SELECT doc FROM deploy_targets
			WHERE host = $1 AND deliverable <= $2 ORDER BY deliverable LIMIT 1`, unit, now.UnixMilli())
		if err != nil || u == nil {
			return err
		}
		if from, ok := u.Deliverable(); !ok || from.UnixMilli() > now.UnixMilli() {
			return nil
		}
		u.Deliver(now)
		c = &Command{Deployment: u.Deployment, Unit: unit, Event: u.EventName(), Position: u.At, Attempt: u.Attempt}
		return s.saveUnit(ctx, tx, u)
	})
	fault.Point("deploy.after-deliver")
	if err == nil && c == nil {
		return nil, s.Now(), nil // another poll was faster: look again
	}
	return c, time.Time{}, err
}

// Acknowledge says whether a unit may run a command. It may not if the status is Succeeded or Failed.
func (s *Service) Acknowledge(ctx context.Context, c Command) (cd.LifecycleEventStatus, error) {
	status := cd.LifecycleEventStatusFailed
	err := s.db.Write(ctx, func(tx store.Tx) error {
		_, err := s.change(ctx, tx, c.Deployment, c.Unit, func(_ *deployment, u *rollout.Unit) (changed bool) {
			status, changed = u.Acknowledge(c.Position, c.Attempt, s.Now())
			return changed
		})
		return err
	})
	fault.Point("deploy.after-acknowledge")
	return status, err
}

// Complete ends a command with what came of it. The first report of an attempt counts; later ones change nothing.
func (s *Service) Complete(ctx context.Context, c Command, succeeded bool, d *cd.Diagnostics) error {
	var changed bool
	err := s.db.Write(ctx, func(tx store.Tx) (err error) {
		changed, err = s.change(ctx, tx, c.Deployment, c.Unit, func(of *deployment, u *rollout.Unit) bool {
			ignore := awsproto.Value(of.info.IgnoreApplicationStopFailures)
			return u.Complete(c.Position, c.Attempt, succeeded, d, ignore, s.Now())
		})
		return err
	})
	fault.Point("deploy.after-complete")
	if err == nil && changed {
		s.endLog(ctx, c, d)
	}
	return err
}

// Part returns a deployment and the unit of that name in it. The unit is nil if the deployment has none.
func (s *Service) Part(ctx context.Context, deploymentID, unit string) (Deployment, *rollout.Unit, error) {
	u, err := loadUnit(ctx, s.db, deploymentID, unit)
	if err != nil || u == nil {
		return Deployment{}, nil, err
	}
	d, err := loadDeployment(ctx, s.db, deploymentID)
	if err != nil {
		return Deployment{}, nil, err
	}
	return d.as(), u, nil
}

// Revisions are those of the deployments in progress that a unit has a part in.
func (s *Service) Revisions(ctx context.Context, unit string) ([]cd.RevisionLocation, error) {
	live, err := store.Documents[cd.DeploymentInfo](ctx, s.db, `SELECT d.doc FROM deploy_deployments d
		JOIN deploy_targets t ON t.deployment = d.id WHERE t.target = $1 AND d.live = 1`, unit)
	var all []cd.RevisionLocation
	for _, d := range live {
		if d.Revision != nil {
			all = append(all, *d.Revision)
		}
	}
	return all, err
}
