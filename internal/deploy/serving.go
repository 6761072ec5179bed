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

// onHost is what the deployments of a group have made of a host: its health as CodeDeploy counts it, and which
// deployment's files lie on it.
type onHost struct {
	rollout.Health
	// Installed is the last deployment whose Install event succeeded on the host: what runs there, whether or not the
	// deployment did well.
	Installed string `json:",omitzero"`
	// Failed says that the deployment did not do well on the host.
	Failed bool      `json:",omitzero"`
	At     time.Time `json:",omitzero"` // it ended on the host
}

// after is what an ended target makes of its host. current is the group's last successful revision.
func (h onHost) after(t *rollout.Target, revision, current string, now time.Time) onHost {
	succeeded := t.Status == cd.TargetStatusSucceeded
	h.Health = h.After(succeeded, revision, current)
	if installed(t) {
		h.Installed, h.Failed, h.At = text(t.DeploymentId), !succeeded, now
	}
	return h
}

// installed tells whether a target has its deployment's files.
func installed(t *rollout.Target) bool {
	return slices.ContainsFunc(t.LifecycleEvents, func(e cd.LifecycleEvent) bool {
		return *e.LifecycleEventName == "Install" && e.Status == cd.LifecycleEventStatusSucceeded
	})
}

// Serving tells which versions the hosts of groups run now: of these groups, or of all (nil). In a blue/green group
// only the hosts of the side that carries the traffic count. It takes three queries; they grow with the hosts there
// are, not with history.
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
		where, args = ` WHERE a.name || '/' || g.name IN `+list(1, len(names)), store.Args(names)
	}
	groups, err := store.All(ctx, s.db, func(r *sql.Rows) (*group, error) { return scanGroup(r.Scan) },
		`SELECT `+groupColumns+where+` ORDER BY a.name, g.name LIMIT 200`, args...)
	if err != nil || len(groups) == 0 {
		return nil, err
	}
	states, err := s.onHosts(ctx, groups)
	if err != nil {
		return nil, err
	}
	hosts, err := store.Documents[cd.InstanceInfo](ctx, s.db,
		`SELECT doc FROM deploy_instances WHERE deregistered = 0 ORDER BY name`)
	if err != nil {
		return nil, err
	}
	var all []slipway.ServingGroup
	for _, g := range groups {
		all = append(all, servingIn(g, states[g.id], hosts))
	}
	return all, nil
}

func (s *Service) onHosts(ctx context.Context, groups []*group) (map[string]map[string]onHost, error) {
	ids := make([]string, len(groups))
	states := map[string]map[string]onHost{}
	for i, g := range groups {
		ids[i], states[g.id] = g.id, map[string]onHost{}
	}
	_, err := store.All(ctx, s.db, func(r *sql.Rows) (struct{}, error) {
		var grp, host string
		var h onHost
		err := r.Scan(&grp, &host, store.JSON(&h))
		if states[grp] != nil {
			states[grp][host] = h
		}
		return struct{}{}, err
	}, `SELECT grp, host, doc FROM deploy_health WHERE grp IN `+list(1, len(ids)), store.Args(ids)...)
	return states, err
}

// servingIn sorts the hosts of a group by what they run, the version of most hosts first.
func servingIn(g *group, states map[string]onHost, hosts []*cd.InstanceInfo) slipway.ServingGroup {
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
	for _, host := range hosts {
		state, ok := states[text(host.InstanceName)]
		if !ok || state.Installed == "" || !g.serves(blueGreen, host.Tags) {
			continue
		}
		i, known := at[state.Installed]
		if !known {
			i = len(out.Versions)
			at[state.Installed] = i
			out.Versions = append(out.Versions,
				slipway.ServedVersion{DeploymentId: &state.Installed, Failed: new(false)})
		}
		v := &out.Versions[i]
		v.Hosts = append(v.Hosts, *host.InstanceName)
		*v.Failed = *v.Failed || state.Failed
		if v.Since == nil || state.At.After(v.Since.Time) {
			v.Since = awsproto.At(state.At)
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

// serves tells whether a host carries traffic of a group.
func (g *group) serves(blueGreen bool, tags []cd.Tag) bool {
	if !blueGreen {
		return matches(g.DeploymentGroupInfo, tags)
	}
	set := g.OnPremisesTagSet
	return g.side != "" && set != nil && len(set.OnPremisesTagSetList) == 2 &&
		matchesAny(set.OnPremisesTagSetList[g.side.index()], tags)
}
