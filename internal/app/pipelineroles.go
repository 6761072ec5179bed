package app

import (
	"context"

	"slipway/api/slipway"
)

// pipelineRoles lets builds of a pipeline's commands act: as the pipeline's role, or as an action's own, which that one
// assumes.
type pipelineRoles struct {
	serviceRoles
	pipeline string // the role
}

// Assume implements build.Roles.
func (r pipelineRoles) Assume(ctx context.Context, role, session, work string) (*slipway.BuildCredentials, error) {
	return r.AssumeWithin(ctx, role, session, work, "")
}

// AssumeWithin implements build.Roles. That the pipeline's role may assume the other is asked each time.
func (r pipelineRoles) AssumeWithin(ctx context.Context, role, session, work,
	policy string) (*slipway.BuildCredentials, error) {
	if role == r.pipeline {
		return r.serviceRoles.AssumeWithin(ctx, role, session, work, policy)
	}
	if _, err := r.Act(ctx, r.pipeline, role, session); err != nil {
		return nil, err
	}
	c, err := r.identity.RoleSession(role, session, work, policy, sessionLife)
	if err != nil {
		return nil, notAssumed(err)
	}
	return credentialsOf(c), nil
}

// MayLog implements build.Roles.
func (r pipelineRoles) MayLog(ctx context.Context, role, session, group, stream string) error {
	acting, err := r.Act(ctx, r.pipeline, role, session)
	if err != nil {
		return err
	}
	return r.mayLog(acting, group, stream)
}
