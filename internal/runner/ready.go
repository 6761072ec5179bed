package runner

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"slipway/internal/runner/room"
)

const (
	// maxReady bounds how many rooms are kept ready, since each takes some memory and some processes.
	maxReady = 8
	// maxAge is how long a room is kept ready. A room shows the system as it was when the room was opened.
	maxAge = 10 * time.Minute
)

// readyRooms keeps an open room for each free slot, so that a build finds its shell open. A room is used by one build
// and then closed.
type readyRooms struct {
	executor Executor
	spec     room.Spec // of the rooms that are kept ready as long as nothing is known of the builds
	dir      string    // of the rooms' folders
	log      *slog.Logger

	mu      sync.Mutex
	used    []usedSpec // by the last builds, the newest last
	slots   []slotRooms
	serial  int
	closed  bool
	opening sync.WaitGroup
}

// usedSpec is what a build wanted, and when.
type usedSpec struct {
	spec room.Spec
	at   time.Time
}

const (
	// maxUsed is how many builds say what rooms are kept ready, and maxUsedAge for how long each does.
	maxUsed    = 16
	maxUsedAge = time.Hour
)

// slotRooms is what readyRooms knows of a slot.
type slotRooms struct {
	builds  int // that have a room of the slot; the one before may still be closing its own
	waiting *readyRoom
}

// readyRoom is a room that is opened, or open, for a build that has not come yet.
type readyRoom struct {
	spec   room.Spec
	opened time.Time
	done   chan struct{} // closed when room and err are set
	room   room.Room
	err    error
}

func newReadyRooms(e Executor, spec room.Spec, dir string, slots int, log *slog.Logger) *readyRooms {
	p := &readyRooms{executor: e, spec: spec, dir: dir, log: log, slots: make([]slotRooms, slots)}
	for slot := range slots {
		p.prepare(slot)
	}
	return p
}

// prepare opens a room for a slot, unless there is one or the slot is taken. It does not wait for it.
func (p *readyRooms) prepare(slot int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := &p.slots[slot]
	if p.closed || slot >= maxReady || s.builds > 0 || s.waiting != nil {
		return
	}
	spec := p.specOf(p.likely(slot, time.Now()), slot)
	w := &readyRoom{spec: spec, opened: time.Now(), done: make(chan struct{})}
	s.waiting = w
	p.opening.Go(func() {
		defer close(w.done)
		w.room, w.err = p.executor.Open(context.Background(), spec)
		if w.err != nil {
			p.log.Warn("a room cannot be made ready", "error", w.err)
		}
	})
}

// likely is what the next build of a slot may want: the slots are shared out as the last builds wanted them.
func (p *readyRooms) likely(slot int, now time.Time) room.Spec {
	p.used = slices.DeleteFunc(p.used, func(u usedSpec) bool { return now.Sub(u.at) > maxUsedAge })
	type share struct {
		spec  room.Spec
		count int
	}
	var shares []share // the one that was used last comes first
	for _, u := range slices.Backward(p.used) {
		i := slices.IndexFunc(shares, func(s share) bool { return s.spec.Fits(u.spec) })
		if i < 0 {
			i, shares = len(shares), append(shares, share{spec: u.spec})
		}
		shares[i].count++
	}
	slices.SortStableFunc(shares, func(a, b share) int { return b.count - a.count })
	at := slot * len(p.used) / len(p.slots)
	for _, s := range shares {
		if at -= s.count; at < 0 {
			return s.spec
		}
	}
	return p.spec
}

// note keeps what a build wanted.
func (p *readyRooms) note(spec room.Spec) {
	spec.Say = nil
	p.used = append(p.used, usedSpec{spec, time.Now()})
	p.used = p.used[max(0, len(p.used)-maxUsed):]
}

// specOf gives a specification a folder and a slot.
func (p *readyRooms) specOf(spec room.Spec, slot int) room.Spec {
	p.serial++
	spec.Dir, spec.Slot = filepath.Join(p.dir, fmt.Sprintf("room-%d", p.serial)), slot
	return spec
}

