package agent

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func (x *site) runHook(ctx context.Context, script string, more string) (*failure, *output) {
	x.t.Helper()
	x.revision(
		map[string]string{"appspec.yml": "version: 0.0\nos: linux\nhooks:\n  AfterInstall:\n  - location: s.sh\n" +
			more, "s.sh": script})
	h, err := x.hook(x.s, "AfterInstall")
	if err != nil || h == nil {
		x.t.Fatal(h, err)
	}
	o := x.output("AfterInstall")
	err = h.run(ctx, o)
	var f *failure
	if err != nil && !errors.As(err, &f) {
		x.t.Fatal(err)
	}
	return f, o
}

func TestScripts(t *testing.T) {
	for name, c := range map[string]struct {
		script, more string
		code         int
		says         string
	}{
		"success":           {"#!/bin/sh\necho hello", "", succeeded, ""},
		"without a #! line": {"echo hello", "", succeeded, ""},
		"exit code": {"#!/bin/sh\nexit 7", "", scriptFailed,
			"Script at specified location: s.sh failed with exit code 7"},
		"signal": {"#!/bin/sh\nkill -9 $$", "", scriptFailed,
			"Script at specified location: s.sh failed: it was ended by the signal killed"},
		"timeout": {"#!/bin/sh\nsleep 60", "    timeout: 1\n", timedOut,
			"Script at specified location: s.sh failed to complete in 1 seconds"},
		"output left open": {"#!/bin/sh\nsleep 3 &\n", "    timeout: 1\n", outputLeftOpen,
			"failed to close STD"},
		"no interpreter": {"#!/no/such/program\n", "", scriptFailed,
			"could not be started: its first line names the interpreter \"/no/such/program\", " +
				"which is not on this host"},
		"Windows line ends": {"#!/bin/bash\r\necho ok\r\n", "", scriptFailed,
			`interpreter "/bin/bash\r"`},
		"Windows line ends after env": {"#!/usr/bin/env bash\r\necho ok\r\n", "", scriptFailed,
			"failed with exit code 127: the script has Windows line ends (CRLF)"},
		"exit code while its output is held": {"#!/bin/sh\nsleep 5 &\nexit 7\n", "    timeout: 60\n", scriptFailed,
			"failed with exit code 7"},
		"no user": {"#!/bin/sh\n", "    runas: nobody-of-that-name\n", scriptFailed,
			"Script at specified location: s.sh run as user nobody-of-that-name failed: there is no user " +
				"nobody-of-that-name on this host"},
	} {
		t.Run(name, func(t *testing.T) {
			x := newSite(t)
			f, _ := x.runHook(t.Context(), c.script, c.more)
			if f == nil {
				f = &failure{}
			}
			if f.code != c.code || !strings.Contains(f.message, c.says) {
				t.Fatalf("%d %s", f.code, f.message)
			}
		})
	}
}

func TestTheWholeProcessGroupEnds(t *testing.T) {
	x := newSite(t)
	begun := time.Now()
	f, _ := x.runHook(t.Context(),
		"#!/bin/sh\ntrap '' TERM\n(trap '' TERM; echo $$; exec sleep 61) &\nsleep 62\nsleep 63", "    timeout: 1\n")
	if f == nil || f.code != timedOut {
		t.Fatalf("%+v", f)
	}
	if took := time.Since(begun); took > 20*time.Second {
		t.Fatalf("it took %s", took)
	}
	found, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range found {
		if line, _ := os.ReadFile(path); slices.Contains([]string{"sleep\x0061\x00", "sleep\x0062\x00"}, string(line)) {
			if stat, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "stat")); !strings.Contains(string(stat),
				") Z ") {
				t.Errorf("%s still runs: %q", path, line)
			}
		}
	}
}

func TestAStoppingAgentEndsItsScripts(t *testing.T) {
	x := newSite(t)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	f, _ := x.runHook(ctx, "#!/bin/sh\nsleep 60", "")
	if f == nil || f.code != afterRestart || !strings.Contains(f.message, "was ended because the agent was stopped") {
		t.Fatalf("%+v", f)
	}
}

func TestEnvironment(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("MINE", "kept")
	x := newSite(t)
	f, o := x.runHook(t.Context(), "#!/bin/sh\nenv; pwd", "")
	if f != nil {
		t.Fatal(f)
	}
	spool, err := os.ReadFile(o.spoolPath)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"LIFECYCLE_EVENT=AfterInstall", "DEPLOYMENT_ID=d-AAAAAAAAA", "APPLICATION_NAME=shop",
		"DEPLOYMENT_GROUP_NAME=prod", "DEPLOYMENT_GROUP_ID=group", "BUNDLE_BUCKET=bundles", "MINE=kept",
		"SLIPWAY_ROOT=" + x.Root} {
		if !strings.Contains(string(spool), "[stdout]"+want+"\n") {
			t.Errorf("%s is missing", want)
		}
	}
	if strings.Contains(string(spool), "secret") {
		t.Error("a script learns the agent's secret")
	}
	if !strings.HasSuffix(string(spool), "[stdout]"+x.Root+"\n") {
		t.Error("it runs elsewhere")
	}
	log, err := os.ReadFile(filepath.Join(filepath.Dir(o.spoolPath), "scripts.log"))
	if err != nil || !strings.Contains(string(log), " LifecycleEvent - AfterInstall\n") ||
		!strings.Contains(string(log), " [stdout]MINE=kept\n") {
		t.Errorf("%s %v", log, err)
	}
}

