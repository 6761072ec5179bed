package build

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/build/fleet"
	"slipway/internal/store"
)

// ListFleets implements codebuild:ListFleets: the ARNs of the fleets, by name unless asked otherwise.
func (s *Service) ListFleets(ctx context.Context, in *cb.ListFleetsInput) (*cb.ListFleetsOutput, error) {
	filter := []string{string(in.SortBy), string(in.SortOrder)}
	from := place{}
	if !s.Pager.Place("ListFleets", filter, in.NextToken, &from) {
		return nil, badToken()
	}
	most := aPage
	if in.MaxResults != nil {
		most = int(*in.MaxResults)
	}
	column := map[cb.FleetSortByType]string{cb.FleetSortByTypeCreatedTime: "created",
		cb.FleetSortByTypeLastModifiedTime: "modified"}[in.SortBy]
	if column == "" {
		column = "0"
	}
	direction, sign := "ASC", ">"
	if in.SortOrder == cb.SortOrderTypeDescending {
		direction, sign = "DESC", "<"
	}
	where, args := "", []any{most + 1}
	if from.Name != "" {
		where = fmt.Sprintf(`WHERE %[1]s %[2]s $2 OR %[1]s = $2 AND name %[2]s $3`, column, sign)
		args = append(args, from.Key, from.Name)
	}
	type item struct {
		place
		arn string
	}
	scan := func(r *sql.Rows) (x item, err error) { return x, r.Scan(&x.Key, &x.Name, &x.arn) }
	all, err := store.All(ctx, s.db, scan,
		`SELECT `+column+`, name, arn FROM fleets `+where+` ORDER BY 1 `+direction+`, name `+direction+` LIMIT $1`,
		args...)
	if err != nil {
		return nil, err
	}
	out := &cb.ListFleetsOutput{Fleets: []string{}}
	if len(all) > most {
		all = all[:most]
		out.NextToken = s.Pager.Token("ListFleets", filter, all[most-1].place)
	}
	for _, x := range all {
		out.Fleets = append(out.Fleets, x.arn)
	}
	return out, nil
}

// BatchGetFleets implements codebuild:BatchGetFleets, by names and ARNs.
func (s *Service) BatchGetFleets(ctx context.Context, in *cb.BatchGetFleetsInput) (*cb.BatchGetFleetsOutput, error) {
	args := store.Args(in.Names)
	found, err := store.Documents[cb.Fleet](ctx, s.db, `SELECT doc FROM fleets WHERE arn IN `+
		store.In(1, len(args))+` OR name IN `+store.In(1, len(args)), args...)
	if err != nil {
		return nil, err
	}
	states, err := s.fleetStates(ctx, found)
	if err != nil {
		return nil, err
	}
	byName := map[string]*cb.Fleet{}
	for _, f := range found {
		show(f, states[*f.Arn])
		byName[*f.Name], byName[*f.Arn] = f, f
	}
	out := &cb.BatchGetFleetsOutput{Fleets: []cb.Fleet{}, FleetsNotFound: []string{}}
	for _, n := range in.Names {
		if f := byName[n]; f != nil {
			out.Fleets = append(out.Fleets, *f)
		} else {
			out.FleetsNotFound = append(out.FleetsNotFound, n)
		}
	}
	return out, nil
}

// shownFleet is a fleet as BatchGetFleets shows it.
func (s *Service) shownFleet(ctx context.Context, f *cb.Fleet) (*cb.Fleet, error) {
	states, err := s.fleetStates(ctx, []*cb.Fleet{f})
	if err == nil {
		show(f, states[*f.Arn])
	}
	return f, err
}

// show puts into a fleet what changes by itself: its status, and the capacity that it would have for its load.
func show(f *cb.Fleet, x fleetState) {
	f.Status = &cb.FleetStatus{StatusCode: cb.FleetStatusCodeActive}
	if why := x.lack(decided(f)); why != "" {
		f.Status.Context, f.Status.Message = cb.FleetContextCodeInsufficientCapacity, &why
	}
	if f.ScalingConfiguration != nil {
		f.ScalingConfiguration.DesiredCapacity = new(int32(decided(f).Desired(x.load)))
	}
}

// fleetState is what a fleet does now.
type fleetState struct {
	load    fleet.Load
	members []member
}

