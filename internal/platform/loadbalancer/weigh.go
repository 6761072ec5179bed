package loadbalancer

import (
	"context"
	"fmt"
	"maps"
	"slices"

	elb "slipway/api/elbv2"
	"slipway/internal/fault"
	"slipway/internal/store"
)

// ruleOf finds the rule of a resource that has actions: a rule, or a listener, whose default rule it is.
func (s *Service) ruleOf(ctx context.Context, q store.Queryer, arn string) (*rule, error) {
	if s.kindOf(arn) == kindListener {
		return defaultRule(ctx, q, arn)
	}
	return s.findRule(ctx, q, arn)
}

// Weigh sets the weights of target groups (ARN to 0…999) in the forward action of each resource: a listener's default
// action, or a rule's. Groups that weights does not name keep theirs. What is so already is not changed. It is durable
// when Weigh returns; InEffect tells when routers go by it.
func (s *Service) Weigh(ctx context.Context, resources []string, weights map[string]int) error {
	err := s.db.Write(ctx, func(tx store.Tx) error {
		var version int64
		for _, arn := range resources {
			r, err := s.ruleOf(ctx, tx, arn)
			if err != nil {
				return err
			}
			changed, err := weigh(r, weights)
			if err != nil {
				return fmt.Errorf("%s: %w", arn, err)
			}
			if !changed {
				continue
			}
			if version == 0 {
				if version, err = s.changed(ctx, tx); err != nil {
					return err
				}
			}
			if err := r.save(ctx, tx, version); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		fault.Point("loadbalancer.weighed")
	}
	return err
}

// Differing returns those of the resources whose weights are not yet those given: those that Weigh would change.
func (s *Service) Differing(ctx context.Context, resources []string, weights map[string]int) ([]string, error) {
	var differing []string
	for _, arn := range resources {
		r, err := s.ruleOf(ctx, s.db, arn)
		if err != nil {
			return nil, err
		}
		changes, err := weigh(r, weights)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", arn, err)
		}
		if changes {
			differing = append(differing, arn)
		}
	}
	return differing, nil
}

// groupsOf are the groups that a rule forwards to, with their weights.
func groupsOf(r *rule) ([]elb.TargetGroupTuple, error) {
	if len(r.Actions) != 1 || r.Actions[0].ForwardConfig == nil {
		return nil, &elb.InvalidLoadBalancerActionException{
			Message: "Its action does not forward to target groups, so it has no weights",
		}
	}
	return r.Actions[0].ForwardConfig.TargetGroups, nil
}

// weigh sets the weights of a rule's action.
func weigh(r *rule, weights map[string]int) (changed bool, err error) {
	groups, err := groupsOf(r)
	if err != nil {
		return false, err
	}
	for _, arn := range slices.Sorted(maps.Keys(weights)) {
		w := weights[arn]
		if w < 0 || w > maxWeight {
			return false, invalid("Weight '%d' must be between 0 and %d", w, maxWeight)
		}
		i := slices.IndexFunc(groups, func(t elb.TargetGroupTuple) bool { return *t.TargetGroupArn == arn })
		if i < 0 {
			return false, &elb.TargetGroupNotFoundException{
				Message: fmt.Sprintf(
					"Its action does not forward to the target group '%s'; ModifyListener or ModifyRule adds it", arn),
			}
		}
		if int(*groups[i].Weight) != w {
			groups[i].Weight, changed = new(int32(w)), true
		}
	}
	return changed, nil
}

// InEffect reports whether the weights of the resources are those given, and every router that is alive, and one at
// least, goes by them. A listener that a router could not open is an error that says why. Whoever waits is told by
// Config.Applied when to ask again.
func (s *Service) InEffect(ctx context.Context, resources []string, weights map[string]int) (bool, error) {
	var since int64
	for _, arn := range resources {
		r, err := s.ruleOf(ctx, s.db, arn)
		if err != nil {
			return false, err
		}
		if changed, err := weigh(r, weights); err != nil || changed {
			return false, err
		}
		if why := s.routers.broken(r.listener, s.Now()); why != "" {
			return false, fmt.Errorf("the listener %s is not open at the %s", r.listener, why)
		}
		since = max(since, r.version)
	}
	return s.routers.serve(since, s.Now()), nil
}
