package pipeline

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	cp "slipway/api/codepipeline"
	"slipway/internal/store"
)

// maxTags is how many tags a pipeline may have ("Quotas in CodePipeline").
const maxTags = 50

const upsertTag = `INSERT INTO pipeline_tags (pipeline, key, value) VALUES ($1, $2, $3)
	ON CONFLICT (pipeline, key) DO UPDATE SET value = excluded.value`

func setTags(ctx context.Context, tx store.Tx, name string, tags []cp.Tag) error {
	for _, t := range tags {
		if strings.HasPrefix(*t.Key, "aws:") {
			return &cp.InvalidTagsException{Message: "A tag's key must not begin with aws:, as " + *t.Key + " does"}
		}
		if _, err := tx.Exec(ctx, upsertTag, name, *t.Key, *t.Value); err != nil {
			return err
		}
	}
	var n int
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM pipeline_tags WHERE pipeline = $1`, name).Scan(&n); err != nil {
		return err
	}
	if n > maxTags {
		return &cp.TooManyTagsException{Message: fmt.Sprintf("A pipeline may have at most %d tags", maxTags)}
	}
	return nil
}

// tagged finds the pipeline of an ARN.
func (s *Service) tagged(ctx context.Context, q store.Queryer, arn string) (string, error) {
	name, ok := strings.CutPrefix(arn, s.arn(""))
	if !ok {
		return "", &cp.InvalidArnException{
			Message: fmt.Sprintf("%q is no pipeline here: an ARN begins with %s", arn, s.arn("")),
		}
	}
	var n int
	ok, err := store.Find(ctx, q, []any{&n}, `SELECT 1 FROM pipelines WHERE name = $1`, name)
	if err == nil && !ok {
		err = &cp.ResourceNotFoundException{Message: "There is no pipeline " + arn}
	}
	return name, err
}

// TagResource implements codepipeline:TagResource.
func (s *Service) TagResource(ctx context.Context, in *cp.TagResourceInput) (*cp.TagResourceOutput, error) {
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		name, err := s.tagged(ctx, tx, *in.ResourceArn)
		if err != nil {
			return err
		}
		return setTags(ctx, tx, name, in.Tags)
	})
}

// UntagResource implements codepipeline:UntagResource.
func (s *Service) UntagResource(ctx context.Context, in *cp.UntagResourceInput) (*cp.UntagResourceOutput, error) {
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		name, err := s.tagged(ctx, tx, *in.ResourceArn)
		if err != nil {
			return err
		}
		for _, k := range in.TagKeys {
			_, err := tx.Exec(ctx, `DELETE FROM pipeline_tags WHERE pipeline = $1 AND key = $2`, name, k)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

const selectTags = `SELECT key, value FROM pipeline_tags WHERE pipeline = $1 AND key > $2 ORDER BY key LIMIT $3`

// ListTagsForResource implements codepipeline:ListTagsForResource, by key.
func (s *Service) ListTagsForResource(ctx context.Context,
	in *cp.ListTagsForResourceInput) (*cp.ListTagsForResourceOutput, error) {
	name, err := s.tagged(ctx, s.db, *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	after := ""
	if !s.Pager.Place("ListTagsForResource", name, in.NextToken, &after) {
		return nil, invalidToken()
	}
	limit := maxTags
	if in.MaxResults != nil {
		limit = int(*in.MaxResults)
	}
	scan := func(rows *sql.Rows) (cp.Tag, error) {
		t := cp.Tag{Key: new(""), Value: new("")}
		return t, rows.Scan(t.Key, t.Value)
	}
	tags, err := store.All(ctx, s.db, scan, selectTags, name, after, limit+1)
	out := &cp.ListTagsForResourceOutput{Tags: append([]cp.Tag{}, tags...)}
	if len(tags) > limit {
		out.Tags, out.NextToken = tags[:limit], s.Pager.Token("ListTagsForResource", name, *tags[limit-1].Key)
	}
	return out, err
}
