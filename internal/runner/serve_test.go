package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/journal"
	"slipway/internal/runner/executor/host"
)

func config(url, dir string) Config {
	executor, err := host.Sandboxed()
	if err != nil {
		executor = host.Plain()
	}
	return Config{Executor: executor, Endpoint: url, Region: "us-east-1", Credentials: testKey, Name: "r1",
		Dir: filepath.Join(dir, "runner"), Concurrency: 2}
}

// serve runs a runner in this process; stop ends it.
func serve(t *testing.T, c Config) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, c) }()
	ended := false
	stop = func() error {
		if ended {
			return nil
		}
		ended = true
		cancel()
		select {
		case err := <-done:
			return err
		case <-time.After(10 * time.Second):
			t.Fatal("the runner does not end within 10 s")
			return nil
		}
	}
	t.Cleanup(func() { _ = stop() })
	return stop
}

func commands(c ...string) string {
	s := "version: 0.2\nphases:\n  build:\n    commands:\n"
	for _, x := range c {
		s += "      - '" + strings.ReplaceAll(x, "'", "''") + "'\n"
	}
	return s
}

func TestServe(t *testing.T) {
	m, url := newMaster(t)
	dir := t.TempDir()
	c := config(url, dir)
	c.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	stop := serve(t, c)
	var orders []slipway.Order
	for i := range 8 {
		o := order(commands(fmt.Sprintf("echo build %d", i), fmt.Sprintf("test %d != 5", i)))
		orders = append(orders, o)
		m.start(o)
	}
	for i, o := range orders {
		want := codebuild.StatusTypeSucceeded
		if i == 5 {
			want = codebuild.StatusTypeFailed
		}
		if r := m.result(t, *o.Build.Id); r.Status != want || len(r.Phases) != 9 {
			t.Errorf("build %d: %s", i, r.Status)
		}
		if p := m.logOf(t, o); !p.Complete ||
			!slices.ContainsFunc(p.Lines, func(l journal.Line) bool { return l.Text == fmt.Sprintf("build %d", i) }) {
			t.Errorf("build %d: its log is wrong", i)
		}
	}
	stopped := order(commands("sleep 1000"))
	id := m.start(stopped)
	m.wait(t, "it runs", func() bool { return m.acked[id] == 1 })
	m.change(func() { m.stops = append(m.stops, id) })
	if r := m.result(t, id); r.Status != codebuild.StatusTypeStopped {
		t.Error(r.Status)
	}
	id = m.start(order(commands("sleep 1000")))
	m.wait(t, "it runs", func() bool { return m.acked[id] == 1 })
	if err := stop(); err != nil {
		t.Error(err)
	}
	if r := m.result(t, id); r.Status != codebuild.StatusTypeStopped {
		t.Error(r.Status)
	}
	for _, sub := range []string{"records", "builds"} {
		if left, err := os.ReadDir(filepath.Join(dir, "runner", sub)); err != nil || len(left) > 0 {
			t.Errorf("%s are left: %v %v", sub, left, err)
		}
	}
	if len(m.doubled) > 0 {
		t.Error("reported twice:", m.doubled)
	}
}

func TestOneRunnerInAFolder(t *testing.T) {
	m, url := newMaster(t)
	c := config(url, t.TempDir())
	serve(t, c)
	m.wait(t, "the first polls", func() bool { return m.polls > 0 })
	if err := Serve(t.Context(), c); err == nil || !strings.Contains(err.Error(), "another runner works in") {
		t.Error(err)
	}
}

func TestTheServerIsAway(t *testing.T) {
	m, url := newMaster(t)
	dir := t.TempDir()
	serve(t, config(url, dir))
	o := order(commands("echo it goes on"))
	m.change(func() { m.queue = append(m.queue, o) })
	m.wait(t, "acknowledged", func() bool { return m.acked[*o.Build.Id] == 1 })
	m.change(func() { m.away = true })
	waitForResult(t, dir, o)
	m.change(func() { m.away = false })
	if r := m.result(t, *o.Build.Id); r.Status != codebuild.StatusTypeSucceeded {
		t.Error(r.Status)
	}
	p := m.logOf(t, o)
	if n := times(p, "it goes on"); n != 1 || !p.Complete {
		t.Errorf("the log has the line %d times, complete %v", n, p.Complete)
	}
}

