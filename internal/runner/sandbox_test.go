package runner

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"slipway/api/codebuild"
	"slipway/internal/runner/room"
)

func TestABuildSeesNothingButItsOwn(t *testing.T) {
	s := sandbox(t)
	data := t.TempDir() // as a server's data folder, with a key and another build's files
	for _, name := range []string{"keys/master", "runner/builds/other/src/file"} {
		path := filepath.Join(data, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("secret-of-somebody"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var log watched
	spec := buildspecOf("",
		"cat "+data+"/keys/master "+data+"/runner/builds/other/src/file 2>/dev/null && echo READ; true",
		"touch /usr/slipway-test 2>/dev/null && echo WROTE; touch /etc/slipway-test 2>/dev/null && echo WROTE; true",
		"ls -A /home /srv /mnt 2>/dev/null; test -e /proc/"+strconv.Itoa(os.Getpid())+" && echo SEES; true",
		"cat /etc/shadow >/dev/null 2>&1 && echo SHADOW; test $(id -u) = 0 && echo ROOT; go version >/dev/null || "+
			"echo no go",
		"grep CapEff /proc/self/status; echo ok >/tmp/x && cat /tmp/x; cd; pwd; V=1")
	r := runJob(t.Context(),
		Job{Order: order(spec), Room: room.Spec{Dir: filepath.Join(data, "runner", "builds", "this")}, Log: &log,
			Executor: s})
	got := said(log.String())
	if r.Status != codebuild.StatusTypeSucceeded {
		t.Fatal(log.String())
	}
	for _, bad := range []string{"secret", "READ\n", "WROTE\n", "SEES\n", "SHADOW\n", "ROOT\n", "no go\n"} {
		if strings.Contains("\n"+got, "\n"+bad) || bad == "secret" && strings.Contains(got, "secret-of") {
			t.Errorf("%q in %s", bad, got)
		}
	}
	if !strings.Contains(got, "CapEff:\t0000000000000000\nok\n/root\n") {
		t.Error(got)
	}
}

// What a build chooses for variables must not reach programs that still have the runner's rights.
func TestVariablesDoNotReachTheRunnersPrograms(t *testing.T) {
	s := sandbox(t)
	r, log := runSpec(t, s,
		"version: 0.2\nenv: {variables: {LD_PRELOAD: /codebuild/output/src/evil.so, BASH_ENV: /x, ENV: /x}}\nphases: "+
			"{build: {commands: ['echo $LD_PRELOAD']}}")
	if r.Status != codebuild.StatusTypeSucceeded || !strings.Contains(log, "evil.so") {
		t.Error(log)
	}
}
