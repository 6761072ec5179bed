package deploy

import (
	"context"
	"time"

	cd "slipway/api/codedeploy"
	"slipway/internal/deploy/rollout"
	"slipway/internal/store"
)

func loadUnits(ctx context.Context, q store.Queryer, where string, args ...any) ([]*rollout.Unit, error) {
	return store.Documents[rollout.Unit](ctx, q, `SELECT doc FROM deploy_targets WHERE `+where, args...)
}

// loadUnit reads a unit of a deployment. It returns nil if there is none.
func loadUnit(ctx context.Context, q store.Queryer, deployment, name string) (*rollout.Unit, error) {
	return store.Document[rollout.Unit](ctx, q,
		`SELECT doc FROM deploy_targets WHERE deployment = $1 AND target = $2`, deployment, name)
}

// unitKey is the key of the jobs of a unit. A name may have slashes, the ID of a deployment has none.
func unitKey(u *rollout.Unit) string { return u.Deployment + "/" + u.Name }

func insertUnit(ctx context.Context, tx store.Tx, u *rollout.Unit, position int) error {
	_, err := tx.Exec(ctx, `INSERT INTO deploy_targets
		(deployment, target, position, status, host, deliverable, label, doc) VALUES ($1, $2, $3, $4, '', 0, $5, $6)`,
		u.Deployment, u.Name, position, string(u.Status), string(u.Label), store.JSON(u))
	return err
}

// saveUnit writes a unit. A command that waits is in the unit's queue, and its polls are woken; an event
// that the platform carries out has a job.
func (s *Service) saveUnit(ctx context.Context, tx store.Tx, u *rollout.Unit) error {
	asker, deliverable := "", int64(0)
	if from, ok := u.Deliverable(); ok {
		asker, deliverable = u.Name, from.UnixMilli()
		if u.Phase == rollout.Queued {
			s.Hints.Changed(tx, commandsOf(asker))
		}
	}
	acting := u.Phase == rollout.Acting
	if acting {
		if err := tx.Enqueue(ctx, store.Job{Kind: actJob, Key: unitKey(u)}); err != nil {
			return err
		}
	}
	s.Hints.Changed(tx, "deployment/"+u.Deployment, "deployments")
	_, err := tx.Exec(ctx, `UPDATE deploy_targets
		SET status = $3, host = $4, deliverable = $5, moving = $6, doc = $7 WHERE deployment = $1 AND target = $2`,
		u.Deployment, u.Name, string(u.Status), asker, deliverable, bit(acting), store.JSON(u))
	return err
}

// change lets f change a unit, writes what follows from that for its deployment, and reports whether anything did.
func (s *Service) change(ctx context.Context, tx store.Tx, deploymentID, name string,
	f func(*deployment, *rollout.Unit) (changed bool)) (bool, error) {
	d, err := loadDeployment(ctx, tx, deploymentID)
	if err != nil {
		return false, err
	}
	u, err := loadUnit(ctx, tx, deploymentID, name)
	if err != nil || u == nil {
		return false, err
	}
	before, over := u.Phase, u.Ended()
	if !f(d, u) {
		return false, nil
	}
	if over {
		return true, s.saveUnit(ctx, tx, u)
	}
	if err := s.count(ctx, tx, d, u, before); err != nil {
		return false, err
	}
	// In place, a deployment reacts to the end of a unit alone; blue/green, to each of its phases.
	if !u.Ended() && (u.Phase == before || d.state.BlueGreen == nil) {
		return true, nil
	}
	return true, s.react(ctx, tx, d)
}

// count writes a unit that was in progress and counts what became of it. before is the phase that it was in.
func (s *Service) count(ctx context.Context, tx store.Tx, d *deployment, u *rollout.Unit, before rollout.Phase) error {
	if err := s.saveUnit(ctx, tx, u); err != nil {
		return err
	}
	d.state.Count(u, before)
	if u.Ended() {
		return s.unitEnded(ctx, tx, d, u)
	}
	return nil
}

