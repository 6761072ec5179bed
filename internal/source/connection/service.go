// Package connection has the connections to forges, the servers elsewhere that have repositories: CodeConnections' API,
// the repositories of a connection, what forges deliver to its webhook, and the statuses of commits that are sent back.
package connection

import (
	"context"
	"embed"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"slipway/api/awsproto"
	cc "slipway/api/codeconnections"
	"slipway/internal/event"
	"slipway/internal/forge"
	"slipway/internal/store"
	"slipway/internal/store/seal"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the tables of this package.
func Migrations() store.Migrations { return store.Tables("connection", migrations) }

// Watch is a repository of a connection that pipelines take their source from.
type Watch struct {
	ARN, Repository string
	Pipelines       []string
}

// Config is what the service needs to know of where it runs.
type Config struct {
	Region, Account string
	URL             string // of this server, for the payload URLs of webhooks
	Now             func() time.Time
	Log             *slog.Logger
	Pager           awsproto.Pager
	Seal            *seal.Sealer
	Hints           *event.Hints
	// Local says that forges may be at this machine, as it is for a server that is reached from it alone.
	Local bool
	// Watched are the repositories that pipelines watch.
	Watched func(ctx context.Context) ([]Watch, error)
	// Look is how long after a look at the branches of watched repositories the next one comes; 0 is five minutes.
	Look time.Duration
}

// Service implements CodeConnections' connections and hosts, and Slipway's own operations on them.
type Service struct {
	Config
	db       *store.Store
	forges   *http.Client
	receiver *forge.Receiver
	refusals refusals
}

// names are the service's names in ARNs. Source: "Connections rename" in the Developer Tools console user guide.
const (
	newName   = "codeconnections"
	olderName = "codestar-connections"
)

// New returns the service and registers its jobs.
func New(ctx context.Context, db *store.Store, c Config) (*Service, error) {
	if c.Look == 0 {
		c.Look = 5 * time.Minute
	}
	s := &Service{
		Config:   c,
		db:       db,
		forges:   forge.NewClient(c.Local),
		receiver: forge.NewReceiver(c.Log),
	}
	db.Handle(lookAllJob, store.Limits{Parallel: 1, Attempts: store.Tireless}, s.lookAll)
	db.Handle(lookJob, store.Limits{Parallel: 4}, s.look)
	db.Handle(statusJob, store.Limits{Parallel: 4, Attempts: statusAttempts}, s.tellStatus)
	return s, db.Write(ctx, func(tx store.Tx) error {
		return tx.Enqueue(ctx, store.Job{Kind: lookAllJob, Key: "all", RunAt: c.Now().Add(c.Look)})
	})
}

// place is what stands before a resource in an ARN.
func (s *Service) place(name string) string {
	return "arn:aws:" + name + ":" + s.Region + ":" + s.Account + ":"
}

// idOf is the ID of a resource of a kind, connection or host, by its ARN under either name of the service; "" if it is
// no ARN of one here.
func (s *Service) idOf(kind, arn string) string {
	for _, name := range []string{newName, olderName} {
		if id, ok := strings.CutPrefix(arn, s.place(name)+kind+"/"); ok {
			return id
		}
	}
	return ""
}

func notFound(arn string) error {
	return &cc.ResourceNotFoundException{Message: "Resource not found: " + arn}
}

type nameKey struct{}

// WithOlderName returns a context in which new resources get ARNs with the older name of the service.
func WithOlderName(ctx context.Context) context.Context {
	return context.WithValue(ctx, nameKey{}, olderName)
}

// nameIn is the name of the service in the ARNs of new resources.
func nameIn(ctx context.Context) string {
	if name, ok := ctx.Value(nameKey{}).(string); ok {
		return name
	}
	return newName
}
