package deploy

import (
	"context"
	"strings"
	"time"

	cd "slipway/api/codedeploy"
	"slipway/internal/deploy/rollout"
	"slipway/internal/store"
)

// timer ends an event that has taken too long.
func (s *Service) timer(ctx context.Context, j store.Running) (store.Outcome, error) {
	id, name, _ := strings.Cut(j.Key, "/")
	late, why, err := s.late(ctx, id, name)
	if err != nil || late == nil {
		return store.Done, err
	}
	var next time.Time
	var expired *rollout.Unit
	err = s.db.Write(ctx, func(tx store.Tx) error {
		_, err := s.change(ctx, tx, id, name, func(_ *deployment, u *rollout.Unit) bool {
			next, expired = u.Due(), nil
			if u.At != late.At || u.Phase != late.Phase || !u.Expire(why, s.Now()) {
				return false
			}
			next, expired = time.Time{}, u
			return true
		})
		return err
	})
	if err != nil {
		return store.Done, err
	}
	if expired != nil {
		s.Log.Warn("a lifecycle event is late", "deployment", id, "unit", name,
			"event", expired.EventName(), "message", why)
		s.note(ctx, expired, why+"\n")
	}
	if !next.IsZero() {
		return store.Again(next), nil
	}
	return store.Done, nil
}

// late asks the platform of a unit why its event is late. The unit is nil if there is no such unit.
func (s *Service) late(ctx context.Context, id, name string) (*rollout.Unit, string, error) {
	d, u, err := s.Part(ctx, id, name)
	if err != nil || u == nil {
		return nil, "", err
	}
	if due := u.Due(); due.IsZero() || s.Now().Before(due) {
		return u, "", nil
	}
	p, err := s.platformOf(d.Info)
	if err != nil {
		return nil, "", err
	}
	why, err := p.Late(ctx, *u)
	return u, why, err
}

// limit ends a deployment that has taken too long.
func (s *Service) limit(ctx context.Context, j store.Running) (store.Outcome, error) {
	const message = "The deployment took longer than a deployment of its kind may."
	return store.Done, s.db.Write(ctx, func(tx store.Tx) error {
		d, err := loadLive(ctx, tx, j.Key)
		if err != nil || d == nil {
			return err
		}
		d.state.Ask(rollout.Stop{Status: cd.DeploymentStatusFailed, Code: cd.ErrorCodeTimeout, Message: message})
		err = s.each(ctx, tx, d, cd.TargetStatusInProgress, func(u *rollout.Unit) { u.Abort(message, s.Now()) })
		if err != nil {
			return err
		}
		return s.react(ctx, tx, d)
	})
}