// has tells whether a room is ready for a slot.
func (p *readyRooms) has(slot int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := p.slots[slot].waiting
	if w == nil {
		return false
	}
	select {
	case <-w.done:
		return w.err == nil
	default:
		return false
	}
}

// open returns a room for a build of a slot: the one that is ready, or being made ready, if it is what the build wants.
// free must follow once the room is closed.
func (p *readyRooms) open(ctx context.Context, spec room.Spec, slot int) (room.Room, error) {
	w, from := p.take(spec, slot)
	if from != slot {
		p.prepare(from)
	}
	p.mu.Lock()
	spec = p.specOf(spec, slot)
	p.mu.Unlock()
	if w != nil {
		<-w.done
		if w.err == nil && lives(w.room) {
			return w.room, nil
		}
		w.close()
	}
	return p.executor.Open(ctx, spec)
}

// take begins with a build of a slot: it takes the room that waits for the slot, if it fits, or, for a build in a
// container, one of another slot, from, that fits; users of slots are of this machine alone. A room of the slot that
// does not fit is closed, and the build does not wait for that. take returns nil if no room fits.
func (p *readyRooms) take(spec room.Spec, slot int) (w *readyRoom, from int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.note(spec)
	p.slots[slot].builds++
	own := p.slots[slot].waiting
	if own != nil && own.spec.Fits(spec) {
		p.slots[slot].waiting = nil
		return own, slot
	}
	if own != nil && !p.closed {
		p.slots[slot].waiting = nil
		p.opening.Go(own.close)
	}
	for i := range p.slots {
		if w := p.slots[i].waiting; spec.Image != "" && w != nil && w.spec.Fits(spec) {
			p.slots[i].waiting = nil
			return w, i
		}
	}
	return nil, slot
}

// free says that a build of a slot has closed its room.
func (p *readyRooms) free(slot int) {
	p.mu.Lock()
	p.slots[slot].builds--
	p.mu.Unlock()
	p.prepare(slot)
}

// refresh replaces rooms that have waited for long, until ctx ends.
func (p *readyRooms) refresh(ctx context.Context) {
	t := time.NewTicker(maxAge / 10)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		for slot := range p.slots {
			if w := p.tooOld(slot); w != nil {
				w.close()
				p.prepare(slot)
			}
		}
	}
}

// tooOld takes the room out of a slot if it has waited for too long, or has died.
func (p *readyRooms) tooOld(slot int) *readyRoom {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := p.slots[slot].waiting
	if w == nil {
		return nil
	}
	select {
	case <-w.done:
	default:
		return nil
	}
	if w.err == nil && time.Since(w.opened) < maxAge && lives(w.room) {
		return nil
	}
	p.slots[slot].waiting = nil
	return w
}

// close closes the rooms that no build has taken. p may be nil.
func (p *readyRooms) close() {
	if p == nil {
		return
	}
	p.mu.Lock()
	p.closed = true
	var left []*readyRoom
	for i := range p.slots {
		if w := p.slots[i].waiting; w != nil {
			left = append(left, w)
			p.slots[i].waiting = nil
		}
	}
	p.mu.Unlock()
	p.opening.Wait()
	for _, w := range left {
		w.close()
	}
}

// close closes a room that no build will have.
func (w *readyRoom) close() {
	<-w.done
	if w.err == nil {
		_ = w.room.Close()
	}
}

// lives tells whether a room's shell runs.
func lives(r room.Room) bool {
	s, err := r.Shell()
	if err != nil {
		return false
	}
	select {
	case <-s.Done():
		return false
	default:
		return true
	}
}

// slotExecutor opens the rooms of one slot.
type slotExecutor struct {
	*readyRooms
	slot int
}

// Open implements Executor.
func (s slotExecutor) Open(ctx context.Context, spec room.Spec) (room.Room, error) {
	return s.open(ctx, spec, s.slot)
}

// Recover implements Executor.
func (s slotExecutor) Recover(dir string) error { return s.executor.Recover(dir) }

// Labels implements Executor.
func (s slotExecutor) Labels() []string { return s.executor.Labels() }
