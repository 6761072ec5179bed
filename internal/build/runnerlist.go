package build

import (
	"context"
	"database/sql"

	"slipway/api/awsproto"
	"slipway/api/slipway"
	"slipway/internal/store"
)

// maxRunners bounds how many runners are listed; those heard of last come first.
const maxRunners = 200

// ListRunners implements slipway:ListRunners: the runners that were ever heard of, when that was, and what they run.
func (s *Service) ListRunners(ctx context.Context, _ *slipway.ListRunnersInput) (*slipway.ListRunnersOutput, error) {
	out := &slipway.ListRunnersOutput{Runners: []slipway.RunnerState{}, QueuedBuilds: new(int64)}
	all, err := store.All(ctx, s.db, func(r *sql.Rows) (slipway.RunnerState, error) {
		x := slipway.RunnerState{Name: new(""), Builds: []string{}}
		var seen int64
		var fleet string
		x.Slots = new(int32(0))
		err := r.Scan(x.Name, &seen, store.JSON(&x.Labels), &fleet, x.Slots)
		x.SeenTime, x.Fleet = awsproto.At(s.lastHeard(*x.Name, seen)), orNone(fleet)
		return x, err
	}, `SELECT name, seen, labels, fleet, slots FROM runners ORDER BY seen DESC, name LIMIT $1`, maxRunners)
	if err != nil {
		return nil, err
	}
	builds := map[string][]string{}
	if _, err := store.All(ctx, s.db, func(r *sql.Rows) (struct{}, error) {
		var runner, id string
		err := r.Scan(&runner, &id)
		builds[runner] = append(builds[runner], id)
		return struct{}{}, err
	}, `SELECT runner, id FROM builds WHERE state IN ('assigned', 'running') ORDER BY seq`); err != nil {
		return nil, err
	}
	for _, x := range all {
		x.Builds = append(x.Builds, builds[*x.Name]...)
		out.Runners = append(out.Runners, x)
	}
	_, err = store.Find(ctx, s.db, []any{out.QueuedBuilds}, `SELECT COUNT(*) FROM builds WHERE state = 'queued'`)
	return out, err
}
