package server

import (
	"slices"

	"slipway/api/awsproto"
	cd "slipway/api/codedeploy"
)

func kindOf(f cd.TagFilter) cd.TagFilterType {
	switch {
	case f.Type != "":
		return f.Type
	case f.Value == nil:
		return cd.TagFilterTypeKeyOnly
	case awsproto.Value(f.Key) == "":
		return cd.TagFilterTypeValueOnly
	}
	return cd.TagFilterTypeKeyAndValue
}

func matchesTag(f cd.TagFilter, t cd.Tag) bool {
	key, value := awsproto.Value(f.Key) == awsproto.Value(t.Key), awsproto.Value(f.Value) == awsproto.Value(t.Value)
	switch kindOf(f) {
	case cd.TagFilterTypeKeyOnly:
		return key
	case cd.TagFilterTypeValueOnly:
		return value
	}
	return key && value
}

// matchesAny reports whether some tag passes some filter.
func matchesAny(filters []cd.TagFilter, tags []cd.Tag) bool {
	return slices.ContainsFunc(filters, func(f cd.TagFilter) bool {
		return slices.ContainsFunc(tags, func(t cd.Tag) bool { return matchesTag(f, t) })
	})
}

// matches reports whether an instance belongs to an in-place group: one filter of each group of tags matches.
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
