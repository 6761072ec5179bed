package loadbalancer

import (
	"context"
	"strconv"

	elb "slipway/api/elbv2"
	"slipway/internal/store"
)

// limits are Elastic Load Balancing's own quotas, where it has them.
var limits = struct {
	balancers, listeners, rules, groups, targets, certificates     int
	groupsPerAction, groupsPerBalancer, conditionValues, wildcards int
}{50, 50, 100, 3000, 1000, 25, 5, 100, 5, 6}

// atMost fails with err if a count is above most.
func atMost(ctx context.Context, tx store.Tx, most int, err error, query string, args ...any) error {
	var n int
	if qerr := tx.QueryRow(ctx, query, args...).Scan(&n); qerr != nil {
		return qerr
	}
	if n > most {
		return err
	}
	return nil
}

// DescribeAccountLimits implements elbv2:DescribeAccountLimits; they fit on one page.
func (s *Service) DescribeAccountLimits(context.Context,
	*elb.DescribeAccountLimitsInput) (*elb.DescribeAccountLimitsOutput, error) {
	out := &elb.DescribeAccountLimitsOutput{}
	for _, l := range []struct {
		name string
		most int
	}{
		{"application-load-balancers", limits.balancers}, {"listeners-per-application-load-balancer", limits.listeners},
		{"rules-per-application-load-balancer", limits.rules}, {"target-groups", limits.groups},
		{"targets-per-target-group", limits.targets},
		{"certificates-per-application-load-balancer", limits.certificates},
		{"target-groups-per-action-on-application-load-balancer", limits.groupsPerAction},
		{"target-groups-per-application-load-balancer", limits.groupsPerBalancer},
		{"condition-values-per-alb-rule", limits.conditionValues},
		{"condition-wildcards-per-alb-rule", limits.wildcards},
	} {
		out.Limits = append(out.Limits, elb.Limit{Name: &l.name, Max: new(strconv.Itoa(l.most))})
	}
	return out, nil
}
