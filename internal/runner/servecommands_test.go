package runner

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/runner/room"
)

// scripted are commands that a test gives one after another.
type scripted struct {
	texts   []string
	results []slipway.CommandResult
	stop    context.CancelCauseFunc // ends the sandbox after the last one
	at      func(serial int64) <-chan struct{}
}

func (s *scripted) next(ctx context.Context, after int64) (command, error) {
	if after == int64(len(s.texts)) {
		s.stop(errStopped)
		<-ctx.Done()
		return command{}, ctx.Err()
	}
	text, session := strings.CutPrefix(s.texts[after], "session: ")
	return command{id: "c" + string(rune('1'+after)), serial: after + 1, text: text, session: session}, nil
}

func (s *scripted) interrupted(ctx context.Context, _ string, serial int64) bool {
	var now <-chan struct{}
	if s.at != nil {
		now = s.at(serial)
	}
	select {
	case <-now:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *scripted) report(_ context.Context, _ string, r slipway.CommandResult) {
	s.results = append(s.results, r)
}

// keptFor runs a sandbox for commands.
func keptFor(t *testing.T, e Executor, spec string, s *scripted, log *watched) slipway.Result {
	t.Helper()
	limit, end := context.WithTimeoutCause(t.Context(), 60*time.Second, errors.New("the test takes too long"))
	defer end()
	ctx, stop := context.WithCancelCause(limit)
	s.stop = stop
	o := order(spec)
	o.Sandbox = true
	r := runJob(ctx, Job{Order: o, Room: room.Spec{Dir: filepath.Join(t.TempDir(), "build")}, Log: log, Executor: e,
		Name: "test", Commands: s})
	if err := limit.Err(); err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	return r
}

func TestCommandsOfASandbox(t *testing.T) {
	t.Parallel()
	const spec = "version: 0.2\nenv: {variables: {A: of the buildspec}}\nphases: {build: {commands: ['touch built']}}\n"
	inBoth(t, func(t *testing.T, e Executor) {
		s := &scripted{texts: []string{
			"echo \"$A in ${PWD##*/}\"; echo wrong >&2; exit 3",
			"cd /; B=1; echo kept >\"$CODEBUILD_SRC_DIR/file\"",
			"echo \"${PWD##*/} ${B-unset} $(cat file) $(ls)\"",
			"kill -9 $$",
			"cat; printf 'no newline'",
			"if then",
			"head -c 200000 /dev/zero | tr '\\0' x; printf é >&2",
		}}
		var log watched
		r := keptFor(t, e, spec, s, &log)
		if r.Status != codebuild.StatusTypeStopped || phases(r) != "RUN_SANDBOX=STOPPED COMPLETED=" {
			t.Errorf("%s: %s", r.Status, phases(r))
		}
		want := []slipway.CommandResult{{ExitCode: 3, Output: "of the buildspec in src\n", Errors: "wrong\n"}, {},
			{Output: "src unset kept file\n"}, {ExitCode: 137}, {Output: "no newline"}}
		for i, w := range want {
			got := s.results[i]
			got.Errors = strings.ReplaceAll(got.Errors, "Killed\n", "")
			if got != w {
				t.Errorf("command %d: %+v, want %+v", i+1, got, w)
			}
		}
		if got := s.results[5]; got.ExitCode == 0 || !strings.Contains(got.Errors, "command.sh") {
			t.Errorf("a command that is none: %+v", got)
		}
		if got := s.results[6]; got.Output != strings.Repeat("x", slipway.MaxCommandOutput) || got.Errors != "é" {
			t.Errorf("of much output there are %d bytes, and %q", len(got.Output), got.Errors)
		}
		for _, line := range []string{"Command c1: echo", "Command c1 ended: exit status 3", "\nwrong\n"} {
			if !strings.Contains(log.String(), line) {
				t.Errorf("the log lacks %q:\n%s", line, log.String())
			}
		}
	})
}

// The commands of a session go on where the one before ended. Others do not see what they left.
func TestASessionOfCommands(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"/bin/sh", "bash"} {
		s := &scripted{texts: []string{
			"session: mkdir \"it's\"; cd it*; export V='a  b'",
			"echo \"${V-unset} ${PWD##*/}\"",
			"session: echo \"$V ${PWD##*/}\"; exit 4",
			"session: unset V; cd ..; false",
			"session: echo \"${V-unset} ${PWD##*/} ${SLIPWAY_STATUS-}\"",
		}}
		var log watched
		keptFor(t, sandbox(t), "version: 0.2\nenv: {shell: "+shell+"}\nphases: {build: {commands: [true]}}\n", s, &log)
		want := []slipway.CommandResult{{}, {Output: "unset src\n"}, {ExitCode: 4, Output: "a  b it's\n"}, {ExitCode: 1},
			{Output: "unset src \n"}}
		if !slices.Equal(s.results, want) {
			t.Errorf("%s: %+v\n%s", shell, s.results, log.String())
		}
	}
}

// What a command leaves running goes on, until a command is interrupted.
func TestACommandIsInterrupted(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, e Executor) {
		var log watched
		sleeping := log.until("\nsleeping\n")
		s := &scripted{texts: []string{
			"export V=1; sleep 1000 & echo $! >pid",
			"grep -q sleep /proc/$(cat pid)/cmdline && echo goes on",
			"echo sleeping; sleep 1000",
			"grep -qs sleep /proc/$(cat pid)/cmdline || echo gone; ls",
		}, at: func(serial int64) <-chan struct{} {
			if serial == 3 {
				return sleeping
			}
			return nil
		}}
		keptFor(t, e, "version: 0.2\n", s, &log)
		if len(s.results) != 4 || s.results[1].Output != "goes on\n" || !s.results[2].Interrupted ||
			s.results[2].Output != "sleeping\n" || s.results[3].Output != "gone\npid\n" {
			t.Errorf("%+v\n%s", s.results, log.String())
		}
	})
}

// A sandbox starts though the buildspec is wrong or missing, and says so.
func TestASandboxDoesWithoutABuildspec(t *testing.T) {
	t.Parallel()
	for _, spec := range []string{"version: 0.2\nphases: [\n", "missing.yml"} {
		s := &scripted{texts: []string{"echo here"}}
		var log watched
		keptFor(t, sandbox(t), spec, s, &log)
		if len(s.results) != 1 || s.results[0].Output != "here\n" ||
			!strings.Contains(log.String(), "WARNING: the sandbox does without the buildspec") {
			t.Errorf("%q: %+v\n%s", spec, s.results, log.String())
		}
	}
}

// A secret does not show though the other output is written between its halves.
func TestBothOutputsAreMasked(t *testing.T) {
	t.Parallel()
	var log watched
	l := newLogbook(&log)
	l.conceal("hunter2hunter2")
	out, errs := l.strand(), l.strand()
	l.conceal("swordfish")
	out.output([]byte("a hunter2h"))
	errs.output([]byte("between swordf"))
	out.output([]byte("unter2 b\n"))
	errs.output([]byte("ish\n"))
	if got := out.cut(); got != "a *** b\n" {
		t.Errorf("%q", got)
	}
	if got := errs.cut(); got != "between ***\n" {
		t.Errorf("%q", got)
	}
	if text := log.String(); strings.Contains(text, "hunter2h") || strings.Contains(text, "swordf") {
		t.Errorf("%q", text)
	}
}
