package build

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"time"

	cb "slipway/api/codebuild"
	"slipway/internal/build/fleet"
	"slipway/internal/store"
)

// fleetLabel begins the label by which a runner joins a fleet.
const fleetLabel = "fleet="

// fleetOf is the fleet that a runner with these labels joins, "" for none. Of two labels the first counts.
func fleetOf(labels []string) string {
	for _, l := range labels {
		if name, ok := strings.CutPrefix(l, fleetLabel); ok {
			return name
		}
	}
	return ""
}

// taker is a runner that has room for a build.
type taker struct {
	name, fleet string
	meets       []string
}

// next returns the oldest build of the queue that a runner may take, and whether it would run outside of its fleet; nil
// if there is none. Those of a fleet wait in their order, whatever runner takes them.
func (s *Service) next(ctx context.Context, q store.Queryer, t taker) (r *row, overflow bool, err error) {
	if t.fleet != "" {
		f, err := store.Document[cb.Fleet](ctx, q, `SELECT doc FROM fleets WHERE name = $1`, t.fleet)
		if err != nil || f == nil {
			return nil, false, err
		}
		r, _, err = s.nextOf(ctx, q, t, f)
		return r, false, err
	}
	if r, err = oldest(ctx, q, "", t.meets); err != nil {
		return nil, false, err
	}
	for arn := ""; ; {
		more, err := store.Find(ctx, q, []any{&arn},
			`SELECT fleet FROM builds WHERE state = 'queued' AND fleet > $1 ORDER BY fleet LIMIT 1`, arn)
		if err != nil || !more {
			return r, overflow, err
		}
		f, err := store.Document[cb.Fleet](ctx, q, `SELECT doc FROM fleets WHERE arn = $1`, arn)
		if err != nil {
			return nil, false, err
		}
		if f == nil || f.OverflowBehavior != cb.FleetOverflowBehaviorOnDemand {
			continue
		}
		other, at, err := s.nextOf(ctx, q, t, f)
		if err != nil {
			return nil, false, err
		}
		if other != nil && (r == nil || other.seq < r.seq) {
			r, overflow = other, at == fleet.Overflow
		}
	}
}

// nextOf returns the oldest build of a fleet that a runner may take, and where it would run; nil if there is none.
func (s *Service) nextOf(ctx context.Context, q store.Queryer, t taker, f *cb.Fleet) (*row, fleet.Place, error) {
	var running int
	if err := q.QueryRow(ctx, `SELECT COUNT(*) FROM builds WHERE state IN ('assigned', 'running') AND fleet = $1
		AND overflow = 0`, *f.Arn).Scan(&running); err != nil {
		return nil, fleet.None, err
	}
	members, err := s.members(ctx, q, []string{*f.Name})
	if err != nil {
		return nil, fleet.None, err
	}
	of, all := decided(f), make([]fleet.Runner, len(members))
	for i, m := range members {
		all[i] = m.Runner
	}
	var needs []string
	place := fleet.None
	for _, need := range t.meets {
		if at := fleet.Decide(fleet.Runner{Fleet: t.fleet, Meets: t.meets, Free: 1}, &of, need, running,
			all); at != fleet.None {
			needs, place = append(needs, need), at
		}
	}
	r, err := oldest(ctx, q, *f.Arn, needs)
	return r, place, err
}

// oldest returns the oldest build of the queue that is for a fleet, "" for none, and has one of these needs; or nil.
func oldest(ctx context.Context, q store.Queryer, arn string, needs []string) (*row, error) {
	if len(needs) == 0 {
		return nil, nil
	}
	return one(ctx, q, `WHERE state = 'queued' AND fleet = $1 AND needs IN `+store.In(2, len(needs))+
		` ORDER BY seq LIMIT 1`, append([]any{arn}, store.Args(needs)...)...)
}

// member is a runner of a fleet that is there.
type member struct {
	fleet.Runner
	name   string
	labels []string
	slots  int // how many builds it runs at a time
	heard  time.Time
	builds []string // that it has
}

// maxMembers bounds how many runners of fleets are looked at.
const maxMembers = 1000

// members returns the runners of fleets, by the fleets' names, that are there: they poll, or did so lately.
func (s *Service) members(ctx context.Context, q store.Queryer, fleets []string) ([]member, error) {
	patience := s.Hold + grace
	since := s.Now().Add(-patience - saveSeen).UnixMilli()
	args := append([]any{since, maxMembers}, store.Args(fleets)...)
	of := `fleet IN ` + store.In(3, len(fleets)) + ` AND seen >= $1 ORDER BY name LIMIT $2`
	all, err := store.All(ctx, q, func(r *sql.Rows) (m member, err error) {
		var seen int64
		err = r.Scan(&m.name, &m.Fleet, &seen, store.JSON(&m.labels), &m.slots)
		m.heard, m.Meets = s.lastHeard(m.name, seen), meets(m.labels)
		return m, err
	}, `SELECT name, fleet, seen, labels, slots FROM runners WHERE `+of, args...)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(m member) bool { return s.Now().Sub(m.heard) > patience })
	if len(all) == 0 {
		return nil, nil
	}
	builds := map[string][]string{}
	_, err = store.All(ctx, q, func(r *sql.Rows) (struct{}, error) {
		var runner, id string
		err := r.Scan(&runner, &id)
		builds[runner] = append(builds[runner], id)
		return struct{}{}, err
	}, `SELECT runner, id FROM builds WHERE state IN ('assigned', 'running')
		AND runner IN (SELECT name FROM runners WHERE `+of+`) ORDER BY seq`, args...)
	for i := range all {
		all[i].builds = builds[all[i].name]
		all[i].Free = max(0, all[i].slots-len(all[i].builds))
	}
	return all, err
}

// moved lets runners look into the queue, once tx is committed, if builds of a fleet wait in it: a build of the fleet
// took a place or left one, and the next may run now, on the fleet's runners or outside of them.
func (s *Service) moved(ctx context.Context, tx store.Tx, arn string) error {
	var n int
	waits, err := store.Find(ctx, tx, []any{&n}, `SELECT 1 FROM builds WHERE state = 'queued' AND fleet = $1 LIMIT 1`, arn)
	if err == nil && waits {
		s.letLook(tx, waiting{Fleet: fleetName(arn)})
	}
	return err
}
