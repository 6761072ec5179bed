package source

import (
	"context"

	cc "slipway/api/codecommit"
	"slipway/internal/store"
)

const maxTags = 50

var tags = store.Tags{Table: "repository_tags", Of: "repository"}

func setTags(ctx context.Context, tx store.Tx, id string, given map[string]string) error {
	all := make([]store.Tag, 0, len(given))
	for k, v := range given {
		all = append(all, store.Tag{Key: k, Value: v})
	}
	n, err := tags.Put(ctx, tx, id, all)
	if err == nil && n > maxTags {
		err = &cc.TooManyTagsException{Message: "A repository may have at most 50 tags."}
	}
	return err
}

// TagResource implements codecommit:TagResource.
func (s *Service) TagResource(ctx context.Context, in *cc.TagResourceInput) (*cc.TagResourceOutput, error) {
	m, err := s.ofARN(ctx, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return nil, s.db.Write(ctx, func(tx store.Tx) error { return setTags(ctx, tx, *m.RepositoryId, in.Tags) })
}

// UntagResource implements codecommit:UntagResource.
func (s *Service) UntagResource(ctx context.Context, in *cc.UntagResourceInput) (*cc.UntagResourceOutput, error) {
	m, err := s.ofARN(ctx, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		return tags.Delete(ctx, tx, *m.RepositoryId, in.TagKeys)
	})
}

// ListTagsForResource implements codecommit:ListTagsForResource; a repository has 50 tags at most, so one page holds
// them.
func (s *Service) ListTagsForResource(ctx context.Context,
	in *cc.ListTagsForResourceInput) (*cc.ListTagsForResourceOutput, error) {
	m, err := s.ofARN(ctx, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	all, err := tags.List(ctx, s.db, *m.RepositoryId, "", maxTags)
	out := &cc.ListTagsForResourceOutput{Tags: map[string]string{}}
	for _, t := range all {
		out.Tags[t.Key] = t.Value
	}
	return out, err
}
