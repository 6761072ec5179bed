package deploy

import (
	"context"
	"time"

	"slipway/internal/deploy/rollout"
	"slipway/internal/fault"
	"slipway/internal/store"
)

// How long traffic on its way back waits for the originals to be healthy again.
const (
	forAll = 30 * time.Second // then those that are have to do
	forAny = 5 * time.Minute  // then it goes back whatever their health is
)

// undo is the job that puts the traffic of a blue/green deployment back: the originals join their target group, then
// all weight goes to them, then the replacement leaves its own. It runs again when one of these may have come about.
func (s *Service) undo(ctx context.Context, j store.Running) (store.Outcome, error) {
	d, err := loadLive(ctx, s.db, j.Key)
	if err != nil || d == nil {
		return store.Done, err
	}
	if b := d.state.BlueGreen; b == nil || !b.Undoing || b.Undone {
		return store.Done, nil
	}
	p, err := s.platformOf(d.info)
	if err != nil {
		return store.Done, err
	}
	units, err := loadUnits(ctx, s.db, `deployment = $1 ORDER BY position`, d.id)
	if err != nil {
		return store.Done, err
	}
	if d.traffic.Shifted {
		ready, err := s.originalsReady(ctx, p, d, units)
		if err != nil {
			return store.Done, err
		}
		if ready {
			fault.Point("traffic.before-undo")
			err = s.db.Write(ctx, func(tx store.Tx) error {
				return s.Releases.RollBack(ctx, tx, d.id, d.state.Stop.Message)
			})
		}
		return store.Again(s.Now().Add(lookAgain)), err // ReleaseEnded comes before that
	}
	if err := s.replacementLeaves(ctx, p, d, units); err != nil {
		return store.Done, err
	}
	fault.Point("traffic.after-undo")
	return store.Done, s.db.Write(ctx, func(tx store.Tx) error {
		d, err := loadLive(ctx, tx, j.Key)
		if err != nil || d == nil {
			return err
		}
		d.state.Restored()
		return s.react(ctx, tx, d)
	})
}

// replacementLeaves takes the replacement out of its target group. Its last requests may end by themselves.
func (s *Service) replacementLeaves(ctx context.Context, p Platform, d *deployment, units []*rollout.Unit) error {
	for _, u := range units {
		if u.Original() {
			continue
		}
		acting, err := s.acting(ctx, d)
		if err != nil {
			return err
		}
		if _, err := p.Act(acting, d.back(u, rollout.BlockTraffic, d.traffic.To)); err != nil {
			return err
		}
	}
	return nil
}

// back is the work on a unit while traffic goes back.
func (d *deployment) back(u *rollout.Unit, event, targetGroup string) Work {
	return Work{Deployment: d.as(), Unit: *u, Event: event, TargetGroups: []string{targetGroup}}
}

// originalsReady puts the originals that left their target group back into it, and reports whether they can take the
// traffic. An original that cannot join is not waited for beyond forAny.
func (s *Service) originalsReady(ctx context.Context, p Platform, d *deployment, units []*rollout.Unit) (bool, error) {
	all, ready := 0, 0
	for _, u := range units {
		if !u.Left() {
			continue
		}
		all++
		acting, err := s.acting(ctx, d)
		if err != nil {
			return false, err
		}
		progress, err := p.Act(acting, d.back(u, rollout.AllowTraffic, d.traffic.From))
		if err != nil {
			return false, err
		}
		if progress.Done {
			ready++
		}
	}
	waited := s.Now().Sub(d.traffic.Undoing)
	return ready == all || ready > 0 && waited > forAll || waited > forAny, nil
}