// A runner that is killed with builds in every state: what had ended is reported, what had begun is uncertain and not
// run again, and nothing of it is left.
func TestKilledRunner(t *testing.T) {
	if url := os.Getenv("RUNNER_TEST_URL"); url != "" {
		if err := Serve(context.Background(), config(url, os.Getenv("RUNNER_TEST_DIR"))); err != nil {
			t.Fatal(err)
		}
		return
	}
	m, url := newMaster(t)
	dir := t.TempDir()
	launch := func() *exec.Cmd {
		cmd := exec.Command(os.Args[0], "-test.run=TestKilledRunner$")
		cmd.Env = append(os.Environ(), "RUNNER_TEST_URL="+url, "RUNNER_TEST_DIR="+dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		return cmd
	}
	cmd := launch()
	begun := order(commands("echo begun", "setsid sleep 1000 & sleep 1000"))
	m.start(begun)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	name := journal.Name{Group: begun.Group, Stream: begun.Stream}
	for n := int64(0); ; n++ {
		if err := m.journal.Wait(ctx, name, n); err != nil {
			t.Fatal(err)
		}
		if p := m.logOf(t,
			begun); slices.ContainsFunc(p.Lines, func(l journal.Line) bool { return l.Text == "begun" }) {
			break
		}
	}
	ended := order(commands("echo ended"))
	m.wait(t, "it is polled for", func() bool { return slices.Contains(m.running, *begun.Build.Id) })
	m.start(ended)
	m.wait(t, "the second is acknowledged", func() bool { return m.acked[*ended.Build.Id] == 1 })
	m.change(func() { m.away = true })
	waitForResult(t, dir, ended)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	waiting := order(commands("echo resumed"))
	text, err := json.Marshal(waiting)
	if err != nil {
		t.Fatal(err)
	}
	if err := (records{filepath.Join(dir, "runner", "records")}).keepOrder(*waiting.Build.Id, text); err != nil {
		t.Fatal(err)
	}
	m.change(func() { m.away = false })
	cmd = launch()
	if r := m.result(t, *ended.Build.Id); r.Status != codebuild.StatusTypeSucceeded {
		t.Error(r.Status)
	}
	if r := m.result(t, *begun.Build.Id); r.Status != codebuild.StatusTypeFault ||
		!strings.Contains(r.Cause.Message, "uncertain") {
		t.Errorf("%s %+v", r.Status, r.Cause)
	}
	if r := m.result(t, *waiting.Build.Id); r.Status != codebuild.StatusTypeSucceeded {
		t.Error(r.Status)
	}
	p := m.logOf(t, begun)
	count := 0
	for _, l := range p.Lines {
		if l.Text == "begun" {
			count++
		}
	}
	if !p.Complete || count != 1 || !strings.Contains(p.Lines[len(p.Lines)-1].Text, "it is not run again") {
		t.Errorf("complete %v, %d times: %+v", p.Complete, count, p.Lines)
	}
	waitFor(t, "no process is left", func() bool { return alive(*begun.Build.Id) == "" })
	_ = cmd.Process.Signal(syscall.SIGKILL)
	_ = cmd.Wait()
	// Of the rooms, those are left that were ready for builds.
	for sub, most := range map[string]int{"records": 1, "builds": 2} {
		left, err := os.ReadDir(filepath.Join(dir, "runner", sub))
		if err != nil || len(left) > most {
			t.Errorf("%s are left: %v %v", sub, left, err)
		}
	}
}

// waitForResult waits until a runner has kept the result of a build.
func waitForResult(t *testing.T, dir string, o slipway.Order) {
	t.Helper()
	record := filepath.Join(dir, "runner", "records", o.Stream+".json")
	waitFor(t, "the result is kept", func() bool {
		b, _ := os.ReadFile(record)
		return strings.Contains(string(b), `"result"`)
	})
}

// times counts the lines of a log that say something.
func times(p journal.Page, text string) (n int) {
	for _, l := range p.Lines {
		if l.Text == text {
			n++
		}
	}
	return n
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}
