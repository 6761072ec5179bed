package object

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"

	"slipway/internal/store"
)

// unknownBlob is the note beside a blob in the quarantine.
const unknownBlob = "No object and no part of an upload has these bytes, by the database."

// Sweep sets the bytes aside that the database does not know.
func (s *Store) Sweep(ctx context.Context) error { return s.blobs.Sweep(ctx, false, s.known) }

// known tells which blobs an object or a part of an upload has.
func (s *Store) known(ctx context.Context, ids []string) (map[string]bool, error) {
	return knownBlobs(ctx, s.db, ids)
}

// knownBlobs tells which blobs an object or a part has.
func knownBlobs(ctx context.Context, q store.Queryer, ids []string) (map[string]bool, error) {
	in := `IN ` + store.In(1, len(ids))
	found, err := store.Strings(ctx, q,
		`SELECT blob FROM objects WHERE blob `+in+` UNION ALL SELECT blob FROM parts WHERE blob `+in,
		store.Args(ids)...)
	has := make(map[string]bool, len(found))
	for _, id := range found {
		has[id] = true
	}
	return has, err
}

// Check counts the objects in dir whose data is missing, and the files that belong to none, and changes nothing.
func Check(ctx context.Context, db *store.Store, dir string) (missing, unknown, total int, err error) {
	b := Folder{Dir: dir}
	rows, err := db.Query(ctx, `SELECT blob FROM objects WHERE blob <> '' UNION ALL SELECT blob FROM parts`)
	if err != nil {
		return 0, 0, 0, err
	}
	defer rows.Close()
	known := map[string]bool{}
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return 0, 0, 0, err
		}
		known[id] = true
		total++
		f, err := b.Open(id)
		if err != nil {
			missing++
			continue
		}
		_ = f.Close()
	}
	if err := rows.Err(); err != nil {
		return 0, 0, 0, err
	}
	err = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && !known[e.Name()] {
			unknown++
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	return missing, unknown, total, err
}
