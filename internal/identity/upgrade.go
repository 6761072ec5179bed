package identity

import (
	"context"
	"database/sql"
	"path"
	"strings"

	"slipway/internal/store"
)

// rolePolicies are the managed policies that have the rights of an earlier version's roles.
var rolePolicies = map[string]string{
	Administrator: administratorAccess,
	Host:          slipwayPolicies + "SlipwayHost",
	Runner:        slipwayPolicies + "SlipwayRunner",
	Router:        slipwayPolicies + "SlipwayRouter",
}

// upgradeTables turns the users of an earlier version, which were rows of several tables, into documents, and deletes
// the rows. Their unique IDs, keys and passwords stay as they were.
func (s *Service) upgradeTables(ctx context.Context, tx store.Tx, v *view) error {
	type row struct {
		*user
		stored string
	}
	rows, err := store.All(ctx, tx, func(r *sql.Rows) (row, error) {
		u := &user{}
		var stored, password string
		var set int64
		err := r.Scan(&stored, &u.ID, &u.Role, &u.Created, &password, &set)
		u.Name, u.Path = path.Base(stored), "/"
		if dir := strings.TrimSuffix(stored, u.Name); dir != "" {
			u.Path = "/" + dir
		}
		if arn := rolePolicies[u.Role]; arn != "" {
			u.Attached = []string{arn}
		}
		if password != "" {
			u.Login = &login{Hash: password, Created: set, Changed: set}
		}
		return row{u, stored}, err
	}, `SELECT name, id, role, created, password, password_set FROM users ORDER BY name`)
	if err != nil || len(rows) == 0 {
		return err
	}
	byName := make(map[string]*user, len(rows))
	for _, r := range rows {
		byName[r.stored] = r.user
		v.put(r.user)
	}
	if err := s.upgradeCredentials(ctx, tx, byName); err != nil {
		return err
	}
	for _, table := range []string{"user_policies", "access_keys", "git_credentials", "sessions", "users"} {
		if _, err := tx.Exec(ctx, `DELETE FROM `+table); err != nil {
			return err
		}
	}
	return nil
}

// upgradeCredentials gives users what belonged to them in tables of its own.
func (s *Service) upgradeCredentials(ctx context.Context, tx store.Tx, users map[string]*user) error {
	of := func(add func(r *sql.Rows, owner *string) (func(*user), error)) func(*sql.Rows) (bool, error) {
		return func(r *sql.Rows) (bool, error) {
			var owner string
			give, err := add(r, &owner)
			if u := users[owner]; err == nil && u != nil {
				give(u)
			}
			return true, err
		}
	}
	for _, table := range []struct {
		query string
		add   func(r *sql.Rows, owner *string) (func(*user), error)
	}{
		{`SELECT owner, id, secret, created, active FROM access_keys ORDER BY created, id`,
			func(r *sql.Rows, owner *string) (func(*user), error) {
				var k accessKey
				var active int64
				err := r.Scan(owner, &k.ID, &k.Secret, &k.Created, &active)
				k.Inactive = active == 0
				return func(u *user) { u.Keys = append(u.Keys, k) }, err
			}},
		{`SELECT owner, id, username, password, created FROM git_credentials ORDER BY created, id`,
			func(r *sql.Rows, owner *string) (func(*user), error) {
				c := credential{Service: gitService}
				err := r.Scan(owner, &c.ID, &c.Username, &c.Hash, &c.Created)
				return func(u *user) { u.Credentials = append(u.Credentials, c) }, err
			}},
		{`SELECT owner, name, document FROM user_policies ORDER BY name`,
			func(r *sql.Rows, owner *string) (func(*user), error) {
				var p inline
				err := r.Scan(owner, &p.Name, &p.Document)
				return func(u *user) { u.Inline = append(u.Inline, p) }, err
			}},
	} {
		if _, err := store.All(ctx, tx, of(table.add), table.query); err != nil {
			return err
		}
	}
	return nil
}
