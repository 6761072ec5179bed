package network

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"slices"

	"slipway/api/awsproto"
	"slipway/api/ec2"
	"slipway/internal/store"
)

const groupNotFound = "InvalidGroup.NotFound"

// group is a security group as it is kept.
type group struct{ id, name, description string }

func noSuchGroup(id string) error {
	return fault(groupNotFound, "The security group '%.100s' does not exist", id)
}

func scanGroup(r *sql.Rows) (g group, err error) { return g, r.Scan(&g.id, &g.name, &g.description) }

func (s *Service) group(ctx context.Context, q store.Queryer, id string) (g group, err error) {
	ok, err := store.Find(ctx, q, []any{&g.id, &g.name, &g.description},
		`SELECT id, name, description FROM ec2_groups WHERE id = $1`, id)
	if err == nil && !ok {
		err = noSuchGroup(id)
	}
	return g, err
}

// named finds the group of an ID or a name, of which a request has one.
func (s *Service) named(ctx context.Context, q store.Queryer, id, name *string) (g group, err error) {
	switch {
	case id != nil:
		return s.group(ctx, q, *id)
	case name == nil:
		return g, fault("MissingParameter", "The request must contain the parameter groupName or groupId")
	}
	ok, err := store.Find(ctx, q, []any{&g.id, &g.name, &g.description},
		`SELECT id, name, description FROM ec2_groups WHERE name = $1`, *name)
	if err == nil && !ok {
		err = noSuchGroup(*name)
	}
	return g, err
}

func newID(kind string) string {
	b := make([]byte, 9)
	_, _ = rand.Read(b) // never fails: it ends the process instead
	return kind + "-" + hex.EncodeToString(b)[:17]
}

// addGroup makes a group with its first rules: all traffic out, and for the default one all from itself in.
func (s *Service) addGroup(ctx context.Context, tx store.Tx, id, name, description string, first bool) error {
	if _, err := tx.Exec(ctx, `INSERT INTO ec2_groups (id, name, description, created) VALUES ($1, $2, $3, $4)`, id, name,
		description, s.Now().UnixMilli()); err != nil {
		return err
	}
	rules := []ec2.SecurityGroupRule{{IsEgress: new(true), IpProtocol: new("-1"), FromPort: new(int32(-1)),
		ToPort: new(int32(-1)), CidrIpv4: new("0.0.0.0/0")}}
	if first {
		rules = append(rules, ec2.SecurityGroupRule{IsEgress: new(false), IpProtocol: new("-1"),
			FromPort: new(int32(-1)), ToPort: new(int32(-1)),
			ReferencedGroupInfo: &ec2.ReferencedSecurityGroup{GroupId: &id, UserId: &s.Account}})
	}
	for i := range rules {
		if err := s.addRule(ctx, tx, id, &rules[i]); err != nil {
			return err
		}
	}
	return nil
}

// CreateSecurityGroup implements ec2:CreateSecurityGroup.
func (s *Service) CreateSecurityGroup(ctx context.Context,
	in *ec2.CreateSecurityGroupInput) (*ec2.CreateSecurityGroupOutput, error) {
	if err := dry(in.DryRun); err != nil {
		return nil, err
	}
	switch name := *in.GroupName; {
	case in.VpcId != nil && *in.VpcId != s.VPC():
		return nil, fault("InvalidVpcID.NotFound", "The vpc ID '%.100s' does not exist", *in.VpcId)
	case name == "default":
		return nil, fault("InvalidParameterValue", "Cannot use reserved security group name: default")
	case len(name) == 0 || len(name) > 255 || len(name) > 3 && name[:3] == "sg-":
		return nil, fault("InvalidParameterValue",
			"Invalid security group name: it has up to 255 characters, and does not begin with sg-")
	case len(*in.Description) == 0 || len(*in.Description) > 255:
		return nil, fault("InvalidParameterValue", "Invalid security group description: it has 1 to 255 characters")
	}
	id, tags := newID("sg"), specified(in.TagSpecifications, "security-group")
	err := s.db.Write(ctx, func(tx store.Tx) error {
		if _, err := s.named(ctx, tx, nil, in.GroupName); awsproto.Code(err) != groupNotFound {
			if err == nil {
				err = fault("InvalidGroup.Duplicate", "The security group '%s' already exists for VPC '%s'",
					*in.GroupName, s.VPC())
			}
			return err
		}
		if err := s.addGroup(ctx, tx, id, *in.GroupName, *in.Description, false); err != nil {
			return err
		}
		return putTags(ctx, tx, id, tags)
	})
	if err != nil {
		return nil, err
	}
	return &ec2.CreateSecurityGroupOutput{GroupId: &id, Tags: tags,
		SecurityGroupArn: new(s.arn("security-group/" + id))}, nil
}

