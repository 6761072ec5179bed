// Package identity has users, access keys, Git credentials and sessions of the pages, and decides what they may do.
// Secrets of access keys are encrypted, because a signature can only be verified with the plain secret. Passwords and
// sessions are stored as hashes.
package identity

import (
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"sync"
	"time"

	"slipway/api/awsproto"
	"slipway/api/awsproto/sigv4"
	"slipway/internal/store"
	"slipway/internal/store/seal"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the tables of this package.
func Migrations() store.Migrations { return store.Tables("identity", migrations) }

// Roles.
const (
	Administrator = "administrator" // may do everything
	Host          = "host"          // may fetch its deployments and their bundles
	Runner        = "runner"        // may take builds and move their sources and artifacts
	Router        = "router"        // may take the tables of load balancers and report
	Nobody        = "nobody"        // may do nothing
)

// Service holds identities.
type Service struct {
	Config
	db *store.Store

	loading sync.Mutex // one reading of the keys at a time: an older one never replaces a newer one
	mu      sync.RWMutex
	keys    map[string]key // every active access key, with its caller: read once, kept up to date
}

type key struct {
	secret string
	caller awsproto.Caller
}

// Config is what the service needs to know of where it runs.
type Config struct {
	Region, Account string
	Now             func() time.Time
	Seal            *seal.Sealer
	// Regions reports whether signatures for a region other than the server's are accepted. If it is nil, none are.
	Regions func(region string) bool
}

// New returns the service of one account.
func New(ctx context.Context, db *store.Store, c Config) (*Service, error) {
	i := &Service{Config: c, db: db}
	return i, i.load(ctx)
}

const activeKeys = `SELECT k.id, k.secret, u.name, u.id, u.arn, u.role FROM access_keys k
	JOIN users u ON u.name = k.owner WHERE k.active = 1`

func (s *Service) scanKey(r *sql.Rows) (k key, err error) {
	var sealed string
	c := awsproto.Caller{Account: s.Account}
	if err := r.Scan(&c.AccessKeyID, &sealed, &c.Name, &c.UserID, &c.ARN, &c.Role); err != nil {
		return k, err
	}
	secret, err := s.Seal.Open(sealed, "access-key "+c.AccessKeyID)
	if err != nil {
		return k, fmt.Errorf("access key %s: %w", c.AccessKeyID, err)
	}
	return key{string(secret), c}, nil
}

// find returns an active access key. If other servers share the database, the key is read each time, because one that
// was deleted on another server must not be accepted here.
func (s *Service) find(ctx context.Context, id string) (key, bool, error) {
	if s.db.Shared() {
		all, err := store.All(ctx, s.db, s.scanKey, activeKeys+` AND k.id = $1`, id)
		if err != nil || len(all) == 0 {
			return key{}, false, err
		}
		return all[0], true, nil
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	k, ok := s.keys[id]
	return k, ok, nil
}

// load reads the keys again. It is called after each change of them. It continues when ctx ends, because a deleted key
// must not stay in memory.
func (s *Service) load(ctx context.Context) error {
	ctx = context.WithoutCancel(ctx)
	s.loading.Lock()
	defer s.loading.Unlock()
	all, err := store.All(ctx, s.db, s.scanKey, activeKeys)
	if err != nil {
		return err
	}
	keys := make(map[string]key, len(all))
	for _, k := range all {
		keys[k.caller.AccessKeyID] = k
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = keys
	return nil
}

// Lookup returns the secret of an access key. It is a sigv4.Lookup.
func (s *Service) Lookup(ctx context.Context, id string) (sigv4.Secret, bool, error) {
	k, ok, err := s.find(ctx, id)
	return sigv4.Secret{Key: k.secret}, ok, err
}

// Caller returns the owner of an access key.
func (s *Service) Caller(ctx context.Context, id string) (awsproto.Caller, error) {
	k, ok, err := s.find(ctx, id)
	if err == nil && !ok {
		err = errors.New("the access key is gone")
	}
	return k.caller, err
}

// UserARN is the ARN of a user.
func (s *Service) UserARN(name string) string {
	return "arn:aws:iam::" + s.Account + ":user/" + name
}

// EnsureUser makes a user, or leaves the one of that name.
func (s *Service) EnsureUser(ctx context.Context, name, role string) error {
	return s.db.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx,
			`INSERT INTO users (name, id, arn, role, created) VALUES ($1, $2, $3, $4, $5)
				ON CONFLICT (name) DO NOTHING`,
			name, "AIDA"+randomID(), s.UserARN(name), role, s.Now().UnixMilli())
		return err
	})
}

// Key is an access key with its secret.
type Key struct{ ID, Secret string }

// NewKey makes up an access key.
func NewKey() Key {
	var secret [30]byte
	_, _ = rand.Read(secret[:])
	return Key{"AKIA" + randomID(), base64.StdEncoding.EncodeToString(secret[:])}
}

// AddKey gives a user an access key. Adding the same key again is not an error.
func (s *Service) AddKey(ctx context.Context, user string, k Key) error {
	err := s.db.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO access_keys (id, owner, secret, created) VALUES ($1, $2, $3, $4)
			ON CONFLICT (id) DO UPDATE SET secret = excluded.secret, owner = excluded.owner`,
			k.ID, user, s.Seal.Seal([]byte(k.Secret), "access-key "+k.ID), s.Now().UnixMilli())
		return err
	})
	if err != nil {
		return err
	}
	return s.load(ctx)
}

// randomID is 16 characters, as in AWS's IDs.
func randomID() string {
	var b [10]byte
	_, _ = rand.Read(b[:])
	return base32.StdEncoding.EncodeToString(b[:])
}
