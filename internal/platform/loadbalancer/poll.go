package loadbalancer

import (
	"context"
	"net/http"
	"time"

	"slipway/api/awsproto"
	elb "slipway/api/elbv2"
	"slipway/api/slipway"
	"slipway/internal/store"
)

const (
	// tableHint is what polls listen to.
	tableHint = "routers/table"
	// forgotten is after what time a router that was not heard of is not expected back.
	forgotten = 30 * 24 * time.Hour
)

// PollRouter implements slipway:PollRouter: it is held until the table has another version than the router serves, or
// until a report is needed, or until the time is over.
func (s *Service) PollRouter(ctx context.Context, in *slipway.PollRouterInput) (*slipway.PollRouterOutput, error) {
	changed, stop := s.Hints.Listen(tableHint)
	defer stop()
	applied := awsproto.Value(in.AppliedVersion)
	a, gone := s.routers.poll(*in.Router, applied, s.Now())
	defer func() { s.routers.leave(*in.Router, gone, s.Now()) }()
	if err := s.arrived(ctx, *in.Router, applied, a); err != nil {
		return nil, err
	}
	hold := s.Hold
	if in.WaitSeconds != nil {
		hold = min(hold, time.Duration(*in.WaitSeconds)*time.Second)
	}
	timeout := time.NewTimer(hold)
	defer timeout.Stop()
	for {
		version, err := s.version(ctx)
		if err != nil {
			return nil, err
		}
		if version != applied {
			table, at, err := s.encodedTable(ctx)
			return &slipway.PollRouterOutput{Version: &at, Table: table, Report: new(a.report)}, err
		}
		if a.report {
			return &slipway.PollRouterOutput{Version: &version, Report: new(true)}, nil
		}
		select {
		case <-changed:
		case <-s.beat():
			s.pass(*in.Router, applied)
		case <-timeout.C:
			return &slipway.PollRouterOutput{Version: &version}, nil
		case <-gone:
			return nil, &awsproto.Error{Code: "RouterConflictException", Status: http.StatusConflict,
				Message: "A newer poll of a router by the name " + *in.Router +
					" took the place of this one. If these are two routers, give each a name of its own."}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// arrived does what follows from a router being heard of.
func (s *Service) arrived(ctx context.Context, name string, applied int64, a arrival) error {
	s.pass(name, applied)
	if a.applied && s.Applied != nil {
		s.Applied(applied)
	}
	if !a.first {
		return nil
	}
	now := s.Now()
	return s.db.Write(ctx, func(tx store.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM lb_routers WHERE seen < $1`,
			now.Add(-forgotten).UnixMilli()); err != nil {
			return err
		}
		_, err := tx.Exec(ctx,
			`INSERT INTO lb_routers (name, seen) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET seen = excluded.seen`,
			name, now.UnixMilli())
		return err
	})
}

// PutRouterReport implements slipway:PutRouterReport. A report with listeners or targets names all of them.
func (s *Service) PutRouterReport(ctx context.Context,
	in *slipway.PutRouterReportInput) (*slipway.PutRouterReportOutput, error) {
	a, groups := s.routers.report(in, s.Now())
	if err := s.arrived(ctx, *in.Router, awsproto.Value(in.AppliedVersion), a); err != nil {
		return nil, err
	}
	if err := s.passReport(ctx, in); err != nil {
		return nil, err
	}
	if err := s.endDraining(ctx, in.Targets); err != nil {
		return nil, err
	}
	s.healthChanged(groups...)
	if len(in.Samples) > 0 && s.Sink != nil {
		return nil, s.Sink.Sample(ctx, in.Samples)
	}
	return nil, nil
}

// endDraining forgets the targets at which no request is left.
func (s *Service) endDraining(ctx context.Context, reported []slipway.RouterTarget) error {
	done := map[targetName]bool{}
	for _, t := range reported {
		if awsproto.Value(t.State) == string(elb.TargetHealthStateEnumDraining) && awsproto.Value(t.InFlight) == 0 {
			done[targetName{*t.TargetGroupArn, *t.Address}] = true
		}
	}
	if len(done) == 0 {
		return nil
	}
	var groups []string
	err := s.db.Write(ctx, func(tx store.Tx) error {
		groups = nil
		draining, err := store.All(ctx, tx, scanTarget, targetColumns+`WHERE draining > 0`)
		if err != nil {
			return err
		}
		for _, t := range draining {
			name := targetName{t.group, t.address()}
			if !done[name] || !s.routers.drained(name, t.version, s.Now()) {
				continue
			}
			if err := forget(ctx, tx, t); err != nil {
				return err
			}
			if err := tx.Cancel(ctx, jobDrained, t.group+" "+t.address()); err != nil {
				return err
			}
			groups = append(groups, t.group)
		}
		if len(groups) == 0 {
			return nil
		}
		_, err = s.changed(ctx, tx)
		return err
	})
	if err == nil {
		s.healthChanged(groups...)
	}
	return err
}
