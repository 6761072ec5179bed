package deploy

import (
	"context"
	"fmt"

	cd "slipway/api/codedeploy"
	"slipway/internal/deploy/rollout"
)

// Platform is where deployments of one compute platform go. It lists what they go to, and carries out lifecycle events
// on it. All else is common to platforms and stays here: order, limits, waits, alarms, the shift of traffic, the way
// back, and rollbacks.
//
// A platform is called outside transactions, at least once for each event, from any number of goroutines.
type Platform interface {
	// Check refuses a deployment group that can have no deployment. With a revision, it refuses a deployment of that
	// revision to the group. The error is CodeDeploy's for the operation.
	Check(g *cd.DeploymentGroupInfo, revision *cd.RevisionLocation) error
	// Targets lists what deployments to groups go to: the targets of each group, in the order of the groups, by name.
	Targets(ctx context.Context, groups ...*cd.DeploymentGroupInfo) ([][]Target, error)
	// Act carries out an event, or looks how far it is, without waiting for it. A call for an event that is under way
	// already continues it. The call is repeated until the work is done or has failed.
	Act(ctx context.Context, w Work) (Progress, error)
	// Show describes units of a deployment as the API shows them, in their order.
	Show(ctx context.Context, units []*rollout.Unit) ([]cd.DeploymentTarget, error)
	// Late says why the event in progress of a unit may have taken longer than its limit.
	Late(ctx context.Context, u rollout.Unit) (string, error)
}

// Side is one half of a blue/green group: its targets and its target group. Which of the two carries the traffic
// changes with each deployment.
type Side string

// Sides.
const (
	Blue  Side = "blue"
	Green Side = "green"
)

// Target is what a deployment can go to.
type Target struct {
	Name, ARN string
	// Sides are the sides of a blue/green group to which it belongs; nil in other groups.
	Sides []Side
	// Install are the lifecycle events that bring a revision onto the target, in their order.
	Install []string
	// Driven says that Act carries out each of its events. Otherwise the target asks for its commands (Take), and Act
	// is called for BlockTraffic and AllowTraffic alone.
	Driven bool
}

// Deployment is a deployment as platforms see it.
type Deployment struct {
	ID, GroupID string
	Info        *cd.DeploymentInfo
	// Reuse is the deployment whose files a deployment of the mode RESTART restarts; "" for none.
	Reuse string
}

// Work is a lifecycle event for a platform to carry out on a unit.
type Work struct {
	Deployment Deployment
	Unit       rollout.Unit
	// Event is the event in progress of the unit, or, while traffic goes back, BlockTraffic or AllowTraffic.
	Event string
	// TargetGroups are the ARNs of the target groups that the unit leaves (BlockTraffic) or joins (AllowTraffic).
	TargetGroups []string
	// Returns says that the unit joins its target groups again later in the deployment.
	Returns bool
}

// Progress is how far a work is. The zero value says that it is under way: Act is called again after Look, and after
// half a minute at the latest.
type Progress struct {
	Done   bool
	Failed string // why the work can't be done; "" if it can
}

// as returns the deployment as platforms see it.
func (d *deployment) as() Deployment {
	return Deployment{ID: d.id, GroupID: d.grp, Info: d.info, Reuse: d.reuse}
}

// platform returns a platform of this server, or nil.
func (s *Service) platform(p cd.ComputePlatform) Platform { return s.Platforms[p] }

// platformOf returns the platform of a deployment that has begun.
func (s *Service) platformOf(info *cd.DeploymentInfo) (Platform, error) {
	if p := s.platform(info.ComputePlatform); p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("this server does not deploy to %s", info.ComputePlatform)
}

// targets lists the targets of a group. A platform that is not here has none.
func (s *Service) targets(ctx context.Context, g *group) ([]Target, error) {
	p := s.platform(g.ComputePlatform)
	if p == nil {
		return nil, nil
	}
	lists, err := p.Targets(ctx, g.DeploymentGroupInfo)
	if err != nil {
		return nil, err
	}
	return lists[0], nil
}
