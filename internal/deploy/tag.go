package deploy

import (
	"context"
	"fmt"
	"strings"

	"slipway/api/awsproto"
	cd "slipway/api/codedeploy"
	"slipway/internal/store"
)

const maxTags = 50

var tags = store.Tags{Table: "deploy_tags", Of: "arn"}

func setTags(ctx context.Context, tx store.Tx, arn string, given []cd.Tag) error {
	all := make([]store.Tag, 0, len(given))
	for _, t := range given {
		key, value := awsproto.Value(t.Key), awsproto.Value(t.Value)
		if key == "" || len(key) > 128 || len(value) > 256 {
			return &cd.InvalidTagsToAddException{
				Message: "A tag must have a key of 1 to 128 characters, and a value of 256 at most.",
			}
		}
		all = append(all, store.Tag{Key: key, Value: value})
	}
	n, err := tags.Put(ctx, tx, arn, all)
	if err == nil && n > maxTags {
		err = &cd.InvalidTagsToAddException{Message: "A resource may have 50 tags at most."}
	}
	return err
}

func moveTags(ctx context.Context, tx store.Tx, from, to string) error {
	_, err := tx.Exec(ctx, `UPDATE deploy_tags SET arn = $2 WHERE arn = $1`, from, to)
	return err
}

// tagged checks that an ARN is that of an application or a deployment group that exists, which are what can have tags.
func (s *Service) tagged(ctx context.Context, q store.Queryer, arn *string) error {
	if awsproto.Value(arn) == "" {
		return &cd.ResourceArnRequiredException{Message: "A resource ARN must be given."}
	}
	rest, ok := strings.CutPrefix(*arn, s.arn("", ""))
	kind, name, ok2 := strings.Cut(rest, ":")
	if !ok || !ok2 {
		return &cd.InvalidArnException{Message: fmt.Sprintf("%q is no ARN of this server; they begin with %s", *arn,
			s.arn("", ""))}
	}
	switch kind {
	case "application":
		_, err := findApplication(ctx, q, &name)
		return err
	case "deploymentgroup":
		app, group, _ := strings.Cut(name, "/")
		a, err := findApplication(ctx, q, &app)
		if err == nil {
			_, err = findGroup(ctx, q, a, &group)
		}
		return err
	}
	return &cd.ArnNotSupportedException{Message: "Applications and deployment groups can have tags, a " + kind +
		" can not."}
}

// TagResource implements codedeploy:TagResource.
func (s *Service) TagResource(ctx context.Context, in *cd.TagResourceInput) (*cd.TagResourceOutput, error) {
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		if err := s.tagged(ctx, tx, in.ResourceArn); err != nil {
			return err
		}
		return setTags(ctx, tx, *in.ResourceArn, in.Tags)
	})
}

// UntagResource implements codedeploy:UntagResource.
func (s *Service) UntagResource(ctx context.Context, in *cd.UntagResourceInput) (*cd.UntagResourceOutput, error) {
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		if err := s.tagged(ctx, tx, in.ResourceArn); err != nil {
			return err
		}
		return tags.Delete(ctx, tx, *in.ResourceArn, in.TagKeys)
	})
}

// ListTagsForResource implements codedeploy:ListTagsForResource; 50 tags at most fit on one page.
func (s *Service) ListTagsForResource(ctx context.Context,
	in *cd.ListTagsForResourceInput) (*cd.ListTagsForResourceOutput, error) {
	if err := s.tagged(ctx, s.db, in.ResourceArn); err != nil {
		return nil, err
	}
	all, err := tags.List(ctx, s.db, *in.ResourceArn, "", maxTags)
	out := &cd.ListTagsForResourceOutput{Tags: []cd.Tag{}}
	for _, t := range all {
		out.Tags = append(out.Tags, cd.Tag{Key: &t.Key, Value: &t.Value})
	}
	return out, err
}
