package object

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"slipway/internal/store"
)

const columns = `bucket, key, version, latest, deleted, blob, size, etag, meta, modified`

type scanner interface{ Scan(...any) error }

func scan(r scanner) (Object, error) {
	var o Object
	var newest, deleted, modified int64
	err := r.Scan(&o.Bucket, &o.Key, &o.Version, &newest, &deleted, &o.blob, &o.Size, &o.ETag, store.JSON(&o.Meta),
		&modified)
	o.Latest, o.Deleted, o.Modified = newest == 1, deleted == 1, time.UnixMilli(modified).UTC()
	return o, err
}

func one(ctx context.Context, q store.Queryer, where string, args ...any) (Object, error) {
	o, err := scan(q.QueryRow(ctx, `SELECT `+columns+` FROM objects `+where, args...))
	if isNoRows(err) {
		return o, ErrNoKey
	}
	return o, err
}

func latest(ctx context.Context, q store.Queryer, bucket, key string) (Object, error) {
	return one(ctx, q, `WHERE bucket = $1 AND key = $2 AND latest = 1`, bucket, key)
}

func many(ctx context.Context, q store.Queryer, where string, args ...any) ([]Object, error) {
	rows, err := q.Query(ctx, `SELECT `+columns+` FROM objects `+where, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var os []Object
	for rows.Next() {
		o, err := scan(rows)
		if err != nil {
			return nil, err
		}
		os = append(os, o)
	}
	return os, rows.Err()
}

func isNoRows(err error) bool { return errors.Is(err, sql.ErrNoRows) }
