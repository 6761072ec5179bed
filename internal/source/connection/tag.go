package connection

import (
	"context"
	"fmt"
	"strings"

	cc "slipway/api/codeconnections"
	"slipway/internal/store"
)

// maxTags is how many tags a resource may have.
const maxTags = 200

var tags = store.Tags{Table: "connection_tags", Of: "resource"}

func setTags(ctx context.Context, tx store.Tx, resource string, given []cc.Tag) error {
	all := make([]store.Tag, 0, len(given))
	for _, t := range given {
		if strings.HasPrefix(*t.Key, "aws:") {
			return invalid("A tag's key must not begin with aws:, as %s does.", *t.Key)
		}
		all = append(all, store.Tag{Key: *t.Key, Value: *t.Value})
	}
	n, err := tags.Put(ctx, tx, resource, all)
	if err == nil && n > maxTags {
		err = &cc.LimitExceededException{Message: fmt.Sprintf("A resource may have at most %d tags", maxTags)}
	}
	return err
}

// tagged is the resource of an ARN, as its tags are kept: what follows the account.
func (s *Service) tagged(ctx context.Context, q store.Queryer, arn string) (string, error) {
	if id := s.idOf("host", arn); id != "" {
		_, _, err := s.hostOf(ctx, q, arn)
		return "host/" + id, err
	}
	c, err := s.connection(ctx, q, arn)
	if err != nil {
		return "", err
	}
	return "connection/" + c.id, nil
}

// TagResource implements codeconnections:TagResource.
func (s *Service) TagResource(ctx context.Context, in *cc.TagResourceInput) (*cc.TagResourceOutput, error) {
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		resource, err := s.tagged(ctx, tx, *in.ResourceArn)
		if err != nil {
			return err
		}
		return setTags(ctx, tx, resource, in.Tags)
	})
}

// UntagResource implements codeconnections:UntagResource.
func (s *Service) UntagResource(ctx context.Context, in *cc.UntagResourceInput) (*cc.UntagResourceOutput, error) {
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		resource, err := s.tagged(ctx, tx, *in.ResourceArn)
		if err != nil || len(in.TagKeys) == 0 {
			return err
		}
		return tags.Delete(ctx, tx, resource, in.TagKeys)
	})
}

// ListTagsForResource implements codeconnections:ListTagsForResource.
func (s *Service) ListTagsForResource(ctx context.Context,
	in *cc.ListTagsForResourceInput) (*cc.ListTagsForResourceOutput, error) {
	resource, err := s.tagged(ctx, s.db, *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	all, err := tags.List(ctx, s.db, resource, "", maxTags)
	out := &cc.ListTagsForResourceOutput{Tags: []cc.Tag{}}
	for _, t := range all {
		out.Tags = append(out.Tags, cc.Tag{Key: &t.Key, Value: &t.Value})
	}
	return out, err
}

// Tags are the tags of a resource, for the conditions of policies.
func (s *Service) Tags(ctx context.Context, arn string) (map[string]string, error) {
	out, err := s.ListTagsForResource(ctx, &cc.ListTagsForResourceInput{ResourceArn: &arn})
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for _, t := range out.Tags {
		all[*t.Key] = *t.Value
	}
	return all, nil
}
