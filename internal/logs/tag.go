package logs

import (
	"context"

	cwl "slipway/api/logs"
	"slipway/internal/store"
)

const maxTags = 50

var groupTags = store.Tags{Table: "log_group_tags", Of: "log_group"}

func checkTags(given map[string]string) error {
	if len(given) > maxTags {
		return &cwl.TooManyTagsException{Message: "A log group may have at most 50 tags."}
	}
	return nil
}

func putTags(ctx context.Context, tx store.Tx, group string, given map[string]string) error {
	all := make([]store.Tag, 0, len(given))
	for k, v := range given {
		all = append(all, store.Tag{Key: k, Value: v})
	}
	n, err := groupTags.Put(ctx, tx, group, all)
	if err == nil && n > maxTags {
		err = &cwl.TooManyTagsException{Message: "A log group may have at most 50 tags."}
	}
	return err
}

func (s *Service) tags(ctx context.Context, group string) (map[string]string, error) {
	all, err := groupTags.List(ctx, s.db, group, "", maxTags)
	tags := make(map[string]string, len(all))
	for _, t := range all {
		tags[t.Key] = t.Value
	}
	return tags, err
}

// tagged returns the log group of an ARN, which exists.
func (s *Service) tagged(ctx context.Context, arn string) (string, error) {
	group, ok := s.groupOf(arn)
	if !ok {
		return "", invalid("%.300s is not the ARN of a log group of this account and region.", arn)
	}
	return group, s.exists(ctx, group)
}

func (s *Service) tag(ctx context.Context, group string, given map[string]string) error {
	return s.db.Write(ctx, func(tx store.Tx) error { return putTags(ctx, tx, group, given) })
}

func (s *Service) untag(ctx context.Context, group string, keys []string) error {
	return s.db.Write(ctx, func(tx store.Tx) error { return groupTags.Delete(ctx, tx, group, keys) })
}

// TagResource implements logs:TagResource.
func (s *Service) TagResource(ctx context.Context, in *cwl.TagResourceInput) (*cwl.TagResourceOutput, error) {
	group, err := s.tagged(ctx, *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return nil, s.tag(ctx, group, in.Tags)
}

// UntagResource implements logs:UntagResource.
func (s *Service) UntagResource(ctx context.Context, in *cwl.UntagResourceInput) (*cwl.UntagResourceOutput, error) {
	group, err := s.tagged(ctx, *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return nil, s.untag(ctx, group, in.TagKeys)
}

// ListTagsForResource implements logs:ListTagsForResource.
func (s *Service) ListTagsForResource(ctx context.Context,
	in *cwl.ListTagsForResourceInput) (*cwl.ListTagsForResourceOutput, error) {
	group, err := s.tagged(ctx, *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	tags, err := s.tags(ctx, group)
	return &cwl.ListTagsForResourceOutput{Tags: tags}, err
}

// TagLogGroup implements logs:TagLogGroup, the older form of TagResource.
func (s *Service) TagLogGroup(ctx context.Context, in *cwl.TagLogGroupInput) (*cwl.TagLogGroupOutput, error) {
	if err := s.exists(ctx, *in.LogGroupName); err != nil {
		return nil, err
	}
	return nil, s.tag(ctx, *in.LogGroupName, in.Tags)
}

// UntagLogGroup implements logs:UntagLogGroup.
func (s *Service) UntagLogGroup(ctx context.Context, in *cwl.UntagLogGroupInput) (*cwl.UntagLogGroupOutput, error) {
	if err := s.exists(ctx, *in.LogGroupName); err != nil {
		return nil, err
	}
	return nil, s.untag(ctx, *in.LogGroupName, in.Tags)
}

// ListTagsLogGroup implements logs:ListTagsLogGroup.
func (s *Service) ListTagsLogGroup(ctx context.Context,
	in *cwl.ListTagsLogGroupInput) (*cwl.ListTagsLogGroupOutput, error) {
	if err := s.exists(ctx, *in.LogGroupName); err != nil {
		return nil, err
	}
	tags, err := s.tags(ctx, *in.LogGroupName)
	return &cwl.ListTagsLogGroupOutput{Tags: tags}, err
}
