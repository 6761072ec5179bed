package runner

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"slipway/internal/runner/executor/host"
	"slipway/internal/runner/room"
)

// readyFor makes rooms ready, and waits until they are.
func readyFor(t *testing.T, slots int) *readyRooms {
	t.Helper()
	p := newReadyRooms(host.Plain(), room.Spec{}, t.TempDir(), slots, slog.New(slog.DiscardHandler))
	t.Cleanup(p.close)
	for slot := range slots {
		waitFor(t, "a room is ready", func() bool { return p.has(slot) })
	}
	return p
}

// take opens a room as a build does.
func take(t *testing.T, p *readyRooms, spec room.Spec, slot int) room.Room {
	t.Helper()
	r, err := slotExecutor{p, slot}.Open(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func TestEachBuildGetsARoomThatNobodyHad(t *testing.T) {
	p := readyFor(t, 2)
	seen := map[string]bool{}
	for range 3 {
		r := take(t, p, room.Spec{}, 0)
		if dir := r.Place().Dir; seen[dir] {
			t.Fatalf("the room %s is used twice", dir)
		}
		seen[r.Place().Dir] = true
		if p.has(0) {
			t.Error("a slot with a build has a room ready")
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		p.free(0)
		waitFor(t, "the next room is ready", func() bool { return p.has(0) })
	}
}

func TestARoomThatDiedIsNotGivenAway(t *testing.T) {
	p := readyFor(t, 1)
	waiting, err := p.slots[0].waiting.room.Shell()
	if err != nil {
		t.Fatal(err)
	}
	waiting.Stop()
	if sh, err := take(t, p, room.Spec{}, 0).Shell(); err != nil || sh == waiting {
		t.Errorf("a build gets a dead shell: %v", err)
	}
}

func TestABuildThatWantsAnotherRoomGetsItsOwn(t *testing.T) {
	p := readyFor(t, 1)
	ready := p.slots[0].waiting.room.Place().Dir
	r := take(t, p, room.Spec{Limits: room.Limits{Processes: 100}}, 0)
	if r.Place().Dir == ready {
		t.Error("a build gets a room without its limits")
	}
	_, err := slotExecutor{p, 0}.Open(t.Context(), room.Spec{Image: "no/such:image"})
	if err == nil {
		t.Error("a build gets a room of an image that does not exist")
	}
}

func TestNoRoomIsLeftAtTheEnd(t *testing.T) {
	p := readyFor(t, 3)
	r := take(t, p, room.Spec{}, 1)
	_ = r.Close()
	p.free(1) // a room is being opened while the end comes
	p.close()
	for slot := range p.slots {
		if p.has(slot) {
			t.Errorf("slot %d has a room", slot)
		}
	}
	if err := host.Plain().Recover(p.dir); err != nil {
		t.Error(err)
	}
}

// A build that is stopped before its room is open takes nothing along.
func TestAStoppedBuildOpensNoRoom(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errStopped)
	e := &counting{}
	r, leave := Run(ctx, Job{Order: order("version: 0.2\nphases: {}\n"), Executor: e, Log: new(watched)})
	leave()
	if r.Status != "STOPPED" || e.opened != e.closed {
		t.Errorf("%s, %d rooms opened, %d closed", r.Status, e.opened, e.closed)
	}
	if r.Cause == nil || r.Cause.Phase != "PROVISIONING" {
		t.Errorf("%+v", r)
	}
}

// anyImage opens rooms of any image, which are rooms without one in truth.
type anyImage struct{ *host.Executor }

func (e anyImage) Open(ctx context.Context, s room.Spec) (room.Room, error) {
	s.Image = ""
	return e.Executor.Open(ctx, s)
}

// The rooms that are kept ready are of the sorts that the last builds wanted.
func TestRoomsAreReadyForWhatBuildsWant(t *testing.T) {
	p := newReadyRooms(anyImage{host.Plain()}, room.Spec{}, t.TempDir(), 2, slog.New(slog.DiscardHandler))
	t.Cleanup(p.close)
	ready := func(slot int, image string) string {
		t.Helper()
		waitFor(t, "a room is ready for "+image, func() bool { return p.has(slot) })
		p.mu.Lock()
		defer p.mu.Unlock()
		w := p.slots[slot].waiting
		if w.spec.Image != image {
			t.Fatalf("a room is ready for %q, want %q", w.spec.Image, image)
		}
		return w.room.Place().Dir
	}
	build := func(slot int, image string) string {
		t.Helper()
		r := take(t, p, room.Spec{Image: image}, slot)
		dir := r.Place().Dir
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		p.free(slot)
		return dir
	}
	ready(0, "")
	ready(1, "")
	build(0, "golang:1.26")
	first := ready(0, "golang:1.26")
	if got := build(1, "golang:1.26"); got != first {
		t.Error("a build does not get the room that another slot has ready for its image")
	}
	second := ready(1, "golang:1.26")
	if got := build(1, "golang:1.26"); got != second {
		t.Error("a build does not get the room that is ready for its image")
	}
	for range 3 {
		build(0, "")
	}
	// Three of six builds each: one room of each sort.
	got := []string{p.likely(0, time.Now()).Image, p.likely(1, time.Now()).Image}
	if slices.Sort(got); !slices.Equal(got, []string{"", "golang:1.26"}) {
		t.Errorf("rooms are made for %q", got)
	}
	if got := p.likely(0, time.Now().Add(2*maxUsedAge)); got.Image != "" {
		t.Errorf("after a long time without builds a room is made for %q", got.Image)
	}
}
