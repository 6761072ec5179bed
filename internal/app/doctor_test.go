package app

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	cc "slipway/api/codecommit"
	"slipway/internal/store"
)

// checked returns the problems of a folder by their checks, without those of this machine.
func checked(ctx context.Context, d *Doctor) map[string]Finding {
	found := map[string]Finding{}
	for _, f := range d.Look(ctx) {
		if f.Problem != "" && f.Check != "sandbox" && f.Check != "disk" {
			found[f.Check] = f
		}
	}
	return found
}

// usedFolder is a folder in which a server ran that made a repository.
func usedFolder(t *testing.T) (d *Doctor, id string) {
	t.Helper()
	o := newOptions(t)
	s, err := open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	out, err := s.sources.CreateRepository(t.Context(), &cc.CreateRepositoryInput{RepositoryName: new("greeter")})
	if err != nil {
		t.Fatal(err)
	}
	return &Doctor{Data: o.Data, Place: placeOf(t, o.Data), Options: store.Options{Log: o.Log}},
		*out.RepositoryMetadata.RepositoryId
}

// Each damage is found by its check, with a cure; nothing is found in a folder that is whole.
func TestDoctor(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		damage      func(t *testing.T, d *Doctor, id string)
		check, want string
	}{
		"whole": {func(*testing.T, *Doctor, string) {}, "", ""},
		"mode": {func(t *testing.T, d *Doctor, _ string) {
			t.Helper()
			if err := os.Chmod(d.Data.Keys(), 0o755); err != nil {
				t.Fatal(err)
			}
		}, "modes", "others may read"},
		"no database": {func(t *testing.T, d *Doctor, _ string) {
			t.Helper()
			if err := os.Remove(d.Data.Database()); err != nil {
				t.Fatal(err)
			}
		}, "database", "its file slipway.db is missing"},
		"unreadable database": {func(t *testing.T, d *Doctor, _ string) {
			t.Helper()
			d.Database = "mysql://there"
		}, "database", "mysql"},
		"other database": {func(_ *testing.T, d *Doctor, _ string) { d.Place.Database = "another" },
			"identity", `the folder belongs to the database "another"`},
		"other seal": {func(t *testing.T, d *Doctor, _ string) {
			t.Helper()
			if err := os.Remove(d.Data.Keys() + "/seal"); err != nil {
				t.Fatal(err)
			}
		}, "identity", "keys/seal is not the key of this database"},
		"damaged repository": {func(t *testing.T, d *Doctor, id string) {
			t.Helper()
			if err := os.Remove(filepath.Join(d.Data.Repositories(), id+".git", "HEAD")); err != nil {
				t.Fatal(err)
			}
		}, "repository greeter", ""},
		"unknown repository": {func(t *testing.T, d *Doctor, _ string) {
			t.Helper()
			if err := os.Mkdir(filepath.Join(d.Data.Repositories(), "stray.git"), 0o700); err != nil {
				t.Fatal(err)
			}
		}, "repositories", "the database does not know stray.git"},
		"unknown object": {func(t *testing.T, d *Doctor, _ string) {
			t.Helper()
			dir := filepath.Join(d.Data.Objects(), "ab")
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(dir, "abstray"), "")
		}, "objects", "1 files belong to no object"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, id := usedFolder(t)
			c.damage(t, d, id)
			found := checked(t.Context(), d)
			if c.check == "" {
				if len(found) > 0 {
					t.Errorf("found %v in a folder that is whole", found)
				}
				return
			}
			f, ok := found[c.check]
			if !ok || !strings.Contains(f.Problem, c.want) || f.Cure == "" || len(found) != 1 {
				t.Errorf("got %+v, want %q alone, with %q and a cure", found, c.check, c.want)
			}
		})
	}
}

// The folder is looked at while a server runs in it, and finds the jobs that failed for good.
func TestDoctorWhileServing(t *testing.T) {
	t.Parallel()
	o := newOptions(t)
	s := newServer(t, o)
	tried := make(chan struct{})
	s.db.Handle("test", store.Limits{}, func(context.Context, store.Running) (store.Outcome, error) {
		defer close(tried)
		return store.Dead("it makes no sense"), nil
	})
	r := run(t, s)
	err := s.db.Write(t.Context(), func(tx store.Tx) error {
		return tx.Enqueue(t.Context(), store.Job{Kind: "test", Key: "one"})
	})
	if err != nil {
		t.Fatal(err)
	}
	within(t, tried, "the job")
	d := &Doctor{Data: o.Data, Place: placeOf(t, o.Data), Options: store.Options{Log: o.Log}}
	says(t, "adopting while a server runs", adoptWith(t, d), "stop the server first")
	r.stop()
	if err := within(t, r.ended, "the end of the server"); err != nil {
		t.Fatal(err)
	}
	found := checked(t.Context(), d)
	if f := found["jobs"]; f.Problem != "1 failed at the last attempt" || !strings.Contains(f.Cure, "--dead") {
		t.Errorf("got %+v, want a dead job", found)
	}
}

// adoptWith adopts a database while another process would hold the server's lock.
func adoptWith(t *testing.T, d *Doctor) error {
	t.Helper()
	lock, err := d.Data.lockServer("127.0.0.1:8080", false)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	return d.Adopt(t.Context())
}

// A folder and a database that were restored from different backups are brought together.
func TestDoctorAdopts(t *testing.T) {
	t.Parallel()
	d, _ := usedFolder(t)
	d.Place.Database = "another"
	if err := d.Data.write(d.Place, "another"); err != nil {
		t.Fatal(err)
	}
	if err := d.Adopt(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.Place = placeOf(t, d.Data)
	if found := checked(t.Context(), d); len(found) > 0 {
		t.Errorf("after adoption: found %v", found)
	}
	d.Database = "mysql://there"
	says(t, "adopting a database that is not there", d.Adopt(t.Context()), "mysql")
}

func TestDoctorOfNothing(t *testing.T) {
	t.Parallel()
	d := &Doctor{Data: Data(filepath.Join(t.TempDir(), "none"))}
	if f := d.disk(); !strings.Contains(f.Problem, "can't be looked at") {
		t.Errorf("disk: got %+v", f)
	}
	if f := d.quarantined(); f.Note != "empty" {
		t.Errorf("quarantine: got %+v, want empty", f)
	}
	for want, text := range map[string]string{"bwrap: no": " bwrap: no\n", "it failed": ""} {
		if got := said([]byte(text), os.ErrInvalid); text != "" && got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
