package app

import (
	"context"
	"os"
	"path/filepath"

	"github.com/fsnotify/fsnotify"
)

// wanted is the file that says that a router has something to serve.
func (d Data) wanted() string { return filepath.Join(d.Router(), "wanted") }

// WantRouter records that a load balancer exists, so that "slipway up" starts a router. Without one, no router process
// runs.
func (d Data) WantRouter() error {
	if err := os.MkdirAll(d.Router(), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(d.wanted(), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// routerWanted waits until a router is wanted. It watches the folder rather than polls.
func (d Data) routerWanted(ctx context.Context) error {
	if err := os.MkdirAll(d.Router(), 0o700); err != nil {
		return err
	}
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return err
	}
	defer func() { _ = w.Close() }()
	if err := w.Add(d.Router()); err != nil {
		return err
	}
	for {
		if _, err := os.Stat(d.wanted()); err == nil {
			return nil
		}
		select {
		case <-w.Events:
		case err := <-w.Errors:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
