package runner

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Where a build finds its files in its sandbox.
const (
	sourcePath    = "/codebuild/output/src"
	secondaryPath = "/codebuild/output/secondary"
	homePath      = "/root"
	shellPath     = "/codebuild/output/tmp"
)

// Sandbox makes processes that see read-only system folders and a build's own files, and nothing else of the machine;
// they share its network. It is bubblewrap's work.
type Sandbox struct {
	bwrap, setpriv string
	// root says that the runner is root: then builds run as an unprivileged user of their own.
	root bool
	// disableUsers says that bubblewrap can forbid user namespaces by itself, besides the filter of system calls.
	disableUsers bool
	// hidden are folders that are never shown, though they lie in a system folder.
	hidden []string
}

// firstUser is the user ID of the first slot's builds, where the runner is root: above ordinary users, below systemd's
// dynamic ones.
const firstUser = 60_600

// FindSandbox returns a sandbox that was seen to work, or why there is none. hidden are folders that builds must never
// see.
func FindSandbox(hidden ...string) (*Sandbox, error) {
	s := &Sandbox{root: os.Geteuid() == 0}
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
	dir, err := os.MkdirTemp("", "slipway-probe")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	b, err := newBox(dir, s, 0)
	if err != nil {
		return nil, err
	}
	p := b.command([]string{"/bin/sh", "-c", "echo works >/tmp/works"}, baseEnvironment())
	var said bytes.Buffer
	p.Stderr = &said
	if err = p.start(); err == nil {
		err = p.wait()
	}
	if err != nil {
		return nil, fmt.Errorf("bubblewrap does not work here: %s (%w)", strings.TrimSpace(said.String()), err)
	}
	return s, nil
}

// box is where one build's processes run: its folders, and how they are closed in.
type box struct {
	sandbox *Sandbox // nil for none
	user    int      // of the build's files, -1 for the runner's own
	dir     string
	tree    string // a working tree that is built in place, "" for none
	group   *group // what bounds the build's processes; nil for nothing

	once  sync.Once
	fixed []string // bwrap's arguments
}

