package store

import (
	"context"

	"github.com/google/uuid"
)

// Identity returns the identity of this database, which it is given when it is first opened, and whether that was now.
func (s *Store) Identity(ctx context.Context) (id string, isNew bool, err error) {
	return s.Constant(ctx, "database", uuid.NewString())
}

// Constant returns what the database holds under a name, which is value if it held nothing until now.
func (s *Store) Constant(ctx context.Context, name, value string) (held string, isNew bool, err error) {
	err = s.Write(ctx, func(tx Tx) error {
		isNew = false
		ok, err := Find(ctx, tx, []any{&held}, `SELECT value FROM identity WHERE name = $1`, name)
		if err != nil || ok {
			return err
		}
		held, isNew = value, true
		_, err = tx.Exec(ctx, `INSERT INTO identity (name, value) VALUES ($1, $2)`, name, value)
		return err
	})
	return held, isNew, err
}

// SetConstant replaces a value that Constant returned.
func (s *Store) SetConstant(ctx context.Context, name, value string) error {
	return s.Write(ctx, func(tx Tx) error {
		_, err := tx.Exec(ctx, `UPDATE identity SET value = $2 WHERE name = $1`, name, value)
		return err
	})
}

// Shared reports whether other processes may work on the database. Their changes are then not known here.
func (s *Store) Shared() bool { return s.postgres }

// Fresh reports whether the database was empty when it was opened, so that its tables were made then.
func (s *Store) Fresh() bool { return s.fresh }
