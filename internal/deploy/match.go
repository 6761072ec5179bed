package deploy

import (
	"context"
	"slices"

	cd "slipway/api/codedeploy"
	"slipway/internal/store"
)

func kindOf(f cd.TagFilter) cd.TagFilterType {
	switch {
	case f.Type != "":
		return f.Type
	case f.Value == nil:
		return cd.TagFilterTypeKeyOnly
	case text(f.Key) == "":
		return cd.TagFilterTypeValueOnly
	}
	return cd.TagFilterTypeKeyAndValue
}

func matchesTag(f cd.TagFilter, t cd.Tag) bool {
	key, value := text(f.Key) == text(t.Key), text(f.Value) == text(t.Value)
	switch kindOf(f) {
	case cd.TagFilterTypeKeyOnly:
		return key
	case cd.TagFilterTypeValueOnly:
		return value
	}
	return key && value
}

// matchesAny tells whether some tag passes some filter.
func matchesAny(filters []cd.TagFilter, tags []cd.Tag) bool {
	return slices.ContainsFunc(filters, func(f cd.TagFilter) bool {
		return slices.ContainsFunc(tags, func(t cd.Tag) bool { return matchesTag(f, t) })
	})
}

// matches tells whether an instance belongs to a group: by one filter of each tag group.
func matches(g *cd.DeploymentGroupInfo, tags []cd.Tag) bool {
	if g.OnPremisesTagSet == nil {
		return matchesAny(g.OnPremisesInstanceTagFilters, tags)
	}
	for _, filters := range g.OnPremisesTagSet.OnPremisesTagSetList {
		if !matchesAny(filters, tags) {
			return false
		}
	}
	return len(g.OnPremisesTagSet.OnPremisesTagSetList) > 0
}

// hostsOf finds the registered instances of a group, by name.
func hostsOf(ctx context.Context, q store.Queryer, g *cd.DeploymentGroupInfo) ([]*cd.InstanceInfo, error) {
	all, err := store.Documents[cd.InstanceInfo](ctx, q,
		`SELECT doc FROM deploy_instances WHERE deregistered = 0 ORDER BY name`)
	return slices.DeleteFunc(all, func(i *cd.InstanceInfo) bool { return !matches(g, i.Tags) }), err
}
