// Package app is the composition root. It is the only package that imports all stages, and connects them.
package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"slipway/internal/fault"
	"slipway/internal/identity"
	"slipway/internal/notify"
	"slipway/internal/web/kit"
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
	// Regions are the regions that requests may be signed for: AnyRegion, or names. If it is empty, any region is
	// accepted at a loopback address, and otherwise the home region only.
	Regions string
	Keep    Keep     // how long what has ended is kept
	Hosts   []string // names that the server answers to besides its own; *.example.com stands for all below example.com
	// HostNetworks are the networks whose addresses hosts may publish for load balancers, besides their own address.
	HostNetworks []netip.Prefix
	// NotifyNetworks are the networks that messages of topics may go to, besides the public ones.
	NotifyNetworks []netip.Prefix
	Mail           *notify.Mail // the server that mails are handed to; nil for none
	// Administrator is the key of the first administrator. If it is empty, a random key is made.
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
	lock, err := o.Data.lockServer(o.Listen, o.Database != "")
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
			"this server is reached without TLS: signatures cannot be forged, but others on the network can read " +
				"sources, bundles and session cookies. Use --tls-own, --tls-cert or --acme, or a TLS proxy and " +
				"--url https://…",
		)
	}
	s, err := open(ctx, o)
	if err != nil {
		return err
	}
	defer s.close()
	return s.serve(ctx, listener)
}

// server is everything, fitted together.
type server struct {
	*ground
	*storage
	*traffic
	*stages
	rights  *rights
	handler *mux
}

// open makes the modules of a server.
func open(ctx context.Context, o Options) (*server, error) {
	g, err := openGround(ctx, o)
	if err != nil {
		return nil, err
	}
	s := &server{ground: g}
	if err := s.make(ctx); err != nil {
		g.close()
		return nil, err
	}
	return s, nil
}

func (s *server) make(ctx context.Context) (err error) {
	s.rights = newRights(s)
	if s.storage, err = newStorage(ctx, s.ground, s.rights); err != nil {
		return err
	}
	if s.traffic, err = newTraffic(ctx, s.ground); err != nil {
		return err
	}
	if s.stages, err = newStages(ctx, s.ground, s.storage, s.traffic, s.rights); err != nil {
		return err
	}
	if err := s.upgradeRoles(ctx); err != nil {
		return err
	}
	if err := s.pipelines.Rewatch(ctx); err != nil {
		return err
	}
	tellTopics(s.ground, s.storage, s.rights)
	tellPipelines(s.db, s.stages)
	tellDeployments(s.db, s.deployments)
	tellConnections(s.ground, s.stages)
	s.handler = s.newHandler(ctx)
	return newKeeper(ctx, s.ground, s.storage, s.stages)
}

// closing bounds what is written when a server closes.
const closing = 5 * time.Second

// close closes what the modules hold open.
func (s *server) close() {
	ctx, cancel := context.WithTimeout(context.Background(), closing)
	defer cancel()
	if err := s.identity.Flush(ctx); err != nil {
		s.Log.Error("write when access keys were last used", "error", err)
	}
	if err := s.journal.Close(); err != nil {
		s.Log.Error("close journal", "error", err)
	}
	s.ground.close()
}

// react looks at what waits for routers.
func (s *server) react(ctx context.Context) error {
	fault.Panic("loop.routers")
	return errors.Join(s.deployments.Look(ctx), s.releases.Applied(ctx))
}

// sessions are identity's, as the pages take them.
type sessions struct{ *identity.Service }

// Begin implements kit.Factors.
func (s sessions) Begin(ctx context.Context, name, secret string, from kit.From) (kit.Step, bool, error) {
	step, ok, err := s.Service.Begin(ctx, name, secret, identity.From(from))
	return kit.Step(step), ok, err
}

// Second implements kit.Factors.
func (s sessions) Second(ctx context.Context, pending, code string) (kit.Step, bool, error) {
	step, ok, err := s.Service.Second(ctx, pending, code)
	return kit.Step(step), ok, err
}

// Renew implements kit.Factors.
func (s sessions) Renew(ctx context.Context, pending, password string) (kit.Step, bool, error) {
	step, ok, err := s.Service.Renew(ctx, pending, password)
	return kit.Step(step), ok, err
}

// AskPasskey implements kit.Factors.
func (s sessions) AskPasskey(pending string, from kit.From) (options, next string, ok bool, err error) {
	return s.Service.AskPasskey(pending, identity.From(from))
}

// ByPasskey implements kit.Factors.
func (s sessions) ByPasskey(ctx context.Context, pending, response string) (kit.Step, bool, error) {
	step, ok, err := s.Service.ByPasskey(ctx, pending, response)
	return kit.Step(step), ok, err
}

// FromElsewhere implements kit.Providers.
func (s sessions) FromElsewhere(ctx context.Context, name, kept, state, code string,
	from kit.From) (kit.Step, string, error) {
	step, to, err := s.Service.FromElsewhere(ctx, name, kept, state, code, identity.From(from))
	return kit.Step(step), to, err
}

func (s sessions) Session(ctx context.Context, cookie string) (kit.Session, bool, error) {
	x, ok, err := s.Service.Session(ctx, cookie)
	return kit.Session{Caller: x.Caller, CSRF: x.CSRF, Began: x.Began}, ok, err
}

// host is where clients reach the routers' listeners unless a listener says otherwise. It is the host of the server's
// URL.
func (g *ground) host() string {
	u, err := url.Parse(g.URL)
	if err != nil || u.Hostname() == "" {
		return "localhost"
	}
	return u.Hostname()
}

// wantRouter lets `up` start a router.
func (g *ground) wantRouter() {
	if err := g.Data.WantRouter(); err != nil {
		g.Log.Error("a router is needed, and the file that starts one cannot be written", "error", err)
	}
}

// keys makes sure that there are an administrator, a runner and a router with their keys.
func (g *ground) keys(ctx context.Context, users *identity.Service) error {
	for _, user := range []struct{ name, role string }{
		{"administrator", identity.Administrator},
		{"runner", identity.Runner},
		{"router", identity.Router},
	} {
		if err := users.EnsureUser(ctx, user.name, user.role); err != nil {
			return err
		}
		key, ok, err := g.Data.ReadKey(user.name)
		if err != nil {
			return err
		}
		if given := g.Administrator; user.name == "administrator" && given.ID != "" {
			ok, key = key == given, given
		}
		if !ok {
			if key.ID == "" {
				key = Key(identity.NewKey())
			}
			if err := g.Data.WriteKey(user.name, key); err != nil {
				return err
			}
		}
		if err := users.AddKey(ctx, user.name, identity.Key(key)); err != nil {
			return err
		}
	}
	return nil
}
