// Package object is an object store for artifacts and bundles, in a folder and the database. An object that Put
// returned is durable. Package s3 serves it.
package object

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"

	"slipway/api/awsproto"
	"slipway/internal/event"
	"slipway/internal/object/setting"
	"slipway/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the tables of this package.
func Migrations() store.Migrations { return store.Tables("object", migrations) }

// Errors that callers distinguish. Package s3 translates them to S3's.
var (
	ErrNoRoom         = errors.New("there is no room for an object")
	ErrNoBucket       = errors.New("the bucket does not exist")
	ErrNoKey          = errors.New("the object does not exist")
	ErrBucketExists   = errors.New("the bucket exists already")
	ErrBucketNotEmpty = errors.New("the bucket is not empty")
	ErrPrecondition   = errors.New("a precondition does not hold")
	ErrNoUpload       = errors.New("the multipart upload does not exist")
	ErrBadPart        = errors.New("a part is missing or not the one that was uploaded")
	ErrPartOrder      = errors.New("the parts are not in ascending order")
	ErrSmallPart      = errors.New("a part that is not the last is smaller than 5 MiB")
	ErrNoVersion      = errors.New("the version does not exist")
	ErrMarker         = errors.New("the version is a delete marker")
	ErrVersionID      = errors.New("the version ID is malformed")
)

// Store keeps buckets and objects.
type Store struct {
	db    *store.Store
	blobs Blobs
	now   func() time.Time
	space func() error
	keys  Keys
	seal  Sealer
}

const removeBlob = "object.remove-blob"

// Config says where a store keeps its objects.
type Config struct {
	Blobs Blobs
	Now   func() time.Time
	// Room returns an error if nothing may be written, for example because the disk is nearly full. If it is nil, there
	// is always room.
	Room func() error
	// Keys are those of KMS, and Seal is the server's own, that objects are encrypted with which ask for it. Where one
	// is nil, its kind of encryption is refused.
	Keys Keys
	Seal Sealer
}

// Open returns a store, settled after a crash. Its jobs run once db works.
func Open(ctx context.Context, db *store.Store, c Config) (*Store, error) {
	s := &Store{db: db, blobs: c.Blobs, now: c.Now, space: c.Room, keys: c.Keys, seal: c.Seal}
	if err := s.blobs.Sweep(ctx, true, s.known); err != nil {
		return nil, fmt.Errorf("open object store: %w", err)
	}
	db.Handle(removeBlob, store.Limits{}, func(_ context.Context, j store.Running) (store.Outcome, error) {
		return store.Done, s.blobs.Remove(j.Key)
	})
	db.Handle(lifecycleJob, store.Limits{Time: time.Hour, Attempts: store.Tireless}, s.runLifecycle)
	return s, nil
}

// Object is one version of an object.
type Object struct {
	Bucket, Key string
	Version     string // "null" in a bucket without versions
	Latest      bool
	Deleted     bool // a delete marker
	Size        int64
	ETag        string // without quotes
	Modified    time.Time
	Meta        Meta
	blob        string
}

// Meta is what a client says of an object.
type Meta struct {
	ContentType        string            `json:"type,omitempty"`
	ContentEncoding    string            `json:"encoding,omitempty"`
	ContentDisposition string            `json:"disposition,omitempty"`
	ContentLanguage    string            `json:"language,omitempty"`
	CacheControl       string            `json:"cache,omitempty"`
	Expires            string            `json:"expires,omitempty"`
	User               map[string]string `json:"user,omitempty"` // x-amz-meta-, lower-case names

	// Kept and returned.
	StorageClass string        `json:"class,omitempty"` // "" for STANDARD
	ACL          string        `json:"acl,omitempty"`   // the name of a canned ACL, "" for private
	Tags         []setting.Tag `json:"tags,omitempty"`

	// Encryption is AES256 or aws:kms; with it the bytes are encrypted with the data key, which is sealed.
	Encryption    string `json:"encryption,omitempty"`
	EncryptionKey string `json:"encryptionKey,omitempty"`
	BucketKey     bool   `json:"bucketKey,omitempty"`
	DataKey       string `json:"dataKey,omitempty"`

	// Sums are verified checksums in base64, by S3's name of the algorithm in lower case. SumKind is FULL_OBJECT or
	// COMPOSITE. SumAlgorithm is the algorithm for the parts of an unfinished upload.
	Sums         map[string]string `json:"sums,omitempty"`
	SumKind      string            `json:"sumKind,omitempty"`
	SumAlgorithm string            `json:"sumAlgorithm,omitempty"`
	Parts        []int64           `json:"parts,omitempty"` // sizes of the parts of a multipart upload, in bytes
}

