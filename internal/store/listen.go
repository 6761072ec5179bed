package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
)

// listen wakes the worker when another process commits jobs.
func (s *Store) listen(ctx context.Context) {
	for ctx.Err() == nil {
		if err := s.listenOnce(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("listen for jobs", "error", err)
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
			}
		}
	}
}

func (s *Store) listenOnce(ctx context.Context) error {
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Raw(func(driver any) error {
		c := driver.(*stdlib.Conn).Conn()
		if _, err := c.Exec(ctx, `LISTEN slipway_jobs`); err != nil {
			return err
		}
		for {
			if _, err := c.WaitForNotification(ctx); err != nil {
				return err
			}
			s.worker.mu.Lock()
			names := make([]string, 0, len(s.worker.kinds))
			for name := range s.worker.kinds {
				names = append(names, name)
			}
			s.worker.mu.Unlock()
			for _, name := range names {
				s.worker.wake(name, s.now())
			}
		}
	})
}
