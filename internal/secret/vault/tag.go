package vault

import (
	"context"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/secretsmanager"
	"slipway/internal/store"
)

const maxTags = 50

var tags = store.Tags{Table: "sm_tags", Of: "secret"}

func putTags(ctx context.Context, tx store.Tx, name string, given []secretsmanager.Tag) error {
	all := make([]store.Tag, 0, len(given))
	for _, t := range given {
		if strings.HasPrefix(strings.ToLower(awsproto.Value(t.Key)), "aws:") {
			return badParameter("Tags that begin with aws: are reserved.")
		}
		all = append(all, store.Tag{Key: awsproto.Value(t.Key), Value: awsproto.Value(t.Value)})
	}
	n, err := tags.Put(ctx, tx, name, all)
	if err == nil && n > maxTags {
		err = badParameter("A secret may have at most 50 tags.")
	}
	return err
}

// TagResource implements secretsmanager:TagResource.
func (s *Service) TagResource(ctx context.Context,
	in *secretsmanager.TagResourceInput) (*secretsmanager.TagResourceOutput, error) {
	_, err := s.change(ctx, *in.SecretId, func(tx store.Tx, x *secret) error {
		return putTags(ctx, tx, x.name, in.Tags)
	})
	return nil, err
}

// UntagResource implements secretsmanager:UntagResource.
func (s *Service) UntagResource(ctx context.Context,
	in *secretsmanager.UntagResourceInput) (*secretsmanager.UntagResourceOutput, error) {
	_, err := s.change(ctx, *in.SecretId, func(tx store.Tx, x *secret) error {
		return tags.Delete(ctx, tx, x.name, in.TagKeys)
	})
	return nil, err
}
