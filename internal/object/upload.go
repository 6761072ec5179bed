package object

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"

	"slipway/internal/store"
)

// Upload is an unfinished multipart upload.
type Upload struct {
	ID, Bucket, Key string
	Meta            Meta
	Started         time.Time
}

// Part is one part of an upload.
type Part struct {
	Number   int
	Size     int64
	ETag     string
	Modified time.Time
	Sums     map[string]string // checksums that were verified; see Meta
	blob     string
}

// StartUpload begins a multipart upload.
func (s *Store) StartUpload(ctx context.Context, bucket, key string, meta Meta) (Upload, error) {
	if _, err := s.dataKey(ctx, bucket, key, &meta); err != nil {
		return Upload{}, err
	}
	u := Upload{ID: uuid.NewString(), Bucket: bucket, Key: key, Meta: meta, Started: s.now()}
	return u, s.db.Write(ctx, func(tx store.Tx) error {
		if _, err := versioningOf(ctx, tx, bucket); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO uploads (id, bucket, key, meta, started) VALUES ($1, $2, $3, $4, $5)`, u.ID,
			bucket, key, store.JSON(&u.Meta), u.Started.UnixMilli())
		return err
	})
}

// FindUpload returns an unfinished upload of a key, or ErrNoUpload.
func (s *Store) FindUpload(ctx context.Context, bucket, key, id string) (Upload, error) {
	return findUpload(ctx, s.db, bucket, key, id)
}

func findUpload(ctx context.Context, q store.Queryer, bucket, key, id string) (Upload, error) {
	u, err := scanUpload(q.QueryRow(ctx,
		`SELECT id, bucket, key, meta, started FROM uploads WHERE id = $1 AND bucket = $2 AND key = $3`, id, bucket,
		key))
	if isNoRows(err) {
		return u, ErrNoUpload
	}
	return u, err
}

func scanUpload(r scanner) (Upload, error) {
	var u Upload
	var started int64
	err := r.Scan(&u.ID, &u.Bucket, &u.Key, store.JSON(&u.Meta), &started)
	u.Started = time.UnixMilli(started).UTC()
	return u, err
}

// Uploads lists the unfinished uploads of a bucket by key.
func (s *Store) Uploads(ctx context.Context, bucket, prefix, after string, limit int) ([]Upload, error) {
	rows, err := s.db.Query(ctx,
		`SELECT id, bucket, key, meta, started FROM uploads WHERE bucket = $1 AND key >= $2 AND key < $3 AND key > $4
			ORDER BY key, id LIMIT $5`,
		bucket, prefix, prefix+beyond, after, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var us []Upload
	for rows.Next() {
		u, err := scanUpload(rows)
		if err != nil {
			return nil, err
		}
		us = append(us, u)
	}
	return us, rows.Err()
}

// PutPart writes one part, in place of an earlier one of its number. sums tells the checksums of the body once it has
// ended.
func (s *Store) PutPart(ctx context.Context, u Upload, number int, body io.Reader,
	sums func() map[string]string) (Part, error) {
	if err := s.room(); err != nil {
		return Part{}, err
	}
	dataKey, err := s.openKey(ctx, u.Bucket, u.Key, &u.Meta)
	if err != nil {
		return Part{}, err
	}
	st, err := s.stage(body, dataKey)
	if err != nil {
		return Part{}, err
	}
	p := Part{Number: number, Size: st.Size, ETag: st.etag(), Modified: s.now(), Sums: sums(), blob: st.ID}
	err = s.db.Write(ctx, func(tx store.Tx) error {
		if _, err := findUpload(ctx, tx, u.Bucket, u.Key, u.ID); err != nil {
			return err
		}
		if err := s.discardParts(ctx, tx, u.ID, number, number); err != nil {
			return err
		}
		_, err := tx.Exec(ctx,
			`INSERT INTO parts (upload, number, blob, size, etag, modified, checksum)
				VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			u.ID, number, p.blob, p.Size, p.ETag, p.Modified.UnixMilli(), store.JSON(p.Sums))
		return err
	})
	if err != nil {
		s.blobs.Drop(st.ID)
		return Part{}, err
	}
	s.blobs.Settle(st.ID)
	return p, nil
}

const (
	maxPart = 10000   // the largest part number
	minPart = 5 << 20 // bytes of a part that is not the last
)

func (s *Store) discardParts(ctx context.Context, tx store.Tx, upload string, from, to int) error {
	parts, err := partsOf(ctx, tx, upload, from-1, to-from+1)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if p.Number > to {
			break
		}
		if err := tx.Enqueue(ctx, store.Job{Kind: removeBlob, Key: p.blob}); err != nil {
			return err
		}
	}
	_, err = tx.Exec(ctx, `DELETE FROM parts WHERE upload = $1 AND number >= $2 AND number <= $3`, upload, from, to)
	return err
}

