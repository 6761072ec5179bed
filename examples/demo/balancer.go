package main

import (
	"context"
	"fmt"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"slipway/api/codedeploy"
	"slipway/api/slipway"
)

// balancer makes what the users' traffic goes through: a load balancer with a listener, and a target group for each
// side.
func (d *demo) balancer(ctx context.Context) error {
	say("Creating a load balancer with a blue and a green target group")
	lb, err := d.balancers.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{Name: new(name)})
	if err != nil {
		return err
	}
	var tuples []types.TargetGroupTuple
	for i, side := range sides {
		out, err := d.balancers.CreateTargetGroup(ctx,
			&elb.CreateTargetGroupInput{Name: new(name + "-" + side), Protocol: types.ProtocolEnumHttp,
				Port: new(int32(80)), VpcId: new("vpc-demo"),
				TargetType: types.TargetTypeEnumIp, HealthCheckPath: new("/healthz"),
				HealthCheckIntervalSeconds: new(int32(5)), HealthCheckTimeoutSeconds: new(int32(2)),
				HealthyThresholdCount: new(int32(2)), UnhealthyThresholdCount: new(int32(2))})
		if err != nil {
			return err
		}
		arn := out.TargetGroups[0].TargetGroupArn
		if _, err := d.balancers.ModifyTargetGroupAttributes(ctx,
			&elb.ModifyTargetGroupAttributesInput{TargetGroupArn: arn,
				Attributes: []types.TargetGroupAttribute{{Key: new("deregistration_delay.timeout_seconds"),
					Value: new("5")}}}); err != nil {
			return err
		}
		tuples = append(tuples, types.TargetGroupTuple{TargetGroupArn: arn, Weight: new(int32(1 - i))})
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	out, err := d.balancers.CreateListener(ctx,
		&elb.CreateListenerInput{LoadBalancerArn: lb.LoadBalancers[0].LoadBalancerArn, Protocol: types.ProtocolEnumHttp,
			Port: new(int32(port)),
			DefaultActions: []types.Action{{Type: types.ActionTypeEnumForward,
				ForwardConfig: &types.ForwardActionConfig{TargetGroups: tuples}}}})
	if err != nil {
		return err
	}
	d.listener, d.front = *out.Listeners[0].ListenerArn, fmt.Sprintf("http://127.0.0.1:%d/", port)
	detail("users come to %s", d.front)
	return nil
}

var sides = []string{"blue", "green"}

// group makes the application, a configuration that shifts traffic, the blue/green deployment group, and the policy by
// which a release is judged.
func (d *demo) group(ctx context.Context) error {
	say("Creating the blue/green deployment group, and the policy of its releases: 10 %%, 50 %%, 100 %%")
	if _, err := d.deploys.CreateApplication(ctx,
		&codedeploy.CreateApplicationInput{ApplicationName: new(name),
			ComputePlatform: codedeploy.ComputePlatformServer}); err != nil {
		return err
	}
	tags := &codedeploy.OnPremisesTagSet{}
	var groups []codedeploy.TargetGroupInfo
	for _, side := range sides {
		tags.OnPremisesTagSetList = append(tags.OnPremisesTagSetList,
			[]codedeploy.TagFilter{{Key: new("side"), Value: &side, Type: codedeploy.TagFilterTypeKeyAndValue}})
		groups = append(groups, codedeploy.TargetGroupInfo{Name: new(name + "-" + side)})
	}
	if _, err := d.deploys.CreateDeploymentGroup(ctx, &codedeploy.CreateDeploymentGroupInput{
		ApplicationName: new(name), DeploymentGroupName: new(production),
		ServiceRoleArn:       new("arn:aws:iam::123456789012:role/slipway"),
		DeploymentConfigName: new("CodeDeployDefault.AllAtOnce"), OnPremisesTagSet: tags,
		DeploymentStyle: &codedeploy.DeploymentStyle{DeploymentType: codedeploy.DeploymentTypeBlueGreen,
			DeploymentOption: codedeploy.DeploymentOptionWithTrafficControl},
		LoadBalancerInfo: &codedeploy.LoadBalancerInfo{
			TargetGroupPairInfoList: []codedeploy.TargetGroupPairInfo{{TargetGroups: groups,
				ProdTrafficRoute: &codedeploy.TrafficRoute{ListenerArns: []string{d.listener}}}},
		},
		AutoRollbackConfiguration: &codedeploy.AutoRollbackConfiguration{Enabled: new(true),
			Events: []codedeploy.AutoRollbackEvent{codedeploy.AutoRollbackEventDeploymentFailure}},
	}); err != nil {
		return err
	}
	step := func(percent, seconds int32) slipway.ReleaseStep {
		return slipway.ReleaseStep{Percent: &percent, WaitSeconds: &seconds}
	}
	_, err := d.own.PutReleasePolicy(ctx,
		&slipway.PutReleasePolicyInput{ApplicationName: new(name), DeploymentGroupName: new(production),
			Policy: &slipway.ReleasePolicy{
				Steps:      []slipway.ReleaseStep{step(10, 8), step(50, 6), step(100, 0)},
				Thresholds: &slipway.ReleaseThresholds{MaxErrorPercent: new(5.0)},
				Comparison: &slipway.ReleaseComparison{
					Latency:         new(true),
					Errors:          new(true),
					MinimumRequests: new(int32(50)),
				},
				// Nobody sits by the demo to be asked.
				OnUncertain: slipway.OnUncertainRollBack,
			}})
	return err
}
