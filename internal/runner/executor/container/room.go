package container

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"slipway/internal/runner/room"
)

// Where a build finds its files in a container.
const (
	source    = "/codebuild/output/src"
	secondary = "/codebuild/output/secondary"
	tools     = "/codebuild/output/tmp"
	home      = "/root"
)

// standardPath is PATH in an image that sets none.
const standardPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// pipeSize is how much the pipe of a room's output holds.
const pipeSize = 1 << 20

// folder is a folder of this machine and what it is called in the room.
type folder struct{ inside, outside string }

// containerRoom is a room whose processes are those of a container.
type containerRoom struct {
	engine  *Executor
	spec    room.Spec
	place   room.Place
	folders []folder
	id      string // of the container
	from    image
	pid     int             // of the container's first process, on this machine
	oom     string          // the file that counts how often memory ran out, "" for none
	dead    <-chan struct{} // closed when the container has ended, or is lost
	// littered says that dead processes are left in the container.
	littered atomic.Bool
	lost     error // why the engine tells nothing of the container any more, once it is dead
	leave    context.CancelFunc

	control, answered *os.File // to the first process, and back
	shell             *shell
	serial            int

	closing sync.Once
}

// open makes the room's folders and its container, and starts its shell.
func (r *containerRoom) open(ctx context.Context) error {
	r.place = room.Place{Source: source, Secondary: secondary, Home: home, Tools: tools, Dir: r.spec.Dir, User: -1,
		Script: path.Join(tools, scriptName), Answers: path.Join(tools, answerName)}
	found, err := r.image(ctx)
	if err != nil {
		return err
	}
	r.from = found
	if r.place.Image = r.spec.Image; !strings.Contains(r.spec.Image, "@") {
		r.place.Image += "@" + found.digest
	}
	for _, f := range []folder{{source, "src"}, {secondary, "secondary"}, {tools, "shell"}, {home, "home"}} {
		outside := filepath.Join(r.spec.Dir, f.outside)
		if f.inside == source && r.engine.tree != "" {
			outside = r.engine.tree
		}
		if err := os.MkdirAll(outside, 0o755); err != nil {
			return err
		}
		r.folders = append(r.folders, folder{f.inside, outside})
	}
	if err := r.pipes(); err != nil {
		return err
	}
	if err := r.create(ctx, found); err != nil {
		return err
	}
	return r.start(ctx)
}

// pipes makes the FIFOs between the runner and the container's first process, and the first shell's.
func (r *containerRoom) pipes() (err error) {
	if err := r.handshake(); err != nil {
		return err
	}
	if r.place.Output, err = r.fifo(outputName); err != nil {
		return err
	}
	raw, err := r.place.Output.SyscallConn()
	if err != nil {
		return err
	}
	_ = raw.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, pipeSize) })
	return nil
}

// handshake makes the two by which the first process and the runner agree on a shell.
func (r *containerRoom) handshake() (err error) {
	if r.control, err = r.fifo(controlName); err != nil {
		return err
	}
	r.answered, err = r.fifo(answeredName)
	return err
}

// create makes the container and fills its home folder.
func (r *containerRoom) create(ctx context.Context, of image) error {
	at := func(name string) string { return path.Join(tools, name) }
	s := spec{
		Image:      of.id,
		User:       "0:0", // as CodeBuild's
		WorkingDir: "/",
		Entrypoint: []string{"/bin/sh", "-c", supervisor, "slipway"},
		Cmd:        []string{at(controlName), at(answeredName), at(outputName), r.place.Script, r.place.Answers},
		Labels:     r.labels(),
		HostConfig: r.hostConfig(),
	}
	s.Healthcheck.Test = []string{"NONE"}
	var err error
	if r.id, err = r.engine.api.create(ctx, s); err != nil {
		return fmt.Errorf("make a container of the image %s: %w", r.spec.Image, err)
	}
	return r.fillHome(ctx, of.id, r.outside(home))
}

func (r *containerRoom) labels() map[string]string {
	return map[string]string{labelRooms: filepath.Dir(r.spec.Dir), labelRoom: r.spec.Dir}
}

