package build

import (
	"context"

	"slipway/api/slipway"
	"slipway/internal/store"
)

// bind makes a runner's name one of an access key. Another key takes it over only once the runner is silent, so that no
// runner can speak for another.
func (s *Service) bind(ctx context.Context, name, key string, polls bool) error {
	if s.runners.boundTo(name) == key && !s.db.Shared() { // another server may have bound it to another key
		return nil
	}
	var bound string
	if _, err := store.Find(ctx, s.db, []any{&bound}, `SELECT key FROM runners WHERE name = $1`, name); err != nil ||
		bound == key {
		if err == nil {
			s.runners.bind(name, key)
		}
		return err
	}
	return s.db.Write(ctx, func(tx store.Tx) error {
		var holder string
		var seen int64
		known, err := store.Find(ctx, tx, []any{&holder, &seen}, `SELECT key, seen FROM runners WHERE name = $1`, name)
		if err != nil {
			return err
		}
		silent := s.Now().Sub(s.lastHeard(name, seen)) > s.Silence
		free := holder == "" || holder == key || polls && silent
		if !free || !known && !polls {
			return &slipway.RunnerConflictException{Message: "The runner " + name +
				" belongs to another access key. Give this one a name of its own."}
		}
		tx.AfterCommit(func() { s.runners.bind(name, key) })
		if holder == key {
			return nil
		}
		_, err = tx.Exec(ctx,
			`INSERT INTO runners (name, seen, key) VALUES ($1, $2, $3)
				ON CONFLICT (name) DO UPDATE SET key = excluded.key`,
			name, s.Now().UnixMilli(), key)
		return err
	})
}
