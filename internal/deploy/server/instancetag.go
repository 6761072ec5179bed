package server

import (
	"context"
	"slices"

	"slipway/api/awsproto"
	cd "slipway/api/codedeploy"
	"slipway/internal/store"
)

// tagInstances changes the tags of instances, all or none.
func (s *Service) tagInstances(ctx context.Context, names []string, tags []cd.Tag,
	change func([]cd.Tag) []cd.Tag) error {
	switch {
	case len(names) == 0:
		return &cd.InstanceNameRequiredException{Message: "At least one instance name must be given."}
	case len(names) > maxTagInstances:
		return &cd.InstanceLimitExceededException{Message: "At most 100 instances can be tagged at once."}
	case len(tags) == 0:
		return &cd.TagRequiredException{Message: "At least one tag must be given."}
	}
	for _, t := range tags {
		if awsproto.Value(t.Key) == "" || len(*t.Key) > 128 || len(awsproto.Value(t.Value)) > 256 {
			return &cd.InvalidTagException{
				Message: "A tag must have a key of 1 to 128 characters, and a value of 256 at most.",
			}
		}
	}
	return s.db.Write(ctx, func(tx store.Tx) error {
		for _, name := range names {
			if err := checkInstanceName(&name); err != nil {
				return err
			}
			i, err := findInstance(ctx, tx, name)
			if err != nil {
				return err
			}
			if i.DeregisterTime != nil {
				return &cd.InstanceNotRegisteredException{Message: "The on-premises instance " + name +
					" is not registered any more."}
			}
			if i.Tags = change(i.Tags); len(i.Tags) > maxInstanceTags {
				return &cd.TagLimitExceededException{Message: "An on-premises instance may have 10 tags."}
			}
			if err := saveInstance(ctx, tx, i); err != nil {
				return err
			}
		}
		return nil
	})
}

func merge(tags, more []cd.Tag) []cd.Tag {
	for _, t := range more {
		if i := slices.IndexFunc(tags, func(o cd.Tag) bool { return *o.Key == *t.Key }); i >= 0 {
			tags[i] = t
		} else {
			tags = append(tags, t)
		}
	}
	return tags
}

// AddTagsToOnPremisesInstances implements codedeploy:AddTagsToOnPremisesInstances.
func (s *Service) AddTagsToOnPremisesInstances(ctx context.Context,
	in *cd.AddTagsToOnPremisesInstancesInput) (*cd.AddTagsToOnPremisesInstancesOutput, error) {
	return nil, s.tagInstances(ctx, in.InstanceNames,
		in.Tags, func(tags []cd.Tag) []cd.Tag { return merge(tags, in.Tags) })
}

// RemoveTagsFromOnPremisesInstances implements codedeploy:RemoveTagsFromOnPremisesInstances. A tag without a value
// removes the key whatever its value.
func (s *Service) RemoveTagsFromOnPremisesInstances(ctx context.Context,
	in *cd.RemoveTagsFromOnPremisesInstancesInput) (*cd.RemoveTagsFromOnPremisesInstancesOutput, error) {
	return nil, s.tagInstances(ctx, in.InstanceNames, in.Tags, func(tags []cd.Tag) []cd.Tag {
		return slices.DeleteFunc(tags, func(t cd.Tag) bool {
			return slices.ContainsFunc(
				in.Tags, func(r cd.Tag) bool {
					return *r.Key == *t.Key &&
						(r.Value == nil || *r.Value == awsproto.Value(t.Value))
				})
		})
	})
}
