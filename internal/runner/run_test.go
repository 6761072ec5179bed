package runner

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slipway/api/codebuild"
	"slipway/internal/runner/executor/host"
	"slipway/internal/runner/room"
)

func TestShell(t *testing.T) {
	const (
		good = "INSTALL=SUCCEEDED PRE_BUILD=SUCCEEDED BUILD=SUCCEEDED POST_BUILD=SUCCEEDED " +
			"UPLOAD_ARTIFACTS=SUCCEEDED " +
			"FINALIZING=SUCCEEDED COMPLETED="
		bad = "INSTALL=SUCCEEDED PRE_BUILD=SUCCEEDED BUILD=FAILED POST_BUILD=SUCCEEDED UPLOAD_ARTIFACTS=SUCCEEDED " +
			"FINALIZING=SUCCEEDED COMPLETED="
	)
	for _, c := range []struct {
		name     string
		shell    string // "" is both
		commands []string
		phases   string
		exit     int32
		said     string
	}{
		{"variables and directory carry over", "",
			[]string{"V=1; export X=2; mkdir d", "cd d", "echo $V $X ${PWD##*/}"}, good, 0,
			"1 2 d\nfinally v=1 x=2 dir=d ok=1\npost 1\n"},
		{"a failure ends the phase", "", []string{"V=1", "false", "echo never"}, bad, 1,
			"finally v=1 x= dir=src ok=0\npost 1\n"},
		{"exit", "", []string{"V='a  b'; export X='it'\\''s'; mkdir d; cd d", "exit 3", "echo never"}, bad, 3,
			"finally v=a b x=it's dir=d ok=0\npost a b\n"},
		{"exit 0", "", []string{"V=1", "exit 0", "echo on $V"}, good, 0, "on 1\nfinally v=1 x= dir=src ok=1\npost 1\n"},
		{"exec", "", []string{"V=1", "exec sh -c 'echo replaced; exit 7'"}, bad, 7,
			"replaced\nfinally v=1 x= dir=src ok=0\npost 1\n"},
		{"set -e", "", []string{"V=1", "set -e", "echo before; false; echo after"}, bad, 1,
			"before\nfinally v=1 x= dir=src ok=0\npost 1\n"},
		{"set -u", "", []string{"set -u; V=1", "echo $NOTHING"}, bad, -1, ""},
		{"kill itself", "", []string{"V=1", "kill -9 $$"}, bad, 137, "Killed\nfinally v=1 x= dir=src ok=0\npost 1\n"},
		{"kill the parent", "", []string{"V=1", "kill -9 $PPID $$"}, bad, -1, ""},
		{"kill all", "", []string{"V=1", "kill -9 0"}, bad, -1, ""},
		{"signal", "", []string{"sh -c 'kill -TERM $$'"}, bad, 143, ""},
		{"background process", "", []string{"sleep 1000 &", "(while :; do sleep 1; done) & V=1", "echo done"}, good, 0,
			"done\nfinally v=1 x= dir=src ok=1\npost 1\n"},
		{"daemon", "", []string{"setsid sh -c 'sleep 1000' & V=1"}, good, 0, "finally v=1 x= dir=src ok=1\npost 1\n"},
		{"no newline", "", []string{"printf abc", "printf def; V=1"}, good, 0,
			"abc\ndef\nfinally v=1 x= dir=src ok=1\npost 1\n"},
		{"binary", "", []string{`printf 'a\000\377\n'; V=1`}, good, 0,
			"a\x00\xff\nfinally v=1 x= dir=src ok=1\npost 1\n"},
		{"stderr", "", []string{"echo e >&2; echo o; echo e >&2; V=1"}, good, 0,
			"e\no\ne\nfinally v=1 x= dir=src ok=1\npost 1\n"},
		{"syntax error", "", []string{"V=1", "if then"}, bad, -1, ""},
		{"not found", "", []string{"no-such-command-at-all"}, bad, 127, ""},
		{"stdin is empty", "", []string{"cat; V=$(wc -c)"}, good, 0, "finally v=0 x= dir=src ok=1\npost 0\n"},
		{"no private descriptors", "", []string{"for f in /proc/self/fd/*; do readlink $f; done | grep -c pipe; V=1"},
			good, 0, ""},
		{"builtins as functions", "", []string{"read() { false; }; printf() { false; }; V=1"}, good, 0,
			"finally v=1 x= dir=src ok=1\npost 1\n"},
		{"IFS", "", []string{"IFS=:; V=1"}, good, 0, "finally v=1 x= dir=src ok=1\npost 1\n"},
		{"here document", "", []string{"cat <<E\n a $CODEBUILD_BUILD_SUCCEEDING\nE\nV=1"}, good, 0,
			" a $CODEBUILD_BUILD_SUCCEEDING\nE\nV=1\n a 1\nfinally v=1 x= dir=src ok=1\npost 1\n"},
		{"directory removed", "", []string{"mkdir d; cd d; V=1; rmdir ../d", "exit 3"}, bad, 3,
			"finally v=1 x= dir=src ok=0\npost 1\n"},
		{"arrays and functions", "bash", []string{"A=(1 2); f() { echo f $1; }; V=1", "f ${A[1]}", "exit 2"}, bad, 2,
			"f 2\nfinally v=1 x= dir=src ok=0\npost 1\n"},
		{"functions after exit", "bash",
			[]string{"A=(1 '2 x'); f() { echo f \"$1\"; }; V=1", "exit 0", "f \"${A[1]}\""}, good, 0,
			"f 2 x\nfinally v=1 x= dir=src ok=1\npost 1\n"},
		{"EXIT trap", "", []string{"trap 'echo trapped' EXIT; V=1"}, good, 0,
			"finally v=1 x= dir=src ok=1\npost 1\ntrapped\n"},
		{"forged", "",
			[]string{`for f in 4 10 11 12 13; do (printf 'S3\0000\000/\000\000\000' >&$f) 2>/dev/null; done; false`},
			bad, -1, ""},
	} {
		for _, shell := range []string{"/bin/sh", "bash"} {
			if c.shell != "" && c.shell != shell {
				continue
			}
			t.Run(c.name+" in "+shell, func(t *testing.T) {
				t.Parallel()
				inBoth(t, func(t *testing.T, s Executor) {
					r, log := runSpec(t, s, buildspecOf(shell, c.commands...))
					if got := phases(r); got != c.phases {
						t.Fatalf("got  %s\nwant %s\n%s", got, c.phases, log)
					}
					want := codebuild.StatusTypeSucceeded
					if c.phases == bad {
						want = codebuild.StatusTypeFailed
						if r.Cause == nil || r.Cause.Phase != "BUILD" || c.exit >= 0 && *r.Cause.ExitCode != c.exit {
							t.Errorf("cause %+v\n%s", r.Cause, log)
						}
					}
					if r.Status != want {
						t.Errorf("status %s", r.Status)
					}
					if got := said(log); c.said != "" && got != c.said {
						t.Errorf("got  %q\nwant %q", got, c.said)
					}
				})
			})
		}
	}
}

