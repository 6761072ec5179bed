package key

import (
	"context"
	"strings"

	"slipway/api/kms"
	"slipway/internal/store"
)

const maxTags = 50

var tags = store.Tags{Table: "kms_tags", Of: "kms_key"}

func putTags(ctx context.Context, tx store.Tx, id string, given []kms.Tag) error {
	all := make([]store.Tag, 0, len(given))
	for _, t := range given {
		if strings.HasPrefix(strings.ToLower(*t.TagKey), "aws:") {
			return &kms.TagException{Message: "Tags that begin with aws: are reserved."}
		}
		all = append(all, store.Tag{Key: *t.TagKey, Value: *t.TagValue})
	}
	n, err := tags.Put(ctx, tx, id, all)
	if err == nil && n > maxTags {
		err = &kms.LimitExceededException{Message: "A key may have at most 50 tags."}
	}
	return err
}

// TagResource implements kms:TagResource.
func (s *Service) TagResource(ctx context.Context, in *kms.TagResourceInput) (*kms.TagResourceOutput, error) {
	_, err := s.change(ctx, *in.KeyId, func(tx store.Tx, r *row) error {
		if err := r.alive(); err != nil {
			return err
		}
		return putTags(ctx, tx, r.id, in.Tags)
	})
	return nil, err
}

// UntagResource implements kms:UntagResource.
func (s *Service) UntagResource(ctx context.Context, in *kms.UntagResourceInput) (*kms.UntagResourceOutput, error) {
	_, err := s.change(ctx, *in.KeyId, func(tx store.Tx, r *row) error {
		if err := r.alive(); err != nil {
			return err
		}
		return tags.Delete(ctx, tx, r.id, in.TagKeys)
	})
	return nil, err
}

// ListResourceTags implements kms:ListResourceTags.
func (s *Service) ListResourceTags(ctx context.Context,
	in *kms.ListResourceTagsInput) (*kms.ListResourceTagsOutput, error) {
	r, err := s.find(ctx, s.db, *in.KeyId)
	if err != nil {
		return nil, err
	}
	after, err := s.place("ListResourceTags", r.id, in.Marker)
	if err != nil {
		return nil, err
	}
	most := limit(in.Limit, maxTags)
	all, err := tags.List(ctx, s.db, r.id, after, most+1)
	if err != nil {
		return nil, err
	}
	all, next := page(s, "ListResourceTags", r.id, all, most, func(t store.Tag) string { return t.Key })
	out := &kms.ListResourceTagsOutput{Tags: []kms.Tag{}, NextMarker: next, Truncated: new(next != nil)}
	for _, t := range all {
		out.Tags = append(out.Tags, kms.Tag{TagKey: &t.Key, TagValue: &t.Value})
	}
	return out, nil
}
