package deploy

import (
	"context"
	"database/sql"
	"reflect"
	"slices"

	"slipway/api/awsproto"
	cd "slipway/api/codedeploy"
	"slipway/internal/deploy/rollout"
	"slipway/internal/store"
)

// scope is what a deployment will work on. It is found before the transaction that creates the deployment.
type scope struct {
	traffic *traffic // nil if it moves none
	targets []Target
}

// scoped finds the scope of a deployment and writes it. The load balancer and the platform are asked before the
// transaction, which looks again at what they were asked for: if another deployment made the other side live meanwhile,
// or the group was changed, they are asked again.
func (s *Service) scoped(ctx context.Context, in *cd.CreateDeploymentInput, write func(store.Tx, scope) error) error {
	for {
		g, c, err := s.scopeOf(ctx, s.db, in)
		if err != nil {
			return err
		}
		var x scope
		if x.traffic, err = s.resolve(ctx, g, c); err != nil {
			return err
		}
		if x.traffic != nil {
			x.traffic.Role = awsproto.Value(g.ServiceRoleArn)
		}
		if x.targets, err = s.targets(ctx, g); err != nil {
			return err
		}
		stale := false
		err = s.db.Write(ctx, func(tx store.Tx) error {
			nowGroup, nowConfig, err := s.scopeOf(ctx, tx, in)
			if err != nil {
				return err
			}
			sameRouting := reflect.DeepEqual(c.TrafficRoutingConfig, nowConfig.TrafficRoutingConfig)
			if stale = !g.same(nowGroup) || !sameRouting; stale {
				return nil
			}
			return write(tx, x)
		})
		if err != nil {
			return err
		}
		if !stale {
			return s.abandonMissing(ctx, g, x.targets)
		}
	}
}

// scopeOf reads what the scope of a deployment follows from: its group and its configuration.
func (s *Service) scopeOf(ctx context.Context, q store.Queryer,
	in *cd.CreateDeploymentInput) (*group, *cd.DeploymentConfigInfo, error) {
	wanted := *in // parts completes what it is given
	_, g, c, err := s.parts(ctx, q, &wanted)
	return g, c, err
}

// same reports whether two readings of a group differ at most in what deployments note there. The side that carries the
// traffic counts as a difference.
func (g *group) same(other *group) bool {
	settings := func(g *group) cd.DeploymentGroupInfo {
		info := *g.DeploymentGroupInfo
		info.LastAttemptedDeployment, info.LastSuccessfulDeployment, info.TargetRevision = nil, nil, nil
		return info
	}
	return g.side == other.side && reflect.DeepEqual(settings(g), settings(other))
}

// abandonMissing ends the parts of targets that are gone by now: they were listed for a deployment to a group and
// removed before it began.
func (s *Service) abandonMissing(ctx context.Context, g *group, listed []Target) error {
	if len(listed) == 0 {
		return nil
	}
	now, err := s.targets(ctx, g)
	if err != nil {
		return err
	}
	var missing []string
	for _, t := range listed {
		if !slices.ContainsFunc(now, func(n Target) bool { return n.Name == t.Name }) {
			missing = append(missing, t.Name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return s.db.Write(ctx, func(tx store.Tx) error {
		for _, name := range missing {
			if err := s.Abandon(ctx, tx, name, name+" was removed while the deployment began."); err != nil {
				return err
			}
		}
		return nil
	})
}

// units makes the units of a deployment, in the order in which they begin, and its state.
func (s *Service) units(ctx context.Context, tx store.Tx, g *group, c *cd.DeploymentConfigInfo, d *deployment,
	targets []Target) ([]*rollout.Unit, error) {
	if d.blueGreen() {
		return s.blueGreenUnits(ctx, tx, g, c, d, targets)
	}
	units, err := s.inPlaceUnits(ctx, tx, g, d, targets)
	d.state = rollout.New(rollout.NewPlan(len(units), c.MinimumHealthyHosts))
	return units, err
}

func (s *Service) inPlaceUnits(ctx context.Context, tx store.Tx, g *group, d *deployment,
	targets []Target) ([]*rollout.Unit, error) {
	health, err := healthOf(ctx, tx, g)
	if err != nil {
		return nil, err
	}
	targets = slices.Clone(targets)
	if awsproto.Value(d.info.UpdateOutdatedInstancesOnly) {
		current := rollout.Health{Healthy: true, Revision: revisionKey(d.info.Revision)}
		targets = slices.DeleteFunc(targets, func(t Target) bool { return health[t.Name] == current })
	}
	slices.SortStableFunc(targets, func(a, b Target) int {
		return health[a.Name].Rank(g.revision) - health[b.Name].Rank(g.revision)
	})
	var units []*rollout.Unit
	for _, t := range targets {
		units = append(units, s.newUnit(d, t, rollout.InPlace(t.Install, d.traffic != nil)))
	}
	return units, nil
}

func (s *Service) newUnit(d *deployment, t Target, events []string) *rollout.Unit {
	u := rollout.NewUnit(d.id, t.Name, t.ARN, events, s.Now())
	u.Driven = t.Driven
	return u
}

// healthOf is what is known of the targets of a group, by name.
func healthOf(ctx context.Context, q store.Queryer, g *group) (map[string]rollout.Health, error) {
	health := map[string]rollout.Health{}
	_, err := store.All(ctx, q, func(r *sql.Rows) (struct{}, error) {
		var name string
		var h rollout.Health
		err := r.Scan(&name, store.JSON(&h))
		health[name] = h
		return struct{}{}, err
	}, `SELECT host, doc FROM deploy_health WHERE grp = $1`, g.id)
	return health, err
}
