package release

import (
	"context"
	"time"

	"slipway/internal/store"
)

const expireReleases = `DELETE FROM release_releases WHERE deployment IN (SELECT deployment FROM release_releases o
	WHERE live = 0 AND created < $1
	AND EXISTS (
		SELECT 1 FROM release_releases n WHERE n.application = o.application AND n.grp = o.grp AND n.place > o.place
	) ORDER BY place LIMIT $2)`

// Expire deletes releases that began before a time and have ended, at most limit of them, and returns how many. The
// newest of each group stays.
func (s *Service) Expire(ctx context.Context, before time.Time, limit int) (n int, err error) {
	err = s.db.Write(ctx, func(tx store.Tx) error {
		r, err := tx.Exec(ctx, expireReleases, before.UnixMilli(), limit)
		if err != nil {
			return err
		}
		deleted, err := r.RowsAffected()
		n = int(deleted)
		return err
	})
	return n, err
}
