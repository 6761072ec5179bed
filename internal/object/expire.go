package object

import (
	"context"
	"time"

	"slipway/internal/store"
)

// ExpireUploads aborts multipart uploads that were started before a time and never finished, at most limit of them, and
// returns how many.
func (s *Store) ExpireUploads(ctx context.Context, before time.Time, limit int) (n int, err error) {
	ids, err := store.Strings(ctx, s.db, `SELECT id FROM uploads WHERE started < $1 ORDER BY started LIMIT $2`,
		before.UnixMilli(), limit)
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		if err := s.AbortUpload(ctx, Upload{ID: id}); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
