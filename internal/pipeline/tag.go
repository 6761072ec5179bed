package pipeline

import (
	"context"
	"fmt"
	"strings"

	cp "slipway/api/codepipeline"
	"slipway/internal/store"
)

// maxTags is how many tags a pipeline may have ("Quotas in CodePipeline").
const maxTags = 50

var tags = store.Tags{Table: "pipeline_tags", Of: "pipeline"}

func setTags(ctx context.Context, tx store.Tx, name string, given []cp.Tag) error {
	all := make([]store.Tag, 0, len(given))
	for _, t := range given {
		if strings.HasPrefix(*t.Key, "aws:") {
			return &cp.InvalidTagsException{Message: "A tag's key must not begin with aws:, as " + *t.Key + " does"}
		}
		all = append(all, store.Tag{Key: *t.Key, Value: *t.Value})
	}
	n, err := tags.Put(ctx, tx, name, all)
	if err == nil && n > maxTags {
		err = &cp.TooManyTagsException{Message: fmt.Sprintf("A pipeline may have at most %d tags", maxTags)}
	}
	return err
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
		return tags.Delete(ctx, tx, name, in.TagKeys)
	})
}

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
	all, err := tags.List(ctx, s.db, name, after, limit+1)
	out := &cp.ListTagsForResourceOutput{Tags: []cp.Tag{}}
	for _, t := range all[:min(len(all), limit)] {
		out.Tags = append(out.Tags, cp.Tag{Key: &t.Key, Value: &t.Value})
	}
	if len(all) > limit {
		out.NextToken = s.Pager.Token("ListTagsForResource", name, all[limit-1].Key)
	}
	return out, err
}
