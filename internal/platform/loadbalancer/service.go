// Package loadbalancer is what routers serve: load balancers, listeners, rules, target groups and targets, with the
// Elastic Load Balancing API over them, and the server certificates of IAM. Routers take the whole of it as a table and
// report how it goes.
package loadbalancer

import (
	"context"
	"embed"
	"log/slog"
	"sync"
	"time"

	"slipway/api/awsproto"
	"slipway/api/slipway"
	"slipway/internal/event"
	"slipway/internal/store"
	"slipway/internal/store/seal"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the tables of this package.
func Migrations() store.Migrations { return store.Tables("loadbalancer", migrations) }

// Sink takes what routers measured. The same sample may come twice: a router whose report got no answer sends it again.
type Sink interface {
	Sample(ctx context.Context, samples []slipway.RouterSample) error
}

// Config is what the service needs to know of where it runs.
type Config struct {
	Region, Account string
	// Host is where the routers' listeners are reached: the DNS name of every load balancer.
	Host  string
	Now   func() time.Time
	Log   *slog.Logger
	Pager awsproto.Pager
	Seal  *seal.Sealer
	Hints *event.Hints // tells the routers' polls of a new table
	// Network names the VPC and the zones that load balancers are in; nil for none.
	Network Network
	// Sink takes the samples of routers; nil for nobody.
	Sink Sink
	// Applied hears that a router has applied a version of the table: what waits for weights then asks InEffect. It
	// must not block.
	Applied func(version int64)
	// HealthChanged hears that the health of a group's targets changed. It must not block.
	HealthChanged func(targetGroupArn string)
	// Wanted hears, at the start or with the first load balancer, that a router has something to serve.
	Wanted func()
	// Hold is how long a router's poll waits for a new table; 0 is 50 seconds.
	Hold time.Duration
	// Silence is after what time a router that does not poll is taken for dead; 0 is 15 seconds.
	Silence time.Duration
}

// Service implements Elastic Load Balancing, IAM's server certificates, and the routers' part of Slipway's own API.
type Service struct {
	Config
	db      *store.Store
	routers routers

	mu    sync.Mutex
	table []byte // encoded, of the version that follows
	at    int64
}

const jobDrained = "loadbalancer.drained" // the end of a target's draining, at the latest

// New returns the service and registers its jobs.
func New(ctx context.Context, db *store.Store, c Config) (*Service, error) {
	if c.Hold == 0 {
		c.Hold = 50 * time.Second
	}
	if c.Silence == 0 {
		c.Silence = 15 * time.Second
	}
	s := &Service{Config: c, db: db}
	known, err := store.Strings(ctx, db, `SELECT name FROM lb_routers`)
	if err != nil {
		return nil, err
	}
	s.routers.init(known, c.Now(), c.Silence)
	db.OnNotice(routerNotice, s.hearOfRouter)
	db.Handle(jobDrained, store.Limits{}, s.drained)
	var balancers int
	if err := db.QueryRow(ctx,
		`SELECT COUNT(*) FROM (SELECT 1 FROM lb_balancers LIMIT 1) b`).Scan(&balancers); err != nil {
		return nil, err
	}
	if balancers > 0 {
		s.wanted()
	}
	return s, nil
}

func (s *Service) wanted() {
	if s.Wanted != nil {
		s.Wanted()
	}
}

// changed makes a new version of the table, with the writes of tx, and returns it. Versions are also times, so that a
// database that was put back to an earlier state does not give out a version a second time.
func (s *Service) changed(ctx context.Context, tx store.Tx) (version int64, err error) {
	if err := tx.QueryRow(ctx, `SELECT version FROM lb_version WHERE id = 1`).Scan(&version); err != nil {
		return 0, err
	}
	version = max(version+1, s.Now().UnixMilli())
	_, err = tx.Exec(ctx, `UPDATE lb_version SET version = $1 WHERE id = 1`, version)
	s.Hints.Changed(tx, tableHint)
	return version, err
}
