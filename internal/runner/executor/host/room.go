package host

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"slipway/internal/runner/room"
)

// pipeSize is how much the pipe of a room's output holds, so that a build that writes much is not slowed; 1 MiB is what
// the kernel allows anyone.
const pipeSize = 1 << 20

// stopDelay is how long the output of a killed program may stay open.
const stopDelay = 5 * time.Second

// folder is a folder of this machine and what it is called in the room.
type folder struct{ inside, outside string }

// hostRoom is a room whose files lie on this machine.
type hostRoom struct {
	spec    room.Spec
	place   room.Place
	folders []folder // an inner folder before the one that holds it
	group   *group
	output  *os.File // the commands' end of the pipe
	shell   *shell

	// prefix is the program, with its arguments, that closes a process in; nil if none does.
	prefix []string
	// passwd and groups are the files of accounts that a sandbox shows.
	passwd, groups []byte
	// start is the folder of this machine in which processes start.
	start string
	// mark is a variable of all processes of the room, by which those are found that left their parents; "" if the
	// kernel ends them.
	mark string

	terminals terminals
	closing   sync.Once
}

// open makes the folders, the group and the pipe of the room, and starts its shell.
func (r *hostRoom) open(layout func(*hostRoom) error) error {
	r.place = room.Place{User: -1, Dir: r.spec.Dir}
	for _, name := range ownFolders {
		if err := os.MkdirAll(filepath.Join(r.spec.Dir, name), 0o755); err != nil {
			return err
		}
	}
	if err := layout(r); err != nil {
		return err
	}
	r.place.Script, r.place.Answers = path.Join(r.place.Tools, scriptName), path.Join(r.place.Tools, answerName)
	for _, name := range ownFolders {
		if err := r.own(filepath.Join(r.spec.Dir, name)); err != nil {
			return err
		}
	}
	if r.spec.Limits != (room.Limits{}) {
		r.group = newGroup(groupsOf(filepath.Dir(r.spec.Dir))+rand.Text(), r.spec.Limits)
	}
	output, w, err := os.Pipe()
	if err != nil {
		return err
	}
	r.place.Output, r.output = output, w
	raw, err := output.SyscallConn()
	if err != nil {
		return err
	}
	_ = raw.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, pipeSize) })
	_, err = r.Shell()
	return err
}

// plainLayout is of a room without a sandbox: its folders are called what they are.
func plainLayout(r *hostRoom) error {
	if err := r.refuse("a sandbox"); err != nil {
		return err
	}
	inside := func(name string) string { return filepath.Join(r.spec.Dir, name) }
	r.place.Source, r.place.Secondary = inside(sourceFolder), inside(secondaryFolder)
	r.place.Home, r.place.Temporary, r.place.Tools = inside(homeFolder), inside(temporaryFolder), inside(toolsFolder)
	r.place.Warning = "WARNING: this runner has no sandbox. The build runs with the runner's own rights: it can read " +
		"its keys, " +
		"its files and those of other builds."
	r.folders = r.named()
	r.start, r.mark = r.place.Source, mark(r.spec.Dir)
	return nil
}

// treeLayout is of a room that builds a working tree in place.
func treeLayout(r *hostRoom, tree string) error {
	if err := plainLayout(r); err != nil {
		return err
	}
	r.place.Source, r.place.Temporary, r.place.Warning = tree, "", ""
	r.folders = append([]folder{{tree, tree}}, append(r.folders[1:], folder{"/", "/"})...)
	r.start = tree
	return nil
}

// named are the folders of a room with the names that they have in it.
func (r *hostRoom) named() []folder {
	outside := func(name string) string { return filepath.Join(r.spec.Dir, name) }
	return []folder{
		{r.place.Source, outside(sourceFolder)},
		{r.place.Secondary, outside(secondaryFolder)},
		{r.place.Home, outside(homeFolder)},
		{r.place.Temporary, outside(temporaryFolder)},
		{r.place.Tools, outside(toolsFolder)},
	}
}

// refuse returns an error for a specification that only a sandbox can meet.
func (r *hostRoom) refuse(what string) error {
	switch {
	case len(r.spec.Mounts) > 0:
		return fmt.Errorf("mounts need %s, which this runner does not have", what)
	case r.spec.Network != room.NetworkHost:
		return fmt.Errorf("the network %q needs %s, which this runner does not have", r.spec.Network, what)
	}
	return nil
}

func (r *hostRoom) own(file string) error {
	if r.place.User < 0 {
		return nil
	}
	return os.Lchown(file, r.place.User, r.place.User)
}

// Place implements room.Room.
func (r *hostRoom) Place() room.Place { return r.place }

// Files implements room.Room.
func (r *hostRoom) Files(file string) (dir, rest string, err error) {
	clean := path.Clean(file)
	for _, f := range r.folders {
		if clean == f.inside {
			return f.outside, ".", nil
		}
		if rest, ok := strings.CutPrefix(clean, strings.TrimSuffix(f.inside, "/")+"/"); ok {
			return f.outside, rest, nil
		}
	}
	return "", "", fmt.Errorf("%s is not in one of the build's folders", file)
}

// Shell implements room.Room.
func (r *hostRoom) Shell() (room.Shell, error) {
	if r.shell != nil && !r.shell.stopped() {
		return r.shell, nil
	}
	s, err := r.startShell()
	if err != nil {
		return nil, err
	}
	r.shell = s
	return s, nil
}

// Run implements room.Room.
func (r *hostRoom) Run(ctx context.Context, c room.Command) error {
	p := r.command(c.Args, c.Env)
	p.Stdout, p.Stderr, p.WaitDelay = c.Stdout, c.Stderr, stopDelay
	if err := p.begin(); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, p.kill)
	defer stop()
	err := p.wait()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		return &room.ExitError{Status: failed.ExitCode()}
	}
	if err != nil {
		return err
	}
	return context.Cause(ctx)
}

// OutOfMemory implements room.Room.
func (r *hostRoom) OutOfMemory() int64 {
	if r.group.exhausted() {
		return r.group.limit
	}
	return 0
}

// Close implements room.Room.
func (r *hostRoom) Close() (err error) {
	r.closing.Do(func() {
		r.terminals.close()
		if r.shell != nil {
			r.shell.Stop()
		}
		r.killLeft()
		r.group.remove()
		for _, f := range []*os.File{r.output, r.place.Output} {
			if f != nil {
				_ = f.Close() // the runner may have closed its end
			}
		}
		err = room.RemoveAll(r.spec.Dir)
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	})
	return err
}
