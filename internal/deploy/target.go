package deploy

import (
	"context"
	"fmt"
	"slices"
	"time"

	cd "slipway/api/codedeploy"
	"slipway/internal/deploy/rollout"
	"slipway/internal/store"
)

// maxTargets is AWS's limit of a batch of targets.
const maxTargets = 25

// patience is how long nothing is said of a host that has never been heard of.
const patience = 10 * time.Second

// explain says of hosts that are waited for, and have not been heard of, since when.
func (s *Service) explain(ctx context.Context, targets []*rollout.Target) error {
	var waiting []string
	for _, t := range targets {
		if t.Status == cd.TargetStatusInProgress {
			waiting = append(waiting, *t.TargetId)
		}
	}
	all, err := s.HostsSeen(ctx, waiting)
	if err != nil {
		return err
	}
	now := s.Now()
	for _, t := range targets {
		seen := all[*t.TargetId]
		if t.Status != cd.TargetStatusInProgress || now.Sub(seen) <= rollout.Quiet ||
			seen.IsZero() && now.Sub(t.Since) < patience {
			continue
		}
		t.Event().Diagnostics = &cd.Diagnostics{Message: new("Waiting for the host. " + rollout.Silence(seen, now))}
	}
	return nil
}

func (s *Service) targets(ctx context.Context, id *string, where string,
	args ...any) (*deployment, []*rollout.Target, error) {
	d, err := s.find(ctx, s.db, id)
	if err != nil {
		return nil, nil, err
	}
	all, err := loadTargets(ctx, s.db, where, append([]any{d.id}, args...)...)
	if err != nil {
		return nil, nil, err
	}
	return d, all, s.explain(ctx, all)
}

func asTarget(t *rollout.Target) cd.DeploymentTarget {
	return cd.DeploymentTarget{DeploymentTargetType: cd.DeploymentTargetTypeInstanceTarget,
		InstanceTarget: &t.InstanceTarget}
}

func asSummary(t *rollout.Target) cd.InstanceSummary {
	return cd.InstanceSummary{DeploymentId: t.DeploymentId, InstanceId: t.TargetArn,
		Status:        cd.InstanceStatus(t.Status),
		LastUpdatedAt: t.LastUpdatedAt, LifecycleEvents: t.LifecycleEvents,
		InstanceType: cd.InstanceType(t.InstanceLabel)}
}

// GetDeploymentTarget implements codedeploy:GetDeploymentTarget.
func (s *Service) GetDeploymentTarget(ctx context.Context,
	in *cd.GetDeploymentTargetInput) (*cd.GetDeploymentTargetOutput, error) {
	_, all, err := s.targets(ctx, in.DeploymentId, `deployment = $1 AND target = $2`, s.plainName(text(in.TargetId)))
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, &cd.DeploymentTargetDoesNotExistException{
			Message: "The deployment " + *in.DeploymentId + " has no target " + text(in.TargetId) + ".",
		}
	}
	return &cd.GetDeploymentTargetOutput{DeploymentTarget: new(asTarget(all[0]))}, nil
}

// plainName takes an instance by its ARN, which older clients send, or by its name.
func (s *Service) plainName(name string) string {
	if prefix := s.arn("instance/", ""); len(name) > len(prefix) && name[:len(prefix)] == prefix {
		return name[len(prefix):]
	}
	return name
}

// BatchGetDeploymentTargets implements codedeploy:BatchGetDeploymentTargets.
func (s *Service) BatchGetDeploymentTargets(ctx context.Context,
	in *cd.BatchGetDeploymentTargetsInput) (*cd.BatchGetDeploymentTargetsOutput, error) {
	if len(in.TargetIds) > maxTargets {
		return nil, &cd.DeploymentTargetListSizeExceededException{
			Message: fmt.Sprintf("At most %d targets may be given at once.", maxTargets),
		}
	}
	if len(in.TargetIds) == 0 {
		return nil, &cd.DeploymentTargetIdRequiredException{Message: "At least one target ID must be given."}
	}
	byName, err := s.batch(ctx, in.DeploymentId, in.TargetIds)
	if err != nil {
		return nil, err
	}
	out := &cd.BatchGetDeploymentTargetsOutput{DeploymentTargets: []cd.DeploymentTarget{}}
	for _, id := range in.TargetIds {
		t := byName[s.plainName(id)]
		if t == nil {
			return nil, &cd.DeploymentTargetDoesNotExistException{
				Message: "The deployment " + *in.DeploymentId + " has no target " + id + ".",
			}
		}
		out.DeploymentTargets = append(out.DeploymentTargets, asTarget(t))
	}
	return out, nil
}

func (s *Service) batch(ctx context.Context, id *string, names []string) (map[string]*rollout.Target, error) {
	plain := make([]any, len(names))
	for i, name := range names {
		plain[i] = s.plainName(name)
	}
	_, all, err := s.targets(ctx, id, `deployment = $1 AND target IN `+list(2, len(names)), plain...)
	byName := map[string]*rollout.Target{}
	for _, t := range all {
		byName[*t.TargetId] = t
	}
	return byName, err
}

