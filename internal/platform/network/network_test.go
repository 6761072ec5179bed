package network_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/smithy-go"

	"slipway/api/awsproto"
	"slipway/api/awsproto/sigv4"
	api "slipway/api/ec2"
	"slipway/internal/platform/network"
	"slipway/internal/store/storetest"
)

func open(t *testing.T) *ec2.Client {
	t.Helper()
	_, c := serve(t)
	return c
}

func serve(t *testing.T) (*network.Service, *ec2.Client) {
	t.Helper()
	service, err := network.New(t.Context(), storetest.Open(t, network.Migrations()), network.Config{
		Region: "eu-central-1", Account: "123456789012", Now: time.Now, Pager: awsproto.Pager{Key: []byte("key")}})
	if err != nil {
		t.Fatal(err)
	}
	wire := &awsproto.Server{Region: "eu-central-1", Account: "123456789012", Now: time.Now,
		Log: slog.New(slog.DiscardHandler),
		Lookup: func(context.Context, string, string) (sigv4.Secret, bool, error) {
			return sigv4.Secret{Key: "secret"}, true, nil
		},
		Caller: func(context.Context, string, string) (awsproto.Caller, error) { return awsproto.Caller{}, nil }}
	wire.Add(api.New(awsproto.Hooks{}, struct {
		*network.Service
		api.Unimplemented
	}{service, api.Unimplemented{}}))
	server := httptest.NewServer(wire)
	t.Cleanup(server.Close)
	return service, ec2.New(ec2.Options{Region: "eu-central-1", BaseEndpoint: &server.URL, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("AKIA", "secret", "")})
}

func code(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return fmt.Sprint(err)
}

func filter(name string, values ...string) types.Filter {
	return types.Filter{Name: &name, Values: values}
}

// The answers that modules of load balancers ask for: the default VPC, and its subnets in different zones.
func TestVPC(t *testing.T) {
	t.Parallel()
	c, ctx := open(t), t.Context()
	vpcs, err := c.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{Filters: []types.Filter{filter("isDefault", "true")}})
	if err != nil || len(vpcs.Vpcs) != 1 || *vpcs.Vpcs[0].CidrBlock != "172.31.0.0/16" {
		t.Fatalf("%+v, %v", vpcs, err)
	}
	vpc := vpcs.Vpcs[0].VpcId
	subnets, err := c.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{Filters: []types.Filter{filter("vpc-id", *vpc)}})
	if err != nil || len(subnets.Subnets) != 3 {
		t.Fatalf("%+v, %v", subnets, err)
	}
	zones := map[string]bool{}
	for _, s := range subnets.Subnets {
		zones[*s.AvailabilityZone] = true
	}
	if len(zones) != 3 {
		t.Errorf("the subnets are in %v", zones)
	}
	again, err := c.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{SubnetIds: []string{*subnets.Subnets[1].SubnetId}})
	if err != nil || len(again.Subnets) != 1 || *again.Subnets[0].AvailabilityZoneId != "euc1-az2" {
		t.Errorf("%+v, %v", again, err)
	}
	dns, err := c.DescribeVpcAttribute(ctx, &ec2.DescribeVpcAttributeInput{VpcId: vpc,
		Attribute: types.VpcAttributeNameEnableDnsSupport})
	if err != nil || !*dns.EnableDnsSupport.Value {
		t.Errorf("%+v, %v", dns, err)
	}
	for what, err := range map[string]error{
		"zones": second(c.DescribeAvailabilityZones(ctx, &ec2.DescribeAvailabilityZonesInput{
			Filters: []types.Filter{filter("opt-in-status", "opt-in-not-required")}})),
		"regions":    second(c.DescribeRegions(ctx, &ec2.DescribeRegionsInput{})),
		"attributes": second(c.DescribeAccountAttributes(ctx, &ec2.DescribeAccountAttributesInput{})),
		"gateways": second(c.DescribeInternetGateways(ctx, &ec2.DescribeInternetGatewaysInput{
			Filters: []types.Filter{filter("attachment.vpc-id", *vpc)}})),
		"tables":     second(c.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{})),
		"interfaces": second(c.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{})),
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := c.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{VpcIds: []string{"vpc-1"}}); code(err) != "InvalidVpcID.NotFound" {
		t.Errorf("%v", err)
	}
	if _, err := c.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{Filters: []types.Filter{filter("colour", "x")}}); code(err) != "InvalidParameterValue" {
		t.Errorf("%v", err)
	}
	if _, err := c.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{DryRun: new(true)}); code(err) != "DryRunOperation" {
		t.Errorf("%v", err)
	}
	if _, err := c.DescribeInstances(ctx, &ec2.DescribeInstancesInput{}); code(err) != "NotImplementedException" {
		t.Errorf("%v", err)
	}
}

func second[T any](_ T, err error) error { return err }

