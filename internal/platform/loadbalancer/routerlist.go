package loadbalancer

import (
	"context"
	"maps"
	"slices"
	"time"

	"slipway/api/awsproto"
	"slipway/api/slipway"
)

// ListRouters implements slipway:ListRouters: the routers that were heard of, when that was, and which version of the
// table each serves, beside the newest.
func (s *Service) ListRouters(ctx context.Context, _ *slipway.ListRoutersInput) (*slipway.ListRoutersOutput, error) {
	version, err := s.version(ctx)
	if err != nil {
		return nil, err
	}
	return &slipway.ListRoutersOutput{Routers: s.routers.list(version, s.Now())}, nil
}

func (rs *routers) list(version int64, now time.Time) []slipway.RouterState {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	out := []slipway.RouterState{}
	for _, name := range slices.Sorted(maps.Keys(rs.byName)) {
		r := rs.byName[name]
		x := slipway.RouterState{Name: &name, AppliedVersion: &r.applied, Version: &version}
		switch {
		case r.gone != nil: // its poll is held
			x.SeenTime = awsproto.At(now)
		case r.heard: // by this process
			x.SeenTime = awsproto.At(r.seen)
		}
		out = append(out, x)
	}
	return out
}
