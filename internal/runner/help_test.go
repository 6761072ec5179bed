package runner

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/runner/executor/host"
	"slipway/internal/runner/room"
)

// watched is a log that can be waited for.
type watched struct {
	mu   sync.Mutex
	b    bytes.Buffer
	want string
	seen chan struct{}
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.b.Write(p)
	if w.want != "" && strings.Contains(w.b.String(), w.want) {
		w.want = ""
		close(w.seen)
	}
	return len(p), nil
}

// until returns a channel that is closed when text has been written.
func (w *watched) until(text string) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.want, w.seen = text, make(chan struct{})
	return w.seen
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

func sandbox(t testing.TB) Executor {
	t.Helper()
	s, err := host.Sandboxed()
	if err != nil {
		t.Skipf("SKIPPED: no sandbox here (%v). Install it with: apt-get install -y bubblewrap util-linux", err)
	}
	return s
}

// inBoth runs a test without and with a sandbox.
func inBoth(t *testing.T, test func(t *testing.T, s Executor)) {
	t.Run("plain", func(t *testing.T) { test(t, host.Plain()) })
	t.Run("sandbox", func(t *testing.T) { test(t, sandbox(t)) })
}

func order(spec string) slipway.Order {
	id := uuid.NewString()
	return slipway.Order{
		Build: codebuild.Build{Id: new("web:" + id),
			Arn: new("arn:aws:codebuild:us-east-1:123456789012:build/web:" + id), ProjectName: new("web"),
			TimeoutInMinutes: new(int32(5)), Source: &codebuild.ProjectSource{Buildspec: &spec}},
		Sources: []slipway.Source{{Kind: slipway.SourceNone}}, Group: "/aws/codebuild/web", Stream: id,
		Region: "us-east-1", Account: "123456789012",
	}
}

// runJob runs a build and removes what it has left.
func runJob(ctx context.Context, j Job) slipway.Result {
	j.Room.Limits = limits
	r, leave := Run(ctx, j)
	leave()
	return r
}

func runSpec(t *testing.T, s Executor, spec string) (slipway.Result, string) {
	t.Helper()
	var log watched
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	r := runJob(ctx,
		Job{Order: order(spec), Room: room.Spec{Dir: filepath.Join(t.TempDir(), "build")}, Log: &log, Executor: s,
			Name: "test"})
	return r, log.String()
}

// said is a log without the runner's own lines.
func said(log string) string {
	var out []string
	for line := range strings.Lines(log) {
		if !strings.HasPrefix(line, "[Container] ") {
			out = append(out, line)
		}
	}
	return strings.Join(out, "")
}

func phases(r slipway.Result) string {
	var out []string
	for _, p := range r.Phases {
		out = append(out, string(p.PhaseType)+"="+string(p.PhaseStatus))
	}
	return strings.Join(out[min(2, len(out)):], " ")
}

func buildspecOf(shell string, commands ...string) string {
	s := "version: 0.2\n"
	if shell != "" {
		s += "env: {shell: " + shell + "}\n"
	}
	s += "phases:\n  build:\n    commands:\n"
	for _, c := range commands {
		s += "      - |\n        " + strings.ReplaceAll(c, "\n", "\n        ") + "\n"
	}
	return s +
		"    finally:\n      - 'echo finally v=$V x=$X dir=${PWD##*/} ok=$CODEBUILD_BUILD_SUCCEEDING'\n  " +
		"post_build:\n    commands:\n      - 'echo post $V'\n"
}

func alive(buildID string) string {
	var out []string
	entries, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, e := range entries {
		if env, err := os.ReadFile(e); err == nil && strings.Contains(string(env), "CODEBUILD_BUILD_ID="+buildID) {
			out = append(out, e)
		}
	}
	return strings.Join(out, " ")
}
