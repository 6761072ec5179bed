package object

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"slipway/internal/store"
)

// Bucket is a named set of objects.
type Bucket struct {
	Name       string
	Versioning string // "", Enabled or Suspended
	Created    time.Time
}

// CreateBucket makes a bucket with settings. It returns ErrBucketExists if there is one of that name.
func (s *Store) CreateBucket(ctx context.Context, name string, with ...Settings) error {
	return s.db.Write(ctx, func(tx store.Tx) error {
		r, err := tx.Exec(ctx, `INSERT INTO buckets (name, created) VALUES ($1, $2) ON CONFLICT DO NOTHING`, name,
			s.now().UnixMilli())
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n == 0 {
			return errorOr(err, ErrBucketExists)
		}
		for _, set := range with {
			if err := putSettings(ctx, tx, name, set); err != nil {
				return err
			}
		}
		return nil
	})
}

func errorOr(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// Bucket describes a bucket, or says ErrNoBucket.
func (s *Store) Bucket(ctx context.Context, name string) (Bucket, error) {
	b, err := scanBucket(s.db.QueryRow(ctx, `SELECT name, versioning, created FROM buckets WHERE name = $1`, name))
	if isNoRows(err) {
		return b, fmt.Errorf("%q: %w", name, ErrNoBucket)
	}
	return b, err
}

// BucketQuery is what a listing of buckets asks for.
type BucketQuery struct {
	Prefix string // names begin with it
	After  string // names up to and including this one are left out
	Limit  int    // at least 1
}

// Buckets lists a page of buckets by name. more says that others follow the last of them.
func (s *Store) Buckets(ctx context.Context, q BucketQuery) (page []Bucket, more bool, err error) {
	page, err = store.All(ctx, s.db, func(r *sql.Rows) (Bucket, error) { return scanBucket(r) },
		`SELECT name, versioning, created FROM buckets
			WHERE name >= $1 AND name < $2 AND name > $3 ORDER BY name LIMIT $4`,
		q.Prefix, q.Prefix+beyond, q.After, q.Limit+1)
	if len(page) > q.Limit {
		return page[:q.Limit], true, err
	}
	return page, false, err
}

func scanBucket(r scanner) (Bucket, error) {
	var b Bucket
	var created int64
	err := r.Scan(&b.Name, &b.Versioning, &created)
	b.Created = time.UnixMilli(created).UTC()
	return b, err
}

func versioningOf(ctx context.Context, q store.Queryer, bucket string) (string, error) {
	var v string
	err := q.QueryRow(ctx, `SELECT versioning FROM buckets WHERE name = $1`, bucket).Scan(&v)
	if isNoRows(err) {
		return "", fmt.Errorf("%q: %w", bucket, ErrNoBucket)
	}
	return v, err
}

// SetVersioning turns versions on (Enabled) or stops making new ones (Suspended).
func (s *Store) SetVersioning(ctx context.Context, bucket, state string) error {
	return s.db.Write(ctx, func(tx store.Tx) error {
		if _, err := versioningOf(ctx, tx, bucket); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `UPDATE buckets SET versioning = $2 WHERE name = $1`, bucket, state)
		return err
	})
}

// DeleteBucket removes an empty bucket. It returns ErrBucketNotEmpty if the bucket has versions or uploads.
func (s *Store) DeleteBucket(ctx context.Context, name string) error {
	return s.db.Write(ctx, func(tx store.Tx) error {
		if _, err := versioningOf(ctx, tx, name); err != nil {
			return err
		}
		var left bool
		if err := tx.QueryRow(ctx,
			`SELECT EXISTS (SELECT 1 FROM objects WHERE bucket = $1) OR EXISTS (SELECT 1 FROM uploads
				WHERE bucket = $1)`, name).Scan(&left); err != nil {
			return err
		}
		if left {
			return ErrBucketNotEmpty
		}
		if _, err := tx.Exec(ctx, `DELETE FROM bucket_settings WHERE bucket = $1`, name); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM buckets WHERE name = $1`, name)
		return err
	})
}
