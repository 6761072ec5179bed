package app

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"slipway/api/awsproto"
	"slipway/internal/contain"
	"slipway/internal/deploy"
	"slipway/internal/release"
	"slipway/internal/release/shift"
	"slipway/internal/store"
)

// shifts are releases as deployments begin them.
type shifts struct{ *release.Service }

func (s shifts) Begin(ctx context.Context, tx store.Tx, x deploy.Shift) error {
	return s.Service.Begin(
		ctx,
		tx,
		release.Release{DeploymentID: x.DeploymentID, Application: x.Application, Group: x.Group, Resources: x.Routes,
			Baseline: x.From, Canary: x.To, Routing: x.Routing, AtOnce: x.AtOnce, Alarms: x.Alarms},
	)
}

// RollBack implements deploy.Releases. It is not an error if the release has ended, is rolling back, or is gone.
func (s shifts) RollBack(ctx context.Context, tx store.Tx, deploymentID, reason string) error {
	err := s.Service.RollBack(ctx, tx, deploymentID, reason)
	if errors.Is(err, shift.ErrEnded) || errors.Is(err, shift.ErrRollingBack) ||
		awsproto.Code(err) == "ReleaseNotFoundException" {
		return nil
	}
	return err
}

// nudge tells that something changed without blocking its sender. Several nudges before the next round count as one.
type nudge chan struct{}

func newNudge() nudge { return make(nudge, 1) }

func (n nudge) give() {
	select {
	case n <- struct{}{}:
	default:
	}
}

// take calls f for each word until ctx ends.
func (n nudge) take(ctx context.Context, f func(context.Context)) {
	for {
		select {
		case <-n:
			f(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// contained lets a round of a loop fail, or panic, for itself.
func (s *server) contained(f func(context.Context) error) func(context.Context) {
	return func(ctx context.Context) {
		err := contain.Do(func() error { return f(ctx) })
		if err == nil || ctx.Err() != nil {
			return
		}
		stack := ""
		if p, ok := errors.AsType[*contain.Panic](err); ok {
			stack = p.Stack
		}
		s.Log.Error("look at what routers report", "error", err, "stack", stack)
	}
}

// prometheusURL parses the address of a Prometheus server. It returns nil for "".
func prometheusURL(text string) (*url.URL, error) {
	if text == "" {
		return nil, nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("--prometheus must be the URL of a Prometheus server, like http://127.0.0.1:9090")
	}
	return u, nil
}
