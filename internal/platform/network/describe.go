package network

import (
	"context"
	"slices"
	"strings"

	"slipway/api/ec2"
)

// DescribeVpcs implements ec2:DescribeVpcs: there is one, the default one.
func (s *Service) DescribeVpcs(ctx context.Context, in *ec2.DescribeVpcsInput) (*ec2.DescribeVpcsOutput, error) {
	if err := dry(in.DryRun); err != nil {
		return nil, err
	}
	id := s.VPC()
	if err := missing("InvalidVpcID.NotFound", "vpc", in.VpcIds, func(x string) bool { return x == id }); err != nil {
		return nil, err
	}
	tags, err := s.tags(ctx, id)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeVpcsOutput{Vpcs: []ec2.Vpc{}}
	ok, err := choose(id, in.VpcIds, in.Filters, facts{
		"vpc-id": {id}, "state": {"available"}, "cidr": {vpcBlock}, "cidr-block-association.cidr-block": {vpcBlock},
		"is-default": {"true"}, "isDefault": {"true"}, "owner-id": {s.Account}, "dhcp-options-id": {s.id("dopt", "")},
		"cidr-block-association.state": {"associated"},
	}.tagged(tags))
	if err != nil || !ok {
		return out, err
	}
	out.Vpcs = append(out.Vpcs, ec2.Vpc{
		CidrBlock:       new(vpcBlock),
		DhcpOptionsId:   new(s.id("dopt", "")),
		State:           ec2.VpcStateAvailable,
		VpcId:           &id,
		OwnerId:         &s.Account,
		InstanceTenancy: ec2.TenancyDefault,
		IsDefault:       new(true),
		Tags:            tags,
		CidrBlockAssociationSet: []ec2.VpcCidrBlockAssociation{{
			AssociationId:  new(s.id("vpc-cidr-assoc", "")),
			CidrBlock:      new(vpcBlock),
			CidrBlockState: &ec2.VpcCidrBlockState{State: ec2.VpcCidrBlockStateCodeAssociated},
		}},
	})
	return out, nil
}

// DescribeVpcAttribute implements ec2:DescribeVpcAttribute.
func (s *Service) DescribeVpcAttribute(_ context.Context,
	in *ec2.DescribeVpcAttributeInput) (*ec2.DescribeVpcAttributeOutput, error) {
	if err := dry(in.DryRun); err != nil {
		return nil, err
	}
	if *in.VpcId != s.VPC() {
		return nil, fault("InvalidVpcID.NotFound", "The vpc ID '%.100s' does not exist", *in.VpcId)
	}
	out := &ec2.DescribeVpcAttributeOutput{VpcId: in.VpcId}
	switch in.Attribute {
	case ec2.VpcAttributeNameEnableDnsSupport:
		out.EnableDnsSupport = &ec2.AttributeBooleanValue{Value: new(true)}
	case ec2.VpcAttributeNameEnableDnsHostnames:
		out.EnableDnsHostnames = &ec2.AttributeBooleanValue{Value: new(true)}
	case ec2.VpcAttributeNameEnableNetworkAddressUsageMetrics:
		out.EnableNetworkAddressUsageMetrics = &ec2.AttributeBooleanValue{Value: new(false)}
	}
	return out, nil
}

// DescribeSubnets implements ec2:DescribeSubnets: there is one in each zone.
func (s *Service) DescribeSubnets(ctx context.Context,
	in *ec2.DescribeSubnetsInput) (*ec2.DescribeSubnetsOutput, error) {
	if err := dry(in.DryRun); err != nil {
		return nil, err
	}
	known := func(x string) bool { _, ok := s.Zone(x); return ok }
	if err := missing("InvalidSubnetID.NotFound", "subnet", in.SubnetIds, known); err != nil {
		return nil, err
	}
	all := []ec2.Subnet{}
	for i, z := range zones {
		id := s.subnet(z.letter)
		tags, err := s.tags(ctx, id)
		if err != nil {
			return nil, err
		}
		ok, err := choose(id, in.SubnetIds, in.Filters, facts{
			"subnet-id": {id}, "vpc-id": {s.VPC()}, "state": {"available"}, "cidr-block": {z.block},
			"cidrBlock":         {z.block},
			"availability-zone": {s.zone(z.letter)}, "availabilityZone": {s.zone(z.letter)},
			"availability-zone-id": {s.zoneID(i)}, "default-for-az": {"true"}, "defaultForAz": {"true"},
			"owner-id": {s.Account}, "map-public-ip-on-launch": {"true"}, "ipv6-native": {"false"},
		}.tagged(tags))
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		all = append(all, ec2.Subnet{
			AvailabilityZone:            new(s.zone(z.letter)),
			AvailabilityZoneId:          new(s.zoneID(i)),
			AvailableIpAddressCount:     new(int32(4091)),
			CidrBlock:                   &z.block,
			DefaultForAz:                new(true),
			MapPublicIpOnLaunch:         new(true),
			AssignIpv6AddressOnCreation: new(false),
			Ipv6Native:                  new(false),
			EnableDns64:                 new(false),
			State:                       ec2.SubnetStateAvailable,
			SubnetId:                    &id,
			SubnetArn:                   new(s.arn("subnet/" + id)),
			VpcId:                       new(s.VPC()),
			OwnerId:                     &s.Account,
			Tags:                        tags,
		})
	}
	all, next, err := page(s, "DescribeSubnets", all, in.MaxResults, in.NextToken)
	return &ec2.DescribeSubnetsOutput{Subnets: all, NextToken: next}, err
}

