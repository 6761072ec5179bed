package loadbalancer

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"

	elb "slipway/api/elbv2"
	"slipway/internal/store"
)

// defaultPriority is behind all others.
const defaultPriority = 1_000_000

// rule is a rule's row.
type rule struct {
	elb.Rule // without priority
	listener string
	priority int64
	version  int64
}

func (r *rule) isDefault() bool { return r.priority == defaultPriority }

func (r *rule) shown() elb.Rule {
	shown := r.Rule
	shown.Priority, shown.IsDefault = new("default"), new(r.isDefault())
	if !r.isDefault() {
		shown.Priority = new(strconv.FormatInt(r.priority, 10))
	}
	return shown
}

func scanRule(r *sql.Rows) (*rule, error) {
	x := &rule{}
	return x, r.Scan(store.JSON(&x.Rule), &x.listener, &x.priority, &x.version)
}

const ruleColumns = `SELECT doc, listener, priority, version FROM lb_rules `

// findRule finds the rule of an ARN.
func (s *Service) findRule(ctx context.Context, q store.Queryer, arn string) (*rule, error) {
	if err := s.check(kindRule, arn); err != nil {
		return nil, err
	}
	all, err := store.All(ctx, q, scanRule, ruleColumns+`WHERE arn = $1`, arn)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, noRule()
	}
	return all[0], nil
}

func defaultRule(ctx context.Context, q store.Queryer, listener string) (*rule, error) {
	all, err := store.All(ctx, q, scanRule, ruleColumns+`WHERE listener = $1 AND priority = $2`, listener,
		defaultPriority)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, noListener()
	}
	return all[0], nil
}

// save writes a rule as one that has its actions since a version of the table.
func (r *rule) save(ctx context.Context, tx store.Tx, version int64) error {
	_, err := tx.Exec(ctx, `INSERT INTO lb_rules (arn, listener, priority, version, doc) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (arn) DO UPDATE SET priority = excluded.priority, version = excluded.version, doc = excluded.doc`,
		*r.RuleArn, r.listener, r.priority, version, store.JSON(&r.Rule))
	return err
}

// setActions checks the actions of a rule and writes it with them.
func (s *Service) setActions(ctx context.Context, tx store.Tx, r *rule, actions []elb.Action, isNew bool) error {
	l, err := s.findListener(ctx, tx, r.listener)
	if err != nil {
		return err
	}
	normal, groups, err := s.normalActions(actions)
	if err != nil {
		return err
	}
	if err := s.usable(ctx, tx, *l.LoadBalancerArn, groups); err != nil {
		return err
	}
	r.Actions = normal
	version, err := s.changed(ctx, tx)
	if err != nil {
		return err
	}
	if err := r.save(ctx, tx, version); err != nil {
		return err
	}
	if !isNew {
		if _, err := tx.Exec(ctx, `DELETE FROM lb_uses WHERE rule = $1`, *r.RuleArn); err != nil {
			return err
		}
	}
	for _, g := range groups {
		if _, err := tx.Exec(ctx, `INSERT INTO lb_uses (rule, balancer, target_group) VALUES ($1, $2, $3)`, *r.RuleArn,
			*l.LoadBalancerArn, g); err != nil {
			return err
		}
	}
	return atMost(ctx, tx, limits.groupsPerBalancer, &elb.TooManyUniqueTargetGroupsPerLoadBalancerException{
		Message: fmt.Sprintf("A load balancer can have %d target groups at most", limits.groupsPerBalancer)},
		`SELECT COUNT(DISTINCT target_group) FROM lb_uses WHERE balancer = $1`, *l.LoadBalancerArn)
}

// usable checks that groups exist and belong to no other load balancer.
func (s *Service) usable(ctx context.Context, tx store.Tx, balancer string, groups []string) error {
	for _, g := range groups {
		if _, err := s.findGroup(ctx, tx, g); err != nil {
			return err
		}
		if err := atMost(ctx, tx, 0, &elb.TargetGroupAssociationLimitException{
			Message: fmt.Sprintf(
				"The following target groups cannot be associated with more than one load balancer: %s", g)},
			`SELECT COUNT(*) FROM lb_uses WHERE target_group = $1 AND balancer <> $2`, g, balancer); err != nil {
			return err
		}
	}
	return nil
}

