package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"slipway/internal/store"
	"slipway/internal/store/seal"
)

// unbound marks a folder that was used before folders recorded their database, and that was opened with a new database.
const unbound = "unknown"

// errOtherDatabase says why a folder and a database are not used together, and the ways on.
func (d Data) errOtherDatabase(why string) error {
	return fmt.Errorf(
		"the data folder %s does not belong to this database: %s. Repositories and objects of the folder would not be "+
			"found. "+
			"Start with the database that the folder belongs to, or restore both from one backup; "+
			"to use them together all the same, run: slipway doctor --data %s --adopt",
		d,
		why,
		d,
	)
}

// BeforeOpen refuses a folder whose own database file is missing, because opening would make an empty one.
func (d Data) BeforeOpen(p Place, dsn string) error {
	if dsn != "sqlite:"+d.Database() {
		return nil
	}
	if _, err := os.Stat(d.Database()); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if p.Database != "" || d.holdsRepositories() {
		return d.errOtherDatabase("its file " + filepath.Base(d.Database()) + " is missing")
	}
	return nil
}

// Bind checks that the database is the one of the folder, and that its secrets are sealed with the folder's
// key. A new folder is bound to the database that it is first used with.
func (d Data) Bind(ctx context.Context, p Place, db *store.Store, sealer *seal.Sealer) error {
	id, _, err := db.Identity(ctx)
	if err != nil {
		return err
	}
	switch {
	case p.Database == "" && db.Fresh() && d.holdsRepositories():
		return errors.Join(d.write(p, unbound), d.errOtherDatabase("it holds repositories, and the database is empty"))
	case p.Database == "":
		if err := d.write(p, id); err != nil {
			return err
		}
	case p.Database != id:
		why := "it belongs to " + p.Database + ", and this is " + id
		if db.Fresh() {
			why = "the database is empty"
		}
		return d.errOtherDatabase(why)
	}
	held, _, err := db.Constant(ctx, "seal", sealer.Fingerprint())
	if err == nil && held != sealer.Fingerprint() {
		err = fmt.Errorf(
			"%s/seal is not the key that the secrets in this database are sealed with. Restore it from a backup, or "+
				"copy it from another server of this database",
			d.Keys(),
		)
	}
	return err
}

// Adopt binds the folder to a database, even if it belonged to another one.
func (d Data) Adopt(ctx context.Context, p Place, db *store.Store) error {
	id, _, err := db.Identity(ctx)
	if err != nil {
		return err
	}
	return d.write(p, id)
}

func (d Data) write(p Place, database string) error {
	p.Database = database
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return seal.WriteFile(d.placeFile(), append(text, '\n'))
}

func (d Data) holdsRepositories() bool {
	entries, err := os.ReadDir(d.Repositories())
	return err == nil && len(entries) > 0
}
