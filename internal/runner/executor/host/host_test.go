package host

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"slipway/internal/runner/executor/executortest"
	"slipway/internal/runner/room"
)

func sandboxed(t *testing.T) *Executor {
	t.Helper()
	e, err := Sandboxed()
	if err != nil {
		t.Skipf("SKIPPED: no sandbox here (%v). Install it with: apt-get install -y bubblewrap util-linux", err)
	}
	return e
}

// hasGroups tells whether the kernel gives this process control groups.
func hasGroups() bool {
	g := newGroup("slipway-probe", room.Limits{Processes: 100})
	defer g.remove()
	return len(g.dirs) > 0
}

func TestSandboxedIsAnExecutor(t *testing.T) { executortest.Run(t, sandboxed(t), hasGroups(), "") }

func TestPlainIsAnExecutor(t *testing.T) { executortest.Run(t, Plain(), hasGroups(), "") }

func TestTreeIsAnExecutor(t *testing.T) { executortest.Run(t, Tree(t.TempDir()), hasGroups(), "") }

// A runner that starts leaves the groups of another one alone, though nothing is in them yet.
func TestGroupsBelongToARunner(t *testing.T) {
	if !hasGroups() {
		t.Skip("SKIPPED: the kernel gives this process no control groups (run it as root)")
	}
	ours, others := t.TempDir(), t.TempDir()
	g := newGroup(groupsOf(ours)+"room", room.Limits{Processes: 100})
	defer g.remove()
	removeGroups(others)
	for _, dir := range g.dirs {
		if _, err := os.Stat(dir); err != nil {
			t.Error(err)
		}
	}
	removeGroups(ours)
	for _, dir := range g.dirs {
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s is left", dir)
		}
	}
}

func openRoom(t *testing.T, e *Executor, s room.Spec) room.Room {
	t.Helper()
	s.Dir = filepath.Join(t.TempDir(), "room")
	r, err := e.Open(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func said(t *testing.T, r room.Room, script string) string {
	t.Helper()
	var out strings.Builder
	c := room.Command{Args: []string{"/bin/sh", "-c", script}, Env: environment(""), Stdout: &out, Stderr: &out}
	if err := r.Run(t.Context(), c); err != nil {
		t.Logf("%s: %v", script, err)
	}
	return out.String()
}

func TestASandboxShowsMounts(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "f"), []byte("mounted\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	mounts := []room.Mount{{From: dir, To: "/extra"}}
	r := openRoom(t, sandboxed(t), room.Spec{Mounts: mounts})
	if got := said(t, r, "cat /extra/f; touch /extra/g 2>/dev/null || echo read-only"); got != "mounted\nread-only\n" {
		t.Errorf("got %q", got)
	}
	if r, err := Plain().Open(t.Context(),
		room.Spec{Dir: filepath.Join(t.TempDir(), "room"), Mounts: mounts}); err == nil {
		_ = r.Close()
		t.Error("a room without a sandbox has mounts")
	}
}

func TestASandboxWithoutANetwork(t *testing.T) {
	const count = "grep -c : /proc/net/dev" // the interfaces
	with := said(t, openRoom(t, sandboxed(t), room.Spec{}), count)
	without := said(t, openRoom(t, sandboxed(t), room.Spec{Network: room.NetworkNone}), count)
	if strings.TrimSpace(without) != "1" {
		t.Errorf("a room without a network has %s interfaces, one with it %s", without, with)
	}
}

func TestRecoveryKillsWhatARunnerLeft(t *testing.T) {
	dir := t.TempDir()
	r, err := Plain().Open(t.Context(), room.Spec{Dir: filepath.Join(dir, "left")})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	sh, err := r.Shell()
	if err != nil {
		t.Fatal(err)
	}
	if err := Plain().Recover(dir); err != nil {
		t.Fatal(err)
	}
	<-sh.Done()
}

// A sandbox that was being made when its runner was killed waits for ever, unless the next runner ends it.
func TestRecoveryKillsAHalfMadeSandbox(t *testing.T) {
	dir, bin := t.TempDir(), filepath.Join(t.TempDir(), "bwrap")
	shell, err := exec.LookPath("sh")
	if err == nil {
		err = os.Symlink(shell, bin)
	}
	if err != nil {
		t.Fatal(err)
	}
	waits := exec.Command(bin, "-c", "read -r never", "--bind", filepath.Join(dir, "left", "src"))
	elsewhere := exec.Command(bin, "-c", "read -r never", "--bind", filepath.Join(t.TempDir(), "left", "src"))
	for _, c := range []*exec.Cmd{waits, elsewhere} {
		in, err := c.StdinPipe()
		if err == nil {
			err = c.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
	}
	if err := Plain().Recover(dir); err != nil {
		t.Fatal(err)
	}
	if err := waits.Wait(); err == nil {
		t.Error("it ended by itself")
	}
	if err := elsewhere.Process.Kill(); err != nil {
		t.Errorf("the sandbox of another runner is gone: %v", err)
	}
	_ = elsewhere.Wait()
}

// A shell whose folder is gone does not go round for ever.
func TestASupervisorEndsWithItsFolder(t *testing.T) {
	r, err := Plain().Open(t.Context(), room.Spec{Dir: filepath.Join(t.TempDir(), "room")})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	sh, err := r.Shell()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(r.Place().Script); err != nil {
		t.Fatal(err)
	}
	if _, err := sh.Write([]byte("exit 3\n")); err != nil {
		t.Fatal(err)
	}
	<-sh.Done()
}
