package network

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/ec2"
	"slipway/internal/store"
)

const maxTags = 50

var kept = store.Tags{Table: "ec2_tags", Of: "resource"}

// tags are the tags of a resource. A list that is empty is not nil: an answer says that there are none.
func (s *Service) tags(ctx context.Context, id string) ([]ec2.Tag, error) {
	all, err := kept.List(ctx, s.db, id, "", maxTags)
	tags := []ec2.Tag{}
	for _, t := range all {
		tags = append(tags, ec2.Tag{Key: &t.Key, Value: &t.Value})
	}
	return tags, err
}

// Tags are the tags of a resource, by its ARN, such as …:security-group/sg-…. What is not there has none.
func (s *Service) Tags(ctx context.Context, arn string) (map[string]string, error) {
	resource, ok := strings.CutPrefix(arn, s.arn(""))
	kind, id, named := strings.Cut(resource, "/")
	if !ok || !named || kind != string(kindOf(id)) {
		return nil, nil
	}
	all, err := kept.List(ctx, s.db, id, "", maxTags)
	of := make(map[string]string, len(all))
	for _, t := range all {
		of[t.Key] = t.Value
	}
	return of, err
}

func putTags(ctx context.Context, tx store.Tx, id string, tags []ec2.Tag) error {
	all := make([]store.Tag, 0, len(tags))
	for _, t := range tags {
		key := awsproto.Value(t.Key)
		if key == "" || len(key) > 128 || strings.HasPrefix(key, "aws:") {
			return fault("InvalidParameterValue", "Tag keys have 1 to 128 characters, and do not begin with aws:.")
		}
		all = append(all, store.Tag{Key: key, Value: awsproto.Value(t.Value)})
	}
	n, err := kept.Put(ctx, tx, id, all)
	if err == nil && n > maxTags {
		err = fault("TagLimitExceeded", "The maximum number of Tags for a resource has been reached.")
	}
	return err
}

// specified are the tags that a request gives to what it makes.
func specified(specifications []ec2.TagSpecification, kind ec2.ResourceType) (tags []ec2.Tag) {
	for _, x := range specifications {
		if x.ResourceType == kind {
			tags = append(tags, x.Tags...)
		}
	}
	return tags
}

// kindOf is the type of a resource, by its ID.
func kindOf(id string) ec2.ResourceType {
	kind := id[:strings.LastIndex(id, "-")+1]
	return map[string]ec2.ResourceType{"vpc-": "vpc", "subnet-": "subnet", "sg-": "security-group",
		"sgr-": "security-group-rule", "igw-": "internet-gateway", "rtb-": "route-table"}[kind]
}

// exists returns an error for a resource that is not there or has no tags.
func (s *Service) exists(ctx context.Context, q store.Queryer, id string) error {
	if slices.Contains([]string{s.VPC(), s.id("igw", ""), s.id("rtb", "")}, id) {
		return nil
	}
	if _, ok := s.Zone(id); ok {
		return nil
	}
	var n int
	if err := q.QueryRow(ctx, `SELECT (SELECT COUNT(*) FROM ec2_groups WHERE id = $1) +
		(SELECT COUNT(*) FROM ec2_rules WHERE id = $1)`, id).Scan(&n); err != nil {
		return err
	}
	if n == 0 {
		return fault("InvalidID", "The ID '%.100s' is not valid", id)
	}
	return nil
}

// CreateTags implements ec2:CreateTags.
func (s *Service) CreateTags(ctx context.Context, in *ec2.CreateTagsInput) (*ec2.CreateTagsOutput, error) {
	if err := dry(in.DryRun); err != nil {
		return nil, err
	}
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		for _, id := range in.Resources {
			if err := s.exists(ctx, tx, id); err != nil {
				return err
			}
			if err := putTags(ctx, tx, id, in.Tags); err != nil {
				return err
			}
		}
		return nil
	})
}

// DeleteTags implements ec2:DeleteTags. A tag with a value is taken away if it has that value.
func (s *Service) DeleteTags(ctx context.Context, in *ec2.DeleteTagsInput) (*ec2.DeleteTagsOutput, error) {
	if err := dry(in.DryRun); err != nil {
		return nil, err
	}
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		for _, id := range in.Resources {
			if err := s.exists(ctx, tx, id); err != nil {
				return err
			}
			if err := deleteTags(ctx, tx, id, in.Tags); err != nil {
				return err
			}
		}
		return nil
	})
}

func deleteTags(ctx context.Context, tx store.Tx, id string, tags []ec2.Tag) error {
	if len(tags) == 0 {
		_, err := tx.Exec(ctx, `DELETE FROM ec2_tags WHERE resource = $1`, id)
		return err
	}
	for _, t := range tags {
		query, args := `DELETE FROM ec2_tags WHERE resource = $1 AND key = $2`, []any{id, awsproto.Value(t.Key)}
		if t.Value != nil {
			query, args = query+` AND value = $3`, append(args, *t.Value)
		}
		if _, err := tx.Exec(ctx, query, args...); err != nil {
			return err
		}
	}
	return nil
}

// DescribeTags implements ec2:DescribeTags.
func (s *Service) DescribeTags(ctx context.Context, in *ec2.DescribeTagsInput) (*ec2.DescribeTagsOutput, error) {
	if err := dry(in.DryRun); err != nil {
		return nil, err
	}
	rows, err := store.All(ctx, s.db, func(r *sql.Rows) (x [3]string, err error) {
		return x, r.Scan(&x[0], &x[1], &x[2])
	}, `SELECT resource, key, value FROM ec2_tags ORDER BY resource, key`)
	if err != nil {
		return nil, err
	}
	all := []ec2.TagDescription{}
	for _, x := range rows {
		kind := kindOf(x[0])
		ok, err := choose("", nil, in.Filters, facts{"resource-id": {x[0]}, "key": {x[1]}, "value": {x[2]},
			"resource-type": {string(kind)}, "tag:" + x[1]: {x[2]}})
		if err != nil {
			return nil, err
		}
		if ok {
			all = append(all, ec2.TagDescription{ResourceId: &x[0], Key: &x[1], Value: &x[2], ResourceType: kind})
		}
	}
	all, next, err := page(s, "DescribeTags", all, in.MaxResults, in.NextToken)
	return &ec2.DescribeTagsOutput{Tags: all, NextToken: next}, err
}
