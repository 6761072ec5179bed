package loadbalancer

import (
	"context"
	"database/sql"
	"fmt"
	"reflect"

	elb "slipway/api/elbv2"
	"slipway/internal/store"
)

// group is a target group's row.
type group struct {
	elb.TargetGroup
	attributes map[string]string
}

func scanGroup(r *sql.Rows) (*group, error) {
	g := &group{}
	return g, r.Scan(store.JSON(&g.TargetGroup), store.JSON(&g.attributes))
}

const groupColumns = `SELECT doc, attributes FROM lb_groups `

func groupBy(ctx context.Context, q store.Queryer, column, is string) (*group, error) {
	all, err := store.All(ctx, q, scanGroup, groupColumns+`WHERE `+column+` = $1`, is)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return all[0], nil
}

// findGroup finds the target group of an ARN.
func (s *Service) findGroup(ctx context.Context, q store.Queryer, arn string) (*group, error) {
	if err := s.check(kindGroup, arn); err != nil {
		return nil, err
	}
	g, err := groupBy(ctx, q, "arn", arn)
	if err == nil && g == nil {
		err = noGroup()
	}
	return g, err
}

// CreateTargetGroup implements elbv2:CreateTargetGroup.
func (s *Service) CreateTargetGroup(ctx context.Context,
	in *elb.CreateTargetGroupInput) (*elb.CreateTargetGroupOutput, error) {
	g, err := s.newGroup(in)
	if err != nil {
		return nil, err
	}
	err = s.db.Write(ctx, func(tx store.Tx) error {
		before, err := groupBy(ctx, tx, "name", *in.Name)
		if err != nil {
			return err
		}
		if before != nil {
			same := *g
			same.TargetGroupArn = before.TargetGroupArn
			if !reflect.DeepEqual(&same, &before.TargetGroup) {
				return &elb.DuplicateTargetGroupNameException{
					Message: fmt.Sprintf("A target group with the same name '%s' exists, but with different settings",
						*in.Name),
				}
			}
			g = &before.TargetGroup
			return nil
		}
		if err := atMost(ctx, tx, limits.groups-1,
			&elb.TooManyTargetGroupsException{Message: fmt.Sprintf("The limit of %d target groups is reached",
				limits.groups)},
			`SELECT COUNT(*) FROM lb_groups`); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `INSERT INTO lb_groups (arn, name, attributes, doc) VALUES ($1, $2, '{}', $3)`,
			*g.TargetGroupArn, *in.Name, store.JSON(g)); err != nil {
			return err
		}
		return s.setTags(ctx, tx, *g.TargetGroupArn, in.Tags)
	})
	if err != nil {
		return nil, err
	}
	return s.describeGroup(ctx, *g.TargetGroupArn)
}

func (s *Service) describeGroup(ctx context.Context, arn string) (*elb.CreateTargetGroupOutput, error) {
	out, err := s.DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{TargetGroupArns: []string{arn}})
	if err != nil {
		return nil, err
	}
	return &elb.CreateTargetGroupOutput{TargetGroups: out.TargetGroups}, nil
}

// versions are how requests travel to targets.
const (
	versionHTTP1 = "HTTP1"
	versionHTTP2 = "HTTP2"
	versionGRPC  = "GRPC"
)

func (s *Service) newGroup(in *elb.CreateTargetGroupInput) (*elb.TargetGroup, error) {
	if err := checkName("Target group", *in.Name); err != nil {
		return nil, err
	}
	if in.TargetType != elb.TargetTypeEnumIp {
		asked := in.TargetType
		if asked == "" {
			asked = elb.TargetTypeEnumInstance // AWS's default
		}
		return nil, refused("targets of the type %s; register addresses, with the target type ip", asked)
	}
	switch in.Protocol {
	case elb.ProtocolEnumHttp, elb.ProtocolEnumHttps:
	case "":
		return nil, invalid("A protocol must be specified")
	default:
		return nil, refused("target groups of the protocol %s; HTTP and HTTPS are there", in.Protocol)
	}
	if in.TargetControlPort != nil {
		return nil, refused("a target control port; targets take what the weights and their health say")
	}
	if in.Port == nil {
		return nil, invalid("A port must be specified")
	}
	version := versionHTTP1
	if in.ProtocolVersion != nil {
		version = *in.ProtocolVersion
	}
	if version != versionHTTP1 && version != versionHTTP2 && version != versionGRPC {
		return nil, invalid("Protocol version '%s' must be one of 'HTTP1, HTTP2, GRPC'", version)
	}
	if in.IpAddressType == "" {
		in.IpAddressType = elb.TargetGroupIpAddressTypeEnumIpv4
	}
	g := &elb.TargetGroup{TargetGroupArn: new(s.arn(kindGroup + "/" + *in.Name + "/" + newID())),
		TargetGroupName: in.Name, Protocol: in.Protocol, Port: in.Port, VpcId: in.VpcId,
		TargetType: in.TargetType, ProtocolVersion: &version, IpAddressType: in.IpAddressType}
	setHealthCheck(g,
		elb.ModifyTargetGroupInput{HealthCheckProtocol: in.HealthCheckProtocol, HealthCheckPort: in.HealthCheckPort,
			HealthCheckPath:    in.HealthCheckPath,
			HealthCheckEnabled: in.HealthCheckEnabled, HealthCheckIntervalSeconds: in.HealthCheckIntervalSeconds,
			HealthCheckTimeoutSeconds: in.HealthCheckTimeoutSeconds,
			HealthyThresholdCount:     in.HealthyThresholdCount, UnhealthyThresholdCount: in.UnhealthyThresholdCount,
			Matcher: in.Matcher})
	return g, checkHealthCheck(g)
}

