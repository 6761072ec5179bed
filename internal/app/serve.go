package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

const (
	// grace is how long requests may take to end after the server was asked to stop.
	grace = 3 * time.Second
	// partsGrace is how long jobs and loops may take after that.
	partsGrace = 3 * time.Second
)

// worker is a part of a module that works as long as the server does.
type worker struct {
	name  string
	until func(ctx context.Context) error // ends with ctx
}

// workers are the parts of all modules that work as long as the server does.
func (s *server) workers() []worker {
	return []worker{
		{"jobs", s.db.Work},
		{"alarms", s.monitor.Run},
		{"what routers report", func(ctx context.Context) error {
			s.reported.take(ctx, s.contained(s.react))
			return nil
		}},
	}
}

// serve works until ctx ends or a part of the server dies. It stops in this order: it accepts nothing new, ends long
// polls, gives requests a time of grace, and only then cancels what still runs, with the cause errStopping.
func (s *server) serve(ctx context.Context, listener net.Listener) error {
	if err := s.sources.Recover(ctx); err != nil {
		return fmt.Errorf("recover repositories: %w", err)
	}
	background := context.WithoutCancel(ctx)
	requests, endRequests := context.WithCancelCause(background)
	work, endWork := context.WithCancelCause(background)
	p := newParts(s.Log)
	for _, r := range s.workers() {
		p.start(work, r.name, r.until)
	}
	hs := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		BaseContext:       func(net.Listener) context.Context { return requests },
		ErrorLog:          slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug),
	}
	p.start(ctx, "http", func(context.Context) error {
		if err := hs.Serve(listener); !errors.Is(err, net.ErrClosed) && !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	s.Log.Info("slipway serves", "url", s.URL, "region", s.Place.Region, "account", s.Place.Account)
	SayReady()
	var died error
	select {
	case died = <-p.failed:
		s.Log.Error("the server ends since a part of it died", "error", died)
	case <-ctx.Done():
	}
	_ = listener.Close()
	s.handler.endPolls(errStopping)
	end, cancel := context.WithTimeout(background, grace)
	defer cancel()
	s.handler.terminals.Wait(end)
	if hs.Shutdown(end) != nil {
		endRequests(errStopping)
		_ = hs.Close()
	}
	s.handler.api.Detached.Wait(end)
	endRequests(errStopping)
	endWork(errStopping)
	p.wait(partsGrace)
	return died
}
