package object

import (
	"context"
	"database/sql"
	"fmt"

	"slipway/internal/object/setting"
	"slipway/internal/store"
)

// Names of the settings of a bucket. They are stored.
const (
	ACL           = "acl" // the name of a canned ACL
	CORS          = "cors"
	Encryption    = "encryption"
	LifecycleName = "lifecycle"
	Logging       = "logging"
	Notifications = "notification"
	Ownership     = "ownershipControls"
	Policy        = "policy" // the text of a policy of IAM
	PublicAccess  = "publicAccessBlock"
	Tagging       = "tagging"
	// TransitionSize is the header x-amz-transition-default-minimum-object-size of a lifecycle.
	TransitionSize = "transitionSize"
)

// Settings are the documents of a bucket's settings, by name.
type Settings map[string]string

// Settings returns the settings of a bucket, or ErrNoBucket.
func (s *Store) Settings(ctx context.Context, bucket string) (Settings, error) {
	if _, err := s.Bucket(ctx, bucket); err != nil {
		return nil, err
	}
	return settings(ctx, s.db, bucket)
}

func settings(ctx context.Context, q store.Queryer, bucket string) (Settings, error) {
	rows, err := store.All(ctx, q, func(r *sql.Rows) (x [2]string, err error) { return x, r.Scan(&x[0], &x[1]) },
		`SELECT name, doc FROM bucket_settings WHERE bucket = $1`, bucket)
	all := make(Settings, len(rows))
	for _, x := range rows {
		all[x[0]] = x[1]
	}
	return all, err
}

// Setting returns one setting of a bucket. It returns false if it is not set or there is no such bucket.
func (s *Store) Setting(ctx context.Context, bucket, name string) (doc string, ok bool, err error) {
	ok, err = settingOf(ctx, s.db, &doc, bucket, name)
	return doc, ok, err
}

func settingOf(ctx context.Context, q store.Queryer, doc *string, bucket, name string) (bool, error) {
	return store.Find(ctx, q, []any{doc}, `SELECT doc FROM bucket_settings WHERE bucket = $1 AND name = $2`, bucket, name)
}

// PutSettings sets settings of a bucket, or returns ErrNoBucket. A lifecycle is carried out from now on.
func (s *Store) PutSettings(ctx context.Context, bucket string, set Settings) error {
	return s.db.Write(ctx, func(tx store.Tx) error {
		if _, err := versioningOf(ctx, tx, bucket); err != nil {
			return err
		}
		return putSettings(ctx, tx, bucket, set)
	})
}

func putSettings(ctx context.Context, tx store.Tx, bucket string, set Settings) error {
	for name, doc := range set {
		if _, err := tx.Exec(ctx, `INSERT INTO bucket_settings (bucket, name, doc) VALUES ($1, $2, $3)
			ON CONFLICT (bucket, name) DO UPDATE SET doc = excluded.doc`, bucket, name, doc); err != nil {
			return err
		}
		if name == LifecycleName {
			if err := tx.Enqueue(ctx, store.Job{Kind: lifecycleJob, Key: bucket}); err != nil {
				return err
			}
		}
	}
	return nil
}

// DeleteSettings removes settings of a bucket. It returns ErrNoBucket if there is no such bucket.
func (s *Store) DeleteSettings(ctx context.Context, bucket string, names ...string) error {
	return s.db.Write(ctx, func(tx store.Tx) error {
		if _, err := versioningOf(ctx, tx, bucket); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM bucket_settings WHERE bucket = $1 AND name IN `+store.In(2, len(names)),
			append([]any{bucket}, store.Args(names)...)...)
		return err
	})
}

// document reads a setting's document. It returns false if it is not set.
func document(ctx context.Context, q store.Queryer, bucket, name string, into setting.Document) (bool, error) {
	var text string
	ok, err := settingOf(ctx, q, &text, bucket, name)
	if err != nil || !ok {
		return false, err
	}
	if err := setting.Parse(text, into); err != nil {
		return false, fmt.Errorf("setting %s of bucket %s: %w", name, bucket, err)
	}
	return true, nil
}

// PutTags gives a version of an object tags in place of those that it had, and returns the version.
func (s *Store) PutTags(ctx context.Context, bucket, key, version string, tags []setting.Tag) (Object, error) {
	event := "ObjectTagging:Put"
	if len(tags) == 0 {
		event = "ObjectTagging:Delete"
	}
	return s.change(ctx, bucket, key, version, event, func(m *Meta) { m.Tags = tags })
}

// PutACL gives a version of an object a canned ACL.
func (s *Store) PutACL(ctx context.Context, bucket, key, version, acl string) (Object, error) {
	return s.change(ctx, bucket, key, version, "", func(m *Meta) { m.ACL = acl })
}

// change changes what is said of a version of an object, the latest if version is "".
func (s *Store) change(ctx context.Context, bucket, key, version, event string, f func(*Meta)) (Object, error) {
	var o Object
	if version != "" && !isVersion(version) {
		return o, ErrVersionID
	}
	err := s.db.Write(ctx, func(tx store.Tx) (err error) {
		if _, err := versioningOf(ctx, tx, bucket); err != nil {
			return err
		}
		if o, err = find(ctx, tx, bucket, key, version); err != nil {
			return err
		}
		switch {
		case o.Deleted && version == "":
			return ErrNoKey
		case o.Deleted:
			return ErrMarker
		}
		f(&o.Meta)
		if _, err := tx.Exec(ctx, `UPDATE objects SET meta = $4 WHERE bucket = $1 AND key = $2 AND version = $3`,
			bucket, key, o.Version, store.JSON(&o.Meta)); err != nil || event == "" {
			return err
		}
		return s.tell(ctx, tx, event, &o)
	})
	return o, err
}
