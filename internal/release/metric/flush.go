package metric

import (
	"context"
	"errors"
	"strconv"
	"time"

	"slipway/internal/store"
)

// schedule makes sure that what waits is written down; while nothing waits there is no timer.
func (s *Store) schedule() {
	if s.timer != nil || len(s.waiting) == 0 {
		return
	}
	s.timer = time.AfterFunc(flushEvery, func() {
		if err := s.Flush(context.Background()); err != nil && !errors.Is(err, store.ErrClosed) {
			s.log.Error("write metrics", "error", err)
		}
	})
}

// Flush writes down what waits.
func (s *Store) Flush(ctx context.Context) error { return s.flush(ctx, false) }

// flush writes down what waits. With anew the memory begins anew at the same moment, so that each measurement is either
// written as one of before or kept as one of after.
func (s *Store) flush(ctx context.Context, anew bool) error {
	s.mu.Lock()
	waiting := s.waiting
	s.waiting = map[place]any{}
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	s.writes++
	writer := s.writer + strconv.Itoa(s.writes)
	now := s.now().Unix()
	touched := map[string]int64{}
	for p := range waiting {
		if hour := now - now%3600; s.seen[p.series] < hour {
			s.seen[p.series], touched[p.series] = hour, hour
		}
	}
	sweep := now-s.swept >= int64(flushEvery.Seconds())
	if sweep {
		s.swept = now
	}
	if anew {
		s.begin()
	}
	s.mu.Unlock()
	if len(waiting) == 0 {
		return nil
	}
	err := s.db.Write(ctx, func(tx store.Tx) error {
		if sweep {
			if err := s.sweep(ctx, tx, now); err != nil {
				return err
			}
		}
		for p, v := range waiting {
			if _, err := tx.Exec(ctx, `INSERT INTO metric_rows (series, time, writer, doc) VALUES ($1, $2, $3, $4)`,
				p.series, p.at, writer, store.JSON(v)); err != nil {
				return err
			}
		}
		for series, hour := range touched {
			if _, err := tx.Exec(ctx,
				`INSERT INTO metric_series (series, seen) VALUES ($1, $2) ON CONFLICT (series) DO UPDATE
					SET seen = excluded.seen`, series, hour); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		s.giveBack(waiting, touched)
	}
	return err
}

// giveBack takes what could not be written down back among what waits.
func (s *Store) giveBack(waiting map[place]any, touched map[string]int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for series := range touched {
		s.seen[series] = 0
	}
	for p, v := range waiting {
		switch later := s.waiting[p].(type) {
		case *Traffic:
			v.(*Traffic).Add(*later)
		case *Summary:
			v.(*Summary).Add(*later)
		}
		s.waiting[p] = v
	}
	s.schedule()
}

// sweep deletes rows that are too old, ten minutes' worth at most: more than has come since it was here last.
func (s *Store) sweep(ctx context.Context, tx store.Tx, now int64) error {
	var oldest *int64
	if err := tx.QueryRow(ctx, `SELECT MIN(time) FROM metric_rows`).Scan(&oldest); err != nil {
		return err
	}
	limit := now - int64(Kept.Seconds())
	if oldest == nil || *oldest >= limit {
		return nil
	}
	if _, err := tx.Exec(ctx, `DELETE FROM metric_rows WHERE time < $1`, min(limit, *oldest+600)); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM metric_series WHERE seen < $1`, limit-3600); err != nil {
		return err
	}
	tx.AfterCommit(func() { s.forgetSeries(limit - 3600) })
	return nil
}

func (s *Store) forgetSeries(before int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for series, seen := range s.seen {
		if seen > 0 && seen < before {
			delete(s.seen, series)
			delete(s.traffic, series)
			delete(s.custom, series)
		}
	}
}
