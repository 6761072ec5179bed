package loadbalancer

import (
	"slices"
	"strconv"
	"strings"

	"slipway/api/awsproto"
	elb "slipway/api/elbv2"
)

// maxWeight is the greatest weight of a target group.
const maxWeight = 999

// normalActions checks a rule's actions and brings them into the form in which they are described. groups are those
// forwarded to.
func (s *Service) normalActions(actions []elb.Action) (normal []elb.Action, groups []string, err error) {
	if len(actions) != 1 {
		for _, a := range actions {
			if err := refuseAction(a); err != nil {
				return nil, nil, err
			}
		}
		return nil, nil, &elb.TooManyActionsException{
			Message: "You must specify exactly one action: forward, redirect or fixed-response",
		}
	}
	a := actions[0]
	if err := refuseAction(a); err != nil {
		return nil, nil, err
	}
	configured := map[elb.ActionTypeEnum]bool{elb.ActionTypeEnumForward: a.TargetGroupArn != nil ||
		a.ForwardConfig != nil,
		elb.ActionTypeEnumRedirect:      a.RedirectConfig != nil,
		elb.ActionTypeEnumFixedResponse: a.FixedResponseConfig != nil}
	for kind, is := range configured {
		if is != (kind == a.Type) {
			return nil, nil, &elb.InvalidLoadBalancerActionException{
				Message: "An action must have the configuration of its type, '" + string(a.Type) + "', and no other",
			}
		}
	}
	switch a.Type {
	case elb.ActionTypeEnumForward:
		groups, err = s.normalForward(&a)
	case elb.ActionTypeEnumRedirect:
		err = normalRedirect(a.RedirectConfig)
	case elb.ActionTypeEnumFixedResponse:
		err = checkFixedResponse(a.FixedResponseConfig)
	}
	return []elb.Action{a}, groups, err
}

func refuseAction(a elb.Action) error {
	if a.Type == elb.ActionTypeEnumAuthenticateCognito || a.Type == elb.ActionTypeEnumAuthenticateOidc {
		return refused("actions of the type %s", a.Type)
	}
	return nil
}

// normalForward checks a forward action, fills in its defaults, and returns the ARNs of its target groups.
func (s *Service) normalForward(a *elb.Action) (groups []string, err error) {
	if a.ForwardConfig == nil {
		a.ForwardConfig = &elb.ForwardActionConfig{
			TargetGroups: []elb.TargetGroupTuple{{TargetGroupArn: a.TargetGroupArn}},
		}
	}
	f := *a.ForwardConfig
	f.TargetGroups = slices.Clone(f.TargetGroups)
	if groups, err = s.normalTargets(f.TargetGroups); err != nil {
		return nil, err
	}
	if a.TargetGroupArn != nil && (len(groups) != 1 || groups[0] != *a.TargetGroupArn) {
		return nil, &elb.InvalidLoadBalancerActionException{
			Message: "TargetGroupArn and ForwardConfig must name the same one target group, if both are specified",
		}
	}
	a.TargetGroupArn = nil
	if len(groups) == 1 {
		a.TargetGroupArn = &groups[0]
	}
	sticky := elb.TargetGroupStickinessConfig{Enabled: new(false)}
	if c := f.TargetGroupStickinessConfig; c != nil && awsproto.Value(c.Enabled) {
		sticky = *c
		if d := awsproto.Value(c.DurationSeconds); d < 1 || d > 604800 {
			return nil, invalid("Target group stickiness duration '%d' must be between 1 and 604800 seconds", d)
		}
	}
	f.TargetGroupStickinessConfig = &sticky
	a.ForwardConfig = &f
	return groups, nil
}

// normalTargets checks the target groups of a forward action and fills in their weights.
func (s *Service) normalTargets(all []elb.TargetGroupTuple) (groups []string, err error) {
	if len(all) == 0 || len(all) > limits.groupsPerAction {
		return nil, invalid("A forward action must have 1 to %d target groups", limits.groupsPerAction)
	}
	for i := range all {
		t := &all[i]
		if err := s.check(kindGroup, awsproto.Value(t.TargetGroupArn)); err != nil {
			return nil, err
		}
		if slices.Contains(groups, *t.TargetGroupArn) {
			return nil, invalid("The target group '%s' is there twice", *t.TargetGroupArn)
		}
		if t.Weight == nil {
			t.Weight = new(int32(1))
		}
		if *t.Weight < 0 || *t.Weight > maxWeight {
			return nil, invalid("Weight '%d' must be between 0 and %d", *t.Weight, maxWeight)
		}
		groups = append(groups, *t.TargetGroupArn)
	}
	return groups, nil
}

func normalRedirect(c *elb.RedirectActionConfig) error {
	defaults := map[**string]string{
		&c.Protocol: "#{protocol}",
		&c.Port:     "#{port}",
		&c.Host:     "#{host}",
		&c.Path:     "/#{path}",
		&c.Query:    "#{query}",
	}
	same := true
	for at, otherwise := range defaults {
		if *at == nil {
			*at = new(otherwise)
		}
		same = same && **at == otherwise
	}
	if same {
		return &elb.InvalidLoadBalancerActionException{
			Message: "The redirect configuration is not valid because it creates a loop: it changes nothing",
		}
	}
	if *c.Port != "#{port}" {
		if n, err := strconv.Atoi(*c.Port); err != nil || n < 1 || n > 65535 {
			return invalid("Redirect port '%s' must be '#{port}' or a port from 1 to 65535", *c.Port)
		}
	}
	if !strings.HasPrefix(*c.Path, "/") {
		return invalid("Redirect path '%s' must begin with a '/' character", *c.Path)
	}
	for _, v := range []*string{c.Host, c.Path, c.Query} {
		if strings.ContainsFunc(*v, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
			return invalid("Redirect '%s' must not hold spaces or control characters", *v)
		}
	}
	return nil
}

func checkFixedResponse(c *elb.FixedResponseActionConfig) error {
	allowed := []string{"text/plain", "text/css", "text/html", "application/javascript", "application/json"}
	if c.ContentType != nil && !slices.Contains(allowed, *c.ContentType) {
		return invalid("Content type '%s' must be one of '%s'", *c.ContentType, strings.Join(allowed, ", "))
	}
	return nil
}
