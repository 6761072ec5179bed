package object

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"slipway/internal/store"
)

// unknownBlob is the note beside a blob in the quarantine.
const unknownBlob = "No object and no part of an upload has these bytes, by the database."

// recover settles what a crash left in incoming/: files with a row move to their place; others stay until they are old,
// for they may be another server's that is about to write its row.
func (b blobs) recover(ctx context.Context, q store.Queryer) error {
	for _, d := range []string{"incoming", "blobs"} {
		if err := os.MkdirAll(filepath.Join(b.dir, d), 0o700); err != nil {
			return err
		}
	}
	return b.sweepFolder(ctx, q, filepath.Join(b.dir, "incoming"), b.settle)
}

// Sweep moves the files into the quarantine that the database does not know and that are older than a day.
func (s *Store) Sweep(ctx context.Context) error {
	if err := s.blobs.recover(ctx, s.db); err != nil {
		return err
	}
	folders, err := os.ReadDir(filepath.Join(s.blobs.dir, "blobs"))
	if err != nil {
		return err
	}
	for _, f := range folders {
		if err := s.blobs.sweepFolder(ctx, s.db,
			filepath.Join(s.blobs.dir, "blobs", f.Name()), func(string) {}); err != nil {
			return err
		}
	}
	return nil
}

// sweepFolder looks at the files of a folder, some at a time: known is called for those that the database knows.
func (b blobs) sweepFolder(ctx context.Context, q store.Queryer, dir string, known func(id string)) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	for {
		names, err := f.Readdirnames(200)
		if len(names) == 0 {
			if err == io.EOF {
				return nil
			}
			return err
		}
		has, err := knownBlobs(ctx, q, names)
		if err != nil {
			return err
		}
		for _, name := range names {
			if has[name] {
				known(name)
			} else if _, err := b.aside.Take(filepath.Join(dir, name), "objects", unknownBlob); err != nil {
				return err
			}
		}
	}
}

// knownBlobs tells which blobs an object or a part has.
func knownBlobs(ctx context.Context, q store.Queryer, ids []string) (map[string]bool, error) {
	in := `IN (` + store.Placeholders(len(ids)) + `)`
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
	b := blobs{dir: dir}
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
		f, err := b.open(id)
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
