package event

import "sync"

// Hub tells those who look at something that it changed, so that they read it anew: the pages, long polls. It is memory of this
// process alone and carries no content; what must not be lost is an event.
type Hub struct {
	mu      sync.Mutex
	waiting map[string]map[chan struct{}]bool
}

// NewHub returns a hub that nobody listens to yet.
func NewHub() *Hub { return &Hub{waiting: map[string]map[chan struct{}]bool{}} }

// Changed tells that a thing changed: pipeline/NAME, build/ID, deployment/ID. It never blocks.
func (h *Hub) Changed(names ...string) {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, name := range names {
		for c := range h.waiting[name] {
			select {
			case c <- struct{}{}:
			default: // it is told already
			}
		}
	}
}

// Listen returns a channel that gets a value after each change of a thing, several changes perhaps as one, until stop is called.
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
