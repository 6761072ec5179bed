package deploy

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"slipway/api/awsproto"
	cd "slipway/api/codedeploy"
	"slipway/internal/store"
)

const maxTags = 50

func setTags(ctx context.Context, tx store.Tx, arn string, tags []cd.Tag) error {
	for _, t := range tags {
		if awsproto.Value(t.Key) == "" || len(*t.Key) > 128 || len(awsproto.Value(t.Value)) > 256 {
			return &cd.InvalidTagsToAddException{
				Message: "A tag must have a key of 1 to 128 characters, and a value of 256 at most.",
			}
		}
		if _, err := tx.Exec(ctx,
			`INSERT INTO deploy_tags (arn, key, value) VALUES ($1, $2, $3) ON CONFLICT (arn, key) DO UPDATE
				SET value = excluded.value`, arn, *t.Key, awsproto.Value(t.Value)); err != nil {
			return err
		}
	}
	return atMost(ctx, tx, maxTags+1, &cd.InvalidTagsToAddException{Message: "A resource may have 50 tags at most."},
		`SELECT COUNT(*) FROM deploy_tags WHERE arn = $1`, arn)
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
		if err := s.tagged(ctx, tx, in.ResourceArn); err != nil || len(in.TagKeys) == 0 {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM deploy_tags WHERE arn = $1 AND key IN `+store.In(2, len(in.TagKeys)),
			append([]any{*in.ResourceArn}, store.Args(in.TagKeys)...)...)
		return err
	})
}

// ListTagsForResource implements codedeploy:ListTagsForResource; 50 tags at most fit on one page.
func (s *Service) ListTagsForResource(ctx context.Context,
	in *cd.ListTagsForResourceInput) (*cd.ListTagsForResourceOutput, error) {
	if err := s.tagged(ctx, s.db, in.ResourceArn); err != nil {
		return nil, err
	}
	tags, err := store.All(ctx, s.db, func(r *sql.Rows) (cd.Tag, error) {
		t := cd.Tag{Key: new(""), Value: new("")}
		return t, r.Scan(t.Key, t.Value)
	}, `SELECT key, value FROM deploy_tags WHERE arn = $1 ORDER BY key`, *in.ResourceArn)
	if tags == nil {
		tags = []cd.Tag{}
	}
	return &cd.ListTagsForResourceOutput{Tags: tags}, err
}
