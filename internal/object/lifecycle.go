package object

import (
	"context"
	"time"

	"slipway/internal/object/setting"
	"slipway/internal/store"
)

// lifecycleJob carries out the lifecycle of the bucket that is its key, when it is set and then after each midnight of
// UTC, for S3 counts in days that end there.
const lifecycleJob = "object.lifecycle"

// lifecyclePage is how many versions are read at once.
const lifecyclePage = 500

func (s *Store) runLifecycle(ctx context.Context, j store.Running) (store.Outcome, error) {
	var l setting.Lifecycle
	ok, err := document(ctx, s.db, j.Key, LifecycleName, &l)
	if err != nil || !ok {
		return store.Done, err
	}
	now := s.now()
	if err := s.expireVersions(ctx, j.Key, &l, now); err != nil {
		return store.Done, err
	}
	if err := s.abortAbandoned(ctx, j.Key, &l, now); err != nil {
		return store.Done, err
	}
	return store.Again(now.UTC().Truncate(24 * time.Hour).Add(24*time.Hour + time.Minute)), nil
}

// expireVersions goes through all versions of a bucket, key by key.
func (s *Store) expireVersions(ctx context.Context, bucket string, l *setting.Lifecycle, now time.Time) error {
	var of []Object // the versions of one key, newest first
	end := func() error {
		err := s.expireKey(ctx, l, of, now)
		of = of[:0]
		return err
	}
	q := Query{Limit: lifecyclePage, Versions: true}
	for {
		page, err := s.List(ctx, bucket, q)
		if err != nil {
			return err
		}
		for _, o := range page.Objects {
			if len(of) > 0 && of[0].Key != o.Key {
				if err := end(); err != nil {
					return err
				}
			}
			of = append(of, o)
		}
		if page.Next == "" {
			break
		}
		q.After, q.AfterVersion = page.Next, page.NextVersion
	}
	return end()
}

// expireKey deletes what of a key has expired.
func (s *Store) expireKey(ctx context.Context, l *setting.Lifecycle, of []Object, now time.Time) error {
	versions := make([]setting.Version, len(of))
	for i, o := range of {
		versions[i] = setting.Version{Key: o.Key, Size: o.Size, Tags: o.Meta.Tags, Marker: o.Deleted,
			Modified: o.Modified}
	}
	gone, current := l.Expired(versions, now)
	for _, i := range gone {
		if err := s.expire(ctx, of[i], of[i].Version); err != nil {
			return err
		}
	}
	if current {
		return s.expire(ctx, of[0], "")
	}
	return nil
}

// expire deletes a version that was decided on, unless it was replaced meanwhile. Without a version it is deleted as
// the current one.
func (s *Store) expire(ctx context.Context, decided Object, version string) error {
	return s.db.Write(ctx, func(tx store.Tx) error {
		o, err := one(ctx, tx, `WHERE bucket = $1 AND key = $2 AND version = $3`, decided.Bucket, decided.Key,
			decided.Version)
		if err == ErrNoKey {
			return nil
		}
		same := o.blob == decided.blob && o.Modified.Equal(decided.Modified) && (version != "" || o.Latest)
		if err != nil || !same {
			return err
		}
		_, err = s.delete(ctx, tx, decided.Bucket, decided.Key, version, "LifecycleExpiration")
		return err
	})
}

// abortAbandoned aborts the uploads of a bucket that its lifecycle has given up, the oldest first.
func (s *Store) abortAbandoned(ctx context.Context, bucket string, l *setting.Lifecycle, now time.Time) error {
	after := ""
	for {
		us, err := s.Uploads(ctx, bucket, "", after, lifecyclePage)
		if err != nil || len(us) == 0 {
			return err
		}
		for _, u := range us {
			after = u.Key
			if !l.Abandoned(u.Key, u.Started, now) {
				continue
			}
			if err := s.AbortUpload(ctx, u); err != nil {
				return err
			}
		}
	}
}
