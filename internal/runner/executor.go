package runner

import (
	"context"
	"os"
	"path"
	"path/filepath"

	"slipway/internal/runner/room"
)

// Executor says where builds run. Its methods may be called by several goroutines.
type Executor interface {
	// Open opens a room with its shell for one build.
	Open(ctx context.Context, s room.Spec) (room.Room, error)
	// Recover kills what the rooms below dir have left that an earlier process of this runner opened, and removes it.
	Recover(dir string) error
	// Labels says what the executor can, for people who choose a runner.
	Labels() []string
}

// limits are those of a build's processes. Memory leaves a part to the server, which may be on the same machine, and so
// does the weight: builds have all processors that it leaves.
var limits = room.Limits{MemoryPercent: 80, Processes: 16_384, CPUWeight: 50}

// workspace is the room of a build with what the runner knows of it.
type workspace struct {
	room  room.Room
	place room.Place
}

func newWorkspace(r room.Room) *workspace { return &workspace{r, r.Place()} }

// own gives a file that the runner has made in the room to the build's user.
func (w *workspace) own(file string) error {
	if w.place.User < 0 {
		return nil
	}
	return os.Lchown(file, w.place.User, w.place.User)
}

// folder returns the folder of this machine that the room shows at a path. It is made if it is missing.
func (w *workspace) folder(inside string) (string, error) {
	dir, rest, err := w.room.Files(inside)
	if err != nil || rest == "." {
		return dir, err
	}
	dir = filepath.Join(dir, rest)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	return dir, w.own(dir)
}

// tool returns the name of a file, on this machine, in the folder of the runner's tools, and the path that the room
// shows it at.
func (w *workspace) tool(name string) (file, inside string, err error) {
	dir, rest, err := w.room.Files(w.place.Tools)
	return filepath.Join(dir, rest, name), path.Join(w.place.Tools, name), err
}
