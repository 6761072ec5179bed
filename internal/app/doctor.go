package app

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"slipway/internal/object"
	"slipway/internal/source"
	"slipway/internal/store"
	"slipway/internal/store/seal"
)

// Finding is the result of a check by the doctor.
type Finding struct {
	Check   string // what was looked at
	Problem string // "" if all is well
	Cure    string
	Note    string // of a check that is well
}

// Doctor looks at a data folder and its database, with the server running or not, and changes nothing.
type Doctor struct {
	Data     Data
	Place    Place
	Database string // postgres://…; "" for the file in the data folder
	Options  store.Options
}

func (d *Doctor) dsn() string {
	if d.Database != "" {
		return d.Database
	}
	return "sqlite:" + d.Data.Database()
}

// Open opens the database without changing its tables.
func (d *Doctor) open(ctx context.Context) (*store.Store, error) {
	if d.Database == "" {
		if _, err := os.Stat(d.Data.Database()); errors.Is(err, fs.ErrNotExist) {
			return nil, d.Data.errOtherDatabase("its file " + filepath.Base(d.Data.Database()) + " is missing")
		}
	}
	o := d.Options
	o.DSN, o.Inspect = d.dsn(), true
	return store.Open(ctx, o)
}

// Adopt binds the folder to the database. The server must not run.
func (d *Doctor) Adopt(ctx context.Context) error {
	lock, err := d.Data.Lock("server", "")
	if err != nil {
		return fmt.Errorf("stop the server first: %w", err)
	}
	defer lock.Release()
	o := d.Options
	o.DSN, o.Migrations = d.dsn(), migrations()
	db, err := store.Open(ctx, o)
	if err != nil {
		return err
	}
	return errors.Join(d.Data.Adopt(ctx, d.Place, db), db.Close())
}

// Look makes all checks.
func (d *Doctor) Look(ctx context.Context) []Finding {
	findings := []Finding{d.gitVersion(ctx), d.sandbox(ctx), d.disk(), d.modes()}
	db, err := d.open(ctx)
	if err != nil {
		return append(findings, Finding{Check: "database", Problem: err.Error(),
			Cure: "Start PostgreSQL, or restore slipway.db from a backup together with the data folder."})
	}
	defer func() { _ = db.Close() }()
	findings = append(findings, d.identity(ctx, db), d.deadJobs(ctx, db))
	findings = append(findings, d.repositories(ctx, db)...)
	return append(findings, d.objects(ctx, db), d.quarantined())
}

func (d *Doctor) gitVersion(ctx context.Context) Finding {
	f := Finding{Check: "git"}
	out, err := exec.CommandContext(ctx, "git", "version").Output()
	if err != nil {
		f.Problem, f.Cure = "git can't be run", "Install git 2.36 or newer: apt-get install git"
	}
	f.Note = strings.TrimPrefix(strings.TrimSpace(string(out)), "git ")
	return f
}

func (d *Doctor) sandbox(ctx context.Context) Finding {
	f := Finding{Check: "sandbox", Note: "bubblewrap works"}
	c := exec.CommandContext(ctx, "bwrap", "--ro-bind", "/", "/", "--unshare-pid", "--proc", "/proc", "true")
	if out, err := c.CombinedOutput(); err != nil {
		f.Problem = "builds can't be kept apart from this machine: " + said(out, err)
		f.Cure = "Install bubblewrap (apt-get install bubblewrap), or let builds run without a sandbox by --no-sandbox"
	}
	return f
}

func said(out []byte, err error) string {
	if text := strings.TrimSpace(string(out)); text != "" {
		return text
	}
	if errors.Is(err, exec.ErrNotFound) {
		return "bubblewrap (bwrap) is not installed"
	}
	return err.Error()
}

func (d *Doctor) disk() Finding {
	f := Finding{Check: "disk"}
	var s unix.Statfs_t
	if err := unix.Statfs(string(d.Data), &s); err != nil {
		f.Problem, f.Cure = "the data folder can't be looked at: "+err.Error(), "Name it with --data"
		return f
	}
	free := s.Bavail * uint64(s.Bsize)
	f.Note = fmt.Sprintf("%.1f GB free", float64(free)/1e9)
	if free < 1<<30 {
		f.Problem, f.Cure = "less than 1 GiB is free below "+
			string(d.Data), "Free some, or shorten what is kept with --keep"
	}
	return f
}

func (d *Doctor) modes() Finding {
	f := Finding{Check: "modes", Note: "the data folder is its owner's alone"}
	for _, path := range []string{string(d.Data), d.Data.Keys(), d.Data.Database()} {
		info, err := os.Stat(path)
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			f.Problem, f.Cure = fmt.Sprintf("others may read %s (mode %04o)", path, info.Mode().Perm()), "chmod go= "+
				path
		}
	}
	return f
}

