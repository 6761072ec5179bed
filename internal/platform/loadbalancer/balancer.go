package loadbalancer

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"strings"

	"slipway/api/awsproto"
	elb "slipway/api/elbv2"
	"slipway/internal/store"
)

var balancerName = regexp.MustCompile(`^[A-Za-z0-9-]+$`)

// checkName holds the rules of load balancers' and target groups' names.
func checkName(what, name string) error {
	switch {
	case len(name) > 32:
		return invalid("%s name '%s' cannot be longer than '32' characters", what, name)
	case !balancerName.MatchString(name):
		return invalid("%s name '%s' can only contain characters that are alphanumeric characters and hyphens(-)", what,
			name)
	case strings.HasPrefix(name, "-") || strings.HasSuffix(name, "-"):
		return invalid("%s name '%s' cannot begin or end with a hyphen(-)", what, name)
	}
	return nil
}

// CreateLoadBalancer implements elbv2:CreateLoadBalancer. Subnets and security groups are kept as they are given: there
// is no network of its own that they could mean.
func (s *Service) CreateLoadBalancer(ctx context.Context,
	in *elb.CreateLoadBalancerInput) (*elb.CreateLoadBalancerOutput, error) {
	b, err := s.newBalancer(in)
	if err != nil {
		return nil, err
	}
	var created *balancer
	err = s.db.Write(ctx, func(tx store.Tx) error {
		before, err := balancerBy(ctx, tx, "name", *in.Name)
		if err != nil {
			return err
		}
		if before != nil {
			if before.Scheme != b.Scheme || before.IpAddressType != b.IpAddressType {
				return &elb.DuplicateLoadBalancerNameException{
					Message: fmt.Sprintf("A load balancer with the same name '%s' exists, but with different settings",
						*in.Name),
				}
			}
			created = before
			return nil
		}
		if err := atMost(ctx, tx, limits.balancers-1,
			&elb.TooManyLoadBalancersException{Message: fmt.Sprintf("The limit of %d load balancers is reached",
				limits.balancers)},
			`SELECT COUNT(*) FROM lb_balancers`); err != nil {
			return err
		}
		version, err := s.changed(ctx, tx)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx,
			`INSERT INTO lb_balancers (arn, name, version, attributes, doc) VALUES ($1, $2, $3, '{}', $4)`,
			*b.LoadBalancerArn, *in.Name, version, store.JSON(b)); err != nil {
			return err
		}
		created = &balancer{LoadBalancer: *b, version: version}
		return s.setTags(ctx, tx, *b.LoadBalancerArn, in.Tags)
	})
	if err != nil {
		return nil, err
	}
	s.wanted()
	if err := s.states(ctx, created); err != nil {
		return nil, err
	}
	return &elb.CreateLoadBalancerOutput{LoadBalancers: []elb.LoadBalancer{created.LoadBalancer}}, nil
}

func (s *Service) newBalancer(in *elb.CreateLoadBalancerInput) (*elb.LoadBalancer, error) {
	if err := checkBalancer(in); err != nil {
		return nil, err
	}
	b := &elb.LoadBalancer{
		LoadBalancerArn:  new(s.arn(kindBalancer + "/app/" + *in.Name + "/" + newID())),
		LoadBalancerName: in.Name,
		DNSName:          &s.Host,
		CreatedTime:      &awsproto.Time{Time: s.Now()},
		Scheme:           cmp.Or(in.Scheme, elb.LoadBalancerSchemeEnumInternetFacing),
		Type:             elb.LoadBalancerTypeEnumApplication,
		SecurityGroups:   in.SecurityGroups,
		IpAddressType:    cmp.Or(in.IpAddressType, elb.IpAddressTypeIpv4),
	}
	if subnets := subnetsOf(in.Subnets, in.SubnetMappings); len(subnets) > 0 {
		b.AvailabilityZones = s.placed(subnets)
	}
	return b, nil
}

// checkBalancer refuses a load balancer that is malformed, or that is not here.
func checkBalancer(in *elb.CreateLoadBalancerInput) error {
	if in.Type != "" && in.Type != elb.LoadBalancerTypeEnumApplication {
		return refused("a %s load balancer; only those of the type application are there", in.Type)
	}
	if err := checkName("Load balancer", *in.Name); err != nil {
		return err
	}
	switch {
	case strings.HasPrefix(*in.Name, "internal-"):
		return invalid("Load balancer name '%s' cannot begin with 'internal-'", *in.Name)
	case in.CustomerOwnedIpv4Pool != nil:
		return refused("a customer owned address pool")
	case in.IpamPools != nil:
		return refused("addresses from an IPAM pool; listeners open where the router's --listen says")
	case in.EnablePrefixForIpv6SourceNat == elb.EnablePrefixForIpv6SourceNatEnumOn:
		return refused("prefixes for source NAT; they are for load balancers of the type network")
	case len(in.Subnets) > 0 && len(in.SubnetMappings) > 0:
		return invalid("You must specify either subnets or subnet mappings")
	}
	return checkMappings(in.SubnetMappings)
}

// checkMappings refuses addresses of a load balancer.
func checkMappings(mappings []elb.SubnetMapping) error {
	for _, m := range mappings {
		address := m.AllocationId != nil || m.PrivateIPv4Address != nil || m.IPv6Address != nil
		if address || m.SourceNatIpv6Prefix != nil {
			return refused(
				"addresses of a load balancer in a subnet mapping; its listeners open where the router's --listen says")
		}
	}
	return nil
}