// newBox makes the folders of a build in dir.
func newBox(dir string, s *Sandbox, slot int) (*box, error) {
	b := &box{sandbox: s, dir: dir, user: -1}
	if s != nil && s.root {
		b.user = firstUser + slot
	}
	for _, name := range []string{"src", "secondary", "home", "tmp", "shell"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			return nil, err
		}
		if err := b.own(filepath.Join(dir, name)); err != nil {
			return nil, err
		}
	}
	if s != nil {
		if err := b.users(); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (b *box) own(path string) error {
	if b.user < 0 {
		return nil
	}
	return os.Lchown(path, b.user, b.user)
}

// users writes the passwd and group files that the build sees, so that its user has a name.
func (b *box) users() error {
	uid, gid := b.user, b.user
	if uid < 0 {
		uid, gid = os.Geteuid(), os.Getegid()
	}
	for name, line := range map[string]string{
		"passwd": fmt.Sprintf("codebuild-user:x:%d:%d::%s:/bin/sh\n", uid, gid, homePath),
		"group":  fmt.Sprintf("codebuild-user:x:%d:\n", gid),
	} {
		text, err := os.ReadFile("/etc/" + name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		// The first line with an ID counts.
		if err := os.WriteFile(filepath.Join(b.dir, name), append([]byte(line), text...), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// source, home and temporary are paths as the build's processes see them.
func (b *box) source() string {
	switch {
	case b.tree != "":
		return b.tree
	case b.sandbox == nil:
		return filepath.Join(b.dir, "src")
	}
	return sourcePath
}

func (b *box) secondary(id string) string {
	if b.sandbox == nil {
		return filepath.Join(b.dir, "secondary", id)
	}
	return path.Join(secondaryPath, id)
}

func (b *box) home() string {
	if b.sandbox == nil {
		return filepath.Join(b.dir, "home")
	}
	return homePath
}

func (b *box) temporary() string {
	if b.sandbox == nil {
		return filepath.Join(b.dir, "tmp")
	}
	return "/tmp"
}

// outside turns a path of the build's into a folder of this machine that it lies in and the rest of the path; ok is
// false for paths that are no files of the build.
func (b *box) outside(p string) (root, rest string, ok bool) {
	p = path.Clean(p)
	for _, m := range [][2]string{
		{b.source(), b.hostSource()},
		{b.secondary(""), filepath.Join(b.dir, "secondary")},
		{b.home(), filepath.Join(b.dir, "home")},
		{b.temporary(), filepath.Join(b.dir, "tmp")},
	} {
		inside := path.Clean(m[0])
		if p == inside {
			return m[1], ".", true
		}
		if rest, ok := strings.CutPrefix(p, inside+"/"); ok {
			return m[1], rest, true
		}
	}
	if b.tree != "" && path.IsAbs(p) { // in place: the files are the user's own
		return "/", strings.TrimPrefix(p, "/"), true
	}
	return "", "", false
}

// hostShell is where the FIFOs of a build's shell lie, shellFolder is the same folder as the build sees it.
func (b *box) hostShell() string { return filepath.Join(b.dir, "shell") }

func (b *box) shellFolder() string {
	if b.sandbox == nil {
		return b.hostShell()
	}
	return shellPath
}

func (b *box) hostSource() string {
	if b.tree != "" {
		return b.tree
	}
	return filepath.Join(b.dir, "src")
}

func (b *box) arguments() []string {
	s := b.sandbox
	args := []string{"--unshare-pid", "--unshare-ipc", "--unshare-uts", "--hostname", "slipway", "--die-with-parent"}
	if !s.root {
		args = append(args, "--unshare-user")
		if s.disableUsers {
			args = append(args, "--disable-userns")
		}
	}
	for _, dir := range []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/opt", "/nix",
		"/run/systemd/resolve", "/run/resolvconf"} {
		info, err := os.Lstat(dir)
		switch {
		case err != nil:
		case info.Mode()&fs.ModeSymlink != 0:
			if to, err := os.Readlink(dir); err == nil {
				args = append(args, "--symlink", to, dir)
			}
		default:
			args = append(args, "--ro-bind", dir, dir)
			for _, h := range s.hidden {
				if strings.HasPrefix(h, dir+"/") {
					args = append(args, "--tmpfs", h)
				}
			}
		}
	}
	for _, dir := range []string{"/codebuild", "/codebuild/output", "/var"} {
		args = append(args, "--perms", "0755", "--dir", dir)
	}
	args = append(args, "--proc", "/proc", "--dev", "/dev",
		"--ro-bind", filepath.Join(b.dir, "passwd"), "/etc/passwd",
		"--ro-bind", filepath.Join(b.dir, "group"), "/etc/group",
		"--bind", filepath.Join(b.dir, "tmp"), "/tmp",
		"--bind", filepath.Join(b.dir, "home"), homePath,
		"--bind", filepath.Join(b.dir, "src"), sourcePath,
		"--bind", filepath.Join(b.dir, "secondary"), secondaryPath,
		"--bind", b.hostShell(), shellPath,
		"--symlink", "/tmp", "/var/tmp", "--chdir", sourcePath)
	if s.root {
		user := strconv.Itoa(b.user)
		args = append(args, s.setpriv, "--reuid", user, "--regid", user, "--clear-groups", "--no-new-privs",
			"--inh-caps=-all", "--bounding-set=-all", "--")
	}
	return args
}

// leftMark is a variable in the environment of all of a build's processes, by which those are found that left the
// process group.
const leftMark = "CODEBUILD_BUILD_ID="

// killLeft kills the processes of a build that are left, whoever their parent is, and reaps those that are ours. In a
// sandbox the kernel has done that.
func killLeft(buildID string) {
	mark := []byte(leftMark + buildID + "\x00")
	self := os.Getpid()
	for range 20 { // a process can start another while it is looked for
		left := false
		entries, err := os.ReadDir("/proc")
		if err != nil {
			return
		}
		for _, e := range entries {
			pid, err := strconv.Atoi(e.Name())
			if err != nil || pid == self {
				continue
			}
			env, err := os.ReadFile("/proc/" + e.Name() + "/environ")
			if err != nil || !bytes.Contains(append([]byte{0}, append(env, 0)...), append([]byte{0}, mark...)) {
				continue
			}
			left = true
			_ = syscall.Kill(pid, syscall.SIGKILL)
			var status syscall.WaitStatus
			_, _ = syscall.Wait4(pid, &status, syscall.WNOHANG, nil)
		}
		if !left {
			return
		}
		<-time.After(5 * time.Millisecond) // the kernel needs a moment to take them down
	}
}

// adoptOrphans makes this process the parent of what builds leave behind, so that it can be reaped.
func adoptOrphans() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }

// removeAll removes a build's folder, also folders in it that the build took its own rights from.
func removeAll(dir string) error {
	err := os.RemoveAll(dir)
	if err == nil {
		return nil
	}
	_ = filepath.WalkDir(dir, func(p string, d fs.DirEntry, _ error) error {
		if d != nil && d.IsDir() {
			_ = os.Chmod(p, 0o700) //nolint:gosec // the build and all that it left have been killed
		}
		return nil
	})
	return os.RemoveAll(dir)
}