// Parts lists parts of an upload whose number is above after.
func (s *Store) Parts(ctx context.Context, u Upload, after, limit int) ([]Part, error) {
	return partsOf(ctx, s.db, u.ID, after, limit)
}

func partsOf(ctx context.Context, q store.Queryer, upload string, after, limit int) ([]Part, error) {
	rows, err := q.Query(ctx,
		`SELECT number, blob, size, etag, modified, checksum FROM parts WHERE upload = $1 AND number > $2
			ORDER BY number LIMIT $3`, upload, after, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var ps []Part
	for rows.Next() {
		var p Part
		var modified int64
		var sums string
		if err := rows.Scan(&p.Number, &p.blob, &p.Size, &p.ETag, &modified, &sums); err != nil {
			return nil, err
		}
		if sums != "" {
			if err := json.Unmarshal([]byte(sums), &p.Sums); err != nil {
				return nil, err
			}
		}
		p.Modified = time.UnixMilli(modified).UTC()
		ps = append(ps, p)
	}
	return ps, rows.Err()
}

// Choose finds the parts of an upload that are named by number and ETag. They must be in ascending order, and all but
// the last must have at least 5 MiB ("Amazon S3 multipart upload limits").
func (s *Store) Choose(ctx context.Context, u Upload, named []Part) ([]Part, error) {
	stored, err := s.Parts(ctx, u, 0, maxPart)
	if err != nil {
		return nil, err
	}
	byNumber := make(map[int]Part, len(stored))
	for _, p := range stored {
		byNumber[p.Number] = p
	}
	chosen := make([]Part, len(named))
	for i, n := range named {
		p, ok := byNumber[n.Number]
		switch {
		case i > 0 && n.Number <= named[i-1].Number:
			return nil, fmt.Errorf("part %d: %w", n.Number, ErrPartOrder)
		case !ok || p.ETag != n.ETag:
			return nil, fmt.Errorf("part %d: %w", n.Number, ErrBadPart)
		case p.Size < minPart && i < len(named)-1:
			return nil, fmt.Errorf("part %d: %w", n.Number, ErrSmallPart)
		}
		chosen[i] = p
	}
	return chosen, nil
}

// FinishUpload joins the chosen parts, in their order, to one object. through gets all bytes. meta is read after that.
func (s *Store) FinishUpload(ctx context.Context, u Upload, chosen []Part, through func(io.Reader) io.Reader,
	meta *Meta, cond Condition) (Object, error) {
	sums := make([][]byte, len(chosen))
	for i, p := range chosen {
		var err error
		if sums[i], err = hex.DecodeString(p.ETag); err != nil {
			return Object{}, err
		}
	}
	dataKey, err := s.openKey(ctx, u.Bucket, u.Key, &u.Meta)
	if err != nil {
		return Object{}, err
	}
	cond.Event = "ObjectCreated:CompleteMultipartUpload"
	st, err := s.stage(through(&partsReader{of: s, dataKey: dataKey, parts: chosen}), dataKey)
	if err != nil {
		return Object{}, err
	}
	o := Object{
		Bucket:   u.Bucket,
		Key:      u.Key,
		Latest:   true,
		Size:     st.Size,
		ETag:     etagOfParts(sums),
		Modified: s.now(),
		Meta:     *meta,
		blob:     st.ID,
	}
	err = s.db.Write(ctx, func(tx store.Tx) error {
		if _, err := findUpload(ctx, tx, u.Bucket, u.Key, u.ID); err != nil {
			return err
		}
		if err := s.endUpload(ctx, tx, u.ID); err != nil {
			return err
		}
		return s.insert(ctx, tx, &o, cond)
	})
	if err != nil {
		s.blobs.Drop(st.ID)
		return Object{}, err
	}
	s.blobs.Settle(st.ID)
	return o, nil
}

// AbortUpload deletes an upload and its parts.
func (s *Store) AbortUpload(ctx context.Context, u Upload) error {
	return s.db.Write(ctx, func(tx store.Tx) error { return s.endUpload(ctx, tx, u.ID) })
}

func (s *Store) endUpload(ctx context.Context, tx store.Tx, id string) error {
	if err := s.discardParts(ctx, tx, id, 1, maxPart); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `DELETE FROM uploads WHERE id = $1`, id)
	return err
}

// partsReader reads parts one after another, with one open at a time.
type partsReader struct {
	of      *Store
	dataKey []byte // nil if the parts are not encrypted
	parts   []Part
	open    File
}

func (r *partsReader) Read(p []byte) (int, error) {
	for {
		if r.open == nil {
			if len(r.parts) == 0 {
				return 0, io.EOF
			}
			f, err := r.of.open(r.parts[0].blob, r.parts[0].Size, r.dataKey)
			if err != nil {
				return 0, err
			}
			r.open, r.parts = f, r.parts[1:]
		}
		n, err := r.open.Read(p)
		if n > 0 || err == nil {
			return n, nil
		}
		_ = r.open.Close()
		r.open = nil
		if err != io.EOF {
			return 0, err
		}
	}
}