// zoneID is the ID of a zone, such as euc1-az1 for the first of eu-central-1.
func (s *Service) zoneID(i int) string {
	parts := strings.Split(s.Region, "-")
	short := parts[0]
	for _, p := range parts[1:] {
		short += p[:1]
	}
	return short + "-az" + string(rune('1'+i))
}

// DescribeAvailabilityZones implements ec2:DescribeAvailabilityZones.
func (s *Service) DescribeAvailabilityZones(_ context.Context,
	in *ec2.DescribeAvailabilityZonesInput) (*ec2.DescribeAvailabilityZonesOutput, error) {
	if err := dry(in.DryRun); err != nil {
		return nil, err
	}
	out := &ec2.DescribeAvailabilityZonesOutput{AvailabilityZones: []ec2.AvailabilityZone{}}
	for i, z := range zones {
		name, id := s.zone(z.letter), s.zoneID(i)
		ok, err := choose(name, in.ZoneNames, in.Filters, facts{
			"zone-name": {name}, "zone-id": {id}, "state": {"available"}, "region-name": {s.Region},
			"opt-in-status": {"opt-in-not-required"}, "zone-type": {"availability-zone"},
			"group-name": {s.Region + "-zg-1"},
		})
		if err != nil {
			return nil, err
		}
		if !ok || len(in.ZoneIds) > 0 && !slices.Contains(in.ZoneIds, id) {
			continue
		}
		out.AvailabilityZones = append(out.AvailabilityZones, ec2.AvailabilityZone{
			State:              ec2.AvailabilityZoneStateAvailable,
			OptInStatus:        ec2.AvailabilityZoneOptInStatusOptInNotRequired,
			Messages:           []ec2.AvailabilityZoneMessage{},
			RegionName:         &s.Region,
			ZoneName:           &name,
			ZoneId:             &id,
			GroupName:          new(s.Region + "-zg-1"),
			NetworkBorderGroup: &s.Region,
			ZoneType:           new("availability-zone"),
		})
	}
	return out, nil
}

// DescribeRegions implements ec2:DescribeRegions: a server has one.
func (s *Service) DescribeRegions(_ context.Context,
	in *ec2.DescribeRegionsInput) (*ec2.DescribeRegionsOutput, error) {
	if err := dry(in.DryRun); err != nil {
		return nil, err
	}
	endpoint := "ec2." + s.Region + ".amazonaws.com"
	out := &ec2.DescribeRegionsOutput{Regions: []ec2.Region{}}
	ok, err := choose(s.Region, in.RegionNames, in.Filters, facts{"region-name": {s.Region}, "endpoint": {endpoint},
		"opt-in-status": {"opt-in-not-required"}})
	if err == nil && ok {
		out.Regions = append(out.Regions, ec2.Region{Endpoint: &endpoint, RegionName: &s.Region,
			OptInStatus: new("opt-in-not-required")})
	}
	return out, err
}

// DescribeAccountAttributes implements ec2:DescribeAccountAttributes.
func (s *Service) DescribeAccountAttributes(_ context.Context,
	in *ec2.DescribeAccountAttributesInput) (*ec2.DescribeAccountAttributesOutput, error) {
	if err := dry(in.DryRun); err != nil {
		return nil, err
	}
	out := &ec2.DescribeAccountAttributesOutput{AccountAttributes: []ec2.AccountAttribute{}}
	for _, a := range [][2]string{{"supported-platforms", "VPC"}, {"default-vpc", s.VPC()},
		{"vpc-max-security-groups-per-interface", "5"}, {"max-instances", "0"}, {"max-elastic-ips", "0"},
		{"vpc-max-elastic-ips", "0"}} {
		if len(in.AttributeNames) > 0 && !slices.Contains(in.AttributeNames, ec2.AccountAttributeName(a[0])) {
			continue
		}
		out.AccountAttributes = append(out.AccountAttributes, ec2.AccountAttribute{AttributeName: &a[0],
			AttributeValues: []ec2.AccountAttributeValue{{AttributeValue: &a[1]}}})
	}
	return out, nil
}

