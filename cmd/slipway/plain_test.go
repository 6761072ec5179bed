package main

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// leaks are what Go and the system say of errors, to programmers.
var leaks = regexp.MustCompile(
	`parse "|openat|strconv|dial tcp|unsupported protocol|first path segment|json: |yaml: |invalid character|EOF|expected a valid|reflect|goroutine|0x[0-9a-f]{6}`,
)

// TestNoBareGoError calls each command in ways that fail: none of its messages is Go's own, and each has the
// exit code that docs/commands.md documents.
func TestNoBareGoError(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + l.Addr().String()
	l.Close()
	dir := t.TempDir()
	for name, text := range map[string]string{"tab.yml": "version: 0.2\nphases:\n\tbuild: {}\n", "bad.json": "{"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	keys := []string{"AWS_ACCESS_KEY_ID=AKIASCRIPT0000000000", "AWS_SECRET_ACCESS_KEY=secret"}
	for _, command := range []string{"logs web:3f0c0d5e-9d4b-4c55-8f86-0c3d1f5f0a11", "why web", "watch", "pipelines",
		"builds", "deployments", "releases", "hosts", "repositories", "reports", "approve", "reject web",
		"rollback web/production", "promote web/production", "pause web/Deploy", "resume web/Deploy", "retry web",
		"stop web", "api codepipeline list-pipelines", "s3 ls", "s3 mb s3://b", "groups", "projects", "alarms",
		"policies get web/live"} {
		for env, code := range map[string]int{"": exitServer, "127.0.0.1:8080": exitUsage, "ftp://host": exitUsage,
			"http://": exitUsage, "https://nowhere.invalid": exitServer} {
			endpoint := env
			if env == "" {
				endpoint = nobody
			}
			complains(t, dir, append(keys, "AWS_ENDPOINT_URL="+endpoint), code, strings.Fields(command)...)
		}
		complains(t, dir, []string{"AWS_ENDPOINT_URL=" + nobody}, exitAccess, strings.Fields(command)...)
	}
	for _, c := range []struct {
		command string
		code    int
		want    string
	}{
		{"builds -n abc", exitUsage, `"abc" is not a whole number`},
		{"builds --nothing", exitUsage, "See: slipway builds --help"},
		{"why", exitUsage, "is missing"},
		{"logs web", exitUsage, "slipway builds lists them"},
		{"api foo bar", exitUsage, "There are codecommit"},
		{"api codebiuld list-builds", exitUsage, "Did you mean codebuild"},
		{"api codebuild StartBuild {", exitUsage, "not valid JSON"},
		{"nothing", exitUsage, "See: slipway --help"},
		{"validate nowhere.yml", exitFailed, "nowhere.yml"},
		{"validate tab.yml --as=buildspec", exitFailed, "tab.yml:3"},
		{"validate bad.json --as=pipeline", exitFailed, "bad.json:1"},
		{"run -b ../x.yml", exitFailed, "x.yml"},
		{"rollback web", exitUsage, "neither a deployment"},
	} {
		if got := complains(
			t,
			dir,
			append(keys, "AWS_ENDPOINT_URL="+nobody),
			c.code,
			strings.Fields(c.command)...); !strings.Contains(
			got,
			c.want,
		) {
			t.Errorf("slipway %s says %q, not %q", c.command, got, c.want)
		}
	}
	if got := complains(t, dir, nil, 0, "--version"); !strings.HasPrefix(got, "slipway ") {
		t.Errorf("--version says %q", got)
	}
}

// complains runs a command and returns what it printed.
func complains(t *testing.T, dir string, env []string, code int, args ...string) string {
	t.Helper()
	c := exec.Command("slipway", args...)
	c.Dir, c.Env = dir, append(env, "PATH="+os.Getenv("PATH"), "HOME="+dir)
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	_ = c.Run()
	if got := c.ProcessState.ExitCode(); got != code {
		t.Errorf("slipway %s (%s) ends with %d, not %d: %s", strings.Join(args, " "), env, got, code, out.String())
	}
	if leak := leaks.FindString(out.String()); leak != "" {
		t.Errorf("slipway %s says %q: %s", strings.Join(args, " "), leak, out.String())
	}
	return out.String()
}

func TestMeant(t *testing.T) {
	names := []string{"web", "shop", "production", "ListPipelines"}
	for name, want := range map[string]string{"wbe": "web", "web1": "web", "sohp": "shop", "prodction": "production",
		"ListPipelins": "ListPipelines", "zzz": "", "": ""} {
		if got := meant(name, names); want == "" && got != "" || want != "" && got != ". Did you mean "+want+"?" {
			t.Errorf("%q: %q, not %q", name, got, want)
		}
	}
}
