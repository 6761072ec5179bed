package view

import (
	"context"
	"slices"
	"time"

	"slipway/api/awsproto"
	"slipway/api/slipway"
)

// ListWaiting implements slipway:ListWaiting: everything that waits for a person, in one pipeline or anywhere.
func (s *Service) ListWaiting(ctx context.Context, in *slipway.ListWaitingInput) (*slipway.ListWaitingOutput, error) {
	all, _, err := s.waiting(ctx, text(in.PipelineName))
	if err != nil {
		return nil, err
	}
	if err := s.carriers(ctx, all); err != nil {
		return nil, err
	}
	if in.PipelineName != nil {
		all = slices.DeleteFunc(all, func(w slipway.Waiting) bool { return text(w.PipelineName) != *in.PipelineName })
	}
	return &slipway.ListWaitingOutput{Waiting: append([]slipway.Waiting{}, all...)}, nil
}

// GetAttention implements slipway:GetAttention: how many pipelines failed, and how many things wait for a person.
func (s *Service) GetAttention(ctx context.Context, _ *slipway.GetAttentionInput) (*slipway.GetAttentionOutput, error) {
	all, failed, err := s.waiting(ctx, "")
	return &slipway.GetAttentionOutput{Failed: &failed, Waiting: new(int64(len(all)))}, err
}

// waiting decides what waits for a person: an approval of a pipeline, a release that asks or was paused, and a
// deployment that is ready to shift its traffic. It is the one place that does; the board, the header, the
// pages, `approve` and `watch` all ask it.
func (s *Service) waiting(ctx context.Context, pipeline string) ([]slipway.Waiting, int64, error) {
	all, failed, err := s.Executions.Approvals(ctx, pipeline)
	if err != nil {
		return nil, 0, err
	}
	live, err := s.Releases.ListReleases(ctx, &slipway.ListReleasesInput{Live: new(true), MaxResults: new(int32(100))})
	if err != nil {
		return nil, 0, err
	}
	for _, r := range live.Releases {
		if ReleaseKind(r.Status, r.Paused) != Waiting {
			continue
		}
		_, because := sentence(text(r.Message))
		all = append(
			all,
			slipway.Waiting{
				Kind:                slipway.WaitingKindRelease,
				DeploymentId:        r.DeploymentId,
				ApplicationName:     r.ApplicationName,
				DeploymentGroupName: r.DeploymentGroupName,
				Percent:             r.Percent,
				Paused:              r.Paused,
				Reason:              given(Plain(because)),
				Since:               r.StartTime,
			},
		)
	}
	ready, err := s.Deployments.Ready(ctx)
	if err != nil {
		return nil, 0, err
	}
	for _, id := range ready {
		all = append(
			all,
			slipway.Waiting{
				Kind:         slipway.WaitingKindDeployment,
				DeploymentId: &id,
				Reason:       new("Ready to shift the traffic"),
			},
		)
	}
	return all, failed, nil
}

// carriers adds the changes that wait, with the pipelines that they belong to, and puts what waits longest first.
func (s *Service) carriers(ctx context.Context, all []slipway.Waiting) error {
	var ids []string
	for _, w := range all {
		ids = append(ids, first(text(w.DeploymentId), text(w.PipelineExecutionId)))
	}
	isOther := func(id string) bool { return workKind(id) != slipway.WorkKindDeployment }
	facts, err := s.Deployments.Facts(ctx, slices.DeleteFunc(slices.Clone(ids), isOther))
	if err != nil {
		return err
	}
	changes, err := s.changes(ctx, ids)
	if err != nil {
		return err
	}
	for i := range all {
		w := &all[i]
		if c, ok := changes[ids[i]]; ok {
			c.Cause = nil // it waits, it did not fail
			w.Change, w.PipelineName = &c, c.PipelineName
			if w.PipelineExecutionId == nil {
				w.PipelineExecutionId = c.ExecutionId
			}
		}
		if f, ok := facts[ids[i]]; ok {
			w.ApplicationName, w.DeploymentGroupName = &f.Application, &f.Group
			if w.Since == nil {
				w.Since = f.Started
			}
		}
	}
	byAge := func(a, b slipway.Waiting) int { return at(a.Since).Compare(at(b.Since)) }
	slices.SortStableFunc(all, byAge)
	return nil
}

func at(t *awsproto.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.Time
}
