package deploy

import (
	"context"
	"fmt"
	"strings"
	"time"

	"slipway/api/awsproto"
	"slipway/internal/deploy/rollout"
	"slipway/internal/fault"
	"slipway/internal/store"
)

// lookAgain is how often a platform is asked how far an event is if it does not say by itself that something changed.
const lookAgain = 30 * time.Second

// act is the job that has a platform carry out the event in progress of a unit.
func (s *Service) act(ctx context.Context, j store.Running) (store.Outcome, error) {
	id, name, _ := strings.Cut(j.Key, "/")
	d, err := loadLive(ctx, s.db, id)
	if err != nil || d == nil {
		return store.Done, err
	}
	u, err := loadUnit(ctx, s.db, id, name)
	if err != nil || u == nil || u.Phase != rollout.Acting {
		return store.Done, err
	}
	p, err := s.platformOf(d.info)
	if err != nil {
		return store.Done, err
	}
	w := Work{Deployment: d.as(), Unit: *u, Event: u.EventName()}
	switch w.Event {
	case rollout.BlockTraffic:
		w.TargetGroups, w.Returns = d.traffic.of(u), u.ComesBack()
	case rollout.AllowTraffic:
		w.TargetGroups = d.traffic.of(u)
	}
	var progress Progress
	acting, err := s.acting(ctx, d)
	if err == nil {
		progress, err = p.Act(acting, w)
	}
	if why := refused(err); why != "" {
		progress, err = Progress{Failed: why}, nil
	}
	if err != nil {
		return store.Done, fmt.Errorf("%s of %s: %w", w.Event, name, err)
	}
	if !progress.Done && progress.Failed == "" {
		return store.Again(s.Now().Add(lookAgain)), nil
	}
	err = s.acted(ctx, u, progress)
	fault.Point("traffic.after-move")
	return store.Done, err
}

// acted writes what came of the event of a unit. If the unit is in another event by now, nothing changes.
func (s *Service) acted(ctx context.Context, acted *rollout.Unit, p Progress) error {
	return s.db.Write(ctx, func(tx store.Tx) error {
		change := func(d *deployment, u *rollout.Unit) bool {
			switch {
			case u.At != acted.At:
				return false
			case p.Failed != "":
				return u.Stuck(p.Failed, awsproto.Value(d.info.IgnoreApplicationStopFailures), s.Now())
			}
			return u.Acted(s.Now())
		}
		_, err := s.change(ctx, tx, acted.Deployment, acted.Name, change)
		return err
	})
}

// Look takes a platform's or the load balancer's word that something changed: what waits for that is looked at again.
func (s *Service) Look(ctx context.Context) error {
	acting, err := store.Strings(ctx, s.db,
		`SELECT deployment || '/' || target FROM deploy_targets WHERE moving = 1`)
	if err != nil {
		return err
	}
	undoing, err := store.Strings(ctx, s.db, `SELECT id FROM deploy_deployments WHERE live = 1 AND undoing = 1`)
	if err != nil || len(acting)+len(undoing) == 0 {
		return err
	}
	return s.db.Write(ctx, func(tx store.Tx) error {
		for _, key := range acting {
			if err := tx.Enqueue(ctx, store.Job{Kind: actJob, Key: key}); err != nil {
				return err
			}
		}
		for _, id := range undoing {
			if err := tx.Enqueue(ctx, store.Job{Kind: undoJob, Key: id}); err != nil {
				return err
			}
		}
		return nil
	})
}
