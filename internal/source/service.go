// Package source is the Source stage. It keeps Git repositories, serves them over HTTP with the real git, and
// implements CodeCommit's API for them.
package source

import (
	"context"
	"embed"
	"log/slog"
	"sync"
	"time"

	"slipway/api/awsproto"
	"slipway/api/codecommit"
	"slipway/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the tables of this package.
func Migrations() store.Migrations { return store.Tables("source", migrations) }

// Config is what the service needs to know of where it runs.
type Config struct {
	Home            Home // of the repositories
	Region, Account string
	URL             string // of this server, for clone URLs
	Now             func() time.Time
	Log             *slog.Logger
	Pager           awsproto.Pager
	// Room returns an error if nothing may be pushed, for example because the disk is nearly full. If it is nil, there
	// is always room.
	Room func() error
}

// Service implements CodeCommit.
type Service struct {
	Config
	db     *store.Store
	locks  sync.Map // repository ID -> *sync.Mutex: one recording of its refs at a time
	broken sync.Map // repository ID -> why it is not served
}

// New returns the service.
func New(db *store.Store, c Config) *Service { return &Service{Config: c, db: db} }

func (s *Service) dir(id string) string { return s.Home.Dir(id) }

// Find returns a repository by its name, or RepositoryDoesNotExistException.
func (s *Service) Find(ctx context.Context, name string) (*codecommit.RepositoryMetadata, error) {
	return find(ctx, s.db, name)
}

func find(ctx context.Context, q store.Queryer, name string) (*codecommit.RepositoryMetadata, error) {
	m, err := store.Document[codecommit.RepositoryMetadata](ctx, q, `SELECT doc FROM repositories WHERE name = $1`,
		name)
	if err == nil && m == nil {
		err = &codecommit.RepositoryDoesNotExistException{Message: name + " does not exist"}
	}
	return m, err
}

// repository is a repository that an operation works on.
type repository struct {
	*codecommit.RepositoryMetadata
	git
}

func (s *Service) open(ctx context.Context, name string) (*repository, error) {
	m, err := s.Find(ctx, name)
	if err != nil {
		return nil, err
	}
	return &repository{m, git{s.dir(*m.RepositoryId)}}, s.whole(m)
}
