package build

import (
	"sync"
	"time"
)

// refusalPause is how long after a refused delivery of a webhook the next one is not remembered.
const refusalPause = 10 * time.Second

// refusals are when the last refused delivery of each webhook was remembered.
type refusals struct {
	mu   sync.Mutex
	last map[string]time.Time
}

// due reports whether a refused delivery of a project's webhook is to be remembered now.
func (r *refusals) due(project string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at, ok := r.last[project]; ok && now.Sub(at) < refusalPause {
		return false
	}
	if r.last == nil {
		r.last = map[string]time.Time{}
	}
	r.last[project] = now
	return true
}
