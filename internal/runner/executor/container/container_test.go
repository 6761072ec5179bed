package container

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slipway/internal/runner/executor/executortest"
	"slipway/internal/runner/executor/host"
	"slipway/internal/runner/room"
)

// TestContainers does all that needs an engine, with each one: starting it takes seconds.
func TestContainers(t *testing.T) {
	for name, start := range map[string]func(testing.TB) string{
		"docker": executortest.Docker, "podman": executortest.Podman,
	} {
		t.Run(name, func(t *testing.T) {
			e, err := New(t.Context(), Config{Host: start(t)})
			if err != nil {
				t.Fatal(err)
			}
			t.Run("executor", func(t *testing.T) { executortest.Run(t, e, true, busybox) })
			t.Run("tree", func(t *testing.T) { executortest.Run(t, e.Tree(t.TempDir()), true, busybox) })
			for name, test := range map[string]func(*testing.T, *Executor){
				"the image's home folder":     testHome,
				"what a room reaches":         testReach,
				"privileged":                  testPrivileged,
				"names of images":             testNames,
				"a fork bomb is stopped":      testForkBomb,
				"a killed container":          testKilled,
				"recovery":                    testRecovery,
				"a private image":             testPrivate,
				"a program the image lacks":   testBeside,
				"a build without memory left": testOutOfMemory,
				"services":                    testServices,
				"a service's end":             testServiceRace,
				"an image of a Dockerfile":    testRecipe,
				"volumes":                     testVolumes,
			} {
				t.Run(name, func(t *testing.T) { test(t, e) })
			}
		})
	}
}

const busybox = executortest.Busybox

