package loadbalancer

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"slipway/api/awsproto"
	elb "slipway/api/elbv2"
	"slipway/internal/store"
)

const (
	maxTags         = 50
	maxTagResources = 20
)

func (s *Service) setTags(ctx context.Context, tx store.Tx, arn string, tags []elb.Tag) error {
	seen := map[string]bool{}
	for _, t := range tags {
		if key := awsproto.Value(t.Key); seen[key] {
			return &elb.DuplicateTagKeysException{Message: fmt.Sprintf("Duplicate tag key '%s'", key)}
		}
		seen[awsproto.Value(t.Key)] = true
		if strings.HasPrefix(strings.ToLower(awsproto.Value(t.Key)), "aws:") {
			return invalid("Tag keys cannot begin with 'aws:'")
		}
		if _, err := tx.Exec(ctx,
			`INSERT INTO lb_tags (arn, key, value) VALUES ($1, $2, $3) ON CONFLICT (arn, key) DO UPDATE
				SET value = excluded.value`,
			arn, awsproto.Value(t.Key), awsproto.Value(t.Value)); err != nil {
			return err
		}
	}
	return atMost(ctx, tx, maxTags,
		&elb.TooManyTagsException{Message: fmt.Sprintf("A resource can have %d tags at most", maxTags)},
		`SELECT COUNT(*) FROM lb_tags WHERE arn = $1`, arn)
}

// exists checks that ARNs are those of resources that are there.
func (s *Service) exists(ctx context.Context, q store.Queryer, arns []string) error {
	if len(arns) > maxTagResources {
		return invalid("Up to %d resources can be named at a time", maxTagResources)
	}
	for _, arn := range arns {
		table, ok := map[string]string{
			kindBalancer: "lb_balancers",
			kindListener: "lb_listeners",
			kindRule:     "lb_rules",
			kindGroup:    "lb_groups",
		}[s.kindOf(arn)]
		if !ok {
			return invalid("'%s' is not a valid resource ARN", arn)
		}
		found, err := store.Find(ctx, q, []any{new(string)}, `SELECT arn FROM `+table+` WHERE arn = $1`, arn)
		if err != nil {
			return err
		}
		if !found {
			return map[string]error{
				"lb_balancers": noBalancer(arn),
				"lb_listeners": noListener(),
				"lb_rules":     noRule(),
				"lb_groups":    noGroup(),
			}[table]
		}
	}
	return nil
}

// AddTags implements elbv2:AddTags.
func (s *Service) AddTags(ctx context.Context, in *elb.AddTagsInput) (*elb.AddTagsOutput, error) {
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		if err := s.exists(ctx, tx, in.ResourceArns); err != nil {
			return err
		}
		for _, arn := range in.ResourceArns {
			if err := s.setTags(ctx, tx, arn, in.Tags); err != nil {
				return err
			}
		}
		return nil
	})
}

// RemoveTags implements elbv2:RemoveTags.
func (s *Service) RemoveTags(ctx context.Context, in *elb.RemoveTagsInput) (*elb.RemoveTagsOutput, error) {
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		if err := s.exists(ctx, tx, in.ResourceArns); err != nil {
			return err
		}
		for _, arn := range in.ResourceArns {
			for _, key := range in.TagKeys {
				if _, err := tx.Exec(ctx, `DELETE FROM lb_tags WHERE arn = $1 AND key = $2`, arn, key); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// DescribeTags implements elbv2:DescribeTags.
func (s *Service) DescribeTags(ctx context.Context, in *elb.DescribeTagsInput) (*elb.DescribeTagsOutput, error) {
	if err := s.exists(ctx, s.db, in.ResourceArns); err != nil {
		return nil, err
	}
	out := &elb.DescribeTagsOutput{TagDescriptions: []elb.TagDescription{}}
	for _, arn := range in.ResourceArns {
		tags, err := store.All(ctx, s.db, func(r *sql.Rows) (elb.Tag, error) {
			t := elb.Tag{Key: new(""), Value: new("")}
			return t, r.Scan(t.Key, t.Value)
		}, `SELECT key, value FROM lb_tags WHERE arn = $1 ORDER BY key`, arn)
		if err != nil {
			return nil, err
		}
		if tags == nil {
			tags = []elb.Tag{}
		}
		out.TagDescriptions = append(out.TagDescriptions, elb.TagDescription{ResourceArn: new(arn), Tags: tags})
	}
	return out, nil
}
