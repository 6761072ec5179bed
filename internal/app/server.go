// Package app is the composition root: it alone knows all stages, and fits them together.
package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"slipway/internal/build"
	"slipway/internal/deploy"
	"slipway/internal/event"
	"slipway/internal/identity"
	"slipway/internal/journal"
	"slipway/internal/object"
	"slipway/internal/pipeline"
	"slipway/internal/platform/loadbalancer"
	"slipway/internal/release"
	"slipway/internal/release/metric"
	"slipway/internal/release/monitor"
	"slipway/internal/report"
	"slipway/internal/source"
	"slipway/internal/store"
	"slipway/internal/web"
)

// Options say how a server runs.
type Options struct {
	Data     Data
	Listen   string // HOST:PORT
	TLS      TLS
	URL      string // how others reach it
	Place    Place
	Database string // postgres://…; "" for the file in the data folder
	// Prometheus is the URL of the server that PromQL alarms ask; "" for none.
	Prometheus string
	// Regions are those that requests may be signed for: AnyRegion, or names; "" for any at a loopback address, else
	// the home region.
	Regions string
	Keep    Keep     // how long what has ended is kept
	Hosts   []string // names that the server answers to besides its own; *.example.com stands for all below example.com
	// HostNetworks are those whose addresses hosts may publish for load balancers, besides their own.
	HostNetworks []netip.Prefix
	// Administrator is the key of the first administrator; empty for one that is made up.
	Administrator Key
	Version       string
	Log           *slog.Logger
}

// URL is how a server is reached that listens at an address, with TLS or without, unless a URL is given.
func URL(given, listen string, secure bool) string {
	scheme := "http://"
	if secure {
		scheme = "https://"
	}
	if given != "" {
		return strings.TrimSuffix(given, "/")
	}
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return scheme + listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return scheme + net.JoinHostPort(host, port)
}

// Serve runs a server until ctx ends. Its runner, agents and router are not touched by its end.
func Serve(ctx context.Context, o Options) error {
	lock, err := o.Data.Lock("server", o.Listen)
	if err != nil {
		return err
	}
	defer lock.Release()
	listener, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return fmt.Errorf("%w. Choose another address with --listen", err)
	}
	defer listener.Close()
	secure, err := o.TLS.config(o.Data, certificateNames(o.URL, o.Listen, o.Hosts))
	if err != nil {
		return err
	}
	if secure != nil {
		listener = tls.NewListener(listener, secure)
	} else if !loopback(o.Listen) && !strings.HasPrefix(o.URL, "https:") {
		o.Log.Warn(
			"this server is reached without TLS: signatures hold, but whoever is on the way reads sources, bundles " +
				"and session cookies. Use --tls-own, --tls-cert or --acme, or a TLS proxy and --url https://…",
		)
	}
	s, err := open(ctx, o)
	if err != nil {
		return err
	}
	defer func() {
		if err := s.db.Close(); err != nil {
			o.Log.Error("close database", "error", err)
		}
	}()
	return s.serve(ctx, listener)
}

// server is everything, fitted together.
type server struct {
	Options
	db       *store.Store
	identity *identity.Service
	journal  *journal.Journal
	objects  *object.Store
	sources  *source.Service
	hints    *event.Hints
	reserve  *reserve
	handler  *mux
	moved    nudge                       // routers applied a table, or find other targets healthy
	heed     func(context.Context) error // what waits for that
	monitor  *monitor.Service
}

// open fits the stages together.
func open(ctx context.Context, o Options) (*server, error) {
	s := &server{Options: o, moved: newNudge()}
	dsn := o.Database
	if dsn == "" {
		dsn = "sqlite:" + o.Data.Database()
	}
	if err := o.Data.BeforeOpen(o.Place, dsn); err != nil {
		return nil, err
	}
	s.reserve = newReserve(o.Data, o.Log)
	var err error
	s.db, err = store.Open(
		ctx,
		store.Options{DSN: dsn, Name: o.Place.ID, Log: o.Log, Migrations: migrations(), Full: s.reserve.release},
	)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	s.hints = event.NewHints(s.db)
	if err := s.fit(ctx); err != nil {
		return nil, errors.Join(err, s.db.Close())
	}
	return s, nil
}

// migrations are the tables of all stages.
func migrations() []store.Migrations {
	return []store.Migrations{
		identity.Migrations(),
		object.Migrations(),
		source.Migrations(),
		report.Migrations(),
		build.Migrations(),
		deploy.Migrations(),
		release.Migrations(),
		metric.Migrations(),
		monitor.Migrations(),
		pipeline.Migrations(),
		loadbalancer.Migrations(),
	}
}

// sessions are identity's, as the pages take them.
type sessions struct{ *identity.Service }

func (s sessions) Session(ctx context.Context, cookie string) (web.Session, bool, error) {
	x, ok, err := s.Service.Session(ctx, cookie)
	return web.Session{Caller: x.Caller, CSRF: x.CSRF, Began: x.Began}, ok, err
}

func (s *server) readObject(ctx context.Context, bucket, key string) (io.ReadCloser, error) {
	_, f, err := s.objects.Get(ctx, bucket, key, "")
	return f, err
}

// host is where the routers' listeners are reached, unless they are elsewhere: where the server is.
func (s *server) host() string {
	u, err := url.Parse(s.URL)
	if err != nil || u.Hostname() == "" {
		return "localhost"
	}
	return u.Hostname()
}

// wantRouter lets `up` start a router.
func (s *server) wantRouter() {
	if err := s.Data.WantRouter(); err != nil {
		s.Log.Error("a router is needed and cannot be asked for", "error", err)
	}
}

// keys makes sure that there are an administrator, a runner and a router with their keys.
func (s *server) keys(ctx context.Context) error {
	for _, user := range []struct{ name, role string }{
		{"administrator", identity.Administrator},
		{"runner", identity.Runner},
		{"router", identity.Router},
	} {
		if err := s.identity.EnsureUser(ctx, user.name, user.role); err != nil {
			return err
		}
		key, ok, err := s.Data.ReadKey(user.name)
		if err != nil {
			return err
		}
		if given := s.Administrator; user.name == "administrator" && given.ID != "" {
			ok, key = key == given, given
		}
		if !ok {
			if key.ID == "" {
				key = Key(identity.NewKey())
			}
			if err := s.Data.WriteKey(user.name, key); err != nil {
				return err
			}
		}
		if err := s.identity.AddKey(ctx, user.name, identity.Key(key)); err != nil {
			return err
		}
	}
	return nil
}
