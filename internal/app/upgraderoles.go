package app

import (
	"context"

	"slipway/internal/build"
	"slipway/internal/deploy"
	"slipway/internal/pipeline"
)

// upgradeRoles makes the roles that an earlier version's projects, pipelines and groups name. Roles were names alone
// then, and conferred nothing: they get what the work needs that is done with them, so that it goes on. It is done once
// in a database.
func (s *server) upgradeRoles(ctx context.Context) error {
	const mark = "service roles"
	held, _, err := s.db.Constant(ctx, mark, "begun")
	if err != nil || held == "made" {
		return err
	}
	for service, roles := range map[string]func(context.Context) ([]string, error){
		build.RolePrincipal:    s.builds.ServiceRoles,
		pipeline.RolePrincipal: s.pipelines.ServiceRoles,
		deploy.RolePrincipal:   s.deployments.ServiceRoles,
	} {
		all, err := roles(ctx)
		if err != nil {
			return err
		}
		for _, arn := range all {
			ours, err := s.identity.EnsureServiceRole(ctx, arn, service)
			if err != nil {
				return err
			}
			if !ours && arn != "" {
				s.Log.Warn("a role of another account is named; what uses it will be refused", "role", arn, "service",
					service)
			}
		}
	}
	// The role of an action is assumed by that of its pipeline.
	actions, err := s.pipelines.ActionRoles(ctx)
	if err != nil {
		return err
	}
	for _, a := range actions {
		if err := s.identity.EnsureTrustIn(ctx, a.Own, a.Pipeline); err != nil {
			return err
		}
	}
	return s.db.SetConstant(ctx, mark, "made")
}