// ListDeploymentTargets implements codedeploy:ListDeploymentTargets, in the order in which they are deployed to.
func (s *Service) ListDeploymentTargets(ctx context.Context,
	in *cd.ListDeploymentTargetsInput) (*cd.ListDeploymentTargetsOutput, error) {
	if err := checkDeploymentID(in.DeploymentId); err != nil {
		return nil, err
	}
	known := []string{"Failed", "InProgress", "Pending", "Ready", "Skipped", "Succeeded", "Unknown"}
	for name, values := range in.TargetFilters {
		switch name {
		case cd.TargetFilterNameTargetStatus:
			for _, v := range values {
				if !slices.Contains(known, v) {
					return nil, &cd.InvalidInstanceStatusException{Message: v + " is no status of a target."}
				}
			}
		case cd.TargetFilterNameServerInstanceLabel:
			for _, v := range values {
				if v != string(cd.TargetLabelBlue) && v != string(cd.TargetLabelGreen) {
					return nil, &cd.InvalidTargetFilterNameException{Message: v +
						" is no label of an instance; there are Blue and Green."}
				}
			}
		default:
			return nil, &cd.InvalidTargetFilterNameException{Message: string(name) +
				" is no filter; there are TargetStatus and ServerInstanceLabel."}
		}
	}
	return s.listTargets(ctx, in.DeploymentId, in.TargetFilters[cd.TargetFilterNameTargetStatus],
		in.TargetFilters[cd.TargetFilterNameServerInstanceLabel], in.NextToken)
}

func (s *Service) listTargets(ctx context.Context, id *string, statuses, labels []string,
	token *string) (*cd.ListDeploymentTargetsOutput, error) {
	d, err := s.find(ctx, s.db, id)
	if err != nil {
		return nil, err
	}
	where, args := "", []any{d.id}
	if len(statuses) > 0 {
		where = " AND status IN " + list(2, len(statuses))
		args = append(args, store.Args(statuses)...)
	}
	if len(labels) > 0 {
		where += " AND label IN " + list(len(args)+1, len(labels))
		args = append(args, store.Args(labels)...)
	}
	type row struct {
		name     string
		position int64
	}
	rows, next, err := page(s, "ListDeploymentTargets", args, token, func(after int64, limit int) ([]row, error) {
		n := len(args)
		// Places are counted from one in tokens, so that the beginning is none.
		found, err := s.db.Query(ctx,
			fmt.Sprintf(
				`SELECT target, position + 1 FROM deploy_targets WHERE deployment = $1%s AND position >= $%d ORDER BY position LIMIT $%d`, where, n+1, n+2), append(args[:n:n], after, limit)...)
		if err != nil {
			return nil, err
		}
		defer found.Close()
		var rows []row
		for found.Next() {
			var r row
			if err := found.Scan(&r.name, &r.position); err != nil {
				return nil, err
			}
			rows = append(rows, r)
		}
		return rows, found.Err()
	}, func(r row) int64 { return r.position })
	out := &cd.ListDeploymentTargetsOutput{TargetIds: []string{}, NextToken: next}
	for _, r := range rows {
		out.TargetIds = append(out.TargetIds, r.name)
	}
	return out, err
}

// ListDeploymentInstances implements codedeploy:ListDeploymentInstances, which ListDeploymentTargets has replaced.
func (s *Service) ListDeploymentInstances(ctx context.Context,
	in *cd.ListDeploymentInstancesInput) (*cd.ListDeploymentInstancesOutput, error) {
	var statuses []string
	for _, status := range in.InstanceStatusFilter {
		statuses = append(statuses, string(status))
	}
	var labels []string
	for _, kind := range in.InstanceTypeFilter {
		labels = append(labels, string(kind))
	}
	out, err := s.listTargets(ctx, in.DeploymentId, statuses, labels, in.NextToken)
	if err != nil {
		return nil, err
	}
	return &cd.ListDeploymentInstancesOutput{InstancesList: out.TargetIds, NextToken: out.NextToken}, nil
}

// GetDeploymentInstance implements codedeploy:GetDeploymentInstance, which GetDeploymentTarget has replaced.
func (s *Service) GetDeploymentInstance(ctx context.Context,
	in *cd.GetDeploymentInstanceInput) (*cd.GetDeploymentInstanceOutput, error) {
	_, all, err := s.targets(ctx, in.DeploymentId, `deployment = $1 AND target = $2`, s.plainName(text(in.InstanceId)))
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, &cd.InstanceDoesNotExistException{
			Message: "The deployment " + *in.DeploymentId + " has no instance " + text(in.InstanceId) + ".",
		}
	}
	return &cd.GetDeploymentInstanceOutput{InstanceSummary: new(asSummary(all[0]))}, nil
}

// BatchGetDeploymentInstances implements codedeploy:BatchGetDeploymentInstances, which BatchGetDeploymentTargets has
// replaced.
func (s *Service) BatchGetDeploymentInstances(ctx context.Context,
	in *cd.BatchGetDeploymentInstancesInput) (*cd.BatchGetDeploymentInstancesOutput, error) {
	out := &cd.BatchGetDeploymentInstancesOutput{InstancesSummary: []cd.InstanceSummary{}}
	if err := tooMany(len(in.InstanceIds), maxBatch); err != nil {
		return nil, err
	}
	if len(in.InstanceIds) == 0 {
		return nil, &cd.InstanceIdRequiredException{Message: "At least one instance ID must be given."}
	}
	byName, err := s.batch(ctx, in.DeploymentId, in.InstanceIds)
	if err != nil {
		return nil, err
	}
	for _, id := range in.InstanceIds {
		if t := byName[s.plainName(id)]; t != nil {
			out.InstancesSummary = append(out.InstancesSummary, asSummary(t))
		} else {
			out.ErrorMessage = new("The deployment " + *in.DeploymentId + " has no instance " + id + ".")
		}
	}
	return out, nil
}
