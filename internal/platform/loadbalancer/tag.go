package loadbalancer

import (
	"context"
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

var tags = store.Tags{Table: "lb_tags", Of: "arn"}

func (s *Service) setTags(ctx context.Context, tx store.Tx, arn string, given []elb.Tag) error {
	seen := map[string]bool{}
	all := make([]store.Tag, 0, len(given))
	for _, t := range given {
		key := awsproto.Value(t.Key)
		if seen[key] {
			return &elb.DuplicateTagKeysException{Message: fmt.Sprintf("Duplicate tag key '%s'", key)}
		}
		seen[key] = true
		if strings.HasPrefix(strings.ToLower(key), "aws:") {
			return invalid("Tag keys cannot begin with 'aws:'")
		}
		all = append(all, store.Tag{Key: key, Value: awsproto.Value(t.Value)})
	}
	n, err := tags.Put(ctx, tx, arn, all)
	if err == nil && n > maxTags {
		err = &elb.TooManyTagsException{Message: fmt.Sprintf("A resource can have %d tags at most", maxTags)}
	}
	return err
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
			if err := tags.Delete(ctx, tx, arn, in.TagKeys); err != nil {
				return err
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
		all, err := tags.List(ctx, s.db, arn, "", maxTags)
		if err != nil {
			return nil, err
		}
		d := elb.TagDescription{ResourceArn: new(arn), Tags: []elb.Tag{}}
		for _, t := range all {
			d.Tags = append(d.Tags, elb.Tag{Key: &t.Key, Value: &t.Value})
		}
		out.TagDescriptions = append(out.TagDescriptions, d)
	}
	return out, nil
}
