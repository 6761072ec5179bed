package store

import (
	"context"
	"database/sql"
)

// Tags is a table of tags, with the columns key, value and one for what has them.
type Tags struct {
	Table string
	Of    string // the column of the resource
}

// Tag is a key with its value.
type Tag struct{ Key, Value string }

// Put gives a resource tags, in the place of those with the same keys, and returns how many it has by then.
func (t Tags) Put(ctx context.Context, tx Tx, resource string, tags []Tag) (count int, err error) {
	for _, tag := range tags {
		_, err := tx.Exec(ctx, `INSERT INTO `+t.Table+` (`+t.Of+`, key, value) VALUES ($1, $2, $3)
			ON CONFLICT (`+t.Of+`, key) DO UPDATE SET value = excluded.value`, resource, tag.Key, tag.Value)
		if err != nil {
			return 0, err
		}
	}
	return count, tx.QueryRow(ctx, `SELECT COUNT(*) FROM `+t.Table+` WHERE `+t.Of+` = $1`, resource).Scan(&count)
}

// Delete takes tags from a resource. Keys that it does not have are no error.
func (t Tags) Delete(ctx context.Context, tx Tx, resource string, keys []string) error {
	_, err := tx.Exec(ctx, `DELETE FROM `+t.Table+` WHERE `+t.Of+` = $1 AND key IN `+In(2, len(keys)),
		append([]any{resource}, Args(keys)...)...)
	return err
}

// List returns the tags of a resource by key, from the first one after a key on, at most limit of them.
func (t Tags) List(ctx context.Context, q Queryer, resource, after string, limit int) ([]Tag, error) {
	return All(ctx, q, func(r *sql.Rows) (tag Tag, err error) { return tag, r.Scan(&tag.Key, &tag.Value) },
		`SELECT key, value FROM `+t.Table+` WHERE `+t.Of+` = $1 AND key > $2 ORDER BY key LIMIT $3`,
		resource, after, limit)
}