func TestEachCommandHasAShellIn01(t *testing.T) {
	inBoth(t, func(t *testing.T, s Executor) {
		r, log := runSpec(t, s,
			"version: 0.1\nphases:\n  build:\n    commands:\n      - cd /tmp; export A=1\n      - echo \"$A\" "+
				"${PWD##*/}\n      - exit 4\n")
		if said(log) != " src\n" || r.Status != codebuild.StatusTypeFailed || *r.Cause.ExitCode != 4 {
			t.Error(r.Status, log)
		}
	})
}

func TestAVeryLongLineAndAFastOne(t *testing.T) {
	inBoth(t, func(t *testing.T, s Executor) {
		r, log := runSpec(t, s, buildspecOf("", "head -c 10000000 /dev/zero | tr '\\0' x; V=1"))
		if r.Status != codebuild.StatusTypeSucceeded || strings.Count(log, "x") < 10_000_000 {
			t.Error(r.Status, len(log))
		}
	})
}

func TestContextsAndFailuresOfPhases(t *testing.T) {
	for name, c := range map[string]struct{ spec, phases, context string }{
		"install": {"version: 0.2\nphases: {install: {commands: ['false']}, build: {commands: [echo no]}}",
			"INSTALL=FAILED FINALIZING=SUCCEEDED COMPLETED=",
			"COMMAND_EXECUTION_ERROR Error while executing command: false. Reason: exit status 1"},
		"continue": {
			"version: 0.2\nphases: {install: {on-failure: CONTINUE, commands: ['false']}, build: {commands: [echo " +
				"yes]}}",
			"INSTALL=FAILED PRE_BUILD=SUCCEEDED BUILD=SUCCEEDED POST_BUILD=SUCCEEDED UPLOAD_ARTIFACTS=SUCCEEDED " +
				"FINALIZING=SUCCEEDED COMPLETED=", "",
		},
		"abort": {
			"version: 0.2\nphases: {build: {on-failure: ABORT, commands: ['false']}, post_build: {commands: [echo " +
				"no]}}",
			"INSTALL=SUCCEEDED PRE_BUILD=SUCCEEDED BUILD=FAILED FINALIZING=SUCCEEDED COMPLETED=",
			"COMMAND_EXECUTION_ERROR Error while executing command: false. Reason: exit status 1",
		},
		"finally": {"version: 0.2\nphases: {pre_build: {commands: ['true'], finally: ['exit 9']}}",
			"INSTALL=SUCCEEDED PRE_BUILD=FAILED FINALIZING=SUCCEEDED COMPLETED=",
			"COMMAND_EXECUTION_ERROR Error while executing command: exit 9. Reason: exit status 9"},
		"retry": {
			"version: 0.2\nphases: {build: {on-failure: RETRY-2-exit status 5, commands: ['echo x >>n; [ $(wc -l <n) " +
				"= 3 ] || exit 5']}}",
			"INSTALL=SUCCEEDED PRE_BUILD=SUCCEEDED BUILD=SUCCEEDED POST_BUILD=SUCCEEDED UPLOAD_ARTIFACTS=SUCCEEDED " +
				"FINALIZING=SUCCEEDED COMPLETED=", " ",
		},
		"buildspec": {"version: 0.2\nphasse: {}\n", "FINALIZING=SUCCEEDED COMPLETED=",
			"YAML_FILE_ERROR buildspec:1:1: phases is missing: the build would do nothing"},
		"no buildspec": {"ci/build.yml", "FINALIZING=SUCCEEDED COMPLETED=",
			"YAML_FILE_ERROR stat /codebuild/output/src/ci/build.yml: no such file or directory"},
		"secrets": {"version: 0.2\nenv: {parameter-store: {A: b}}\nphases: {}\n", "FINALIZING=SUCCEEDED COMPLETED=",
			"CLIENT_ERROR the build has secrets, and no server to read them from"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, log := runSpec(t, sandbox(t), c.spec)
			if got := phases(r); got != c.phases {
				t.Fatalf("got  %s\nwant %s\n%s", got, c.phases, log)
			}
			failed := r.Phases[len(r.Phases)-3]
			if got := *failed.Contexts[0].StatusCode + " " + *failed.Contexts[0].Message; c.context != "" &&
				sorted(got) != sorted(c.context) {
				t.Errorf("got  %q\nwant %q", got, c.context)
			}
			for _, p := range r.Phases[:len(r.Phases)-1] {
				if p.StartTime == nil || p.EndTime == nil || p.DurationInSeconds == nil || len(p.Contexts) != 1 {
					t.Errorf("%+v", p)
				}
			}
		})
	}
}

