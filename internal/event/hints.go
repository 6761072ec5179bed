package event

import (
	"slices"
	"strings"
	"sync"

	"github.com/google/uuid"

	"slipway/internal/store"
)

// Hints tell pages and long polls that something changed, so that they read it again. They name things (pipeline/NAME,
// build/ID, deployment/ID) and have no content. They reach every process that works on the database, but may be lost.
// What must not be lost is a fact; see Topic.
type Hints struct {
	db      *store.Store
	mu      sync.Mutex
	waiting map[string]map[chan struct{}]bool
	epoch   string // of this process
	changes int64  // so far
	recent  [remembered]string
}

// remembered is how many changes are kept by name. A caller that asks for older ones is told that something changed.
const remembered = 4096

// hintTopic is the topic of the notices that pass hints between processes. Their text has a name in each line.
const hintTopic = "hints"

// NewHints returns hints without listeners. Hints of other processes arrive once db works. Without a database there are
// no other processes.
func NewHints(db *store.Store) *Hints {
	h := &Hints{db: db, waiting: map[string]map[chan struct{}]bool{}, epoch: uuid.NewString()}
	if db == nil {
		return h
	}
	db.OnNotice(hintTopic, func(text string) { h.hear(strings.Split(text, "\n")...) })
	db.OnGap(h.all)
	return h
}

// Changed sends hints once the writes of tx are durable.
func (h *Hints) Changed(tx store.Tx, names ...string) {
	if h == nil {
		return
	}
	tx.Notify(hintTopic, strings.Join(names, "\n"))
	tx.AfterCommit(func() { h.hear(names...) })
}

// Now sends hints of changes that are not in the database. It never blocks.
func (h *Hints) Now(names ...string) {
	if h == nil {
		return
	}
	if h.db != nil {
		h.db.Notify(hintTopic, strings.Join(names, "\n"))
	}
	h.hear(names...)
}

// hear passes hints to the listeners in this process.
func (h *Hints) hear(names ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, name := range names {
		h.recent[h.changes%remembered] = name
		h.changes++
		for c := range h.waiting[name] {
			wake(c)
		}
	}
}

// all wakes every listener, because its thing may have changed.
func (h *Hints) all() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.changes += remembered + 1
	for _, listeners := range h.waiting {
		for c := range listeners {
			wake(c)
		}
	}
}

// wake lets a listener look. One that was woken and has not looked yet needs no second call.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Listen returns a channel that gets a value after each change of a thing, several changes perhaps as one, until stop
// is called.
func (h *Hints) Listen(names ...string) (changed <-chan struct{}, stop func()) {
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

// since reports whether one of the names changed after a number of changes, and returns the present number.
func (h *Hints) since(at int64, names []string) (changed bool, now int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	changed = at < 0 || at > h.changes || h.changes-at > remembered
	for i := at; i < h.changes && !changed; i++ {
		changed = slices.Contains(names, h.recent[i%remembered])
	}
	return changed, h.changes
}
