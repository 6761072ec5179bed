package deploy

import (
	"context"
	"slices"
	"time"

	cd "slipway/api/codedeploy"
	"slipway/internal/deploy/rollout"
	"slipway/internal/fault"
	"slipway/internal/store"
)

func (d *deployment) blueGreen() bool { return d.traffic != nil && d.traffic.To != "" }

// mirror reports whether a deployment only puts traffic back, to what is installed already.
func (d *deployment) mirror() bool { return d.state.BlueGreen != nil && d.state.BlueGreen.Mirror }

// mirrored is the traffic of the deployment that rolls one back.
func (x *traffic) mirrored() *traffic {
	if x == nil || x.To == "" {
		return x
	}
	return &traffic{Side: x.Side.other(), From: x.To, To: x.From, Routes: x.Routes, Role: x.Role}
}

func terminates(b *cd.BlueGreenDeploymentConfiguration) bool {
	return b != nil && b.TerminateBlueInstancesOnDeploymentSuccess != nil &&
		b.TerminateBlueInstancesOnDeploymentSuccess.Action == cd.InstanceActionTerminate
}

// readyWait is how long a deployment waits for somebody to continue it; zero if it does not wait.
func readyWait(b *cd.BlueGreenDeploymentConfiguration) time.Duration {
	if b == nil || b.DeploymentReadyOption == nil ||
		b.DeploymentReadyOption.ActionOnTimeout != cd.DeploymentReadyActionStopDeployment {
		return 0
	}
	if n := b.DeploymentReadyOption.WaitTimeInMinutes; n != nil && *n > 0 {
		return time.Duration(*n) * time.Minute
	}
	return maxReadyWait * time.Minute
}

// terminationWait is how long the originals stand by before their application is stopped.
func terminationWait(b *cd.BlueGreenDeploymentConfiguration) time.Duration {
	if !terminates(b) || b.TerminateBlueInstancesOnDeploymentSuccess.TerminationWaitTimeInMinutes == nil {
		return 0
	}
	return time.Duration(*b.TerminateBlueInstancesOnDeploymentSuccess.TerminationWaitTimeInMinutes) * time.Minute
}

// limit is the longest that a deployment may take: what AWS gives one in place, and what a blue/green one is told to
// wait besides.
func (d *deployment) limit() time.Duration {
	if !d.blueGreen() {
		return rollout.Deployment
	}
	b := d.info.BlueGreenDeploymentConfiguration
	return rollout.Deployment + readyWait(b) + terminationWait(b) + maxShift*time.Minute
}

// blueGreenUnits makes the units of a blue/green deployment, the replacement first, and its state.
func (s *Service) blueGreenUnits(ctx context.Context, tx store.Tx, g *group, c *cd.DeploymentConfigInfo, d *deployment,
	targets []Target) ([]*rollout.Unit, error) {
	replacement, err := ofSide(g, targets, d.traffic.Side)
	if err != nil {
		return nil, err
	}
	mirror := d.info.Creator == cd.DeploymentCreatorCodeDeployRollback
	if mirror { // a target that the last deployment to it failed on carried no traffic
		health, err := healthOf(ctx, tx, g)
		if err != nil {
			return nil, err
		}
		replacement = slices.DeleteFunc(replacement, func(t Target) bool { return !health[t.Name].Healthy })
	}
	var originals []Target
	if g.side != "" || mirror {
		if originals, err = ofSide(g, targets, d.traffic.Side.other()); err != nil {
			return nil, err
		}
	}
	b := d.info.BlueGreenDeploymentConfiguration
	terminate := terminates(b) && !mirror
	plan := rollout.NewPlan(len(replacement), c.MinimumHealthyHosts)
	d.state = rollout.NewBlueGreen(plan, len(originals), rollout.BlueGreen{
		ReadyWait: readyWait(b) > 0 && !mirror,
		Linger:    terminate && terminationWait(b) > 0,
		Mirror:    mirror,
	})
	if len(replacement) == 0 {
		d.state.Ask(rollout.Stop{
			Status: cd.DeploymentStatusFailed,
			Code:   cd.ErrorCodeNoInstances,
			Message: "The deployment failed because no instance was found for the " + string(d.traffic.Side) +
				" side, which is the idle one. Check that on-premises instances have the tags that onPremisesTagSet " +
				"of the deployment group names for that side.",
		})
	}
	var units []*rollout.Unit
	for _, t := range replacement {
		units = append(units, s.replacementUnit(d, t, mirror))
	}
	for _, t := range originals {
		units = append(units, s.originalUnit(d, t, terminate))
	}
	return units, nil
}

// replacementUnit makes a unit that takes the traffic over. It is held before BeforeAllowTraffic until the traffic is
// to be shifted; in a mirror it begins there.
func (s *Service) replacementUnit(d *deployment, t Target, mirror bool) *rollout.Unit {
	events := rollout.Replacement(t.Install)
	if mirror {
		events = rollout.Mirrored()
	}
	u := s.newUnit(d, t, events)
	u.Label, u.Gather = cd.TargetLabelGreen, true
	if !mirror {
		u.Hold = rollout.BeforeAllowTraffic
	}
	return u
}

