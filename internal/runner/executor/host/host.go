// Package host opens rooms on this machine: in a sandbox made by bubblewrap, without one, or in a working tree.
package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"

	"slipway/internal/runner/room"
)

// Folders of a room, below its own.
const (
	sourceFolder    = "src"
	secondaryFolder = "secondary"
	homeFolder      = "home"
	temporaryFolder = "tmp"
	toolsFolder     = "shell"
)

var ownFolders = []string{sourceFolder, secondaryFolder, homeFolder, temporaryFolder, toolsFolder}

// Executor opens rooms of one kind on this machine.
type Executor struct {
	labels []string
	// layout completes a room whose folders have been made: its place, and how its processes are started.
	layout func(r *hostRoom) error
}

// Plain returns an executor whose rooms have the rights of this process: they can read its files and keys.
func Plain() *Executor {
	adoptOrphans()
	return &Executor{labels: labels("host"), layout: plainLayout}
}

// Tree returns an executor whose rooms build the folder tree in place, with the rights of this process. Only one of
// them may be open at a time.
func Tree(tree string) *Executor {
	adoptOrphans()
	return &Executor{labels: labels("tree"), layout: func(r *hostRoom) error { return treeLayout(r, tree) }}
}

// labels are what all executors of this package can.
func labels(kind string) []string { return []string{kind, runtime.GOOS, runtime.GOARCH} }

// Labels says what the executor can: "sandbox", "host" or "tree", the operating system and the architecture, both as Go
// names them.
func (e *Executor) Labels() []string { return e.labels }

// Open opens a room with its shell.
func (e *Executor) Open(ctx context.Context, s room.Spec) (room.Room, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	if s.Image != "" {
		return nil, fmt.Errorf("the image %s needs a runner with containers; this one runs builds on its own machine",
			s.Image)
	}
	r := &hostRoom{spec: s, group: &group{}}
	if err := r.open(e.layout); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// Recover kills what rooms below dir have left that an earlier process opened, and removes their folders and groups.
func (e *Executor) Recover(dir string) error {
	killEverywhere(dir)
	removeGroups(dir)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, d := range entries {
		errs = append(errs, room.RemoveAll(filepath.Join(dir, d.Name())))
	}
	return errors.Join(errs...)
}

// adoptOrphans makes this process the parent of what rooms leave behind, so that it can be found and reaped.
func adoptOrphans() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }
