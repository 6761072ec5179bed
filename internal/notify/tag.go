package notify

import (
	"context"
	"strings"

	"slipway/api/sns"
	"slipway/internal/store"
)

const maxTags = 50

var tags = store.Tags{Table: "sns_tags", Of: "topic"}

func putTags(ctx context.Context, tx store.Tx, topic string, given []sns.Tag) error {
	all := make([]store.Tag, 0, len(given))
	for _, t := range given {
		if strings.HasPrefix(strings.ToLower(*t.Key), "aws:") {
			return invalid("Tags that begin with aws: are reserved")
		}
		all = append(all, store.Tag{Key: *t.Key, Value: *t.Value})
	}
	n, err := tags.Put(ctx, tx, topic, all)
	if err == nil && n > maxTags {
		err = &sns.TagLimitExceededException{Message: "Could not complete request: tag quota of per resource exceeded"}
	}
	return err
}

// tagged finds the topic that an ARN names.
func (s *Service) tagged(ctx context.Context, q store.Queryer, arn string) (string, error) {
	name, err := s.topicOf(arn)
	if err == nil {
		_, err = s.topic(ctx, q, name)
	}
	if _, ok := err.(*sns.NotFoundException); ok {
		err = &sns.ResourceNotFoundException{Message: "Resource does not exist"}
	}
	return name, err
}

// TagResource implements sns:TagResource.
func (s *Service) TagResource(ctx context.Context, in *sns.TagResourceInput) (*sns.TagResourceOutput, error) {
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		name, err := s.tagged(ctx, tx, *in.ResourceArn)
		if err != nil {
			return err
		}
		return putTags(ctx, tx, name, in.Tags)
	})
}

// UntagResource implements sns:UntagResource.
func (s *Service) UntagResource(ctx context.Context, in *sns.UntagResourceInput) (*sns.UntagResourceOutput, error) {
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		name, err := s.tagged(ctx, tx, *in.ResourceArn)
		if err != nil {
			return err
		}
		return tags.Delete(ctx, tx, name, in.TagKeys)
	})
}

// ListTagsForResource implements sns:ListTagsForResource.
func (s *Service) ListTagsForResource(ctx context.Context,
	in *sns.ListTagsForResourceInput) (*sns.ListTagsForResourceOutput, error) {
	name, err := s.tagged(ctx, s.db, *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	all, err := tags.List(ctx, s.db, name, "", maxTags)
	out := &sns.ListTagsForResourceOutput{Tags: []sns.Tag{}}
	for _, t := range all {
		out.Tags = append(out.Tags, sns.Tag{Key: &t.Key, Value: &t.Value})
	}
	return out, err
}
