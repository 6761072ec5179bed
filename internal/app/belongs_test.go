package app

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"slipway/internal/store"
	"slipway/internal/store/seal"
	"slipway/internal/store/storetest"
)

// used gives a folder a repository.
func used(t *testing.T, d Data) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(d.Repositories(), "id.git"), 0o700); err != nil {
		t.Fatal(err)
	}
}

// A folder whose own database is gone is not given an empty one.
func TestBeforeOpen(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		database   string // that the folder belongs to
		repository bool
		file       bool
		dsn        string
		want       string
	}{
		"new":                         {},
		"whole":                       {database: "id", repository: true, file: true},
		"file missing":                {database: "id", want: "its file slipway.db is missing"},
		"file missing, repositories":  {repository: true, want: "its file slipway.db is missing"},
		"another database altogether": {database: "id", repository: true, dsn: "postgres://db/slipway"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newData(t)
			if c.repository {
				used(t, d)
			}
			if c.file {
				write(t, d.Database(), "")
			}
			dsn := c.dsn
			if dsn == "" {
				dsn = "sqlite:" + d.Database()
			}
			says(t, "before it is opened", d.BeforeOpen(Place{Database: c.database}, dsn), c.want)
		})
	}
}

func newSealer(t *testing.T, d Data) *seal.Sealer {
	t.Helper()
	s, err := seal.Open(d.Keys() + "/seal")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func identityOf(t *testing.T, db *store.Store) string {
	t.Helper()
	id, _, err := db.Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func placeOf(t *testing.T, d Data) Place {
	t.Helper()
	p, err := d.Place("", "")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A new folder is bound to its first database, and refuses others until it is told to adopt one.
func TestBind(t *testing.T) {
	t.Parallel()
	d, db, other := newData(t), storetest.Open(t), storetest.Open(t)
	s := newSealer(t, d)
	says(t, "the first database", d.Bind(t.Context(), placeOf(t, d), db, s), "")
	if got, want := placeOf(t, d).Database, identityOf(t, db); got != want {
		t.Errorf("the folder belongs to %q, want %q", got, want)
	}
	says(t, "the same database", d.Bind(t.Context(), placeOf(t, d), db, s), "")
	says(t, "an empty database", d.Bind(t.Context(), placeOf(t, d), other, s), "the database is empty")
	says(t, "an empty database", d.Bind(t.Context(), placeOf(t, d), other, s), "slipway doctor --data "+string(d)+
		" --adopt")
	if err := d.Adopt(t.Context(), placeOf(t, d), other); err != nil {
		t.Fatal(err)
	}
	says(t, "an adopted database", d.Bind(t.Context(), placeOf(t, d), other, s), "")
	says(t, "another seal", d.Bind(t.Context(), placeOf(t, d), other, newSealer(t, newData(t))),
		"is not the key that the secrets in this database are sealed with")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	says(t, "a server that ends", d.Bind(ended, placeOf(t, d), db, s), "canceled")
	says(t, "an adoption that ends", d.Adopt(ended, placeOf(t, d), db), "canceled")
}

// A database that is in use elsewhere is named in the refusal.
func TestBindToAnother(t *testing.T) {
	t.Parallel()
	d := newData(t)
	path := "sqlite:" + filepath.Join(t.TempDir(), "slipway.db")
	id := identityOf(t, storetest.OpenDSN(t, path))
	p := placeOf(t, d)
	p.Database = "another"
	again := storetest.OpenDSN(t, path)
	if again.Fresh() {
		t.Fatal("a database that was used is fresh")
	}
	says(t, "a database of another folder", d.Bind(t.Context(), p, again, newSealer(t, d)),
		"it belongs to another, and this is "+id)
}

// A folder of an early version that holds repositories is not bound to an empty database, then or later.
func TestBindEarlyFolder(t *testing.T) {
	t.Parallel()
	d := newData(t)
	used(t, d)
	s := newSealer(t, d)
	says(t, "an empty database", d.Bind(t.Context(), placeOf(t, d), storetest.Open(t), s),
		"it holds repositories, and the database is empty")
	says(t, "another empty one", d.Bind(t.Context(), placeOf(t, d), storetest.Open(t), s), "the database is empty")
}
