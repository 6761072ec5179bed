package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"slipway/api/awsproto"
	"slipway/internal/build"
	"slipway/internal/deploy"
	"slipway/internal/event"
	"slipway/internal/identity"
	"slipway/internal/key"
	logsface "slipway/internal/logs"
	"slipway/internal/notify"
	"slipway/internal/object"
	"slipway/internal/pipeline"
	"slipway/internal/platform/loadbalancer"
	"slipway/internal/platform/network"
	"slipway/internal/quarantine"
	"slipway/internal/release"
	"slipway/internal/release/metric"
	"slipway/internal/release/monitor"
	"slipway/internal/report"
	"slipway/internal/secret/parameter"
	"slipway/internal/secret/vault"
	"slipway/internal/source"
	"slipway/internal/source/connection"
	"slipway/internal/store"
	"slipway/internal/store/seal"
)

// migrations are the tables of all modules.
func migrations() []store.Migrations {
	return []store.Migrations{
		identity.Migrations(),
		key.Migrations(),
		notify.Migrations(),
		parameter.Migrations(),
		vault.Migrations(),
		object.Migrations(),
		logsface.Migrations(),
		source.Migrations(),
		connection.Migrations(),
		report.Migrations(),
		build.Migrations(),
		deploy.Migrations(),
		release.Migrations(),
		metric.Migrations(),
		monitor.Migrations(),
		pipeline.Migrations(),
		loadbalancer.Migrations(),
		network.Migrations(),
	}
}

// ground is what every module of a server stands on.
type ground struct {
	Options
	db      *store.Store
	hints   *event.Hints
	sealer  *seal.Sealer
	pager   awsproto.Pager
	reserve *reserve
	regions func(string) bool // that signatures are accepted for, besides the home region
	now     func() time.Time
}

// openGround opens the database, once it is known to belong to the data folder.
func openGround(ctx context.Context, o Options) (*ground, error) {
	dsn := o.Database
	if dsn == "" {
		dsn = "sqlite:" + o.Data.Database()
	}
	if err := o.Data.BeforeOpen(o.Place, dsn); err != nil {
		return nil, err
	}
	sealer, err := seal.Open(o.Data.Keys() + "/seal")
	if err != nil {
		return nil, err
	}
	g := &ground{
		Options: o,
		sealer:  sealer,
		pager:   awsproto.Pager{Key: sealer.Key("page tokens")},
		reserve: newReserve(o.Data, o.Log),
		regions: acceptedRegions(o),
		now:     time.Now,
	}
	g.db, err = store.Open(ctx, store.Options{
		DSN:        dsn,
		Name:       o.Place.ID + " " + o.Listen, // servers of one data folder listen at different addresses
		Log:        o.Log,
		Migrations: migrations(),
		Full:       g.reserve.release,
	})
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	g.hints = event.NewHints(g.db)
	if err := o.Data.Bind(ctx, o.Place, g.db, sealer); err != nil {
		return nil, errors.Join(err, g.db.Close())
	}
	return g, nil
}

// close closes the database.
func (g *ground) close() {
	if err := g.db.Close(); err != nil {
		g.Log.Error("close database", "error", err)
	}
}

// aside is where files go that the database does not know.
func (g *ground) aside() quarantine.Place {
	return quarantine.Place{Dir: g.Data.Quarantine(), Now: g.now, Log: g.Log}
}
