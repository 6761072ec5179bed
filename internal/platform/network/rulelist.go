package network

import (
	"context"
	"slices"

	"slipway/api/ec2"
)

// DescribeSecurityGroupRules implements ec2:DescribeSecurityGroupRules.
func (s *Service) DescribeSecurityGroupRules(ctx context.Context,
	in *ec2.DescribeSecurityGroupRulesInput) (*ec2.DescribeSecurityGroupRulesOutput, error) {
	if err := dry(in.DryRun); err != nil {
		return nil, err
	}
	rules, err := s.rules(ctx, s.db, ``)
	if err != nil {
		return nil, err
	}
	for _, id := range in.SecurityGroupRuleIds {
		if !slices.ContainsFunc(rules, func(r ec2.SecurityGroupRule) bool { return *r.SecurityGroupRuleId == id }) {
			return nil, fault("InvalidSecurityGroupRuleId.NotFound",
				"The security group rule ID '%.100s' does not exist", id)
		}
	}
	tags, err := s.allTags(ctx)
	if err != nil {
		return nil, err
	}
	all := []ec2.SecurityGroupRule{}
	for _, r := range rules {
		id := *r.SecurityGroupRuleId
		ok, err := choose(id, in.SecurityGroupRuleIds, in.Filters,
			facts{"group-id": {*r.GroupId}, "security-group-rule-id": {id}}.tagged(tags[id]))
		if err != nil {
			return nil, err
		}
		if ok {
			if r.Tags = tags[id]; r.Tags == nil {
				r.Tags = []ec2.Tag{}
			}
			all = append(all, r)
		}
	}
	all, next, err := page(s, "DescribeSecurityGroupRules", all, in.MaxResults, in.NextToken)
	return &ec2.DescribeSecurityGroupRulesOutput{SecurityGroupRules: all, NextToken: next}, err
}