// unitEnded records what a deployment made of a unit, for the order of the next deployment and for what serves.
func (s *Service) unitEnded(ctx context.Context, tx store.Tx, d *deployment, u *rollout.Unit) error {
	if err := tx.Cancel(ctx, timerJob, unitKey(u)); err != nil {
		return err
	}
	if u.Status == cd.TargetStatusSkipped || u.Original() || d.mirror() {
		return nil // nothing was installed
	}
	var r record
	_, err := store.Find(ctx, tx, []any{store.JSON(&r)},
		`SELECT doc FROM deploy_health WHERE grp = $1 AND host = $2`, d.grp, u.Name)
	if err != nil {
		return err
	}
	var current string
	_, err = store.Find(ctx, tx, []any{&current}, `SELECT revision FROM deploy_groups WHERE id = $1`, d.grp)
	if err != nil {
		return err
	}
	r = r.after(u, revisionKey(d.info.Revision), current, s.Now())
	_, err = tx.Exec(ctx, `INSERT INTO deploy_health (grp, host, doc) VALUES ($1, $2, $3)
		ON CONFLICT (grp, host) DO UPDATE SET doc = excluded.doc`, d.grp, u.Name, store.JSON(r))
	return err
}

// begin starts a unit.
func (s *Service) begin(ctx context.Context, tx store.Tx, u *rollout.Unit, now time.Time) error {
	u.Begin(now)
	if err := s.saveUnit(ctx, tx, u); err != nil {
		return err
	}
	return tx.Enqueue(ctx, store.Job{Kind: timerJob, Key: unitKey(u), RunAt: u.Due()})
}

// beginPending starts n of the units that are pending, in their order.
func (s *Service) beginPending(ctx context.Context, tx store.Tx, d *deployment, n int) error {
	units, err := loadUnits(ctx, tx, `deployment = $1 AND status = 'Pending' ORDER BY position LIMIT $2`, d.id, n)
	if err != nil {
		return err
	}
	for _, u := range units {
		if err := s.begin(ctx, tx, u, s.Now()); err != nil {
			return err
		}
	}
	return nil
}

// each changes all units of a status. Those that were pending have been counted already.
func (s *Service) each(ctx context.Context, tx store.Tx, d *deployment, status cd.TargetStatus,
	f func(*rollout.Unit)) error {
	units, err := loadUnits(ctx, tx, `deployment = $1 AND status = $2 ORDER BY position`, d.id, string(status))
	if err != nil {
		return err
	}
	for _, u := range units {
		before := u.Phase
		f(u)
		if status == cd.TargetStatusPending {
			err = s.saveUnit(ctx, tx, u)
		} else {
			err = s.count(ctx, tx, d, u, before)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// resume changes the units in progress, and sets the timers of what begins on them.
func (s *Service) resume(ctx context.Context, tx store.Tx, d *deployment, f func(*rollout.Unit)) error {
	var begun []store.Job
	err := s.each(ctx, tx, d, cd.TargetStatusInProgress, func(u *rollout.Unit) {
		f(u)
		if due := u.Due(); !due.IsZero() {
			begun = append(begun, store.Job{Kind: timerJob, Key: unitKey(u), RunAt: due})
		}
	})
	if err != nil {
		return err
	}
	for _, j := range begun {
		if err := tx.Enqueue(ctx, j); err != nil {
			return err
		}
	}
	return nil
}

// Abandon ends the parts that a target has in deployments under way: it is gone, and nobody is to wait for it.
func (s *Service) Abandon(ctx context.Context, tx store.Tx, target, reason string) error {
	ids, err := store.Strings(ctx, tx, `SELECT t.deployment FROM deploy_targets t
		JOIN deploy_deployments d ON d.id = t.deployment WHERE d.live = 1 AND t.target = $1`, target)
	if err != nil {
		return err
	}
	for _, id := range ids {
		_, err := s.change(ctx, tx, id, target, func(_ *deployment, u *rollout.Unit) bool {
			if u.Ended() {
				return false
			}
			u.Abort(reason, s.Now())
			return true
		})
		if err != nil {
			return err
		}
	}
	return nil
}
