package container

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"syscall"

	"slipway/internal/runner/room"
)

// runMark is the variable that names a program run beside the shell, by which what it started is found.
const runMark = "CODEBUILD_BESIDE="

// Run implements room.Room.
func (r *containerRoom) Run(ctx context.Context, c room.Command) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	if c.Needs != "" && r.lacks(c.Needs) {
		return r.beside(ctx, c)
	}
	mark := runMark + rand.Text()
	if r.littered.Load() {
		if err := r.restart(ctx); err != nil {
			return err
		}
	}
	// Not by ctx: its end closes the connection, and nobody would wait for the processes.
	stream, id, err := r.engine.api.exec(context.WithoutCancel(ctx), r.id, program{
		User: "0:0", Cmd: c.Args, Env: append([]string{mark}, c.Env...), WorkingDir: "/",
		AttachStdout: true, AttachStderr: true,
	})
	if err != nil {
		return err
	}
	defer stream.Close()
	stop := context.AfterFunc(ctx, func() {
		r.killMarked(mark)
		_ = stream.Close()
	})
	defer stop()
	err = separate(c.Stdout, c.Stderr, stream)
	if ctx.Err() != nil {
		r.killMarked(mark)
		return context.Cause(ctx)
	}
	if err != nil {
		return err
	}
	return r.status(ctx, id)
}

// status is the error of a program that has ended.
func (r *containerRoom) status(ctx context.Context, id string) error {
	code, err := r.engine.api.exitCode(ctx, id)
	if err != nil || code == 0 {
		return err
	}
	return &room.ExitError{Status: code}
}

// killMarked kills the processes of a program that was run beside the shell.
func (r *containerRoom) killMarked(mark string) {
	for range killTries {
		left := false
		for _, pid := range r.processes() {
			env, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
			if pid != r.pid && strings.Contains("\x00"+string(env)+"\x00", "\x00"+mark+"\x00") {
				left = true
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		if !left {
			return
		}
	}
}

// lacks tells whether the image has no program of this name.
func (r *containerRoom) lacks(program string) bool {
	root, err := os.OpenRoot(fmt.Sprintf("/proc/%d/root", r.pid))
	if err != nil {
		return false
	}
	defer root.Close()
	for dir := range strings.SplitSeq(cmp.Or(r.from.path, standardPath), ":") {
		_, err := root.Lstat(path.Join(".", dir, program))
		if err == nil || !errors.Is(err, os.ErrNotExist) {
			return false
		}
	}
	return true
}
