package deploy

import (
	"context"
	"errors"

	"slipway/internal/store"
)

// ExpireNow does the job of a host's timer.
func (s *Service) ExpireNow(ctx context.Context, deployment, host string) error {
	return s.timer(ctx, store.Running{Kind: timerJob, Key: deployment + "/" + host})
}

// WaitNow does the job of a blue/green deployment's wait.
func (s *Service) WaitNow(ctx context.Context, deployment string) error {
	return s.waited(ctx, store.Running{Kind: waitJob, Key: deployment})
}

// LimitNow does the job of a deployment's timer.
func (s *Service) LimitNow(ctx context.Context, deployment string) error {
	return errors.Join(s.limit(ctx, store.Running{Kind: limitJob, Key: deployment}), s.limit(ctx, store.Running{Kind: limitJob, Key: deployment}))
}
