package loadbalancer

import (
	"context"
	"fmt"

	elb "slipway/api/elbv2"
	"slipway/internal/store"
)

// SetRulePriorities implements elbv2:SetRulePriorities.
func (s *Service) SetRulePriorities(ctx context.Context,
	in *elb.SetRulePrioritiesInput) (*elb.SetRulePrioritiesOutput, error) {
	var rules []*rule
	err := s.db.Write(ctx, func(tx store.Tx) error {
		rules = nil
		version, err := s.changed(ctx, tx)
		if err != nil {
			return err
		}
		for _, pair := range in.RulePriorities {
			if pair.RuleArn == nil || pair.Priority == nil {
				return invalid("A rule ARN and a priority must be specified")
			}
			r, err := s.findRule(ctx, tx, *pair.RuleArn)
			if err != nil {
				return err
			}
			if r.isDefault() {
				return &elb.OperationNotPermittedException{
					Message: fmt.Sprintf("The priority of the default rule '%s' cannot be set", *r.RuleArn),
				}
			}
			r.priority = int64(*pair.Priority)
			if err := r.save(ctx, tx, version); err != nil {
				return err
			}
			rules = append(rules, r)
		}
		for _, r := range rules { // once all have moved
			if err := atMost(ctx, tx, 1,
				&elb.PriorityInUseException{Message: fmt.Sprintf("Priority '%d' is currently in use", r.priority)},
				`SELECT COUNT(*) FROM lb_rules WHERE listener = $1 AND priority = $2`, r.listener,
				r.priority); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := &elb.SetRulePrioritiesOutput{}
	for _, r := range rules {
		out.Rules = append(out.Rules, r.shown())
	}
	return out, nil
}
