package server

import (
	"context"
	"fmt"
	"slices"
	"time"

	cd "slipway/api/codedeploy"
	"slipway/api/elbv2"
	"slipway/internal/deploy"
	"slipway/internal/deploy/rollout"
	"slipway/internal/store"
)

// Balancer is the load balancer, as far as hosts join and leave its target groups.
type Balancer interface {
	DescribeTargetHealth(context.Context, *elbv2.DescribeTargetHealthInput) (*elbv2.DescribeTargetHealthOutput, error)
	RegisterTargets(context.Context, *elbv2.RegisterTargetsInput) (*elbv2.RegisterTargetsOutput, error)
	DeregisterTargets(context.Context, *elbv2.DeregisterTargetsInput) (*elbv2.DeregisterTargetsOutput, error)
}

// Platform implements deploy.Platform for hosts. Their agents ask for the commands of all lifecycle events but
// BlockTraffic and AllowTraffic.
type Platform struct {
	db       *store.Store
	balancer Balancer
	now      func() time.Time
	presence *presence
}

// NewPlatform returns the platform of the hosts that are registered in db.
func NewPlatform(db *store.Store, now func() time.Time, b Balancer) *Platform {
	p := &Platform{db: db, now: now, balancer: b, presence: newPresence()}
	db.OnNotice(hostNotice, func(host string) { p.presence.heard(host, now(), 0) })
	return p
}

// installEvents bring a revision onto a host.
func installEvents() []string {
	return []string{rollout.ApplicationStop, "DownloadBundle", "BeforeInstall", rollout.Install, "AfterInstall",
		"ApplicationStart", "ValidateService"}
}

// Targets implements deploy.Platform: the registered instances whose tags match a group.
func (p *Platform) Targets(ctx context.Context, groups ...*cd.DeploymentGroupInfo) ([][]deploy.Target, error) {
	hosts, err := store.Documents[cd.InstanceInfo](ctx, p.db,
		`SELECT doc FROM deploy_instances WHERE deregistered = 0 ORDER BY name`)
	if err != nil {
		return nil, err
	}
	lists := make([][]deploy.Target, len(groups))
	for i, g := range groups {
		for _, h := range hosts {
			t := deploy.Target{Name: *h.InstanceName, ARN: *h.InstanceArn, Install: installEvents()}
			if g.DeploymentStyle != nil && g.DeploymentStyle.DeploymentType == cd.DeploymentTypeBlueGreen {
				t.Sides = sidesOf(g, h.Tags)
				if len(t.Sides) == 0 {
					continue
				}
			} else if !matches(g, h.Tags) {
				continue
			}
			lists[i] = append(lists[i], t)
		}
	}
	return lists, nil
}

// sidesOf are the sides of a blue/green group that tags belong to.
func sidesOf(g *cd.DeploymentGroupInfo, tags []cd.Tag) []deploy.Side {
	if g.OnPremisesTagSet == nil || len(g.OnPremisesTagSet.OnPremisesTagSetList) != 2 {
		return nil
	}
	var sides []deploy.Side
	for i, side := range []deploy.Side{deploy.Blue, deploy.Green} {
		if matchesAny(g.OnPremisesTagSet.OnPremisesTagSetList[i], tags) {
			sides = append(sides, side)
		}
	}
	return sides
}

const (
	// patience is how long nothing is said of a host that has never been heard of.
	patience = 10 * time.Second
	// quiet is how long a host may be silent before that is said. A poll is held for less than a minute.
	quiet = 90 * time.Second
)

// Show implements deploy.Platform. Of a host that is waited for and has not been heard of, it says since when.
func (p *Platform) Show(ctx context.Context, units []*rollout.Unit) ([]cd.DeploymentTarget, error) {
	var waiting []string
	for _, u := range units {
		if u.Status == cd.TargetStatusInProgress {
			waiting = append(waiting, u.Name)
		}
	}
	seen, err := p.hostsSeen(ctx, waiting)
	if err != nil {
		return nil, err
	}
	now := p.now()
	all := make([]cd.DeploymentTarget, len(units))
	for i, u := range units {
		events := slices.Clone(u.Events)
		at := seen[u.Name]
		unknown := at.IsZero() && now.Sub(u.Since) < patience
		if u.Status == cd.TargetStatusInProgress && now.Sub(at) > quiet && !unknown {
			events[u.At].Diagnostics = &cd.Diagnostics{Message: new("Waiting for the host. " + silence(at, now))}
		}
		all[i] = cd.DeploymentTarget{
			DeploymentTargetType: cd.DeploymentTargetTypeInstanceTarget,
			InstanceTarget: &cd.InstanceTarget{
				DeploymentId:    &u.Deployment,
				TargetId:        &u.Name,
				TargetArn:       &u.ARN,
				Status:          u.Status,
				LastUpdatedAt:   u.Changed,
				LifecycleEvents: events,
				InstanceLabel:   u.Label,
			},
		}
	}
	return all, nil
}

// Late implements deploy.Platform.
func (p *Platform) Late(ctx context.Context, u rollout.Unit) (string, error) {
	seen, err := p.seen(ctx, u.Name)
	if err != nil {
		return "", err
	}
	limit := fmt.Sprintf("%.0f minutes", u.Limit().Minutes())
	switch u.Phase {
	case rollout.Acting:
		return fmt.Sprintf("%s did not end within %s: the target group did not find the host healthy, or its "+
			"connections did not end.", u.EventName(), limit), nil
	case rollout.Running:
		return fmt.Sprintf("The host began %s and did not report its end within %s. %s", u.EventName(), limit,
			silence(seen, p.now())), nil
	}
	return fmt.Sprintf("The host did not begin %s within %s. %s", u.EventName(), limit, silence(seen, p.now())), nil
}

// silence says since when a host's agent has not been heard of, and what to do. seen is zero for never.
func silence(seen, now time.Time) string {
	const check = " Check that the agent runs on the host, with the key of this instance, and reaches this server."
	switch {
	case seen.IsZero():
		return "Its agent has never been heard of." + check
	case now.Sub(seen) > quiet:
		return "Its agent has been silent since " + seen.UTC().Format(time.RFC3339) + "." + check
	}
	return "Its agent was heard of last at " + seen.UTC().Format(time.RFC3339) + "."
}