// Condition guards a write.
type Condition struct {
	IfNoneMatch bool   // only if there is no such object
	IfMatch     string // only if the object has this ETag
	// Event is what the write is told as; "" for ObjectCreated:Put.
	Event string
}

// Put writes an object. It reads body to its end before it reads meta, so that meta can have what was learned from the
// body.
func (s *Store) Put(ctx context.Context, bucket, key string, body io.Reader, meta *Meta,
	cond Condition) (Object, error) {
	if _, err := s.Bucket(ctx, bucket); err != nil {
		return Object{}, err
	}
	if err := s.room(); err != nil {
		return Object{}, err
	}
	dataKey, err := s.dataKey(ctx, bucket, key, meta)
	if err != nil {
		return Object{}, err
	}
	st, err := s.stage(body, dataKey)
	if err != nil {
		return Object{}, err
	}
	o := Object{
		Bucket:   bucket,
		Key:      key,
		Latest:   true,
		Size:     st.Size,
		ETag:     st.etag(),
		Modified: s.now(),
		Meta:     *meta,
		blob:     st.ID,
	}
	err = s.db.Write(ctx, func(tx store.Tx) error { return s.insert(ctx, tx, &o, cond) })
	if err != nil {
		s.blobs.Drop(st.ID)
		return Object{}, err
	}
	s.blobs.Settle(st.ID)
	return o, nil
}

// room returns an error if there is no room for a write.
func (s *Store) room() error {
	if s.space == nil {
		return nil
	}
	if err := s.space(); err != nil {
		return fmt.Errorf("%w: %w", ErrNoRoom, err)
	}
	return nil
}

// insert makes o the latest version of its key.
func (s *Store) insert(ctx context.Context, tx store.Tx, o *Object, cond Condition) error {
	versioning, err := versioningOf(ctx, tx, o.Bucket)
	if err != nil {
		return err
	}
	before, err := latest(ctx, tx, o.Bucket, o.Key)
	exists := err == nil && !before.Deleted
	if err != nil && !errors.Is(err, ErrNoKey) {
		return err
	}
	if !cond.holds(exists, before.ETag) {
		return ErrPrecondition
	}
	o.Version = "null"
	if versioning == "Enabled" {
		o.Version = uuid.NewString()
	} else if err := s.discard(ctx, tx, o.Bucket, o.Key, "null"); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `UPDATE objects SET latest = 0 WHERE bucket = $1 AND key = $2 AND latest = 1`, o.Bucket,
		o.Key); err != nil {
		return err
	}
	if err := write(ctx, tx, o); err != nil || o.Deleted {
		return err
	}
	if err := s.tell(ctx, tx, cmp.Or(cond.Event, "ObjectCreated:Put"), o); err != nil {
		return err
	}
	return event.ObjectWritten.Publish(ctx, tx, o.Bucket+"/"+o.Key+"?"+o.Version,
		event.Object{Bucket: o.Bucket, Key: o.Key, Version: o.Version})
}

// holds reports whether the condition holds of the object that is there, if one is.
func (c Condition) holds(exists bool, etag string) bool {
	if c.IfNoneMatch && exists {
		return false
	}
	return c.IfMatch == "" || exists && etag == c.IfMatch
}

// write adds the row of a version.
func write(ctx context.Context, tx store.Tx, o *Object) error {
	_, err := tx.Exec(ctx,
		`INSERT INTO objects (bucket, key, version, sequence, latest, deleted, blob, size, etag, meta, modified)
		VALUES ($1, $2, $3, (SELECT COALESCE(MAX(sequence), 0) + 1 FROM objects WHERE bucket = $1
		AND key = $2), 1, $4, $5, $6, $7, $8, $9)`,
		o.Bucket, o.Key, o.Version, flag(o.Deleted), o.blob, o.Size, o.ETag, store.JSON(&o.Meta),
		o.Modified.UnixMilli())
	return err
}

