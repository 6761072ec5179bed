package container

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"slipway/internal/runner/room"
)

// beside runs a program that the image lacks in a room of this machine that shows the same folders. What it makes
// becomes root's, as everything in a container is.
func (r *containerRoom) beside(ctx context.Context, c room.Command) (err error) {
	if r.engine.side == nil {
		return fmt.Errorf("the image %s has no %s, and this runner has no sandbox to run it in: add it to the image",
			r.spec.Image, c.Needs)
	}
	s := room.Spec{Dir: filepath.Join(r.spec.Dir, "beside"), Slot: r.spec.Slot, Limits: r.spec.Limits,
		Network: r.spec.Network}
	for _, f := range r.folders {
		s.Mounts = append(s.Mounts, room.Mount{From: f.outside, To: f.inside, Writable: true})
	}
	side, err := r.engine.side.Open(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, side.Close()) }()
	if user := side.Place().User; user >= 0 {
		for _, dir := range []string{source, secondary, tools} { // actions are fetched into tools
			if err := handOver(r.outside(dir), user); err != nil {
				return err
			}
			defer func() { err = errors.Join(err, handOver(r.outside(dir), 0)) }()
		}
	}
	c.Needs = ""
	return side.Run(ctx, c)
}

// handOver gives the files of a folder to a user.
func handOver(dir string, user int) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return fs.WalkDir(root.FS(), ".", func(file string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return root.Lchown(file, user, user)
	})
}