// CreateRule implements elbv2:CreateRule.
func (s *Service) CreateRule(ctx context.Context, in *elb.CreateRuleInput) (*elb.CreateRuleOutput, error) {
	if len(in.Transforms) > 0 {
		return nil, noTransforms()
	}
	conditions, err := normalConditions(in.Conditions)
	if err != nil {
		return nil, err
	}
	r := &rule{priority: int64(*in.Priority)}
	err = s.db.Write(ctx, func(tx store.Tx) error {
		l, err := s.findListener(ctx, tx, *in.ListenerArn)
		if err != nil {
			return err
		}
		r.Rule, r.listener = elb.Rule{RuleArn: new(child(*in.ListenerArn, kindListener, kindRule)),
			Conditions: conditions}, *in.ListenerArn
		if err := atMost(ctx, tx, limits.rules-1,
			&elb.TooManyRulesException{Message: fmt.Sprintf("The limit of %d rules is reached", limits.rules)},
			`SELECT COUNT(*) FROM lb_rules r JOIN lb_listeners l ON l.arn = r.listener WHERE l.balancer = $1
				AND r.priority <> $2`, *l.LoadBalancerArn, defaultPriority); err != nil {
			return err
		}
		if err := freePriority(ctx, tx, *in.ListenerArn, r.priority); err != nil {
			return err
		}
		if err := s.setActions(ctx, tx, r, in.Actions, true); err != nil {
			return err
		}
		return s.setTags(ctx, tx, *r.RuleArn, in.Tags)
	})
	if err != nil {
		return nil, err
	}
	return &elb.CreateRuleOutput{Rules: []elb.Rule{r.shown()}}, nil
}

func freePriority(ctx context.Context, tx store.Tx, listener string, priority int64) error {
	return atMost(ctx, tx, 0,
		&elb.PriorityInUseException{Message: fmt.Sprintf("Priority '%d' is currently in use", priority)},
		`SELECT COUNT(*) FROM lb_rules WHERE listener = $1 AND priority = $2`, listener, priority)
}

// ModifyRule implements elbv2:ModifyRule.
func (s *Service) ModifyRule(ctx context.Context, in *elb.ModifyRuleInput) (*elb.ModifyRuleOutput, error) {
	if len(in.Transforms) > 0 {
		return nil, noTransforms()
	}
	var r *rule
	err := s.db.Write(ctx, func(tx store.Tx) (err error) {
		if r, err = s.findRule(ctx, tx, *in.RuleArn); err != nil {
			return err
		}
		if r.isDefault() {
			return &elb.OperationNotPermittedException{Message: fmt.Sprintf("Default rule '%s' cannot be modified",
				*in.RuleArn)}
		}
		if in.Conditions != nil {
			if r.Conditions, err = normalConditions(in.Conditions); err != nil {
				return err
			}
		}
		if in.Actions != nil {
			return s.setActions(ctx, tx, r, in.Actions, false)
		}
		version, err := s.changed(ctx, tx)
		if err != nil {
			return err
		}
		return r.save(ctx, tx, version)
	})
	if err != nil {
		return nil, err
	}
	return &elb.ModifyRuleOutput{Rules: []elb.Rule{r.shown()}}, nil
}

// DescribeRules implements elbv2:DescribeRules, in the order in which they are tried.
func (s *Service) DescribeRules(ctx context.Context, in *elb.DescribeRulesInput) (*elb.DescribeRulesOutput, error) {
	p := page{op: "DescribeRules", marker: in.Marker, size: in.PageSize, key: "priority"}
	switch {
	case in.ListenerArn != nil && len(in.RuleArns) > 0:
		return nil, invalid("A listener ARN and rule ARNs cannot be specified at the same time")
	case in.ListenerArn != nil:
		if _, err := s.findListener(ctx, s.db, *in.ListenerArn); err != nil {
			return nil, err
		}
		p.on("listener", *in.ListenerArn)
	case len(in.RuleArns) > 0:
		if err := s.check(kindRule, in.RuleArns...); err != nil {
			return nil, err
		}
		p.key = "arn"
		p.among("arn", in.RuleArns)
	default:
		return nil, invalid("You must specify either a listener ARN or rule ARNs")
	}
	var rows []*rule
	var next *string
	var err error
	if p.key == "arn" {
		rows, next, err = list(ctx, s, p, scanRule, ruleColumns, func(r *rule) string { return *r.RuleArn })
	} else {
		rows, next, err = list(ctx, s, p, scanRule, ruleColumns, func(r *rule) int64 { return r.priority })
	}
	if err != nil {
		return nil, err
	}
	out, found := &elb.DescribeRulesOutput{Rules: []elb.Rule{}, NextMarker: next}, map[string]bool{}
	for _, r := range rows {
		found[*r.RuleArn] = true
		out.Rules = append(out.Rules, r.shown())
	}
	if p.missing(found) != "" && next == nil && in.Marker == nil {
		return nil, noRule()
	}
	return out, nil
}

// DeleteRule implements elbv2:DeleteRule.
func (s *Service) DeleteRule(ctx context.Context, in *elb.DeleteRuleInput) (*elb.DeleteRuleOutput, error) {
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		r, err := s.findRule(ctx, tx, *in.RuleArn)
		if err != nil {
			return err
		}
		if r.isDefault() {
			return &elb.OperationNotPermittedException{Message: fmt.Sprintf("Default rule '%s' cannot be deleted",
				*in.RuleArn)}
		}
		if err := removeRule(ctx, tx, *in.RuleArn); err != nil {
			return err
		}
		_, err = s.changed(ctx, tx)
		return err
	})
}

func removeRule(ctx context.Context, tx store.Tx, arn string) error {
	if _, err := tx.Exec(ctx, `DELETE FROM lb_uses WHERE rule = $1`, arn); err != nil {
		return err
	}
	return remove(ctx, tx, "lb_rules", arn)
}
