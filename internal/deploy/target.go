package deploy

import (
	"context"
	"fmt"
	"slices"

	"slipway/api/awsproto"
	cd "slipway/api/codedeploy"
	"slipway/internal/store"
)

// maxTargets is AWS's limit of a batch of targets.
const maxTargets = 25

// shown reads units of a deployment as the API shows them.
func (s *Service) shown(ctx context.Context, id *string, where string, args ...any) ([]shownUnit, error) {
	d, err := s.find(ctx, s.db, id)
	if err != nil {
		return nil, err
	}
	units, err := loadUnits(ctx, s.db, where, append([]any{d.id}, args...)...)
	if err != nil || len(units) == 0 {
		return nil, err
	}
	p, err := s.platformOf(d.info)
	if err != nil {
		return nil, err
	}
	targets, err := p.Show(ctx, units)
	if err != nil {
		return nil, err
	}
	all := make([]shownUnit, len(units))
	for i, u := range units {
		all[i] = shownUnit{u.Name, targets[i]}
	}
	return all, nil
}

type shownUnit struct {
	name   string
	target cd.DeploymentTarget
}

// summary describes the target as the operations for instances do, which are for the compute platform Server alone.
func (u shownUnit) summary() (*cd.InstanceSummary, error) {
	t := u.target.InstanceTarget
	if t == nil {
		return nil, &cd.InvalidComputePlatformException{
			Message: "The target " + u.name + " is no instance. Use GetDeploymentTarget or BatchGetDeploymentTargets.",
		}
	}
	return &cd.InstanceSummary{
		DeploymentId:    t.DeploymentId,
		InstanceId:      t.TargetArn,
		Status:          cd.InstanceStatus(t.Status),
		LastUpdatedAt:   t.LastUpdatedAt,
		LifecycleEvents: t.LifecycleEvents,
		InstanceType:    cd.InstanceType(t.InstanceLabel),
	}, nil
}

// GetDeploymentTarget implements codedeploy:GetDeploymentTarget.
func (s *Service) GetDeploymentTarget(ctx context.Context,
	in *cd.GetDeploymentTargetInput) (*cd.GetDeploymentTargetOutput, error) {
	all, err := s.shown(ctx, in.DeploymentId, `deployment = $1 AND target = $2`,
		s.plainName(awsproto.Value(in.TargetId)))
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, &cd.DeploymentTargetDoesNotExistException{
			Message: "The deployment " + *in.DeploymentId + " has no target " + awsproto.Value(in.TargetId) + ".",
		}
	}
	return &cd.GetDeploymentTargetOutput{DeploymentTarget: &all[0].target}, nil
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
		u, ok := byName[s.plainName(id)]
		if !ok {
			return nil, &cd.DeploymentTargetDoesNotExistException{
				Message: "The deployment " + *in.DeploymentId + " has no target " + id + ".",
			}
		}
		out.DeploymentTargets = append(out.DeploymentTargets, u.target)
	}
	return out, nil
}

func (s *Service) batch(ctx context.Context, id *string, names []string) (map[string]shownUnit, error) {
	plain := make([]any, len(names))
	for i, name := range names {
		plain[i] = s.plainName(name)
	}
	all, err := s.shown(ctx, id, `deployment = $1 AND target IN `+store.In(2, len(names)), plain...)
	byName := map[string]shownUnit{}
	for _, u := range all {
		byName[u.name] = u
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
		where = " AND status IN " + store.In(2, len(statuses))
		args = append(args, store.Args(statuses)...)
	}
	if len(labels) > 0 {
		where += " AND label IN " + store.In(len(args)+1, len(labels))
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
				`SELECT target, position + 1 FROM deploy_targets WHERE deployment = $1%s AND position >= $%d
					ORDER BY position LIMIT $%d`, where, n+1, n+2), append(args[:n:n], after, limit)...)
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
	all, err := s.shown(ctx, in.DeploymentId, `deployment = $1 AND target = $2`,
		s.plainName(awsproto.Value(in.InstanceId)))
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, &cd.InstanceDoesNotExistException{
			Message: "The deployment " + *in.DeploymentId + " has no instance " + awsproto.Value(in.InstanceId) + ".",
		}
	}
	summary, err := all[0].summary()
	if err != nil {
		return nil, err
	}
	return &cd.GetDeploymentInstanceOutput{InstanceSummary: summary}, nil
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
		u, ok := byName[s.plainName(id)]
		if !ok {
			out.ErrorMessage = new("The deployment " + *in.DeploymentId + " has no instance " + id + ".")
			continue
		}
		summary, err := u.summary()
		if err != nil {
			return nil, err
		}
		out.InstancesSummary = append(out.InstancesSummary, *summary)
	}
	return out, nil
}
