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

// Tables of tags: of pipelines, and of action types by what follows the account in their ARNs.
var (
	pipelineTags = store.Tags{Table: "pipeline_tags", Of: "pipeline"}
	typeTags     = store.Tags{Table: "pipeline_action_type_tags", Of: "action_type"}
	webhookTags  = store.Tags{Table: "pipeline_webhook_tags", Of: "webhook"}
)

// typePrefix begins what follows the account in the ARN of an action type: actiontype:OWNER/CATEGORY/PROVIDER/VERSION.
const typePrefix = "actiontype:"

// WebhookPrefix begins what follows the account in the ARN of a webhook: webhook:NAME.
const WebhookPrefix = "webhook:"

// TagWebhook gives a webhook tags.
func TagWebhook(ctx context.Context, tx store.Tx, name string, given []cp.Tag) error {
	return setTags(ctx, tx, webhookTags, name, given)
}

// DeleteWebhooks deletes the webhooks that a condition on their table finds, with their tags.
func DeleteWebhooks(ctx context.Context, tx store.Tx, where string, args ...any) error {
	for _, what := range []string{
		`DELETE FROM pipeline_webhook_tags WHERE webhook IN (SELECT name FROM pipeline_webhooks WHERE ` + where + `)`,
		`DELETE FROM pipeline_webhooks WHERE ` + where,
	} {
		if _, err := tx.Exec(ctx, what, args...); err != nil {
			return err
		}
	}
	return nil
}

// TagActionType gives an action type tags. Its name is what follows the account in its ARN.
func TagActionType(ctx context.Context, tx store.Tx, name string, given []cp.Tag) error {
	return setTags(ctx, tx, typeTags, name, given)
}

func setTags(ctx context.Context, tx store.Tx, tags store.Tags, name string, given []cp.Tag) error {
	all := make([]store.Tag, 0, len(given))
	for _, t := range given {
		if strings.HasPrefix(*t.Key, "aws:") {
			return &cp.InvalidTagsException{Message: "A tag's key must not begin with aws:, as " + *t.Key + " does"}
		}
		all = append(all, store.Tag{Key: *t.Key, Value: *t.Value})
	}
	n, err := tags.Put(ctx, tx, name, all)
	if err == nil && n > maxTags {
		err = &cp.TooManyTagsException{Message: fmt.Sprintf("A resource may have at most %d tags", maxTags)}
	}
	return err
}

// tagged finds the pipeline, the webhook or the action type of an ARN, and the table of its tags.
func (s *Service) tagged(ctx context.Context, q store.Queryer, arn string) (store.Tags, string, error) {
	name, ok := strings.CutPrefix(arn, s.arn(""))
	if !ok {
		return store.Tags{}, "", &cp.InvalidArnException{
			Message: fmt.Sprintf("%q is no pipeline here: an ARN begins with %s", arn, s.arn("")),
		}
	}
	if of, ok := strings.CutPrefix(name, typePrefix); ok {
		if !s.hasType(of) {
			return store.Tags{}, "", &cp.ResourceNotFoundException{Message: "There is no action type " + arn}
		}
		return typeTags, name, nil
	}
	tags, query := pipelineTags, `SELECT 1 FROM pipelines WHERE name = $1`
	if of, ok := strings.CutPrefix(name, WebhookPrefix); ok {
		tags, name, query = webhookTags, of, `SELECT 1 FROM pipeline_webhooks WHERE name = $1`
	}
	var n int
	ok, err := store.Find(ctx, q, []any{&n}, query, name)
	if err == nil && !ok {
		err = &cp.ResourceNotFoundException{Message: "There is no " + tags.Of + " " + arn}
	}
	return tags, name, err
}

// hasType reports whether a request made the action type OWNER/CATEGORY/PROVIDER/VERSION, and none deleted it.
func (s *Service) hasType(name string) bool {
	part := strings.Split(name, "/")
	if len(part) != 4 {
		return false
	}
	id := &cp.ActionTypeId{
		Owner:    cp.ActionOwner(part[0]),
		Category: cp.ActionCategory(part[1]),
		Provider: &part[2],
		Version:  &part[3],
	}
	return s.registry.customOf(id) != nil && s.registry.catalogue().Find(id) != nil
}

// TagResource implements codepipeline:TagResource.
func (s *Service) TagResource(ctx context.Context, in *cp.TagResourceInput) (*cp.TagResourceOutput, error) {
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		tags, name, err := s.tagged(ctx, tx, *in.ResourceArn)
		if err != nil {
			return err
		}
		return setTags(ctx, tx, tags, name, in.Tags)
	})
}

// UntagResource implements codepipeline:UntagResource.
func (s *Service) UntagResource(ctx context.Context, in *cp.UntagResourceInput) (*cp.UntagResourceOutput, error) {
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		tags, name, err := s.tagged(ctx, tx, *in.ResourceArn)
		if err != nil {
			return err
		}
		return tags.Delete(ctx, tx, name, in.TagKeys)
	})
}

// ListTagsForResource implements codepipeline:ListTagsForResource, by key.
func (s *Service) ListTagsForResource(ctx context.Context,
	in *cp.ListTagsForResourceInput) (*cp.ListTagsForResourceOutput, error) {
	tags, name, err := s.tagged(ctx, s.db, *in.ResourceArn)
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