func open(t *testing.T, e *Executor, s room.Spec) room.Room {
	t.Helper()
	s.Dir = filepath.Join(t.TempDir(), "room")
	r, err := e.Open(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func said(t *testing.T, r room.Room, script string) string {
	t.Helper()
	var out bytes.Buffer
	if err := r.Run(t.Context(), room.Command{Args: []string{"/bin/sh", "-c", script}, Stdout: &out, Stderr: &out}); err != nil {
		t.Logf("%s: %v", script, err)
	}
	return out.String()
}

// What an image has in its home folder is there, although the folder is one of this machine.
func testHome(t *testing.T, e *Executor) {
	for _, how := range []string{"from the image", "from memory"} {
		r := open(t, e, room.Spec{Image: busybox})
		if got := said(t, r, "cat /root/.profile; readlink /root/link"); got != "export GREETING=hello\n.profile\n" {
			t.Errorf("%s: the home folder has %q", how, got)
		}
	}
}

// A room without a network has the loopback interface alone; one with it has the machine's. Neither sees its traffic or
// its devices.
func testReach(t *testing.T, e *Executor) {
	none := said(t, open(t, e, room.Spec{Image: busybox, Network: room.NetworkNone}), "grep -c : /proc/net/dev")
	if strings.TrimSpace(none) != "1" {
		t.Errorf("a room without a network has %s interfaces", none)
	}
	r := open(t, e, room.Spec{Image: busybox})
	const raw, mknod = 1 << 13, 1 << 27
	var held uint64
	caps := said(t, r, "sed -n 's/^CapBnd:[^0-9a-f]*//p' /proc/self/status")
	if _, err := fmt.Sscanf(caps, "%x", &held); err != nil || held&(raw|mknod) != 0 {
		t.Errorf("a room may see the machine's traffic or make devices: %s, %v", caps, err)
	}
}

// What is no name of an image never becomes a part of a call of the engine.
func testNames(t *testing.T, e *Executor) {
	for _, name := range []string{"../containers/json?", "a/../../info", "-x", "a b", "a\nb", "a?x=1", "a#b", "%2e%2e/info"} {
		r, err := e.Open(t.Context(), room.Spec{Image: name, Dir: filepath.Join(t.TempDir(), "room")})
		if err == nil || !strings.Contains(err.Error(), "not the name of an image") {
			t.Errorf("%q: %v, %v", name, r, err)
		}
	}
}

// Privileged rooms are for runners that allow them.
func testPrivileged(t *testing.T, e *Executor) {
	s := room.Spec{Image: busybox, Privileged: true, Dir: filepath.Join(t.TempDir(), "room")}
	if r, err := e.Open(t.Context(), s); err == nil || !strings.Contains(err.Error(), "--privileged") {
		t.Errorf("a privileged room is open on a runner that gives none: %v, %v", r, err)
	}
}

// Processes that start others faster than they are killed end too, and the room goes on.
func testForkBomb(t *testing.T, e *Executor) {
	r := open(t, e, room.Spec{Image: busybox, Limits: room.Limits{Processes: 200}})
	sh, err := r.Shell()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(sh, "f() { f | f & }; f; echo begun >"+r.Place().Answers+"; sleep 1000\n"); err != nil {
		t.Fatal(err)
	}
	begun := make([]byte, 6)
	if _, err := io.ReadFull(sh, begun); err != nil {
		t.Fatal(err)
	}
	sh.Stop()
	if left := r.(*containerRoom).processes(); len(left) > 1 {
		t.Errorf("%d processes are left", len(left))
	}
	if got := said(t, r, "echo works"); got != "works\n" {
		t.Errorf("after the fork bomb the room says %q", got)
	}
}

// A room whose container was killed by somebody else says so and does not hang.
func testKilled(t *testing.T, e *Executor) {
	r := open(t, e, room.Spec{Image: busybox})
	sh, err := r.Shell()
	if err != nil {
		t.Fatal(err)
	}
	if err := e.api.post(t.Context(), "/containers/"+r.(*containerRoom).id+"/kill"); err != nil {
		t.Fatal(err)
	}
	<-sh.Done()
	if _, err := r.Shell(); err == nil {
		t.Error("a dead container has a shell")
	}
}

// The containers of a runner that was killed are removed by the next, and nobody else's.
func testRecovery(t *testing.T, e *Executor) {
	ours, others := t.TempDir(), t.TempDir()
	left, err := e.Open(t.Context(), room.Spec{Image: busybox, Dir: filepath.Join(ours, "left")})
	if err != nil {
		t.Fatal(err)
	}
	other, err := e.Open(t.Context(), room.Spec{Image: busybox, Dir: filepath.Join(others, "other")})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	sh, err := left.Shell()
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Recover(ours); err != nil {
		t.Error(err)
	}
	<-sh.Done()
	if _, err := os.Stat(filepath.Join(ours, "left")); err == nil {
		t.Error("the folder is left")
	}
	if got := said(t, other, "echo works"); got != "works\n" {
		t.Errorf("the room of another runner says %q", got)
	}
	_ = left.Close()
}

// A program that the image lacks runs beside, with the same files, which are root's afterwards.
func testBeside(t *testing.T, e *Executor) {
	var out bytes.Buffer
	c := room.Command{Args: []string{"/bin/sh", "-c", "git init -q /codebuild/output/src && echo made"}, Needs: "git",
		Env: []string{"PATH=/usr/bin:/bin", "HOME=/root"}, Stdout: &out, Stderr: &out}
	r := open(t, e, room.Spec{Image: busybox})
	if err := r.Run(t.Context(), c); err == nil || !strings.Contains(err.Error(), "has no git") {
		t.Errorf("without a sandbox: %v", err)
	}
	side, err := host.Sandboxed()
	if err != nil {
		t.Skipf("SKIPPED: no sandbox here (%v). Install it with: apt-get install -y bubblewrap util-linux", err)
	}
	r = open(t, &Executor{api: e.api, homes: new(homes), pulls: new(locks), side: side}, room.Spec{Image: busybox})
	if err := r.Run(t.Context(), c); err != nil || out.String() != "made\n" {
		t.Errorf("%v, %q", err, out.String())
	}
	if got := said(t, r, "stat -c %u /codebuild/output/src/.git/config"); got != "0\n" {
		t.Errorf("the files are the user's %q", got)
	}
}

// A build whose memory is used up is told from others that were killed.
func testOutOfMemory(t *testing.T, e *Executor) {
	const limit = 64 << 20
	r := open(t, e, room.Spec{Image: busybox, Limits: room.Limits{Memory: limit}})
	said(t, r, "true")
	if got := r.OutOfMemory(); got != 0 {
		t.Errorf("before: %d", got)
	}
	said(t, r, "dd if=/dev/zero of=/dev/shm/x bs=1M count=60; head -c 500m /dev/zero | tail -c 400m")
	if got := r.OutOfMemory(); got != limit {
		t.Errorf("after: %d, want %d", got, limit)
	}
}
