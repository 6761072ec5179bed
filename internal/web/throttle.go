package web

import (
	"sync"
	"time"
)

// throttle slows down whoever guesses secrets: after some failures a name has to wait.
type throttle struct {
	mu    sync.Mutex
	names map[string]failures
}

type failures struct {
	n     int
	since time.Time
}

const (
	freeTries = 10
	window    = time.Minute
	maxNames  = 10_000
)

func (t *throttle) allow(name string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.names[name]
	return f.n < freeTries || now.Sub(f.since) > window
}

func (t *throttle) failed(name string, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.names == nil || len(t.names) > maxNames {
		t.names = map[string]failures{} // whoever made up that many names gains nothing by it
	}
	f := t.names[name]
	if now.Sub(f.since) > window {
		f = failures{since: now}
	}
	f.n++
	t.names[name] = f
}