// ModifyTargetGroup implements elbv2:ModifyTargetGroup.
func (s *Service) ModifyTargetGroup(ctx context.Context,
	in *elb.ModifyTargetGroupInput) (*elb.ModifyTargetGroupOutput, error) {
	err := s.db.Write(ctx, func(tx store.Tx) error {
		g, err := s.findGroup(ctx, tx, *in.TargetGroupArn)
		if err != nil {
			return err
		}
		setHealthCheck(&g.TargetGroup, *in)
		if err := checkHealthCheck(&g.TargetGroup); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE lb_groups SET doc = $2 WHERE arn = $1`, *in.TargetGroupArn,
			store.JSON(&g.TargetGroup)); err != nil {
			return err
		}
		_, err = s.changed(ctx, tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	out, err := s.describeGroup(ctx, *in.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	return &elb.ModifyTargetGroupOutput{TargetGroups: out.TargetGroups}, nil
}

// DescribeTargetGroups implements elbv2:DescribeTargetGroups.
func (s *Service) DescribeTargetGroups(ctx context.Context,
	in *elb.DescribeTargetGroupsInput) (*elb.DescribeTargetGroupsOutput, error) {
	p, err := s.describedGroups(ctx, in)
	if err != nil {
		return nil, err
	}
	rows, next, err := list(ctx, s, p, scanGroup, groupColumns, func(g *group) string { return *g.TargetGroupArn })
	if err != nil {
		return nil, err
	}
	balancers, err := balancersOf(ctx, s.db)
	if err != nil {
		return nil, err
	}
	out, found := &elb.DescribeTargetGroupsOutput{TargetGroups: []elb.TargetGroup{},
		NextMarker: next}, map[string]bool{}
	for _, g := range rows {
		found[*g.TargetGroupArn], found[*g.TargetGroupName] = true, true
		g.LoadBalancerArns = []string{}
		if b := balancers[*g.TargetGroupArn]; b != "" {
			g.LoadBalancerArns = append(g.LoadBalancerArns, b)
		}
		out.TargetGroups = append(out.TargetGroups, g.TargetGroup)
	}
	if p.missing(found) != "" && next == nil && in.Marker == nil {
		return nil, noGroup()
	}
	return out, nil
}

// balancersOf tells which load balancer each used group belongs to: one at most.
func balancersOf(ctx context.Context, q store.Queryer) (map[string]string, error) {
	pairs, err := store.All(ctx, q, func(r *sql.Rows) (p [2]string, err error) { return p, r.Scan(&p[0], &p[1]) },
		`SELECT DISTINCT target_group, balancer FROM lb_uses`)
	of := make(map[string]string, len(pairs))
	for _, p := range pairs {
		of[p[0]] = p[1]
	}
	return of, err
}

// DeleteTargetGroup implements elbv2:DeleteTargetGroup; one that is gone already is no error.
func (s *Service) DeleteTargetGroup(ctx context.Context,
	in *elb.DeleteTargetGroupInput) (*elb.DeleteTargetGroupOutput, error) {
	arn := *in.TargetGroupArn
	if err := s.check(kindGroup, arn); err != nil {
		return nil, err
	}
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		if err := atMost(ctx, tx, 0,
			&elb.ResourceInUseException{
				Message: fmt.Sprintf("Target group '%s' is currently in use by a listener or a rule", arn),
			},
			`SELECT COUNT(*) FROM lb_uses WHERE target_group = $1`, arn); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM lb_targets WHERE target_group = $1`, arn); err != nil {
			return err
		}
		return remove(ctx, tx, "lb_groups", arn)
	})
}

// describedGroups is the page of target groups that DescribeTargetGroups asks for.
func (s *Service) describedGroups(ctx context.Context, in *elb.DescribeTargetGroupsInput) (page, error) {
	p := page{op: "DescribeTargetGroups", marker: in.Marker, size: in.PageSize, key: "arn"}
	given := 0
	for _, is := range []bool{in.LoadBalancerArn != nil, len(in.TargetGroupArns) > 0, len(in.Names) > 0} {
		if is {
			given++
		}
	}
	if given > 1 {
		return p, invalid(
			"Load balancer ARN, target group ARNs and target group names cannot be specified at the same time")
	}
	switch {
	case in.LoadBalancerArn != nil:
		if _, err := s.findBalancer(ctx, s.db, *in.LoadBalancerArn); err != nil {
			return p, err
		}
		p.args = append(p.args, *in.LoadBalancerArn)
		p.where = append(p.where, "arn IN (SELECT target_group FROM lb_uses WHERE balancer = $1)")
	case len(in.TargetGroupArns) > 0:
		if err := s.check(kindGroup, in.TargetGroupArns...); err != nil {
			return p, err
		}
		p.among("arn", in.TargetGroupArns)
	case len(in.Names) > 0:
		p.among("name", in.Names)
	}
	return p, nil
}
