package source

import (
	"context"
	"database/sql"

	cc "slipway/api/codecommit"
	"slipway/internal/store"
)

const maxTags = 50

func setTags(ctx context.Context, tx store.Tx, id string, tags map[string]string) error {
	for k, v := range tags {
		if _, err := tx.Exec(ctx,
			`INSERT INTO repository_tags (repository, key, value) VALUES ($1, $2, $3) ON CONFLICT (repository, key)
				DO UPDATE SET value = excluded.value`, id, k, v); err != nil {
			return err
		}
	}
	var n int
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM repository_tags WHERE repository = $1`, id).Scan(&n); err != nil {
		return err
	}
	if n > maxTags {
		return &cc.TooManyTagsException{Message: "A repository may have at most 50 tags."}
	}
	return nil
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
		for _, k := range in.TagKeys {
			if _, err := tx.Exec(ctx, `DELETE FROM repository_tags WHERE repository = $1 AND key = $2`, *m.RepositoryId,
				k); err != nil {
				return err
			}
		}
		return nil
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
	tags := map[string]string{}
	_, err = store.All(ctx, s.db, func(r *sql.Rows) (struct{}, error) {
		var k, v string
		err := r.Scan(&k, &v)
		tags[k] = v
		return struct{}{}, err
	}, `SELECT key, value FROM repository_tags WHERE repository = $1`, *m.RepositoryId)
	return &cc.ListTagsForResourceOutput{Tags: tags}, err
}
