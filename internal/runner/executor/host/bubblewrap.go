package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"slipway/internal/runner/room"
)

// Where a build finds its files in a sandbox.
const (
	sandboxSource    = "/codebuild/output/src"
	sandboxSecondary = "/codebuild/output/secondary"
	sandboxTools     = "/codebuild/output/tmp"
	sandboxTemporary = "/tmp"
	sandboxHome      = "/root"
)

// firstUser is the user ID of the first slot's builds, where the runner is root: above ordinary users, below systemd's
// dynamic ones.
const firstUser = 60_600

// systemFolders are shown in every sandbox, read-only.
var systemFolders = []string{
	"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/opt", "/nix",
	"/run/systemd/resolve", "/run/resolvconf",
}

// sandbox makes rooms whose processes see read-only system folders and their own files, and nothing else of the
// machine. It is bubblewrap's work.
type sandbox struct {
	bwrap, setpriv string
	// root says that this process is root: then builds run as an unprivileged user of their own, by setpriv.
	// Bubblewrap's own --uid would leave the files of root within their reach.
	root bool
	// disableUsers says that bubblewrap can forbid user namespaces by itself, besides the filter of system calls.
	disableUsers bool
	// hidden are folders that are never shown, though they lie in a system folder.
	hidden []string
}

// Sandboxed returns an executor whose rooms are sandboxes, which was seen to work, or says why there is none. hidden
// are folders that builds must never see.
func Sandboxed(hidden ...string) (*Executor, error) {
	adoptOrphans()
	s := &sandbox{root: os.Geteuid() == 0}
	var err error
	if s.bwrap, err = exec.LookPath("bwrap"); err != nil {
		return nil, errors.New("bubblewrap is not installed (apt-get install bubblewrap)")
	}
	if s.setpriv, err = exec.LookPath("setpriv"); err != nil && s.root {
		return nil, errors.New("setpriv is not installed (apt-get install util-linux)")
	}
	s.disableUsers = disablesUsers(s.bwrap)
	for _, dir := range hidden {
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			s.hidden = append(s.hidden, real)
		}
	}
	e := &Executor{labels: labels("sandbox"), layout: s.layout}
	if err := e.probe(); err != nil {
		return nil, err
	}
	return e, nil
}

// probe runs a program in a room of its own.
func (e *Executor) probe() error {
	dir, err := os.MkdirTemp("", "slipway-probe")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	r, err := e.Open(context.Background(), room.Spec{Dir: dir})
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	var said bytes.Buffer
	err = r.Run(context.Background(), room.Command{
		Args:   []string{"/bin/sh", "-c", "echo works >/tmp/works"},
		Env:    environment(""),
		Stderr: &said,
	})
	if err != nil {
		return fmt.Errorf("bubblewrap does not work here: %s (%w)", strings.TrimSpace(said.String()), err)
	}
	return nil
}

// layout completes a room in a sandbox.
func (s *sandbox) layout(r *hostRoom) error {
	if s.root {
		r.place.User = firstUser + r.spec.Slot
	}
	r.place.Source, r.place.Secondary, r.place.Home = sandboxSource, sandboxSecondary, sandboxHome
	r.place.Temporary, r.place.Tools = sandboxTemporary, sandboxTools
	r.folders = r.named()
	r.start = "/"
	var err error
	if r.passwd, r.groups, err = accounts(r.place.User); err != nil {
		return err
	}
	r.prefix = append([]string{s.bwrap}, s.arguments(r)...)
	return nil
}

// accounts are the passwd and group files that a room shows, so that its user has a name. They begin with the user and
// go on as the machine's own do: the first line with an ID counts.
func accounts(user int) (passwd, group []byte, err error) {
	uid, gid := user, user
	if user < 0 {
		uid, gid = os.Geteuid(), os.Getegid()
	}
	of := func(file, line string) []byte {
		text, bad := os.ReadFile(file)
		if bad != nil && !errors.Is(bad, fs.ErrNotExist) {
			err = bad
		}
		return append([]byte(line), text...)
	}
	passwd = of("/etc/passwd", fmt.Sprintf("codebuild-user:x:%d:%d::%s:/bin/sh\n", uid, gid, sandboxHome))
	group = of("/etc/group", fmt.Sprintf("codebuild-user:x:%d:\n", gid))
	return passwd, group, err
}

// arguments are bubblewrap's, up to the program that it is to run.
func (s *sandbox) arguments(r *hostRoom) []string {
	args := []string{"--unshare-pid", "--unshare-ipc", "--unshare-uts", "--hostname", "slipway", "--die-with-parent"}
	if !s.root {
		args = append(args, "--unshare-user")
		if s.disableUsers {
			args = append(args, "--disable-userns")
		}
	}
	if r.spec.Network == room.NetworkNone {
		args = append(args, "--unshare-net")
	}
	args = append(args, s.systemArguments()...)
	for _, dir := range []string{"/codebuild", "/codebuild/output", "/var"} {
		args = append(args, "--perms", "0755", "--dir", dir)
	}
	args = append(args, "--proc", "/proc", "--dev", "/dev",
		"--perms", "0644", "--ro-bind-data", strconv.Itoa(passwdFD), "/etc/passwd",
		"--perms", "0644", "--ro-bind-data", strconv.Itoa(groupFD), "/etc/group")
	for _, f := range r.folders {
		args = append(args, "--bind", f.outside, f.inside)
	}
	for _, m := range r.spec.Mounts {
		how := "--ro-bind"
		if m.Writable {
			how = "--bind"
		}
		args = append(args, how, m.From, m.To)
	}
	args = append(args, "--symlink", sandboxTemporary, "/var/tmp", "--chdir", sandboxSource)
	if s.root {
		user := strconv.Itoa(r.place.User)
		args = append(args, s.setpriv, "--reuid", user, "--regid", user, "--clear-groups", "--no-new-privs",
			"--inh-caps=-all", "--bounding-set=-all", "--")
	}
	return args
}

// systemArguments show the system's folders.
func (s *sandbox) systemArguments() (args []string) {
	for _, dir := range systemFolders {
		info, err := os.Lstat(dir)
		if err != nil {
			continue
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			if to, err := os.Readlink(dir); err == nil {
				args = append(args, "--symlink", to, dir)
			}
			continue
		}
		args = append(args, "--ro-bind", dir, dir)
		for _, h := range s.hidden {
			if strings.HasPrefix(h, dir+"/") {
				args = append(args, "--tmpfs", h)
			}
		}
	}
	return args
}
