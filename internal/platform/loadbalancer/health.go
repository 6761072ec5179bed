package loadbalancer

import (
	"context"
	"net/netip"
	"strconv"

	"slipway/api/awsproto"
	elb "slipway/api/elbv2"
	"slipway/internal/store"
)

// DescribeTargetHealth implements elbv2:DescribeTargetHealth, by what routers reported.
func (s *Service) DescribeTargetHealth(ctx context.Context,
	in *elb.DescribeTargetHealthInput) (*elb.DescribeTargetHealthOutput, error) {
	g, err := s.findGroup(ctx, s.db, *in.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	used, err := store.Find(ctx, s.db, []any{new(string)}, `SELECT rule FROM lb_uses WHERE target_group = $1 LIMIT 1`,
		*g.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	targets, err := store.All(ctx, s.db, scanTarget, targetColumns+`WHERE target_group = $1 ORDER BY id, port`,
		*g.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	out := &elb.DescribeTargetHealthOutput{TargetHealthDescriptions: []elb.TargetHealthDescription{}}
	if len(in.Targets) == 0 {
		for _, t := range targets {
			out.TargetHealthDescriptions = append(out.TargetHealthDescriptions, s.healthOf(g, t, used))
		}
		return out, nil
	}
	for _, d := range in.Targets {
		found := false
		for _, t := range targets {
			if sameAddress(t.id, *d.Id) && (d.Port == nil || *d.Port == t.port) {
				out.TargetHealthDescriptions = append(out.TargetHealthDescriptions, s.healthOf(g, t, used))
				found = true
			}
		}
		if !found {
			if d.Port == nil {
				d.Port = g.Port
			}
			out.TargetHealthDescriptions = append(out.TargetHealthDescriptions,
				elb.TargetHealthDescription{Target: &d, TargetHealth: &elb.TargetHealth{
					State: elb.TargetHealthStateEnumUnused, Reason: elb.TargetHealthReasonEnumTargetNotRegistered,
					Description: new("Target is not registered to the target group")}})
		}
	}
	return out, nil
}

func sameAddress(a, b string) bool {
	x, err := netip.ParseAddr(b)
	return err == nil && x.String() == a
}

func (s *Service) healthOf(g *group, t *target, used bool) elb.TargetHealthDescription {
	d := elb.TargetHealthDescription{Target: &elb.TargetDescription{Id: &t.id, Port: &t.port},
		HealthCheckPort: g.HealthCheckPort}
	if t.zone != "" {
		d.Target.AvailabilityZone = &t.zone
	}
	if awsproto.Value(d.HealthCheckPort) == "traffic-port" {
		d.HealthCheckPort = new(strconv.Itoa(int(t.port)))
	}
	switch {
	case t.draining > 0:
		d.TargetHealth = &elb.TargetHealth{State: elb.TargetHealthStateEnumDraining,
			Reason:      elb.TargetHealthReasonEnumTargetDeregistrationInProgress,
			Description: new("Target deregistration is in progress")}
	case !used:
		d.TargetHealth = &elb.TargetHealth{State: elb.TargetHealthStateEnumUnused,
			Reason:      elb.TargetHealthReasonEnumTargetNotInUse,
			Description: new("Target group is not configured to receive traffic from the load balancer")}
	default:
		d.TargetHealth = new(s.routers.health(targetName{t.group, t.address()}, t.version, s.Now()))
	}
	return d
}