// balancer is a load balancer's row.
type balancer struct {
	elb.LoadBalancer
	attributes map[string]string
	version    int64
}

func scanBalancer(r *sql.Rows) (*balancer, error) {
	b := &balancer{}
	return b, r.Scan(store.JSON(&b.LoadBalancer), store.JSON(&b.attributes), &b.version)
}

const balancerColumns = `SELECT doc, attributes, version FROM lb_balancers `

func balancerBy(ctx context.Context, q store.Queryer, column, is string) (*balancer, error) {
	all, err := store.All(ctx, q, scanBalancer, balancerColumns+`WHERE `+column+` = $1`, is)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return all[0], nil
}

// findBalancer finds the load balancer of an ARN.
func (s *Service) findBalancer(ctx context.Context, q store.Queryer, arn string) (*balancer, error) {
	if err := s.check(kindBalancer, arn); err != nil {
		return nil, err
	}
	b, err := balancerBy(ctx, q, "arn", arn)
	if err == nil && b == nil {
		err = noBalancer(arn)
	}
	return b, err
}

// DescribeLoadBalancers implements elbv2:DescribeLoadBalancers.
func (s *Service) DescribeLoadBalancers(ctx context.Context,
	in *elb.DescribeLoadBalancersInput) (*elb.DescribeLoadBalancersOutput, error) {
	if len(in.LoadBalancerArns) > 0 && len(in.Names) > 0 {
		return nil, invalid("Load balancer ARNs and names cannot be specified at the same time")
	}
	p := page{op: "DescribeLoadBalancers", marker: in.Marker, size: in.PageSize, key: "arn"}
	switch {
	case len(in.LoadBalancerArns) > 0:
		if err := s.check(kindBalancer, in.LoadBalancerArns...); err != nil {
			return nil, err
		}
		p.among("arn", in.LoadBalancerArns)
	case len(in.Names) > 0:
		p.among("name", in.Names)
	}
	rows, next, err := list(ctx, s, p, scanBalancer,
		balancerColumns, func(b *balancer) string { return *b.LoadBalancerArn })
	if err != nil {
		return nil, err
	}
	out := &elb.DescribeLoadBalancersOutput{LoadBalancers: []elb.LoadBalancer{}, NextMarker: next}
	found := map[string]bool{}
	for _, b := range rows {
		found[*b.LoadBalancerArn], found[*b.LoadBalancerName] = true, true
	}
	if missing := p.missing(found); missing != "" && next == nil && in.Marker == nil {
		return nil, noBalancer(missing)
	}
	if err := s.states(ctx, rows...); err != nil {
		return nil, err
	}
	for _, b := range rows {
		out.LoadBalancers = append(out.LoadBalancers, b.LoadBalancer)
	}
	return out, nil
}

// states fills in how load balancers are, from what routers reported of their listeners.
func (s *Service) states(ctx context.Context, balancers ...*balancer) error {
	rows, err := store.All(ctx, s.db, func(r *sql.Rows) (l [2]string, err error) { return l, r.Scan(&l[0], &l[1]) },
		`SELECT balancer, arn FROM lb_listeners ORDER BY port`)
	if err != nil {
		return err
	}
	listeners := map[string][]string{}
	for _, l := range rows {
		listeners[l[0]] = append(listeners[l[0]], l[1])
	}
	now := s.Now()
	for _, b := range balancers {
		b.VpcId, b.CanonicalHostedZoneId = s.vpc(), new(hostedZone)
		b.State = s.routers.state(listeners[*b.LoadBalancerArn], b.version, now.Sub(b.CreatedTime.Time), now)
	}
	return nil
}

// DeleteLoadBalancer implements elbv2:DeleteLoadBalancer; one that is gone already is no error.
func (s *Service) DeleteLoadBalancer(ctx context.Context,
	in *elb.DeleteLoadBalancerInput) (*elb.DeleteLoadBalancerOutput, error) {
	if err := s.check(kindBalancer, *in.LoadBalancerArn); err != nil {
		return nil, err
	}
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		b, err := balancerBy(ctx, tx, "arn", *in.LoadBalancerArn)
		if err != nil || b == nil {
			return err
		}
		if b.attributes["deletion_protection.enabled"] == "true" {
			return &elb.OperationNotPermittedException{
				Message: fmt.Sprintf("Load balancer '%s' cannot be deleted because deletion protection is enabled",
					*in.LoadBalancerArn),
			}
		}
		listeners, err := store.Strings(ctx, tx, `SELECT arn FROM lb_listeners WHERE balancer = $1`,
			*in.LoadBalancerArn)
		if err != nil {
			return err
		}
		for _, l := range listeners {
			if err := removeListener(ctx, tx, l); err != nil {
				return err
			}
		}
		if err := remove(ctx, tx, "lb_balancers", *in.LoadBalancerArn); err != nil {
			return err
		}
		_, err = s.changed(ctx, tx)
		return err
	})
}

// remove deletes a resource's row and its tags.
func remove(ctx context.Context, tx store.Tx, table, arn string) error {
	if _, err := tx.Exec(ctx, `DELETE FROM lb_tags WHERE arn = $1`, arn); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `DELETE FROM `+table+` WHERE arn = $1`, arn)
	return err
}
