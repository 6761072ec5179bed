package parameter

import (
	"context"
	"strings"

	"slipway/api/ssm"
	"slipway/internal/store"
)

const maxTags = 50

var tags = store.Tags{Table: "ssm_tags", Of: "parameter"}

func putTags(ctx context.Context, tx store.Tx, name string, given []ssm.Tag) error {
	all := make([]store.Tag, 0, len(given))
	for _, t := range given {
		if strings.HasPrefix(strings.ToLower(*t.Key), "aws:") {
			return invalid("Tags that begin with aws: are reserved.")
		}
		all = append(all, store.Tag{Key: *t.Key, Value: *t.Value})
	}
	n, err := tags.Put(ctx, tx, name, all)
	if err == nil && n > maxTags {
		err = &ssm.TooManyTagsError{Message: "A parameter may have at most 50 tags."}
	}
	return err
}

// tagged is the parameter that a request about tags names.
func (s *Service) tagged(ctx context.Context, q store.Queryer, kind ssm.ResourceTypeForTagging,
	id string) (string, error) {
	if kind != ssm.ResourceTypeForTaggingParameter {
		return "", refused("resources of the type " + string(kind) + " in Systems Manager; there are parameters")
	}
	name, err := s.NameOf(ctx, id)
	if err != nil {
		return "", err
	}
	v, err := newest(ctx, q, name)
	if err == nil && v == nil {
		err = &ssm.InvalidResourceId{Message: "The parameter " + id + " does not exist."}
	}
	return name, err
}

// AddTagsToResource implements ssm:AddTagsToResource, for parameters.
func (s *Service) AddTagsToResource(ctx context.Context,
	in *ssm.AddTagsToResourceInput) (*ssm.AddTagsToResourceOutput, error) {
	name, err := s.tagged(ctx, s.db, in.ResourceType, *in.ResourceId)
	if err != nil {
		return nil, err
	}
	return nil, s.db.Write(ctx, func(tx store.Tx) error { return s.retag(ctx, tx, name, in.Tags, nil) })
}

// RemoveTagsFromResource implements ssm:RemoveTagsFromResource, for parameters.
func (s *Service) RemoveTagsFromResource(ctx context.Context,
	in *ssm.RemoveTagsFromResourceInput) (*ssm.RemoveTagsFromResourceOutput, error) {
	name, err := s.tagged(ctx, s.db, in.ResourceType, *in.ResourceId)
	if err != nil {
		return nil, err
	}
	return nil, s.db.Write(ctx, func(tx store.Tx) error { return s.retag(ctx, tx, name, nil, in.TagKeys) })
}

// retag changes the tags of a parameter that is still there.
func (s *Service) retag(ctx context.Context, tx store.Tx, name string, given []ssm.Tag, gone []string) error {
	v, err := newest(ctx, tx, name)
	if err != nil {
		return err
	}
	if v == nil {
		return &ssm.InvalidResourceId{Message: "The parameter " + name + " does not exist."}
	}
	if err := tags.Delete(ctx, tx, name, gone); err != nil {
		return err
	}
	return putTags(ctx, tx, name, given)
}

// ListTagsForResource implements ssm:ListTagsForResource, for parameters.
func (s *Service) ListTagsForResource(ctx context.Context,
	in *ssm.ListTagsForResourceInput) (*ssm.ListTagsForResourceOutput, error) {
	name, err := s.tagged(ctx, s.db, in.ResourceType, *in.ResourceId)
	if err != nil {
		return nil, err
	}
	all, err := tags.List(ctx, s.db, name, "", maxTags)
	out := &ssm.ListTagsForResourceOutput{TagList: []ssm.Tag{}}
	for _, t := range all {
		out.TagList = append(out.TagList, ssm.Tag{Key: &t.Key, Value: &t.Value})
	}
	return out, err
}

// Tags are the tags of a parameter, by its ARN.
func (s *Service) Tags(ctx context.Context, arn string) (map[string]string, error) {
	name, err := s.NameOf(ctx, arn)
	if err != nil {
		return nil, nil
	}
	return s.tagsOf(ctx, name)
}

func (s *Service) tagsOf(ctx context.Context, name string) (map[string]string, error) {
	all, err := tags.List(ctx, s.db, name, "", maxTags)
	of := make(map[string]string, len(all))
	for _, t := range all {
		of[t.Key] = t.Value
	}
	return of, err
}
