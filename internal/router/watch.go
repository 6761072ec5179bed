package router

import (
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// watcher closes connections on which nothing moved for too long. It costs a connection one store for each read and
// write, and nothing at all while there are no connections: no deadline is set and no timer moved for a request.
type watcher struct {
	mu      sync.Mutex
	all     map[*watched]struct{}
	running bool
	most    int
}

const lookEvery = time.Second

func newWatcher(most int) *watcher { return &watcher{all: map[*watched]struct{}{}, most: most} }

// watched is a connection that is closed when nothing moves.
type watched struct {
	net.Conn
	w       *watcher
	idle    atomic.Int64 // nanoseconds
	last    atomic.Int64 // when something moved
	expired atomic.Bool  // it was closed for nothing moved
	once    sync.Once
	watchedEvents
}

// watchedEvents are called by the watcher; each may be nil.
type watchedEvents struct {
	over   func()          // it was closed for nothing moved
	looked func(time.Time) // each second
	rest   func() bool     // reports whether it can be closed, and if so forbids to use it
}

// watch begins to watch a connection.
func (w *watcher) watch(c net.Conn, idle time.Duration, events watchedEvents) *watched {
	x := &watched{Conn: c, w: w, watchedEvents: events}
	x.idle.Store(int64(idle))
	x.last.Store(time.Now().UnixNano())
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all[x] = struct{}{}
	if !w.running {
		w.running = true
		go w.look()
	}
	return x
}

// each calls f for every connection.
func (w *watcher) each(f func(*watched)) {
	w.mu.Lock()
	all := slices.Collect(maps.Keys(w.all))
	w.mu.Unlock()
	for _, x := range all {
		f(x)
	}
}

// full reports whether there are as many connections as there may be.
func (w *watcher) full() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.all) >= w.most
}

// look looks at all connections each second, as long as there are some.
func (w *watcher) look() {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for now := range ticker.C {
		w.mu.Lock()
		if len(w.all) == 0 {
			w.running = false
			w.mu.Unlock()
			return
		}
		var over, looked []*watched
		for x := range w.all {
			if x.looked != nil {
				looked = append(looked, x)
			}
			if now.UnixNano()-x.last.Load() > x.idle.Load() {
				over = append(over, x)
			}
		}
		w.mu.Unlock()
		for _, x := range looked {
			x.looked(now)
		}
		for _, x := range over {
			x.expired.Store(true)
			_ = x.Close()
			if x.over != nil {
				x.over()
			}
		}
	}
}

func (x *watched) Read(b []byte) (int, error) {
	n, err := x.Conn.Read(b)
	if n > 0 {
		x.moved()
	}
	return n, err
}

func (x *watched) Write(b []byte) (int, error) {
	n, err := x.Conn.Write(b)
	if n > 0 {
		x.moved()
	}
	return n, err
}

func (x *watched) moved() { x.last.Store(time.Now().UnixNano()) }

// CloseWrite says that nothing more is written, where the connection can.
func (x *watched) CloseWrite() error {
	if c, ok := x.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return nil
}

func (x *watched) Close() error {
	x.once.Do(func() {
		x.w.mu.Lock()
		delete(x.w.all, x)
		x.w.mu.Unlock()
	})
	return x.Conn.Close()
}
