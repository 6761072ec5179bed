package report

import (
	"context"
	"time"

	"slipway/internal/store"
)

// Group returns when a report group was made; false if there is none.
func (s *Service) Group(ctx context.Context, q store.Queryer, arn string) (time.Time, bool, error) {
	g, err := group(ctx, q, arn)
	if err != nil || g == nil || g.Created == nil {
		return time.Time{}, g != nil, err
	}
	return g.Created.Time, true, nil
}
