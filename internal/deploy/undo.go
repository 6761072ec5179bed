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

// undo puts the traffic of a blue/green deployment back: the originals are in their target group, then all weight is on
// them, then the replacement leaves its own. It is run again whenever one of these may have come about.
func (s *Service) undo(ctx context.Context, j store.Running) (store.Outcome, error) {
	d, err := loadDeployment(ctx, s.db, j.Key)
	if absent(err) {
		return store.Done, nil
	}
	if err != nil {
		return store.Done, err
	}
	b := d.state.BlueGreen
	if !d.live || b == nil || !b.Undoing || b.Undone {
		return store.Done, nil
	}
	targets, err := loadTargets(ctx, s.db, `deployment = $1 ORDER BY position`, d.id)
	if err != nil {
		return store.Done, err
	}
	if d.traffic.Shifted {
		ready, err := s.originalsReady(ctx, d, targets)
		if err != nil {
			return store.Done, err
		}
		if ready {
			fault.Point("traffic.before-undo")
			err = s.db.Write(
				ctx, func(tx store.Tx) error { return s.Releases.RollBack(ctx, tx, d.id, d.state.Stop.Message) })
		}
		return store.Again(s.Now().Add(lookAgain)), err // ReleaseEnded comes before that
	}
	for _, t := range targets {
		if t.Original() {
			continue
		}
		if _, err := s.leave(ctx, d.traffic.To, *t.TargetId); err != nil { // its last requests may end by themselves
			return store.Done, err
		}
	}
	fault.Point("traffic.after-undo")
	return store.Done, s.db.Write(ctx, func(tx store.Tx) error {
		d, err := loadDeployment(ctx, tx, j.Key)
		if err != nil || !d.live {
			return err
		}
		d.state.Restored()
		return s.react(ctx, tx, d)
	})
}

// originalsReady puts the originals that left their target group back into it, and tells whether they can take the
// traffic.
func (s *Service) originalsReady(ctx context.Context, d *deployment, targets []*rollout.Target) (bool, error) {
	all, ready := 0, 0
	for _, t := range targets {
		if !t.Left() {
			continue
		}
		all++
		ok, err := s.enter(ctx, d.traffic.From, *t.TargetId)
		switch err.(type) {
		case nil, unaddressed, unused:
		default:
			return false, err
		}
		if ok {
			ready++
		}
	}
	waited := s.Now().Sub(d.traffic.Undoing)
	return ready == all || ready > 0 && waited > forAll || waited > forAny, nil
}
