package app

import (
	"context"
	"errors"

	"slipway/api/awsproto"
	"slipway/api/cloudwatch"
	"slipway/internal/deploy"
	"slipway/internal/release"
	"slipway/internal/release/shift"
	"slipway/internal/store"
)

// shifts are releases as deployments begin them.
type shifts struct{ *release.Service }

func (s shifts) Begin(ctx context.Context, tx store.Tx, x deploy.Shift) error {
	return s.Service.Begin(ctx, tx, release.Release{DeploymentID: x.DeploymentID, Application: x.Application, Group: x.Group, Resources: x.Routes,
		Baseline: x.From, Canary: x.To, Routing: x.Routing, AtOnce: x.AtOnce, Alarms: x.Alarms})
}

// RollBack asks for what may have been asked for already, or have come about.
func (s shifts) RollBack(ctx context.Context, tx store.Tx, deploymentID, reason string) error {
	err := s.Service.RollBack(ctx, tx, deploymentID, reason)
	if errors.Is(err, shift.ErrEnded) || errors.Is(err, shift.ErrRollingBack) || awsproto.Code(err) == "ReleaseNotFoundException" {
		return nil
	}
	return err
}

// released tells a deployment how its release ended.
func released(d *deploy.Service) func(context.Context, store.Tx, string, release.Outcome) error {
	return func(ctx context.Context, tx store.Tx, id string, o release.Outcome) error {
		return d.ReleaseEnded(ctx, tx, id, deploy.Released{Shifted: o.Promoted, Reason: o.Reason, ByHand: o.Cause == shift.ByHand})
	}
}

// nudge carries word that something changed, without its sender waiting: words that pile up are one.
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

// noAlarms is a place in which there are none.
type noAlarms struct{}

func (noAlarms) AlarmStates(context.Context, []string) (map[string]cloudwatch.StateValue, error) {
	return nil, nil
}
