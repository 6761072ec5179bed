// Package router is the data plane: a program of its own that takes requests and sends them to the targets of a table.
// It gets its table from a server and keeps it on its disk, so that it starts and serves when there is no server.
package router

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"slipway/api/awsproto"
	"slipway/api/awsproto/sigv4"
	"slipway/api/slipway"
	"slipway/internal/fault"
)

// Config is what a router is started with.
type Config struct {
	Endpoint    string // of the server
	Region      string
	Credentials sigv4.Credentials // an access key of the role router
	// Name tells routers apart.
	Name string
	// Dir is the router's own, for its table.
	Dir string
	// Listen is the host on which the ports of listeners are opened; "" is all.
	Listen string
	// Metrics is the address at which metrics are served; "" is none.
	Metrics string
	Log     *slog.Logger
	// Ready is called once the router serves the table that it had kept, if any.
	Ready func()
}

const (
	// drainLimit is how long requests in flight may go on when the router is told to end.
	drainLimit = 3 * time.Second
	// headLimit bounds how long a client may take for the head of a request, or for a TLS handshake.
	headLimit = 10 * time.Second
)

// server is a router at work.
type server struct {
	Config
	log      *slog.Logger
	api      slipway.API
	watcher  *watcher
	sampler  sampler
	clients  sync.WaitGroup
	ending   atomic.Bool   // responses close their connections
	accepted chan net.Conn // those that speak HTTP/2
	ended    chan struct{} // closed when no connection is taken any more
	needed   chan struct{} // a report
	full     atomic.Bool   // the next report is to name listeners and targets

	mu        sync.Mutex // of changes of the table
	plan      *plan
	listeners map[string]*listener
	refused   error // why a newer table is not served
}

type clientKey struct{}

// Serve takes requests until ctx ends; then those in flight may go on for a moment.
func Serve(ctx context.Context, c Config) error {
	if c.Name == "" || c.Dir == "" || c.Endpoint == "" {
		return errors.New("a router needs a name, an endpoint and a folder")
	}
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("router: %w", err)
	}
	c.Dir = dir
	if c.Log == nil {
		c.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	s := &server{Config: c, log: c.Log, watcher: newWatcher(maxConnections()), accepted: make(chan net.Conn),
		ended: make(chan struct{}), needed: make(chan struct{}, 1),
		listeners: map[string]*listener{}, sampler: sampler{wake: make(chan struct{}, 1)}}
	s.api = slipway.Client{Client: &awsproto.Client{
		Endpoint:    c.Endpoint,
		Region:      c.Region,
		Credentials: c.Credentials,
		HTTP:        transport(),
	}}
	hs := s.frontend()
	served := make(chan error, 1)
	go func() { served <- hs.Serve(front{s}) }()
	s.resume()
	if c.Ready != nil {
		c.Ready()
	}
	admin := s.serveAdmin()
	var all sync.WaitGroup
	all.Go(func() { s.poll(ctx) })
	all.Go(func() { s.report(ctx) })
	all.Go(func() { s.sampler.run(ctx, s.metrics, s.news) })
	select {
	case err = <-served:
	case <-ctx.Done():
	}
	s.end(hs)
	all.Wait()
	s.lastReport()
	admin()
	return err
}

// frontend is net/http's server, which serves those clients that speak HTTP/2.
func (s *server) frontend() *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true) // never used; net/http looks for the preface of HTTP/2 where it serves both
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{Handler: s, Protocols: &protocols, ReadHeaderTimeout: headLimit, MaxHeaderBytes: maxHead,
		ConnContext: connContext,
		ErrorLog:    slog.NewLogLogger(s.log.Handler(), slog.LevelDebug)}
}

// end stops taking requests and lets those in flight finish.
func (s *server) end(hs *http.Server) {
	s.ending.Store(true)
	close(s.ended)
	s.mu.Lock()
	for _, l := range s.listeners {
		l.close()
	}
	s.mu.Unlock()
	limit, cancel := context.WithTimeout(context.Background(), drainLimit)
	defer cancel()
	s.watcher.each(func(x *watched) {
		if x.rest != nil && x.rest() {
			_ = x.Close()
		}
	})
	finished := make(chan struct{})
	go func() { s.clients.Wait(); close(finished) }()
	if hs.Shutdown(limit) != nil {
		_ = hs.Close()
	}
	select {
	case <-finished:
	case <-limit.Done():
		s.watcher.each(func(x *watched) { _ = x.Close() })
	}
}

// resume serves the table that was kept.
func (s *server) resume() {
	t, err := s.kept()
	if err == nil && t != nil {
		err = s.apply(t, nil)
	}
	if err != nil {
		s.log.Error("the table that was kept cannot be served; waiting for the server's", "error", err)
	}
}

// apply serves another table from now on, once its text is kept. Listeners, groups and targets that stay go on as they
// are.
func (s *server) apply(t *slipway.Table, encoded []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	balancers := map[string]string{}
	for _, g := range t.TargetGroups {
		balancers[awsproto.Value(g.TargetGroupArn)] = g.LoadBalancerArn
	}
	before := s.plan
	p, err := newPlan(t, before, func(arn string) *group {
		return newGroup(arn, newMetrics(arn, balancers[arn], s.sampler.traffic), s.news)
	})
	if s.refused = err; err != nil {
		return err
	}
	if encoded != nil {
		if err := s.keep(encoded); err != nil {
			return err
		}
		fault.Point("router.kept")
	}
	key := cookieKey(t)
	for _, g := range t.TargetGroups {
		p.groups[awsproto.Value(g.TargetGroupArn)].apply(newGroupConfig(g, key))
	}
	s.plan = p
	s.open(p)
	for _, g := range p.gone(before) {
		g.end()
	}
	return nil
}

// open opens the listeners of a plan and closes those that it does not have.
func (s *server) open(p *plan) {
	for arn, l := range s.listeners {
		if r := p.listeners[arn]; r == nil || r.Port != l.port {
			l.close()
			delete(s.listeners, arn)
		}
	}
	for arn, r := range p.listeners {
		l := s.listeners[arn]
		if l != nil {
			l.route.Store(r)
			continue
		}
		l = &listener{s: s, arn: arn, port: r.Port}
		l.route.Store(r)
		s.listeners[arn] = l
		l.open(s)
	}
}

// metrics are those of all groups.
func (s *server) metrics() []*metrics {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*metrics
	if s.plan != nil {
		for _, g := range s.plan.groups {
			all = append(all, g.metrics)
		}
	}
	return all
}

// maxConnections is half of the descriptors that there may be: each connection of a client may need one to a target.
func maxConnections() int {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return 512
	}
	return max(int(min(limit.Cur, 1<<20))/2, 64)
}
