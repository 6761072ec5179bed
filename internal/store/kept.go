package store

import "sync"

// Kept keeps what was read from the database until somebody says that it has changed. Its zero value keeps nothing.
type Kept[T any] struct {
	mu      sync.Mutex
	held    *T
	changes int64
}

// Get returns what is kept, or else reads it. What changed while it was read is not kept.
func (k *Kept[T]) Get(read func() (T, error)) (T, error) {
	k.mu.Lock()
	held, changes := k.held, k.changes
	k.mu.Unlock()
	if held != nil {
		return *held, nil
	}
	of, err := read()
	if err != nil {
		return of, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.changes == changes {
		k.held = &of
	}
	return of, nil
}

// Forget lets the next Get read again.
func (k *Kept[T]) Forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.held, k.changes = nil, k.changes+1
}
