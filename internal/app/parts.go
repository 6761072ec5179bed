package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"slipway/internal/contain"
)

// errStopping is the cause with which the contexts of requests and jobs end when the server stops.
var errStopping = errors.New("the server stops")

// parts run as long as the server does. If one ends by itself, the server ends with its error, because a server without
// its alarms or jobs would look healthy and do nothing.
type parts struct {
	log    *slog.Logger
	all    sync.WaitGroup
	mu     sync.Mutex
	alive  map[string]bool
	failed chan error // the first death
}

func newParts(log *slog.Logger) *parts {
	return &parts{log: log, alive: map[string]bool{}, failed: make(chan error, 1)}
}

// start runs a part until ctx ends. A panic of it, too, is its death.
func (p *parts) start(ctx context.Context, name string, run func(context.Context) error) {
	p.mu.Lock()
	p.alive[name] = true
	p.mu.Unlock()
	p.all.Go(func() {
		err := contain.Do(func() error { return run(ctx) })
		p.mu.Lock()
		delete(p.alive, name)
		p.mu.Unlock()
		if ctx.Err() != nil {
			if err != nil && !errors.Is(err, context.Canceled) {
				p.log.Error("a part of the server ended with an error", "part", name, "error", err)
			}
			return
		}
		if err == nil {
			err = errors.New("it ended by itself")
		}
		if trace, ok := errors.AsType[*contain.Panic](err); ok {
			p.log.Error("a part of the server panicked", "part", name, "error", err, "stack", trace.Stack)
		}
		select {
		case p.failed <- fmt.Errorf("%s: %w", name, err):
		default:
		}
	})
}

// wait waits until all parts have ended, but no longer than patience.
func (p *parts) wait(patience time.Duration) {
	ended := make(chan struct{})
	go func() { p.all.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(patience):
		p.mu.Lock()
		defer p.mu.Unlock()
		for name := range p.alive {
			p.log.Error("a part of the server did not end in time, and is left behind", "part", name)
		}
	}
}
