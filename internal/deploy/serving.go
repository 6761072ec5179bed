package deploy

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"time"

	"slipway/api/awsproto"
	cd "slipway/api/codedeploy"
	"slipway/api/slipway"
	"slipway/internal/deploy/rollout"
	"slipway/internal/store"
)

// record is what the deployments of a group have made of a target: its health as CodeDeploy counts it, and which
// deployment's files are on it.
type record struct {
	rollout.Health
	// Installed is the last deployment whose Install event succeeded on the target: what runs there, whether or not the
	// deployment succeeded.
	Installed string `json:",omitzero"`
	// Failed says that the deployment did not succeed on the target.
	Failed bool      `json:",omitzero"`
	At     time.Time `json:",omitzero"` // it ended on the target
}

// after is what a unit that has ended makes of its target. current is the group's last successful revision.
func (r record) after(u *rollout.Unit, revision, current string, now time.Time) record {
	succeeded := u.Status == cd.TargetStatusSucceeded
	r.Health = r.After(succeeded, revision, current)
	if installed(u) {
		r.Installed, r.Failed, r.At = u.Deployment, !succeeded, now
	}
	return r
}

// installed reports whether a unit has its deployment's files.
func installed(u *rollout.Unit) bool {
	return slices.ContainsFunc(u.Events, func(e cd.LifecycleEvent) bool {
		return *e.LifecycleEventName == rollout.Install && e.Status == cd.LifecycleEventStatusSucceeded
	})
}

// Serving tells which versions the targets of groups run now: of these groups, or of all (nil). In a blue/green group
// only the targets of the side that carries the traffic count. The cost grows with the targets there are, not with
// history.
func (s *Service) Serving(ctx context.Context, of []slipway.GroupRef) ([]slipway.ServingGroup, error) {
	where, args := "", []any{}
	if of != nil {
		names := make([]string, len(of))
		for i, g := range of {
			names[i] = *g.ApplicationName + "/" + *g.DeploymentGroupName
		}
		if len(names) == 0 {
			return nil, nil
		}
		where, args = ` WHERE a.name || '/' || g.name IN `+store.In(1, len(names)), store.Args(names)
	}
	groups, err := store.All(ctx, s.db, func(r *sql.Rows) (*group, error) { return scanGroup(r.Scan) },
		`SELECT `+groupColumns+where+` ORDER BY a.name, g.name LIMIT 200`, args...)
	if err != nil || len(groups) == 0 {
		return nil, err
	}
	records, err := s.records(ctx, groups)
	if err != nil {
		return nil, err
	}
	targets, err := s.targetsOf(ctx, groups)
	if err != nil {
		return nil, err
	}
	var all []slipway.ServingGroup
	for _, g := range groups {
		all = append(all, servingIn(g, records[g.id], targets[g.id]))
	}
	return all, nil
}

// targetsOf lists the targets of groups by the groups' IDs. Each platform is asked once.
func (s *Service) targetsOf(ctx context.Context, groups []*group) (map[string][]Target, error) {
	byPlatform := map[cd.ComputePlatform][]*group{}
	for _, g := range groups {
		byPlatform[g.ComputePlatform] = append(byPlatform[g.ComputePlatform], g)
	}
	all := map[string][]Target{}
	for platform, groups := range byPlatform {
		p := s.platform(platform)
		if p == nil {
			continue
		}
		infos := make([]*cd.DeploymentGroupInfo, len(groups))
		for i, g := range groups {
			infos[i] = g.DeploymentGroupInfo
		}
		lists, err := p.Targets(ctx, infos...)
		if err != nil {
			return nil, err
		}
		for i, g := range groups {
			all[g.id] = lists[i]
		}
	}
	return all, nil
}

// records are what is known of the targets of groups, by the groups' IDs and the targets' names.
func (s *Service) records(ctx context.Context, groups []*group) (map[string]map[string]record, error) {
	ids := make([]string, len(groups))
	records := map[string]map[string]record{}
	for i, g := range groups {
		ids[i], records[g.id] = g.id, map[string]record{}
	}
	_, err := store.All(ctx, s.db, func(r *sql.Rows) (struct{}, error) {
		var grp, name string
		var x record
		err := r.Scan(&grp, &name, store.JSON(&x))
		if records[grp] != nil {
			records[grp][name] = x
		}
		return struct{}{}, err
	}, `SELECT grp, host, doc FROM deploy_health WHERE grp IN `+store.In(1, len(ids)), store.Args(ids)...)
	return records, err
}

// servingIn sorts the targets of a group by what they run, the version of most targets first.
func servingIn(g *group, records map[string]record, targets []Target) slipway.ServingGroup {
	out := slipway.ServingGroup{
		ApplicationName:     g.ApplicationName,
		DeploymentGroupName: g.DeploymentGroupName,
		Versions:            []slipway.ServedVersion{},
	}
	blueGreen := g.DeploymentStyle != nil && g.DeploymentStyle.DeploymentType == cd.DeploymentTypeBlueGreen
	if blueGreen {
		out.Side = new(string(g.side))
	}
	at := map[string]int{}
	for _, t := range targets {
		r, ok := records[t.Name]
		if !ok || r.Installed == "" || blueGreen && !slices.Contains(t.Sides, g.side) {
			continue
		}
		i, known := at[r.Installed]
		if !known {
			i = len(out.Versions)
			at[r.Installed] = i
			out.Versions = append(out.Versions,
				slipway.ServedVersion{DeploymentId: &r.Installed, Failed: new(false)})
		}
		v := &out.Versions[i]
		v.Hosts = append(v.Hosts, t.Name)
		*v.Failed = *v.Failed || r.Failed
		if v.Since == nil || r.At.After(v.Since.Time) {
			v.Since = awsproto.At(r.At)
		}
	}
	slices.SortStableFunc(out.Versions, func(a, b slipway.ServedVersion) int {
		if n := len(b.Hosts) - len(a.Hosts); n != 0 {
			return n
		}
		return strings.Compare(*a.DeploymentId, *b.DeploymentId)
	})
	return out
}
