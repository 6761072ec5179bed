package deploy

import (
	"context"
	"fmt"
	"time"

	"slipway/api/awsproto"
	cd "slipway/api/codedeploy"
	"slipway/api/elbv2"
	"slipway/internal/deploy/rollout"
	"slipway/internal/store"
)

// Balancer is the load balancer, as far as deployments look up the target groups of their group.
type Balancer interface {
	DescribeTargetGroups(context.Context, *elbv2.DescribeTargetGroupsInput) (*elbv2.DescribeTargetGroupsOutput, error)
}

// Shift is what a blue/green deployment asks of the release that moves its traffic. Target groups and routes are ARNs.
type Shift struct {
	DeploymentID, Application, Group string
	Routes                           []string // listeners or rules
	From, To                         string   // target groups
	Routing                          *cd.TrafficRoutingConfig
	AtOnce                           bool // all traffic moves at once, whatever policy the group has
	Alarms                           []string
}

// Releases move traffic. What they come to is told by ReleaseEnded.
type Releases interface {
	Begin(ctx context.Context, tx store.Tx, s Shift) error
	// RollBack puts all traffic back to where it came from, whether the release has ended or not.
	RollBack(ctx context.Context, tx store.Tx, deploymentID, reason string) error
	// GroupRenamed and GroupDeleted keep the release policy of a deployment group with it.
	GroupRenamed(ctx context.Context, tx store.Tx, app, group, newApp, newGroup string) error
	GroupDeleted(ctx context.Context, tx store.Tx, app, group string) error
}

// renamed tells the releases that a deployment group has another name.
func (s *Service) renamed(ctx context.Context, tx store.Tx, app, group, newApp, newGroup string) error {
	if s.Releases == nil {
		return nil
	}
	return s.Releases.GroupRenamed(ctx, tx, app, group, newApp, newGroup)
}

// traffic is what a deployment does to traffic.
type traffic struct {
	Groups []string `json:",omitzero"` // in place: the target groups that hosts leave and join
	// Of a blue/green deployment: the side that takes the traffic over, and both target groups.
	Side     Side   `json:",omitzero"`
	From, To string `json:",omitzero"`
	Routes   []string
	Routing  *cd.TrafficRoutingConfig `json:",omitzero"`
	First    bool                     `json:",omitzero"` // nothing carries traffic yet
	Shifted  bool                     `json:",omitzero"` // a release was begun, and is not rolled back
	Undoing  time.Time                `json:",omitzero"` // since when it goes back
	Role     string                   `json:",omitzero"` // of the group when the deployment was created
}

// of are the target groups that a unit leaves, or joins.
func (x *traffic) of(u *rollout.Unit) []string {
	switch {
	case x.To == "":
		return x.Groups
	case u.Original():
		return []string{x.From}
	}
	return []string{x.To}
}

// resolve finds the target groups that a deployment to a group needs; nil if it moves no traffic.
func (s *Service) resolve(ctx context.Context, g *group, c *cd.DeploymentConfigInfo) (*traffic, error) {
	if g.DeploymentStyle.DeploymentOption != cd.DeploymentOptionWithTrafficControl ||
		s.platform(g.ComputePlatform) == nil {
		return nil, nil
	}
	if g.LoadBalancerInfo != nil && len(g.LoadBalancerInfo.ElbInfoList) > 0 {
		return nil, unsupported("classic load balancers (elbInfoList). Use target groups.")
	}
	if g.DeploymentStyle.DeploymentType == cd.DeploymentTypeBlueGreen {
		return s.resolvePair(ctx, g, c)
	}
	x := &traffic{}
	if g.LoadBalancerInfo == nil || len(g.LoadBalancerInfo.TargetGroupInfoList) == 0 {
		return nil, &cd.InvalidLoadBalancerInfoException{Message: "The deployment group " + *g.DeploymentGroupName +
			" has the option WITH_TRAFFIC_CONTROL, so that its loadBalancerInfo must name at least one target group " +
			"in targetGroupInfoList."}
	}
	for _, info := range g.LoadBalancerInfo.TargetGroupInfoList {
		arn, err := s.targetGroup(ctx, info.Name)
		if err != nil {
			return nil, err
		}
		x.Groups = append(x.Groups, arn)
	}
	return x, nil
}

// resolvePair finds the two target groups of a blue/green group, and which of them takes the traffic over: that of the
// side that is idle.
func (s *Service) resolvePair(ctx context.Context, g *group, c *cd.DeploymentConfigInfo) (*traffic, error) {
	pair, err := pairOf(g.DeploymentGroupInfo)
	if err != nil {
		return nil, err
	}
	var arns [2]string
	for i, info := range pair.TargetGroups {
		if arns[i], err = s.targetGroup(ctx, info.Name); err != nil {
			return nil, err
		}
	}
	x := &traffic{Side: g.side.other(), Routes: pair.ProdTrafficRoute.ListenerArns, Routing: c.TrafficRoutingConfig}
	x.To, x.From = arns[x.Side.index()], arns[1-x.Side.index()]
	if g.side == "" { // nothing carries traffic yet that the new revision could be compared with
		x.Routing, x.First = nil, true
	}
	return x, nil
}

func (s *Service) targetGroup(ctx context.Context, name *string) (string, error) {
	out, err := s.Balancer.DescribeTargetGroups(ctx,
		&elbv2.DescribeTargetGroupsInput{Names: []string{awsproto.Value(name)}})
	if err == nil && len(out.TargetGroups) == 1 {
		return *out.TargetGroups[0].TargetGroupArn, nil
	}
	return "", &cd.InvalidLoadBalancerInfoException{Message: fmt.Sprintf("The target group %q can't be used: %v",
		awsproto.Value(name), orMissing(err))}
}

func orMissing(err error) any {
	if err == nil {
		return "it does not exist."
	}
	return err
}

// pairOf is the pair of target groups of a blue/green group with its routes.
func pairOf(g *cd.DeploymentGroupInfo) (*cd.TargetGroupPairInfo, error) {
	bad := func(what string) error {
		return &cd.InvalidLoadBalancerInfoException{
			Message: "The deployment group " + awsproto.Value(g.DeploymentGroupName) +
				" is BLUE_GREEN, so that its loadBalancerInfo needs targetGroupPairInfoList with one pair: " + what,
		}
	}
	if g.LoadBalancerInfo == nil || len(g.LoadBalancerInfo.TargetGroupPairInfoList) != 1 {
		return nil, bad(
			"two target groups (the first for the blue hosts) and prodTrafficRoute with the ARNs of their listeners.")
	}
	pair := g.LoadBalancerInfo.TargetGroupPairInfoList[0]
	switch {
	case len(pair.TargetGroups) != 2 || awsproto.Value(pair.TargetGroups[0].Name) == "" ||
		awsproto.Value(pair.TargetGroups[0].Name) == awsproto.Value(pair.TargetGroups[1].Name):
		return nil, bad(
			"targetGroups must name two different target groups, the first for the blue hosts, the second for the " +
				"green ones.")
	case pair.ProdTrafficRoute == nil || len(pair.ProdTrafficRoute.ListenerArns) == 0:
		return nil, bad(
			"prodTrafficRoute must have listenerArns, the ARNs of the listeners or rules whose traffic is shifted.")
	case pair.TestTrafficRoute != nil:
		return nil, bad("testTrafficRoute is for ECS.")
	}
	return &pair, nil
}
