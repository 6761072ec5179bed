package deploy

import (
	"context"
	"strings"
	"time"

	cd "slipway/api/codedeploy"
	"slipway/internal/deploy/rollout"
	"slipway/internal/store"
)

func timerKey(t *rollout.Target) string { return *t.DeploymentId + "/" + *t.TargetId }

// timer ends a command that has taken too long.
func (s *Service) timer(ctx context.Context, j store.Running) (store.Outcome, error) {
	id, host, _ := strings.Cut(j.Key, "/")
	seen, err := s.seen(ctx, host)
	if err != nil {
		return store.Done, err
	}
	var next time.Time
	var late *rollout.Target
	err = s.db.Write(ctx, func(tx store.Tx) error {
		_, err := s.change(ctx, tx, id, host, func(_ *deployment, t *rollout.Target) bool {
			next, late = t.Due(), nil
			if !t.Expire(seen, s.Now()) {
				return false
			}
			next, late = time.Time{}, t
			return true
		})
		return err
	})
	if err != nil {
		return store.Done, err
	}
	if late != nil {
		e := late.Event()
		s.Log.Warn("a host is late", "deployment", id, "host", host, "event", *e.LifecycleEventName, "message",
			*e.Diagnostics.Message)
		s.note(ctx, id, host, *e.LifecycleEventName, *e.Diagnostics.Message+"\n")
	}
	if !next.IsZero() {
		return store.Again(next), nil
	}
	return store.Done, nil
}

// limit ends a deployment that has taken too long.
func (s *Service) limit(ctx context.Context, j store.Running) (store.Outcome, error) {
	const message = "The deployment took longer than a deployment of its kind may."
	return store.Done, s.db.Write(ctx, func(tx store.Tx) error {
		d, err := loadDeployment(ctx, tx, j.Key)
		if absent(err) || err == nil && !d.live {
			return nil
		}
		if err != nil {
			return err
		}
		d.state.Ask(rollout.Stop{Status: cd.DeploymentStatusFailed, Code: cd.ErrorCodeTimeout, Message: message})
		if err := s.each(ctx, tx, d, "InProgress", func(t *rollout.Target) { t.Abort(message, s.Now()) }); err != nil {
			return err
		}
		return s.react(ctx, tx, d)
	})
}
