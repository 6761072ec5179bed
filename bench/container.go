package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"slipway/api/codebuild"
	"slipway/internal/runner/executor/container"
	"slipway/internal/runner/room"
)

// turns is how often each way is measured; they take turns.
const turns = 7

// containers compares a container build's start with docker run of the same image: one whose room is opened for it, up
// to its first command's end, and a whole build that finds a room ready.
func containers(ctx context.Context, b *bench) (string, error) {
	image := cmp.Or(os.Getenv("BENCH_IMAGE"), "busybox")
	if out, err := exec.Command("docker", "image", "inspect", image).CombinedOutput(); err != nil {
		return fmt.Sprintf("not measured: Docker does not have the image %s (BENCH_IMAGE names another): %s", image,
			out), nil
	}
	e, err := container.New(ctx, container.Config{})
	if err != nil {
		return "", err
	}
	p := project("contained", codebuild.SourceTypeNoSource, echo)
	p.Environment.Image = &image
	if _, err := b.main.builds.CreateProject(ctx, p); err != nil {
		return "", err
	}
	if err := b.main.build(ctx, "contained"); err != nil { // from now on a room is kept ready
		return "", err
	}
	ways := []func() error{
		func() error { return exec.Command("docker", "run", "--rm", "--network=host", image, "true").Run() },
		func() error { return b.inRoom(ctx, e, image) },
		func() error { return b.main.build(ctx, "contained") },
	}
	took := make([][]time.Duration, len(ways))
	for range turns {
		for i, way := range ways {
			wait(ctx, 2*time.Second) // until a room is ready again
			began := time.Now()
			if err := way(); err != nil {
				return "", err
			}
			took[i] = append(took[i], time.Since(began))
		}
	}
	var middle [3]time.Duration
	for i := range took {
		middle[i] = median(took[i])
	}
	return fmt.Sprintf("docker run %s; a room and its first command %s, %.2f ×; a whole build in a ready room %s, "+
		"%.2f ×", round(middle[0]), round(middle[1]), float64(middle[1])/float64(middle[0]), round(middle[2]),
		float64(middle[2])/float64(middle[0])), nil
}

// inRoom opens a room of an image, up to the answer of its first command. Closing it is not a build's business.
func (b *bench) inRoom(ctx context.Context, e *container.Executor, image string) error {
	dir, err := os.MkdirTemp(b.dir, "room-")
	if err != nil {
		return err
	}
	r, err := e.Open(ctx, room.Spec{Dir: filepath.Join(dir, "room"), Image: image})
	if err != nil {
		return err
	}
	defer func() { go func() { _ = r.Close() }() }()
	sh, err := r.Shell()
	if err != nil {
		return err
	}
	if _, err := io.WriteString(sh, "true; printf x >"+r.Place().Answers+"\n"); err != nil {
		return err
	}
	_, err = io.ReadFull(sh, make([]byte, 1))
	return err
}

// wait waits, or until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
