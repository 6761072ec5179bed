package runner

import (
	"context"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"slipway/api/codebuild"
	"slipway/internal/runner/executor/host"
	"slipway/internal/runner/room"
)

// Commands run as the user that run-as names, of the file or of the phase; variables and the directory go with them.
func TestRunAs(t *testing.T) {
	nobody, err := user.Lookup("nobody")
	if os.Geteuid() != 0 || err != nil {
		t.Skip("SKIPPED: only root can run commands as another user (nobody): run the tests as root")
	}
	for _, shell := range []string{"/bin/sh", "bash"} {
		t.Run(shell, func(t *testing.T) {
			dir, err := os.MkdirTemp("", "run-as") // folders of a test cannot be entered by others
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.RemoveAll(dir) })
			if err := os.Chmod(dir, 0o711); err != nil {
				t.Fatal(err)
			}
			var log watched
			r := runJob(t.Context(), Job{
				Order: order("version: 0.2\nrun-as: nobody\nenv: {shell: " + shell + "}\nphases:\n" +
					"  install:\n    run-as: root\n    commands: ['mkdir sub; cd sub; V=1; export W=2; id -un']\n" +
					"  build:\n    commands:\n      - echo $(id -un) $USER $HOME $V $W ${PWD##*/}\n" +
					"      - touch x 2>/dev/null || echo may not write; V=3\n      - exit 4\n" +
					"    finally: ['echo still $(id -un) $V']\n" +
					"  post_build:\n    run-as: root\n    commands: ['echo $(id -un) $V $W ${PWD##*/}']\n"),
				Room: room.Spec{Dir: filepath.Join(dir, "build")}, Log: &log, Executor: host.Plain(),
			})
			want := "root\nnobody nobody " + nobody.HomeDir + " 1 2 sub\nmay not write\nstill nobody 3\nroot 3 2 sub\n"
			if got := said(log.String()); got != want {
				t.Errorf("it said\n%s\nnot\n%s", log.String(), want)
			}
			if r.Status != codebuild.StatusTypeFailed || r.Cause.ExitCode == nil || *r.Cause.ExitCode != 4 {
				t.Errorf("it ended with %s %+v", r.Status, r.Cause)
			}
		})
	}
}

// A user that commands cannot be run as fails the build before its first command.
func TestRunAsIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		e          func() Executor
		user, want string
		root       bool
	}{
		"no such user": {func() Executor { return host.Plain() }, "nobody-of-that-name", "there is no such user", true},
		"sandbox":      {func() Executor { return sandbox(t) }, "nobody", "only root can become another user", false},
	} {
		t.Run(name, func(t *testing.T) {
			if c.root && os.Geteuid() != 0 {
				t.Skip("SKIPPED: only root can run commands as another user: run the tests as root")
			}
			var log watched
			r := runJob(context.Background(), Job{
				Order: order("version: 0.2\nphases: {build: {run-as: " + c.user + ", commands: [echo ran]}}"),
				Room:  room.Spec{Dir: filepath.Join(t.TempDir(), "build")}, Log: &log, Executor: c.e(),
			})
			if r.Status != codebuild.StatusTypeFailed || !strings.Contains(r.Cause.Message, c.want) {
				t.Errorf("it ended with %s: %s", r.Status, log.String())
			}
			if strings.Contains(said(log.String()), "ran") {
				t.Error("a command has run")
			}
		})
	}
}