// A security group keeps its rules, refuses a rule twice, and cannot go while another names it.
func TestSecurityGroups(t *testing.T) {
	t.Parallel()
	c, ctx := open(t), t.Context()
	create := func(name string) *string {
		t.Helper()
		out, err := c.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{GroupName: &name, Description: new("for tests"),
			TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeSecurityGroup,
				Tags: []types.Tag{{Key: new("Name"), Value: &name}}}}})
		if err != nil {
			t.Fatal(err)
		}
		return out.GroupId
	}
	web, app := create("web"), create("app")
	rules := []types.IpPermission{{IpProtocol: new("tcp"), FromPort: new(int32(443)), ToPort: new(int32(443)),
		IpRanges: []types.IpRange{{CidrIp: new("10.1.2.3/8"), Description: new("inside")}}}}
	added, err := c.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: web,
		IpPermissions: rules})
	if err != nil || len(added.SecurityGroupRules) != 1 || *added.SecurityGroupRules[0].CidrIpv4 != "10.0.0.0/8" {
		t.Fatalf("%+v, %v", added, err)
	}
	if _, err := c.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: web,
		IpPermissions: rules}); code(err) != "InvalidPermission.Duplicate" {
		t.Errorf("a rule twice: %v", err)
	}
	if _, err := c.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{GroupId: app,
		IpPermissions: []types.IpPermission{{IpProtocol: new("-1"),
			UserIdGroupPairs: []types.UserIdGroupPair{{GroupId: web}}}}}); err != nil {
		t.Fatal(err)
	}
	got, err := c.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{Filters: []types.Filter{filter("tag:Name", "w*")}})
	if err != nil || len(got.SecurityGroups) != 1 || *got.SecurityGroups[0].GroupId != *web {
		t.Fatalf("%+v, %v", got, err)
	}
	g := got.SecurityGroups[0]
	if len(g.IpPermissions) != 1 || *g.IpPermissions[0].IpRanges[0].Description != "inside" ||
		len(g.IpPermissionsEgress) != 1 || *g.IpPermissionsEgress[0].IpProtocol != "-1" || g.IpPermissionsEgress[0].FromPort != nil {
		t.Errorf("%+v %+v", g.IpPermissions, g.IpPermissionsEgress)
	}
	if _, err := c.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: web}); code(err) != "DependencyViolation" {
		t.Errorf("a group that another names: %v", err)
	}
	if _, err := c.RevokeSecurityGroupEgress(ctx, &ec2.RevokeSecurityGroupEgressInput{GroupId: web,
		IpPermissions: []types.IpPermission{{IpProtocol: new("-1"), IpRanges: []types.IpRange{{CidrIp: new("0.0.0.0/0")}}}}}); err != nil {
		t.Error(err)
	}
	for range 2 {
		_, err = c.RevokeSecurityGroupIngress(ctx, &ec2.RevokeSecurityGroupIngressInput{GroupId: web,
			SecurityGroupRuleIds: []string{*added.SecurityGroupRules[0].SecurityGroupRuleId}})
	}
	if code(err) != "InvalidPermission.NotFound" {
		t.Errorf("a rule that is gone: %v", err)
	}
	if _, err := c.CreateTags(ctx, &ec2.CreateTagsInput{Resources: []string{*app},
		Tags: []types.Tag{{Key: new("a"), Value: new("b")}}}); err != nil {
		t.Fatal(err)
	}
	tags, err := c.DescribeTags(ctx, &ec2.DescribeTagsInput{Filters: []types.Filter{filter("resource-id", *app)}})
	if err != nil || len(tags.Tags) != 2 || tags.Tags[1].ResourceType != types.ResourceTypeSecurityGroup {
		t.Errorf("%+v, %v", tags, err)
	}
	for _, id := range []*string{app, web} {
		if _, err := c.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: id}); err != nil {
			t.Error(err)
		}
	}
	if left, err := c.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{}); err != nil || len(left.SecurityGroups) != 1 ||
		*left.SecurityGroups[0].GroupName != "default" {
		t.Errorf("%+v, %v", left, err)
	}
}

// Rights are decided by the tags of a resource, by its ARN.
func TestTagsByARN(t *testing.T) {
	t.Parallel()
	service, c := serve(t)
	made, err := c.CreateSecurityGroup(t.Context(), &ec2.CreateSecurityGroupInput{GroupName: new("web"), Description: new("the web"),
		TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeSecurityGroup,
			Tags: []types.Tag{{Key: new("team"), Value: new("a")}}}}})
	if err != nil {
		t.Fatal(err)
	}
	id := *made.GroupId
	for arn, want := range map[string]string{
		*made.SecurityGroupArn:                                                  "a",
		"arn:aws:ec2:eu-central-1:123456789012:subnet/" + id:                    "",
		"arn:aws:ec2:eu-west-1:123456789012:security-group/" + id:               "",
		"arn:aws:ec2:eu-central-1:123456789012:security-group/sg-0":             "",
		"arn:aws:ec2:eu-central-1:123456789012:" + id:                           "",
		"arn:aws:ec2:eu-central-1:123456789012:security-group/" + id + "/other": "",
	} {
		if tags, err := service.Tags(t.Context(), arn); err != nil || tags["team"] != want {
			t.Errorf("%s: %v, %v, want team=%q", arn, tags, err, want)
		}
	}
}

// TestOnPostgreSQL repeats the tests that use the database.
func TestOnPostgreSQL(t *testing.T) {
	t.Parallel()
	storetest.OnPostgres(t, map[string]func(*testing.T){
		"VPC":            TestVPC,
		"SecurityGroups": TestSecurityGroups,
		"TagsByARN":      TestTagsByARN,
	})
}