// originalUnit makes a unit that hands the traffic over.
func (s *Service) originalUnit(d *deployment, t Target, terminate bool) *rollout.Unit {
	u := s.newUnit(d, t, rollout.Originals(terminate))
	u.Label = cd.TargetLabelBlue
	if terminate {
		u.Hold = rollout.ApplicationStop
	}
	return u
}

// step does what a blue/green deployment's decider says.
func (s *Service) step(ctx context.Context, tx store.Tx, d *deployment, step rollout.Step) error {
	now, b := s.Now(), d.info.BlueGreenDeploymentConfiguration
	goOn := func(u *rollout.Unit) { u.Go(now) }
	fault.Point("traffic.before-step")
	switch step {
	case rollout.Hold:
		d.info.Status = cd.DeploymentStatusReady
		return tx.Enqueue(ctx, store.Job{Kind: waitJob, Key: d.id, RunAt: now.Add(readyWait(b))})
	case rollout.Open:
		d.info.Status = cd.DeploymentStatusInProgress
		if err := tx.Cancel(ctx, waitJob, d.id); err != nil {
			return err
		}
		return s.resume(ctx, tx, d, goOn)
	case rollout.Weigh:
		return s.beginShift(ctx, tx, d)
	case rollout.Settle:
		return s.resume(ctx, tx, d, func(u *rollout.Unit) { u.Shifted(now) })
	case rollout.Close:
		return s.beginPending(ctx, tx, d, d.state.BlueGreen.Originals.InProgress)
	case rollout.Linger:
		d.info.InstanceTerminationWaitTimeStarted = new(true)
		return tx.Enqueue(ctx, store.Job{Kind: waitJob, Key: d.id, RunAt: now.Add(terminationWait(b))})
	case rollout.Finish:
		return s.resume(ctx, tx, d, goOn)
	case rollout.Undo:
		d.traffic.Undoing = now
		return tx.Enqueue(ctx, store.Job{Kind: undoJob, Key: d.id})
	}
	return nil
}

// beginShift asks for a release that moves the traffic to the replacement. ReleaseEnded tells how it ended.
func (s *Service) beginShift(ctx context.Context, tx store.Tx, d *deployment) error {
	g, err := groupByID(ctx, tx, d.grp)
	if err != nil {
		return err
	}
	d.traffic.Shifted = true
	return s.Releases.Begin(ctx, tx, Shift{
		DeploymentID: d.id,
		Application:  *d.info.ApplicationName,
		Group:        *d.info.DeploymentGroupName,
		Routes:       d.traffic.Routes,
		From:         d.traffic.From,
		To:           d.traffic.To,
		Routing:      d.traffic.Routing,
		AtOnce:       d.mirror() || d.traffic.First,
		Alarms:       namesOf(watched(d.info, g)),
	})
}

// waited ends a wait of a blue/green deployment: nobody continued one that was ready, or the originals have stood by
// long enough.
func (s *Service) waited(ctx context.Context, j store.Running) (store.Outcome, error) {
	return store.Done, s.db.Write(ctx, func(tx store.Tx) error {
		d, err := loadLive(ctx, tx, j.Key)
		if err != nil || d == nil || d.state.BlueGreen == nil {
			return err
		}
		switch d.state.BlueGreen.Stage {
		case rollout.Ready:
			d.state.Ask(rollout.Stop{Status: cd.DeploymentStatusStopped, Code: cd.ErrorCodeTimeout, Halt: true,
				Message: "Nobody continued the deployment within the time that it waits before traffic is shifted."})
		case rollout.Wait:
			d.state.Continue()
		default:
			return nil
		}
		return s.react(ctx, tx, d)
	})
}

// Released is how a release ended.
type Released struct {
	Shifted bool // all traffic is on the replacement; else it is back where it came from
	Reason  string
	ByHand  bool // somebody asked for the way back
}

// ReleaseEnded takes the end of a deployment's release, in the transaction that records it.
func (s *Service) ReleaseEnded(ctx context.Context, tx store.Tx, id string, r Released) error {
	d, err := loadDeployment(ctx, tx, id)
	if err != nil || !d.live {
		return err
	}
	if !r.Shifted {
		d.traffic.Shifted = false // there is nothing left to put back
	}
	switch {
	case r.Shifted:
		d.state.Shifted()
	case d.state.Stop != nil: // it waits for that
		if err := tx.Enqueue(ctx, store.Job{Kind: undoJob, Key: d.id}); err != nil {
			return err
		}
	case r.ByHand:
		d.state.Ask(rollout.Stop{
			Status:  cd.DeploymentStatusStopped,
			Code:    cd.ErrorCodeManualStop,
			Message: r.Reason,
			Halt:    true,
		})
	default:
		d.state.Ask(rollout.Stop{
			Status:  cd.DeploymentStatusFailed,
			Code:    cd.ErrorCodeCustomerApplicationUnhealthy,
			Message: r.Reason,
			Halt:    true,
		})
	}
	return s.react(ctx, tx, d)
}