// sorted makes the order of a message's lines irrelevant.
func sorted(s string) string {
	code, rest, _ := strings.Cut(s, " ")
	lines := strings.Split(rest, "\n")
	if len(lines) > 1 && lines[0] > lines[1] {
		lines[0], lines[1] = lines[1], lines[0]
	}
	return code + " " + strings.Join(lines, "\n")
}

func TestVariables(t *testing.T) {
	t.Setenv("SLIPWAY_SECRET_ACCESS_KEY", "hidden")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "hidden")
	inBoth(t, func(t *testing.T, s Executor) {
		o := order(
			"version: 0.2\nenv:\n  variables: {A: spec, B: spec, P: '$PATH:/x', N: \"two\\nlines 'quoted' \\\\\"}\n  " +
				"exported-variables: [A, LATE, NONE]\nphases:\n" +
				"  build:\n    commands:\n      - 'echo $A $B; echo \"$P\"; echo \"$N\"; env | grep -c hidden; echo " +
				"$CODEBUILD_BUILD_ID $CODEBUILD_CI $CODEBUILD_INITIATOR'\n" +
				"  post_build:\n    commands:\n      - LATE=\"a $A\"\n      - exit 0\n")
		o.Build.Environment = &codebuild.ProjectEnvironment{
			EnvironmentVariables: []codebuild.EnvironmentVariable{{Name: new("B"), Value: new("project")}},
		}
		o.Variables = map[string]string{"CODEBUILD_INITIATOR": "codepipeline/p"}
		var log watched
		r := runJob(t.Context(),
			Job{Order: o, Room: room.Spec{Dir: filepath.Join(t.TempDir(), "b")}, Log: &log, Executor: s})
		want := "spec project\n$PATH:/x\ntwo\nlines 'quoted' \\\n0\n" + *o.Build.Id + " true codepipeline/p\n"
		if got := said(log.String()); !strings.HasPrefix(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
		var exported []string
		for _, v := range r.Exported {
			exported = append(exported, *v.Name+"="+*v.Value)
		}
		if got := strings.Join(exported, " "); got != "A=spec LATE=a spec NONE=" {
			t.Error(got)
		}
	})
}

