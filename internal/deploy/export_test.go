package deploy

import (
	"context"
	"errors"

	"slipway/internal/store"
)

// ExpireNow does the job of a host's timer.
func (s *Service) ExpireNow(ctx context.Context, deployment, host string) error {
	_, err := s.timer(ctx, store.Running{Kind: timerJob, Key: deployment + "/" + host})
	return err
}

// WaitNow does the job of a blue/green deployment's wait.
func (s *Service) WaitNow(ctx context.Context, deployment string) error {
	_, err := s.waited(ctx, store.Running{Kind: waitJob, Key: deployment})
	return err
}

// LimitNow does the job of a deployment's timer.
func (s *Service) LimitNow(ctx context.Context, deployment string) error {
	_, first := s.limit(ctx, store.Running{Kind: limitJob, Key: deployment})
	_, second := s.limit(ctx, store.Running{Kind: limitJob, Key: deployment})
	return errors.Join(first, second)
}