func (d *Doctor) identity(ctx context.Context, db *store.Store) Finding {
	f := Finding{Check: "identity", Note: "folder and database belong together"}
	var id string
	if _, err := store.Find(ctx, db, []any{&id}, `SELECT value FROM identity WHERE name = 'database'`); err != nil {
		f.Problem, f.Cure = "the database has no identity: "+
			err.Error(), "Start the server once: it brings the tables up to date"
		return f
	}
	if id != d.Place.Database {
		f.Problem = fmt.Sprintf("the folder belongs to the database %q, and this is %q", d.Place.Database, id)
		f.Cure = "Start with the folder's own database, or restore both from one backup; to use them together all " +
			"the " +
			"same: slipway doctor --adopt"
	}
	var print string
	if ok, err := store.Find(ctx, db, []any{&print}, `SELECT value FROM identity WHERE name = 'seal'`); err == nil &&
		ok {
		if sealer, err := seal.Open(d.Data.Keys() + "/seal"); err == nil && sealer.Fingerprint() != print {
			f.Problem, f.Cure = "keys/seal is not the key of this database", "Restore keys/seal from a backup, or "+
				"copy it from another server of this database"
		}
	}
	return f
}

func (d *Doctor) deadJobs(ctx context.Context, db *store.Store) Finding {
	f := Finding{Check: "jobs", Note: "none failed"}
	n, err := db.DeadJobs(ctx)
	if err != nil {
		f.Problem, f.Cure = err.Error(), "Start the server once: it brings the tables up to date"
	} else if n > 0 {
		f.Problem, f.Cure = fmt.Sprintf(
			"%d failed at the last attempt",
			n,
		), "slipway jobs --dead lists them with their errors; retry or discard each"
	}
	return f
}

func (d *Doctor) repositories(ctx context.Context, db *store.Store) []Finding {
	type row struct{ id, name string }
	rows, err := store.All(
		ctx,
		db,
		func(r *sql.Rows) (x row, err error) { return x, r.Scan(&x.id, &x.name) },
		`SELECT id, name FROM repositories ORDER BY name`,
	)
	if err != nil {
		return []Finding{
			{
				Check:   "repositories",
				Problem: err.Error(),
				Cure:    "Start the server once: it brings the tables up to date",
			},
		}
	}
	known := map[string]bool{}
	var findings []Finding
	for _, x := range rows {
		known[x.id+".git"] = true
		if why := source.Fsck(ctx, filepath.Join(d.Data.Repositories(), x.id+".git")); why != "" {
			findings = append(findings, Finding{
				Check:   "repository " + x.name,
				Problem: why,
				Cure: "Restore " + filepath.Join(
					d.Data.Repositories(),
					x.id+".git",
				) + " from a backup, or push again from a clone, and restart the server",
			})
		}
	}
	entries, err := os.ReadDir(d.Data.Repositories())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		findings = append(
			findings,
			Finding{Check: "repositories", Problem: err.Error(), Cure: "Let this user read the folder"},
		)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".git") && !known[e.Name()] {
			findings = append(findings, Finding{
				Check:   "repositories",
				Problem: "the database does not know " + e.Name(),
				Cure: "Nothing is lost: it is moved to quarantine/ once it is a day old. If it is missed, restore " +
					"the database that knows it",
			})
		}
	}
	if len(findings) == 0 {
		return []Finding{{Check: "repositories", Note: fmt.Sprintf("%d, all whole", len(rows))}}
	}
	return findings
}

func (d *Doctor) objects(ctx context.Context, db *store.Store) Finding {
	f := Finding{Check: "objects"}
	missing, unknown, total, err := object.Check(ctx, db, d.Data.Objects())
	f.Note = fmt.Sprintf("%d, all there", total)
	switch {
	case err != nil:
		f.Problem, f.Cure = err.Error(), "Let this user read the folder"
	case missing > 0:
		f.Problem, f.Cure = fmt.Sprintf(
			"the data of %d of %d objects is missing",
			missing,
			total,
		), "Restore "+d.Data.Objects()+" from a backup"
	case unknown > 0:
		f.Problem = fmt.Sprintf("%d files belong to no object", unknown)
		f.Cure = "Nothing is lost: they are moved to quarantine/ once they are a day old"
	}
	return f
}

func (d *Doctor) quarantined() Finding {
	f := Finding{Check: "quarantine", Note: "empty"}
	n := 0
	_ = filepath.WalkDir(d.Data.Quarantine(), func(_ string, e fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(e.Name(), ".txt") {
			n++
		}
		return nil
	})
	if n > 0 {
		f.Note = fmt.Sprintf(
			"%d things that the database did not know lie in %s, each with a note; remove what nobody misses",
			n,
			d.Data.Quarantine(),
		)
	}
	return f
}