// tell announces what happened to an object, as S3 names it.
func (s *Store) tell(ctx context.Context, tx store.Tx, what string, o *Object) error {
	c := event.ObjectChange{
		Event:   what,
		Bucket:  o.Bucket,
		Key:     o.Key,
		Version: o.Version,
		Size:    o.Size,
		ETag:    o.ETag,
		At:      s.now().UnixMilli(),
		ID:      uuid.NewString(),
		By:      awsproto.CallerOf(ctx).UserID,
	}
	if from := awsproto.PeerOf(ctx).Address; from.IsValid() {
		c.From = from.String()
	}
	return event.ObjectChanged.Publish(ctx, tx, c.ID, c)
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// discard removes one version's row, and its blob after the commit.
func (s *Store) discard(ctx context.Context, tx store.Tx, bucket, key, version string) error {
	var blob string
	err := tx.QueryRow(ctx, `SELECT blob FROM objects WHERE bucket = $1 AND key = $2 AND version = $3`, bucket, key,
		version).Scan(&blob)
	if isNoRows(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM objects WHERE bucket = $1 AND key = $2 AND version = $3`, bucket, key,
		version); err != nil {
		return err
	}
	if blob == "" {
		return nil
	}
	return tx.Enqueue(ctx, store.Job{Kind: removeBlob, Key: blob})
}

// Get opens a version of an object, the latest if version is "". The caller closes the file.
func (s *Store) Get(ctx context.Context, bucket, key, version string) (Object, File, error) {
	o, err := s.Stat(ctx, bucket, key, version)
	if err != nil {
		return o, nil, err
	}
	switch {
	case o.Deleted && version != "":
		return o, nil, ErrMarker
	case o.Deleted:
		return o, nil, ErrNoKey
	}
	dataKey, err := s.openKey(ctx, bucket, key, &o.Meta)
	if err != nil {
		return o, nil, err
	}
	f, err := s.open(o.blob, o.Size, dataKey)
	return o, f, err
}

// Stat describes a version of an object, the latest if version is "". It may be a delete marker.
func (s *Store) Stat(ctx context.Context, bucket, key, version string) (Object, error) {
	if _, err := s.Bucket(ctx, bucket); err != nil {
		return Object{}, err
	}
	return find(ctx, s.db, bucket, key, version)
}

// find finds a version of an object, the latest if version is "".
func find(ctx context.Context, q store.Queryer, bucket, key, version string) (Object, error) {
	if version == "" {
		return latest(ctx, q, bucket, key)
	}
	if !isVersion(version) {
		return Object{}, ErrVersionID
	}
	o, err := one(ctx, q, `WHERE bucket = $1 AND key = $2 AND version = $3`, bucket, key, version)
	if errors.Is(err, ErrNoKey) {
		err = ErrNoVersion
	}
	return o, err
}

// isVersion reports whether a version ID has the form of one.
func isVersion(id string) bool { return id == "null" || uuid.Validate(id) == nil }

// Delete removes the latest version, or the named version for good. If the bucket keeps versions, removing the latest
// adds a delete marker. Delete returns the marker or the version that was removed.
func (s *Store) Delete(ctx context.Context, bucket, key, version string) (Object, error) {
	o := Object{Bucket: bucket, Key: key, Version: version}
	if version != "" && !isVersion(version) {
		return o, ErrVersionID
	}
	err := s.db.Write(ctx, func(tx store.Tx) (err error) {
		o, err = s.delete(ctx, tx, bucket, key, version, "ObjectRemoved")
		return err
	})
	return o, err
}

// delete is Delete, told as an event of a group.
func (s *Store) delete(ctx context.Context, tx store.Tx, bucket, key, version, group string) (Object, error) {
	o := Object{Bucket: bucket, Key: key, Version: version}
	versioning, err := versioningOf(ctx, tx, bucket)
	if err != nil {
		return o, err
	}
	if version == "" && versioning != "" {
		o.Deleted, o.Latest, o.Modified = true, true, s.now()
		if err := s.insert(ctx, tx, &o, Condition{}); err != nil {
			return o, err
		}
		return o, s.tell(ctx, tx, group+":DeleteMarkerCreated", &o)
	}
	before, err := one(ctx, tx, `WHERE bucket = $1 AND key = $2 AND version = $3`, bucket, key, cmp.Or(version, "null"))
	if errors.Is(err, ErrNoKey) {
		return o, nil
	}
	if err != nil {
		return o, err
	}
	if err := s.discard(ctx, tx, bucket, key, before.Version); err != nil {
		return o, err
	}
	if _, err := tx.Exec(ctx, `UPDATE objects SET latest = 1 WHERE bucket = $1 AND key = $2 AND sequence =
		(SELECT MAX(sequence) FROM objects WHERE bucket = $1 AND key = $2)`, bucket, key); err != nil {
		return o, err
	}
	return o, s.tell(ctx, tx, group+":Delete", &Object{Bucket: bucket, Key: key, Version: before.Version})
}
