package report

import (
	"context"
	"time"

	"slipway/internal/store"
)

// Expire deletes reports that were made before a time, at most limit of them, and returns how many.
func (s *Service) Expire(ctx context.Context, before time.Time, limit int) (n int, err error) {
	err = s.db.Write(ctx, func(tx store.Tx) error {
		r, err := tx.Exec(ctx,
			`DELETE FROM reports WHERE arn IN (SELECT arn FROM reports WHERE created < $1 ORDER BY created LIMIT $2)`,
			before.UnixMilli(), limit)
		if err != nil {
			return err
		}
		deleted, err := r.RowsAffected()
		if n = int(deleted); err != nil {
			return err
		}
		return s.expireFiles(ctx, tx, before)
	})
	return n, err
}
