package codedeploy

import (
	"context"

	"slipway/api/awsproto"
	"slipway/api/codedeploy"
	cp "slipway/api/codepipeline"
	"slipway/internal/pipeline"
)

// Targets implements pipeline.Targeted: those of the deployment, as CodeDeploy pages them.
func (p *Provider) Targets(ctx context.Context, id string, q pipeline.TargetQuery) (pipeline.TargetPage, error) {
	var page pipeline.TargetPage
	in := &codedeploy.ListDeploymentTargetsInput{DeploymentId: &id}
	if len(q.Statuses) > 0 {
		in.TargetFilters = map[codedeploy.TargetFilterName][]string{codedeploy.TargetFilterNameTargetStatus: q.Statuses}
	}
	if q.After != "" {
		in.NextToken = &q.After
	}
	list, err := p.Deployments.ListDeploymentTargets(ctx, in)
	if err != nil || len(list.TargetIds) == 0 {
		return page, err
	}
	page.Next = awsproto.Value(list.NextToken)
	ids := &codedeploy.BatchGetDeploymentTargetsInput{DeploymentId: &id, TargetIds: list.TargetIds}
	out, err := p.Deployments.BatchGetDeploymentTargets(ctx, ids)
	if err != nil {
		return page, err
	}
	for _, t := range out.DeploymentTargets {
		if t.InstanceTarget != nil {
			page.All = append(page.All, target(t.DeploymentTargetType, t.InstanceTarget))
		}
	}
	return page, nil
}

// target is an instance with its lifecycle events. It begins with the first of them, and ends with the last.
func target(kind codedeploy.DeploymentTargetType, i *codedeploy.InstanceTarget) cp.DeployActionExecutionTarget {
	t := cp.DeployActionExecutionTarget{
		TargetId:   i.TargetId,
		TargetType: new(string(kind)),
		Status:     new(string(i.Status)),
		Events:     []cp.DeployTargetEvent{},
	}
	for _, e := range i.LifecycleEvents {
		event := cp.DeployTargetEvent{
			Name:      e.LifecycleEventName,
			Status:    new(string(e.Status)),
			StartTime: e.StartTime,
			EndTime:   e.EndTime,
		}
		if e.Diagnostics != nil && awsproto.Value(e.Diagnostics.Message) != "" {
			event.Context = &cp.DeployTargetEventContext{Message: e.Diagnostics.Message}
		}
		if t.StartTime == nil {
			t.StartTime = e.StartTime
		}
		t.Events = append(t.Events, event)
	}
	switch i.Status {
	case codedeploy.TargetStatusFailed, codedeploy.TargetStatusSucceeded, codedeploy.TargetStatusSkipped:
		t.EndTime = i.LastUpdatedAt
	case codedeploy.TargetStatusInProgress, codedeploy.TargetStatusPending, codedeploy.TargetStatusReady,
		codedeploy.TargetStatusUnknown: // it has not ended, or nobody knows
	}
	return t
}
