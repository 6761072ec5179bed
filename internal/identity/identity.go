// Package identity has users, groups, roles, their policies and credentials, and the sessions of the pages. All that
// decisions need is in memory, and follows the database; see model. Secrets of access keys are encrypted, because a
// signature can only be verified with the plain secret. Passwords and sessions are stored as hashes.
package identity

import (
	"context"
	"crypto/rand"
	"embed"
	"encoding/base32"
	"encoding/base64"
	"sync"
	"sync/atomic"
	"time"

	"slipway/api/awsproto"
	"slipway/internal/identity/issuer"
	"slipway/internal/identity/passkey"
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
	db      *store.Store
	model   *model
	pager   awsproto.Pager
	read    compiler // of policies
	opened  secrets  // of access keys
	used    uses
	denials denials
	tickets tickets
	works   works
	issuers issuers
	issuer  *issuer.Issuer
	guesses guesses
	relying relying
	party   *passkey.Party // nil where browsers have no passkeys for the server's URL

	loading sync.Mutex    // one reading of changes at a time
	behind  atomic.Bool   // the model lacks changes of this process itself
	wake    chan struct{} // of follow
}

// Config is what the service needs to know of where it runs.
type Config struct {
	Region, Account string
	Now             func() time.Time
	Seal            *seal.Sealer
	URL             string // of the server, which issues identity tokens
	// Regions reports whether signatures for a region other than the server's are accepted. If it is nil, none are.
	Regions func(region string) bool
	// Ended reports whether a work is over that a service made temporary credentials for. If it is nil, none is.
	Ended func(ctx context.Context, work string) (bool, error)
}

// New returns the service of one account. On a database that others share it follows their changes until ctx ends.
func New(ctx context.Context, db *store.Store, c Config) (*Service, error) {
	s := &Service{
		Config: c,
		db:     db,
		model:  newModel(),
		pager:  awsproto.Pager{Key: c.Seal.Key("identity pages")},
		wake:   make(chan struct{}, 1),
		issuer: issuer.New(db, issuer.Config{URL: c.URL, Now: c.Now, Seal: c.Seal}),
	}
	s.party, _ = passkey.Of(c.URL)
	if db.Shared() {
		db.OnNotice(notice, func(string) { s.stale() })
		db.OnGap(s.stale)
		go s.follow(ctx)
	}
	if err := s.load(ctx); err != nil {
		return nil, err
	}
	err := db.Write(ctx, func(tx store.Tx) error {
		return s.changeIn(ctx, tx, func(v *view) error { return s.upgrade(ctx, tx, v) })
	})
	if err != nil {
		return nil, err
	}
	return s, s.Reload(ctx)
}

// UserARN is the ARN of a user, whose name may have a path before it.
func (s *Service) UserARN(name string) string { return s.arn("user/" + name) }

// arn is an ARN of this account's IAM.
func (s *Service) arn(resource string) string { return "arn:aws:iam::" + s.Account + ":" + resource }

// arnOf is the ARN of an entity.
func (s *Service) arnOf(d entity) string {
	if p, ok := d.(*managedPolicy); ok && p.ARN != "" {
		return p.ARN
	}
	return s.arn(string(d.kind()) + d.heading().pathName())
}

// EnsureUser makes a user with the policies of a role, or leaves the one of that name.
func (s *Service) EnsureUser(ctx context.Context, name, role string) error {
	return s.change(ctx, func(v *view) error {
		if v.find(userKind, (&user{head: head{Name: name, Path: "/"}}).key()) == nil {
			v.put(s.newUser("/", name, role))
		}
		return nil
	})
}

// newUser makes a user with the policies of a role.
func (s *Service) newUser(path, name, role string) *user {
	u := &user{head: s.newHead("AIDA", path, name), Role: role}
	if arn := rolePolicies[role]; arn != "" {
		u.Attached = []string{arn}
	}
	return u
}

func (s *Service) newHead(prefix, path, name string) head {
	return head{ID: prefix + randomID(), Name: name, Path: path, Created: s.Now().UnixMilli()}
}

// Key is an access key with its secret.
type Key struct{ ID, Secret string }

// NewKey makes up an access key.
func NewKey() Key { return Key{"AKIA" + randomID(), randomKey()} }

// randomKey is a secret access key: 40 characters, as AWS's are.
func randomKey() string {
	var secret [30]byte
	_, _ = rand.Read(secret[:])
	return base64.StdEncoding.EncodeToString(secret[:])
}

// AddKey gives a user an access key. Adding the same key again is not an error.
func (s *Service) AddKey(ctx context.Context, name string, k Key) error {
	return s.change(ctx, func(v *view) error {
		u, err := v.user(name)
		if err != nil {
			return err
		}
		if holder, ok := v.holder(k.ID); ok {
			if holder.ID == u.ID && s.secretOf(holder, k.ID) == k.Secret {
				return nil
			}
			other := edit(holder)
			other.Keys = withoutKey(other.Keys, k.ID)
			v.put(other)
		}
		u, err = v.user(name)
		if err != nil {
			return err
		}
		u = edit(u)
		u.Keys = append(u.Keys, s.newAccessKey(k))
		v.put(u)
		return nil
	})
}

func (s *Service) newAccessKey(k Key) accessKey {
	return accessKey{ID: k.ID, Secret: s.Seal.Seal([]byte(k.Secret), "access-key "+k.ID), Created: s.Now().UnixMilli()}
}

func withoutKey(keys []accessKey, id string) []accessKey {
	var left []accessKey
	for _, k := range keys {
		if k.ID != id {
			left = append(left, k)
		}
	}
	return left
}

// holder returns the user of an access key.
func (v *view) holder(key string) (*user, bool) {
	for r, d := range v.overlay {
		if u, ok := d.(*user); ok && r.kind == userKind && u.accessKey(key) != nil {
			return u, true
		}
	}
	id, ok := v.m.holder(key)
	if !ok {
		return nil, false
	}
	u, ok := v.get(userKind, id).(*user)
	if !ok || u.accessKey(key) == nil {
		return nil, false
	}
	return u, true
}

func (u *user) accessKey(id string) *accessKey {
	for i := range u.Keys {
		if u.Keys[i].ID == id {
			return &u.Keys[i]
		}
	}
	return nil
}

// randomID is 16 characters, as in AWS's IDs.
func randomID() string {
	var b [10]byte
	_, _ = rand.Read(b[:])
	return base32.StdEncoding.EncodeToString(b[:])
}
