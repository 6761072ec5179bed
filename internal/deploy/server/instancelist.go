package server

import (
	"context"
	"fmt"

	cd "slipway/api/codedeploy"
	"slipway/internal/store"
)

// GetOnPremisesInstance implements codedeploy:GetOnPremisesInstance.
func (s *Service) GetOnPremisesInstance(ctx context.Context,
	in *cd.GetOnPremisesInstanceInput) (*cd.GetOnPremisesInstanceOutput, error) {
	if err := checkInstanceName(in.InstanceName); err != nil {
		return nil, err
	}
	i, err := findInstance(ctx, s.db, *in.InstanceName)
	if err != nil {
		return nil, err
	}
	if i.Tags == nil {
		i.Tags = []cd.Tag{} // `aws deploy deregister` reads the member
	}
	return &cd.GetOnPremisesInstanceOutput{InstanceInfo: i}, nil
}

// BatchGetOnPremisesInstances implements codedeploy:BatchGetOnPremisesInstances; unknown names are left out.
func (s *Service) BatchGetOnPremisesInstances(ctx context.Context,
	in *cd.BatchGetOnPremisesInstancesInput) (*cd.BatchGetOnPremisesInstancesOutput, error) {
	out := &cd.BatchGetOnPremisesInstancesOutput{InstanceInfos: []cd.InstanceInfo{}}
	switch n := len(in.InstanceNames); {
	case n > maxInstanceNames:
		return nil, &cd.BatchLimitExceededException{
			Message: fmt.Sprintf("At most %d names or IDs may be given at once, not %d.", maxInstanceNames, n),
		}
	case n == 0:
		return out, nil
	}
	for _, name := range in.InstanceNames {
		if err := checkInstanceName(&name); err != nil {
			return nil, err
		}
	}
	all, err := store.Documents[cd.InstanceInfo](ctx, s.db,
		`SELECT doc FROM deploy_instances WHERE name IN `+store.In(1, len(in.InstanceNames))+` ORDER BY name`,
		store.Args(in.InstanceNames)...)
	for _, i := range all {
		out.InstanceInfos = append(out.InstanceInfos, *i)
	}
	return out, err
}

// ListOnPremisesInstances implements codedeploy:ListOnPremisesInstances. Of several tag filters each must be passed.
func (s *Service) ListOnPremisesInstances(ctx context.Context,
	in *cd.ListOnPremisesInstancesInput) (*cd.ListOnPremisesInstancesOutput, error) {
	if checkFilters(in.TagFilters) != nil {
		return nil, &cd.InvalidTagFilterException{
			Message: "At most 10 tag filters may be given, and each must have a key, unless its type is VALUE_ONLY.",
		}
	}
	where := ""
	switch in.RegistrationStatus {
	case cd.RegistrationStatusRegistered:
		where = " AND deregistered = 0"
	case cd.RegistrationStatusDeregistered:
		where = " AND deregistered > 0"
	}
	filter := []any{in.RegistrationStatus, in.TagFilters}
	after := ""
	if !s.Pager.Place("ListOnPremisesInstances", filter, in.NextToken, &after) {
		return nil, &cd.InvalidNextTokenException{
			Message: "The next token was not made for this list: " + *in.NextToken,
		}
	}
	names, err := s.namesWith(ctx, where, in.TagFilters, after)
	if err != nil {
		return nil, err
	}
	out := &cd.ListOnPremisesInstancesOutput{InstanceNames: []string{}}
	if len(names) > pageSize {
		names = names[:pageSize]
		out.NextToken = s.Pager.Token("ListOnPremisesInstances", filter, names[pageSize-1])
	}
	out.InstanceNames = append(out.InstanceNames, names...)
	return out, nil
}

// namesWith lists the names after one of instances that pass filters: a page of them, and one more if there is one.
func (s *Service) namesWith(ctx context.Context, where string, filters []cd.TagFilter,
	after string) (names []string, err error) {
	for {
		batch, err := store.Documents[cd.InstanceInfo](ctx, s.db,
			`SELECT doc FROM deploy_instances WHERE name > $1`+where+` ORDER BY name LIMIT $2`, after, pageSize)
		if err != nil {
			return nil, err
		}
		for _, i := range batch {
			after = *i.InstanceName
			if passes(filters, i.Tags) {
				names = append(names, after)
			}
			if len(names) > pageSize {
				return names, nil
			}
		}
		if len(batch) < pageSize {
			return names, nil
		}
	}
}

// passes reports whether tags match each of the filters.
func passes(filters []cd.TagFilter, tags []cd.Tag) bool {
	for _, f := range filters {
		if !matchesAny([]cd.TagFilter{f}, tags) {
			return false
		}
	}
	return true
}