func TestRunAs(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: only root can become somebody else. Run the tests as root.")
	}
	u, err := user.Lookup("nobody")
	if err != nil {
		t.Skip("SKIPPED: there is no user nobody here")
	}
	x := newSite(t)
	for dir := x.Root; dir != "/"; dir = filepath.Dir(dir) { // the test's own folders are closed to others
		if info, err := os.Stat(dir); err == nil && info.Mode().Perm()&0o001 == 0 {
			if err := os.Chmod(dir, info.Mode().Perm()|0o011); err != nil {
				t.Fatal(err)
			}
		}
	}
	f, o := x.runHook(t.Context(), "#!/bin/sh\nid -u; echo $USER", "    runas: nobody\n")
	if f != nil {
		t.Fatal(f)
	}
	if got := o.tail(); !strings.HasSuffix(got, "[stdout]"+u.Uid+"\n[stdout]nobody\n") {
		t.Fatalf("%q", got)
	}
}

func TestScriptFiles(t *testing.T) {
	x := newSite(t)
	x.revision(
		map[string]string{
			"appspec.yml": "version: 0.0\nos: linux\nhooks:\n  AfterInstall:\n  - location: ../../../out.sh\n  " +
				"BeforeInstall:\n  - location: link.sh\n  ApplicationStart:\n  - location: /plain.sh\n",
			"plain.sh": "exit 0",
		})
	x.file("/opt/codedeploy-agent/deployment-root/out.sh", "#!/bin/sh\n")
	if err := os.Symlink("/bin/true", x.real(archiveOf(x.s.dir())+"/link.sh")); err != nil {
		t.Fatal(err)
	}
	for event, code := range map[string]int{"AfterInstall": scriptMissing, "BeforeInstall": scriptMissing,
		"ApplicationStart": succeeded} {
		h, err := x.hook(x.s, event)
		if err != nil {
			t.Fatal(err)
		}
		var f *failure
		if err := h.run(t.Context(), x.output(event)); err != nil && !errors.As(err, &f) {
			t.Fatal(err)
		}
		if f == nil {
			f = &failure{}
		}
		if f.code != code {
			t.Errorf("%s: %+v", event, f)
		}
	}
}

// Which revision's scripts run.
func TestTheOldRevisionStopsItself(t *testing.T) {
	x := newSite(t)
	spec := "version: 0.0\nos: linux\nhooks:\n  ApplicationStop:\n  - location: s.sh\n"
	if h, err := x.hook(x.s, "ApplicationStop"); h != nil || err != nil {
		t.Fatalf("nothing was installed: %v %v", h, err)
	}
	x.revision(map[string]string{"appspec.yml": spec, "s.sh": "#!/bin/sh\n"})
	if err := x.install(); err != nil {
		t.Fatal(err)
	}
	old := x.real(archiveOf(x.s.dir()))
	x.s.DeploymentId = "d-BBBBBBBBB"
	if h, err := x.hook(x.s, "ApplicationStop"); err != nil || h == nil || h.archive != old {
		t.Fatalf("%+v %v", h, err)
	}
	if _, err := x.hook(x.s, "BeforeInstall"); err == nil ||
		!strings.Contains(err.Error(), "is not on the host any more") {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Dir(old)); err != nil {
		t.Fatal(err)
	}
	_, err := x.hook(x.s, "ApplicationStop")
	for _, want := range []string{"former revision", "d-AAAAAAAAA", "--ignore-application-stop-failures",
		x.lastSuccessful("group")} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the former revision is gone: %v, want %s", err, want)
		}
	}
	for _, c := range []struct {
		event, creator, kind string
		want                 int
	}{
		{"ApplicationStop", "user", "IN_PLACE", lastSuccessful},
		{"BeforeBlockTraffic", "user", "BLUE_GREEN", lastSuccessful},
		{"BeforeBlockTraffic", "codeDeployRollback", "BLUE_GREEN", mostRecent},
		{"AfterAllowTraffic", "codeDeployRollback", "BLUE_GREEN", lastSuccessful},
		{"AfterAllowTraffic", "codeDeployRollback", "IN_PLACE", current},
		{"ValidateService", "user", "IN_PLACE", current},
	} {
		if got := revisionOf(&specification{DeploymentCreator: c.creator, DeploymentType: c.kind},
			c.event); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}

func TestTheTailIsOfWholeLines(t *testing.T) {
	x := newSite(t)
	o := x.output("AfterInstall")
	for i := range 1000 {
		o.line("line %d é", i)
	}
	got := o.tail()
	if n := len([]rune(got)); n > maxTail || n < maxTail-20 || !strings.HasPrefix(got, "line ") ||
		!strings.HasSuffix(got, "line 999 é\n") {
		t.Fatalf("%d characters: %.20q", n, got)
	}
	o.line("%s", strings.Repeat("x", 5000))
	if got := o.tail(); len(got) != maxTail {
		t.Fatal(len(got))
	}
}

func TestTheFirstSignerIsPinned(t *testing.T) {
	p := &pins{path: filepath.Join(t.TempDir(), "signer.pem")}
	for range 2 {
		if err := p.check([]byte("one")); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.check([]byte("two")); err == nil ||
		!strings.Contains(err.Error(), "signed by another signer than the first one") ||
		!strings.Contains(err.Error(), p.path) {
		t.Fatal(err)
	}
	content, err := os.ReadFile(p.path)
	if block, _ := pem.Decode(content); err != nil || string(block.Bytes) != "one" {
		t.Fatalf("%s %v", content, err)
	}
}

func TestSpecificationsThatNameNoFolder(t *testing.T) {
	for _, id := range []string{"../x", "a/b", "", ".hidden", strings.Repeat("a", 200)} {
		if _, err := parseSpecification(fmt.Appendf(nil,
			`{"DeploymentId":%q,"DeploymentGroupId":"g","ApplicationName":"a","DeploymentGroupName":"b"}`,
			id)); err == nil || !strings.Contains(err.Error(), "can't name a folder") {
			t.Errorf("%q: %v", id, err)
		}
	}
}