func TestStopAndTimeout(t *testing.T) {
	inBoth(t, func(t *testing.T, s Executor) {
		for _, stop := range []bool{true, false} {
			var log watched
			ready := log.until("ready\n")
			ctx, cancel := context.WithCancelCause(t.Context())
			o := order(
				"version: 0.2\nphases:\n  build:\n    commands:\n      - trap '' TERM INT HUP\n      - 'setsid sleep " +
					"1000 & echo ready; sleep 1000'\n    finally: [echo no]\n  post_build: {commands: [echo no]}\n")
			if !stop {
				minute = 60 * time.Millisecond // the order has five of them
				defer func() { minute = time.Minute }()
			}
			go func() {
				if <-ready; stop {
					cancel(errStopped)
				}
			}()
			start := time.Now()
			r := runJob(ctx,
				Job{Order: o, Room: room.Spec{Dir: filepath.Join(t.TempDir(), "b")}, Log: &log, Executor: s})
			cancel(nil)
			want, code := codebuild.StatusTypeStopped, ""
			if !stop {
				want, code = codebuild.StatusTypeTimedOut, "BUILD_TIMED_OUT"
			}
			last := r.Phases[len(r.Phases)-3]
			if r.Status != want || last.PhaseStatus != want || *last.Contexts[0].StatusCode != code ||
				time.Since(start) > 20*time.Second {
				t.Errorf("%s, %s in %s\n%s", r.Status, phases(r), time.Since(start), log.String())
			}
			if strings.Contains(said(log.String()), "no\n") {
				t.Error("commands ran after the end")
			}
			if left := alive(*o.Build.Id); left != "" {
				t.Errorf("processes are left: %s", left)
			}
		}
	})
}

func TestCauseShowsTheFirstErrors(t *testing.T) {
	_, log := runSpec(t, host.Plain(), "version: 0.2\nphases: {}\n")
	_ = log
	r, log := runSpec(t, sandbox(t),
		"version: 0.2\nphases:\n  build:\n    commands:\n      - echo 'an error of another command'\n      - \"echo "+
			"one; printf '\\\\033[31mError: bad\\\\033[0m\\\\n'; seq 1000; echo 'x.go:3: undefined: y'; exit 2\"\n")
	if r.Cause == nil || len(r.Cause.Lines) != 2 {
		t.Fatalf("%+v\n%s", r.Cause, log)
	}
	lines := strings.Split(log, "\n")
	for i, want := range []string{"Error: bad", "x.go:3: undefined: y"} {
		l := r.Cause.Lines[i]
		if *l.Text != want || !strings.Contains(lines[*l.Number], strings.TrimPrefix(want, "Error: bad")) {
			t.Errorf("line %d is %q, in the log %q", *l.Number, *l.Text, lines[*l.Number])
		}
	}
	if lines[*r.Cause.Line] != "one" {
		t.Errorf("its output begins with %q", lines[*r.Cause.Line])
	}
	r, _ = runSpec(t, sandbox(t), "version: 0.2\nphases:\n  build:\n    commands:\n      - seq 5; exit 1\n")
	if len(r.Cause.Lines) != 3 || *r.Cause.Lines[2].Text != "5" {
		t.Errorf("%+v", r.Cause.Lines)
	}
}