// start starts the container with its shell.
func (r *containerRoom) start(ctx context.Context) error {
	if err := r.begin(); err != nil {
		return err
	}
	if err := r.engine.api.post(ctx, "/containers/"+r.id+"/start"); err != nil {
		if strings.Contains(err.Error(), "/bin/sh") {
			err = fmt.Errorf("a build's commands need the shell /bin/sh: %w", err)
		}
		return fmt.Errorf("start a container of the image %s: %w", r.spec.Image, err)
	}
	var follow context.Context
	follow, r.leave = context.WithCancel(context.Background())
	dead := make(chan struct{})
	go func() {
		defer close(dead)
		r.lost = r.engine.api.wait(follow, r.id)
	}()
	r.dead = dead
	found, err := r.engine.api.inspect(ctx, r.id)
	if err != nil {
		return err
	}
	if r.pid = found.State.Pid; r.pid <= 1 {
		return fmt.Errorf("the container of the image %s ended at once, with status %d", r.spec.Image,
			found.State.ExitCode)
	}
	r.oom = oomCounter(r.pid)
	r.shell.follow()
	return nil
}

// restart gives the container a new first process and a new shell. Its files stay.
func (r *containerRoom) restart(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, engineLimit)
	defer cancel()
	_ = r.engine.api.post(ctx, "/containers/"+r.id+"/kill?signal=KILL") // it may have ended
	<-r.dead
	r.leave()
	_, _ = r.control.Close(), r.answered.Close()
	if err := r.handshake(); err != nil {
		return err
	}
	r.littered.Store(false)
	return r.start(ctx)
}

// outside is the folder of this machine that the room shows at a path.
func (r *containerRoom) outside(inside string) string {
	for _, f := range r.folders {
		if f.inside == inside {
			return f.outside
		}
	}
	return ""
}

// fifo makes a FIFO in the folder of tools and opens both of its ends.
func (r *containerRoom) fifo(name string) (*os.File, error) {
	file := filepath.Join(r.outside(tools), name)
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err := syscall.Mkfifo(file, 0o600); err != nil {
		return nil, &os.PathError{Op: "mkfifo", Path: file, Err: err}
	}
	return os.OpenFile(file, os.O_RDWR, 0)
}

// Place implements room.Room.
func (r *containerRoom) Place() room.Place { return r.place }

// Files implements room.Room. What is not in one of the room's folders is reached by the root folder of the container's
// first process.
func (r *containerRoom) Files(file string) (dir, rest string, err error) {
	clean := path.Clean(file)
	if !path.IsAbs(clean) {
		return "", "", fmt.Errorf("%s is no absolute path", file)
	}
	for _, f := range r.folders {
		if clean == f.inside {
			return f.outside, ".", nil
		}
		if rest, ok := strings.CutPrefix(clean, f.inside+"/"); ok {
			return f.outside, rest, nil
		}
	}
	root := fmt.Sprintf("/proc/%d/root", r.pid)
	if rest = strings.TrimPrefix(clean, "/"); rest == "" {
		rest = "."
	}
	if _, err := os.Stat(root + "/."); err != nil {
		return "", "", fmt.Errorf("the build's container has ended, with it %s", file)
	}
	return root, rest, nil
}

// OutOfMemory implements room.Room.
func (r *containerRoom) OutOfMemory() int64 {
	if r.oom == "" || !exhausted(r.oom) {
		return 0
	}
	return memory(r.spec.Limits)
}

// Close implements room.Room.
func (r *containerRoom) Close() (err error) {
	r.closing.Do(func() {
		if r.shell != nil {
			r.shell.abandon()
		}
		if r.id != "" {
			err = r.engine.remove(r.id)
		}
		if r.dead != nil {
			<-r.dead
		}
		if r.leave != nil {
			r.leave()
		}
		for _, f := range []*os.File{r.control, r.answered, r.place.Output} {
			if f != nil {
				_ = f.Close() // the runner may have closed its end
			}
		}
		if bad := room.RemoveAll(r.spec.Dir); !errors.Is(bad, fs.ErrNotExist) {
			err = errors.Join(err, bad)
		}
	})
	return err
}
