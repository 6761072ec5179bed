package event

import (
	"slices"
	"sync"

	"github.com/google/uuid"
)

// Hub tells those who look at something that it changed, so that they read it anew: the pages, long polls. It is
// memory of this process alone and carries no content; what must not be lost is an event.
type Hub struct {
	mu      sync.Mutex
	waiting map[string]map[chan struct{}]bool
	epoch   string // of this process
	changes int64  // so far
	recent  [remembered]string
}

// remembered is how many changes a hub can still name. Who asks for what is longer ago is told that it changed.
const remembered = 4096

// NewHub returns a hub that nobody listens to yet.
func NewHub() *Hub {
	return &Hub{waiting: map[string]map[chan struct{}]bool{}, epoch: uuid.NewString()}
}

// Changed tells that a thing changed: pipeline/NAME, build/ID, deployment/ID. It never blocks.
func (h *Hub) Changed(names ...string) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, name := range names {
		h.recent[h.changes%remembered] = name
		h.changes++
		for c := range h.waiting[name] {
			select {
			case c <- struct{}{}:
			default: // it is told already
			}
		}
	}
}

// Listen returns a channel that gets a value after each change of a thing, several changes perhaps as one, until stop
// is called.
func (h *Hub) Listen(names ...string) (changed <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, name := range names {
		if h.waiting[name] == nil {
			h.waiting[name] = map[chan struct{}]bool{}
		}
		h.waiting[name][c] = true
	}
	return c, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, name := range names {
			if delete(h.waiting[name], c); len(h.waiting[name]) == 0 {
				delete(h.waiting, name)
			}
		}
	}
}

// since tells whether one of the names changed after so many changes, and how many there are by now.
func (h *Hub) since(at int64, names []string) (changed bool, now int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	changed = at < 0 || at > h.changes || h.changes-at > remembered
	for i := at; i < h.changes && !changed; i++ {
		changed = slices.Contains(names, h.recent[i%remembered])
	}
	return changed, h.changes
}
