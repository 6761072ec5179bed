package release

import (
	"context"
	"errors"
	"time"

	"slipway/api/awsproto"
	"slipway/api/slipway"
	"slipway/internal/release/shift"
	"slipway/internal/store"
)

// act lets a person change a release, and notes who it was.
func (s *Service) act(ctx context.Context, deployment *string, text string,
	f func(*shift.State, time.Time) error) error {
	return s.db.Write(ctx, func(tx store.Tx) error {
		now := s.Now()
		err := s.change(ctx, tx, *deployment, func(x *row) error {
			if err := f(x.state, now); err != nil {
				return err
			}
			x.note(now, awsproto.CallerOf(ctx).Name, text)
			return nil
		})
		for _, refusal := range []error{shift.ErrEnded, shift.ErrRollingBack, shift.ErrPaused, shift.ErrNotPaused} {
			if errors.Is(err, refusal) {
				return &slipway.ReleaseStateException{
					Message: "The release of " + *deployment + ": " + refusal.Error() + ".",
				}
			}
		}
		return err
	})
}

// PromoteRelease implements slipway:PromoteRelease: the next step begins without waiting or asking any longer, or at
// once the last.
func (s *Service) PromoteRelease(ctx context.Context,
	in *slipway.PromoteReleaseInput) (*slipway.PromoteReleaseOutput, error) {
	full, text := in.Full != nil && *in.Full, "promoted to the next step"
	if full {
		text = "promoted to 100 %"
	}
	return nil, s.act(ctx, in.DeploymentId,
		text, func(st *shift.State, now time.Time) error { return st.Promote(full, now) })
}

// PauseRelease implements slipway:PauseRelease: the weights stay as they are, and no further step begins.
func (s *Service) PauseRelease(ctx context.Context,
	in *slipway.PauseReleaseInput) (*slipway.PauseReleaseOutput, error) {
	return nil, s.act(ctx, in.DeploymentId,
		"paused"+because(in.Reason), func(st *shift.State, _ time.Time) error { return st.Pause() })
}

// ResumeRelease implements slipway:ResumeRelease.
func (s *Service) ResumeRelease(ctx context.Context,
	in *slipway.ResumeReleaseInput) (*slipway.ResumeReleaseOutput, error) {
	return nil, s.act(ctx, in.DeploymentId,
		"resumed", func(st *shift.State, now time.Time) error { return st.Resume(now) })
}

// RollBackRelease implements slipway:RollBackRelease: all traffic goes back to what ran before, and the deployment
// fails.
func (s *Service) RollBackRelease(ctx context.Context,
	in *slipway.RollBackReleaseInput) (*slipway.RollBackReleaseOutput, error) {
	reason := "Rolled back by " + awsproto.CallerOf(ctx).Name + because(in.Reason)
	return nil, s.act(ctx, in.DeploymentId,
		"rolled back"+
			because(in.Reason), func(st *shift.State,
			now time.Time) error {
			return st.RollBack(shift.ByHand, reason, now)
		})
}

func because(reason *string) string {
	if reason == nil || *reason == "" {
		return ""
	}
	return ": " + *reason
}