// lack says why the runners of a fleet cannot run as many builds as its base capacity; "" if they can.
func (x fleetState) lack(f fleet.Fleet) string {
	slots := 0
	for _, m := range x.members {
		slots += m.slots
	}
	if slots >= f.Base {
		return ""
	}
	start := "slipway runner --fleet " + f.Name
	if len(x.members) == 0 {
		return "No runner of the fleet is there. Start one: " + start
	}
	return fmt.Sprintf("The fleet's runners run %d builds at a time, its baseCapacity is %d. Start another: %s", slots,
		f.Base, start)
}

// fleetStates reads what fleets do now, by their ARNs.
func (s *Service) fleetStates(ctx context.Context, fleets []*cb.Fleet) (map[string]fleetState, error) {
	states := map[string]fleetState{}
	if len(fleets) == 0 {
		return states, nil
	}
	var arns, names []string
	for _, f := range fleets {
		arns, names = append(arns, *f.Arn), append(names, *f.Name)
	}
	loads, err := s.loads(ctx, arns)
	if err != nil {
		return nil, err
	}
	members, err := s.members(ctx, s.db, names)
	if err != nil {
		return nil, err
	}
	for _, f := range fleets {
		x := fleetState{load: loads[*f.Arn]}
		for _, m := range members {
			if m.Fleet == *f.Name {
				x.members = append(x.members, m)
			}
		}
		states[*f.Arn] = x
	}
	return states, nil
}

// loads counts the builds of fleets.
func (s *Service) loads(ctx context.Context, arns []string) (map[string]fleet.Load, error) {
	all := map[string]fleet.Load{}
	_, err := store.All(ctx, s.db, func(r *sql.Rows) (struct{}, error) {
		var arn, state string
		var overflow, n int
		err := r.Scan(&arn, &state, &overflow, &n)
		l := all[arn]
		switch {
		case state == string(Queued):
			l.Queued += n
		case overflow == 1:
			l.Overflowing += n
		default:
			l.Running += n
		}
		all[arn] = l
		return struct{}{}, err
	}, `SELECT fleet, state, overflow, COUNT(*) FROM builds WHERE state IN ('queued', 'assigned', 'running')
		AND fleet IN `+store.In(1, len(arns))+` GROUP BY fleet, state, overflow`, store.Args(arns)...)
	return all, err
}

// ListFleetStates implements slipway:ListFleetStates: what each fleet may run, what it runs, and its runners.
func (s *Service) ListFleetStates(ctx context.Context,
	_ *slipway.ListFleetStatesInput) (*slipway.ListFleetStatesOutput, error) {
	all, err := store.Documents[cb.Fleet](ctx, s.db, `SELECT doc FROM fleets ORDER BY name`)
	if err != nil {
		return nil, err
	}
	states, err := s.fleetStates(ctx, all)
	if err != nil {
		return nil, err
	}
	out := &slipway.ListFleetStatesOutput{Fleets: []slipway.FleetState{}}
	for _, f := range all {
		x, d := states[*f.Arn], decided(f)
		shown := slipway.FleetState{
			Arn:              f.Arn,
			Name:             f.Name,
			BaseCapacity:     f.BaseCapacity,
			MaxCapacity:      new(int32(d.Max)),
			DesiredCapacity:  new(int32(d.Desired(x.load))),
			OverflowBehavior: new(string(f.OverflowBehavior)),
			Running:          new(int32(x.load.Running)),
			Overflowing:      new(int32(x.load.Overflowing)),
			Queued:           new(int32(x.load.Queued)),
			Runners:          []slipway.RunnerState{},
		}
		if why := x.lack(d); why != "" {
			shown.Message = &why
		}
		for _, m := range x.members {
			shown.Runners = append(shown.Runners, m.shown())
		}
		out.Fleets = append(out.Fleets, shown)
	}
	return out, nil
}

// shown is a runner as ListRunners shows it.
func (m member) shown() slipway.RunnerState {
	return slipway.RunnerState{Name: &m.name, SeenTime: awsproto.At(m.heard), Labels: m.labels,
		Builds: append([]string{}, m.builds...), Fleet: orNone(m.Fleet), Slots: new(int32(m.slots))}
}

// orNone is a text that may be absent.
func orNone(s string) *string {
	if strings.TrimSpace(s) == "" {
		return nil
	}
	return &s
}
