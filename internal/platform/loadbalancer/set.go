package loadbalancer

import (
	"cmp"
	"context"

	"slipway/api/awsproto"
	elb "slipway/api/elbv2"
	"slipway/internal/store"
)

// Network is where load balancers are, by name: the VPC and its zones.
type Network interface {
	VPC() string
	// Zone is the zone of a subnet; ok is false for a subnet that is not there.
	Zone(subnet string) (zone string, ok bool)
}

// placed are the zones of a load balancer in subnets. A subnet that the network does not know keeps the name that it
// was given, in one of the zones in turn.
func (s *Service) placed(subnets []string) []elb.AvailabilityZone {
	zones := []elb.AvailabilityZone{}
	for i, subnet := range subnets {
		zone := s.Region + string(rune('a'+i%3))
		if s.Network != nil {
			if known, ok := s.Network.Zone(subnet); ok {
				zone = known
			}
		}
		zones = append(zones, elb.AvailabilityZone{SubnetId: &subnet, ZoneName: &zone,
			LoadBalancerAddresses: []elb.LoadBalancerAddress{}})
	}
	return zones
}

// vpc is the VPC that every load balancer is in.
func (s *Service) vpc() *string {
	if s.Network == nil {
		return nil
	}
	return new(s.Network.VPC())
}

// hostedZone is what the alias of a load balancer names in Route 53. It is AWS's for load balancers of us-east-1.
// Nothing here looks at it.
const hostedZone = "Z35SXDOTRQ7X7K"

// set changes a load balancer's document.
func (s *Service) set(ctx context.Context, arn string, f func(*elb.LoadBalancer) error) (*balancer, error) {
	var b *balancer
	return b, s.db.Write(ctx, func(tx store.Tx) (err error) {
		if b, err = s.findBalancer(ctx, tx, arn); err != nil {
			return err
		}
		if err := f(&b.LoadBalancer); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE lb_balancers SET doc = $2 WHERE arn = $1`, arn, store.JSON(b.LoadBalancer))
		return err
	})
}

// SetSecurityGroups implements elbv2:SetSecurityGroups. They are kept; see package network.
func (s *Service) SetSecurityGroups(ctx context.Context,
	in *elb.SetSecurityGroupsInput) (*elb.SetSecurityGroupsOutput, error) {
	if in.EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic != "" {
		return nil, refused("PrivateLink")
	}
	b, err := s.set(ctx, *in.LoadBalancerArn, func(b *elb.LoadBalancer) error {
		b.SecurityGroups = in.SecurityGroups
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &elb.SetSecurityGroupsOutput{SecurityGroupIds: b.SecurityGroups}, nil
}

// SetSubnets implements elbv2:SetSubnets.
func (s *Service) SetSubnets(ctx context.Context, in *elb.SetSubnetsInput) (*elb.SetSubnetsOutput, error) {
	if len(in.Subnets) > 0 && len(in.SubnetMappings) > 0 {
		return nil, invalid("You must specify either subnets or subnet mappings")
	}
	if in.EnablePrefixForIpv6SourceNat == elb.EnablePrefixForIpv6SourceNatEnumOn {
		return nil, refused("prefixes for source NAT; they are for load balancers of the type network")
	}
	if err := checkMappings(in.SubnetMappings); err != nil {
		return nil, err
	}
	subnets := subnetsOf(in.Subnets, in.SubnetMappings)
	b, err := s.set(ctx, *in.LoadBalancerArn, func(b *elb.LoadBalancer) error {
		b.AvailabilityZones = s.placed(subnets)
		b.IpAddressType = cmp.Or(in.IpAddressType, b.IpAddressType)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &elb.SetSubnetsOutput{AvailabilityZones: b.AvailabilityZones, IpAddressType: b.IpAddressType}, nil
}

func subnetsOf(subnets []string, mappings []elb.SubnetMapping) []string {
	all := append([]string{}, subnets...)
	for _, m := range mappings {
		all = append(all, awsproto.Value(m.SubnetId))
	}
	return all
}

// SetIpAddressType implements elbv2:SetIpAddressType. It is kept: listeners open where the router's --listen says.
func (s *Service) SetIpAddressType(ctx context.Context,
	in *elb.SetIpAddressTypeInput) (*elb.SetIpAddressTypeOutput, error) {
	b, err := s.set(ctx, *in.LoadBalancerArn, func(b *elb.LoadBalancer) error {
		b.IpAddressType = in.IpAddressType
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &elb.SetIpAddressTypeOutput{IpAddressType: b.IpAddressType}, nil
}

// DescribeCapacityReservation implements elbv2:DescribeCapacityReservation: no capacity is reserved.
func (s *Service) DescribeCapacityReservation(ctx context.Context,
	in *elb.DescribeCapacityReservationInput) (*elb.DescribeCapacityReservationOutput, error) {
	if _, err := s.findBalancer(ctx, s.db, *in.LoadBalancerArn); err != nil {
		return nil, err
	}
	return &elb.DescribeCapacityReservationOutput{CapacityReservationState: []elb.ZonalCapacityReservationState{}}, nil
}

// DescribeTrustStores implements elbv2:DescribeTrustStores: there are none.
func (*Service) DescribeTrustStores(_ context.Context,
	in *elb.DescribeTrustStoresInput) (*elb.DescribeTrustStoresOutput, error) {
	if len(in.TrustStoreArns) > 0 || len(in.Names) > 0 {
		return nil, &elb.TrustStoreNotFoundException{Message: "One or more trust stores not found"}
	}
	return &elb.DescribeTrustStoresOutput{TrustStores: []elb.TrustStore{}}, nil
}