// DescribeInternetGateways implements ec2:DescribeInternetGateways: the VPC has one.
func (s *Service) DescribeInternetGateways(ctx context.Context,
	in *ec2.DescribeInternetGatewaysInput) (*ec2.DescribeInternetGatewaysOutput, error) {
	if err := dry(in.DryRun); err != nil {
		return nil, err
	}
	id := s.id("igw", "")
	if err := missing("InvalidInternetGatewayID.NotFound", "internetGateway", in.InternetGatewayIds,
		func(x string) bool { return x == id }); err != nil {
		return nil, err
	}
	tags, err := s.tags(ctx, id)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeInternetGatewaysOutput{InternetGateways: []ec2.InternetGateway{}}
	ok, err := choose(id, in.InternetGatewayIds, in.Filters, facts{"internet-gateway-id": {id},
		"attachment.vpc-id": {s.VPC()}, "attachment.state": {"available"}, "owner-id": {s.Account}}.tagged(tags))
	if err == nil && ok {
		out.InternetGateways = append(out.InternetGateways, ec2.InternetGateway{InternetGatewayId: &id,
			OwnerId: &s.Account, Tags: tags,
			Attachments: []ec2.InternetGatewayAttachment{{State: "available", VpcId: new(s.VPC())}}})
	}
	return out, err
}

// DescribeRouteTables implements ec2:DescribeRouteTables: the VPC has its main one.
func (s *Service) DescribeRouteTables(ctx context.Context,
	in *ec2.DescribeRouteTablesInput) (*ec2.DescribeRouteTablesOutput, error) {
	if err := dry(in.DryRun); err != nil {
		return nil, err
	}
	id, association := s.id("rtb", ""), s.id("rtbassoc", "")
	if err := missing("InvalidRouteTableID.NotFound", "routeTable", in.RouteTableIds,
		func(x string) bool { return x == id }); err != nil {
		return nil, err
	}
	tags, err := s.tags(ctx, id)
	if err != nil {
		return nil, err
	}
	out := &ec2.DescribeRouteTablesOutput{RouteTables: []ec2.RouteTable{}}
	ok, err := choose(id, in.RouteTableIds, in.Filters, facts{"route-table-id": {id}, "vpc-id": {s.VPC()},
		"association.main": {"true"}, "association.route-table-association-id": {association},
		"association.route-table-id": {id}, "association.subnet-id": nil, "owner-id": {s.Account},
		"route.gateway-id":             {"local", s.id("igw", "")},
		"route.destination-cidr-block": {vpcBlock, "0.0.0.0/0"}}.tagged(tags))
	if err != nil || !ok {
		return out, err
	}
	route := func(to, gateway string, origin ec2.RouteOrigin) ec2.Route {
		return ec2.Route{DestinationCidrBlock: &to, GatewayId: &gateway, Origin: origin, State: ec2.RouteStateActive}
	}
	out.RouteTables = append(out.RouteTables, ec2.RouteTable{
		RouteTableId:    &id,
		VpcId:           new(s.VPC()),
		OwnerId:         &s.Account,
		Tags:            tags,
		PropagatingVgws: []ec2.PropagatingVgw{},
		Routes: []ec2.Route{
			route(vpcBlock, "local", ec2.RouteOriginCreateRouteTable),
			route("0.0.0.0/0", s.id("igw", ""), ec2.RouteOriginCreateRoute),
		},
		Associations: []ec2.RouteTableAssociation{{Main: new(true), RouteTableAssociationId: &association,
			RouteTableId:     &id,
			AssociationState: &ec2.RouteTableAssociationState{State: ec2.RouteTableAssociationStateCodeAssociated}}},
	})
	return out, nil
}

// DescribeNetworkInterfaces implements ec2:DescribeNetworkInterfaces: there are none.
func (*Service) DescribeNetworkInterfaces(_ context.Context,
	in *ec2.DescribeNetworkInterfacesInput) (*ec2.DescribeNetworkInterfacesOutput, error) {
	if err := dry(in.DryRun); err != nil {
		return nil, err
	}
	if len(in.NetworkInterfaceIds) > 0 {
		return nil, fault("InvalidNetworkInterfaceID.NotFound", "The networkInterface ID '%.100s' does not exist",
			in.NetworkInterfaceIds[0])
	}
	return &ec2.DescribeNetworkInterfacesOutput{NetworkInterfaces: []ec2.NetworkInterface{}}, nil
}