// DeleteSecurityGroup implements ec2:DeleteSecurityGroup.
func (s *Service) DeleteSecurityGroup(ctx context.Context,
	in *ec2.DeleteSecurityGroupInput) (*ec2.DeleteSecurityGroupOutput, error) {
	if err := dry(in.DryRun); err != nil {
		return nil, err
	}
	var g group
	err := s.db.Write(ctx, func(tx store.Tx) (err error) {
		if g, err = s.named(ctx, tx, in.GroupId, in.GroupName); err != nil {
			return err
		}
		if g.id == s.defaultGroup() {
			return fault("CannotDelete", "the specified group: %q name: \"default\" cannot be deleted by a user", g.id)
		}
		all, err := s.rules(ctx, tx, `WHERE grp <> $1`, g.id)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(all, func(r ec2.SecurityGroupRule) bool {
			return r.ReferencedGroupInfo != nil && awsproto.Value(r.ReferencedGroupInfo.GroupId) == g.id
		}) {
			return fault("DependencyViolation", "resource %s has a dependent object", g.id)
		}
		for _, query := range []string{
			`DELETE FROM ec2_tags WHERE resource IN (SELECT id FROM ec2_rules WHERE grp = $1)`,
			`DELETE FROM ec2_tags WHERE resource = $1`,
			`DELETE FROM ec2_rules WHERE grp = $1`,
			`DELETE FROM ec2_groups WHERE id = $1`,
		} {
			if _, err := tx.Exec(ctx, query, g.id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &ec2.DeleteSecurityGroupOutput{Return: new(true), GroupId: &g.id}, nil
}

// DescribeSecurityGroups implements ec2:DescribeSecurityGroups.
func (s *Service) DescribeSecurityGroups(ctx context.Context,
	in *ec2.DescribeSecurityGroupsInput) (*ec2.DescribeSecurityGroupsOutput, error) {
	if err := dry(in.DryRun); err != nil {
		return nil, err
	}
	groups, err := store.All(ctx, s.db, scanGroup, `SELECT id, name, description FROM ec2_groups ORDER BY id`)
	if err != nil {
		return nil, err
	}
	for _, id := range in.GroupIds {
		if !slices.ContainsFunc(groups, func(g group) bool { return g.id == id }) {
			return nil, noSuchGroup(id)
		}
	}
	for _, name := range in.GroupNames {
		if !slices.ContainsFunc(groups, func(g group) bool { return g.name == name }) {
			return nil, noSuchGroup(name)
		}
	}
	rules, err := s.rules(ctx, s.db, ``)
	if err != nil {
		return nil, err
	}
	of := map[string][]ec2.SecurityGroupRule{}
	for _, r := range rules {
		of[*r.GroupId] = append(of[*r.GroupId], r)
	}
	tags, err := s.allTags(ctx)
	if err != nil {
		return nil, err
	}
	all := []ec2.SecurityGroup{}
	for _, g := range groups {
		if len(in.GroupNames) > 0 && !slices.Contains(in.GroupNames, g.name) {
			continue
		}
		ok, err := choose(g.id, in.GroupIds, in.Filters, s.groupFacts(g, of[g.id]).tagged(tags[g.id]))
		if err != nil {
			return nil, err
		}
		if ok {
			all = append(all, s.describeGroup(g, of[g.id], tags[g.id]))
		}
	}
	all, next, err := page(s, "DescribeSecurityGroups", all, in.MaxResults, in.NextToken)
	return &ec2.DescribeSecurityGroupsOutput{SecurityGroups: all, NextToken: next}, err
}

// allTags are the tags of all resources.
func (s *Service) allTags(ctx context.Context) (map[string][]ec2.Tag, error) {
	rows, err := store.All(ctx, s.db, func(r *sql.Rows) (x [3]string, err error) {
		return x, r.Scan(&x[0], &x[1], &x[2])
	}, `SELECT resource, key, value FROM ec2_tags ORDER BY resource, key`)
	tags := map[string][]ec2.Tag{}
	for _, x := range rows {
		tags[x[0]] = append(tags[x[0]], ec2.Tag{Key: &x[1], Value: &x[2]})
	}
	return tags, err
}

func (s *Service) groupFacts(g group, rules []ec2.SecurityGroupRule) facts {
	f := facts{"group-id": {g.id}, "group-name": {g.name}, "description": {g.description}, "vpc-id": {s.VPC()},
		"owner-id": {s.Account}, "ip-permission.cidr": nil, "ip-permission.protocol": nil,
		"ip-permission.group-id":  nil,
		"ip-permission.from-port": nil, "ip-permission.to-port": nil, "egress.ip-permission.cidr": nil}
	for _, r := range rules {
		if *r.IsEgress {
			f["egress.ip-permission.cidr"] = append(f["egress.ip-permission.cidr"], awsproto.Value(r.CidrIpv4))
			continue
		}
		f["ip-permission.cidr"] = append(f["ip-permission.cidr"], awsproto.Value(r.CidrIpv4))
		f["ip-permission.protocol"] = append(f["ip-permission.protocol"], *r.IpProtocol)
		f["ip-permission.from-port"] = append(f["ip-permission.from-port"], port(r.FromPort))
		f["ip-permission.to-port"] = append(f["ip-permission.to-port"], port(r.ToPort))
		if r.ReferencedGroupInfo != nil {
			f["ip-permission.group-id"] = append(f["ip-permission.group-id"], *r.ReferencedGroupInfo.GroupId)
		}
	}
	return f
}

func (s *Service) describeGroup(g group, rules []ec2.SecurityGroupRule, tags []ec2.Tag) ec2.SecurityGroup {
	if tags == nil {
		tags = []ec2.Tag{}
	}
	in, out := permissions(rules)
	return ec2.SecurityGroup{
		Description:         &g.description,
		GroupName:           &g.name,
		IpPermissions:       in,
		IpPermissionsEgress: out,
		OwnerId:             &s.Account,
		GroupId:             &g.id,
		Tags:                tags,
		VpcId:               new(s.VPC()),
		SecurityGroupArn:    new(s.arn("security-group/" + g.id)),
	}
}
