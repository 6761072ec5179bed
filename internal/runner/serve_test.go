package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"slipway/api/awsproto"
	"slipway/api/awsproto/sigv4"
	"slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/journal"
	"slipway/internal/runner/executor/host"
	"slipway/internal/runner/room"
)

// master is a server with one queue of builds, which keeps the rules of the runner's protocol.
type master struct {
	slipway.Unimplemented
	mu      sync.Mutex
	changed chan struct{} // closed and replaced
	queue   []slipway.Order
	offered map[string]slipway.Order
	acked   map[string]int
	stops   []string
	told    map[string]int // the poll in which a stop was said last
	results map[string]slipway.Result
	doubled []string
	running []string
	polls   int
	// elsewhere is a build that another runner has.
	elsewhere string
	away      bool
	journal   *journal.Journal
}

func newMaster(t *testing.T) (*master, string) {
	m := &master{changed: make(chan struct{}), offered: map[string]slipway.Order{}, acked: map[string]int{},
		told: map[string]int{}, results: map[string]slipway.Result{}}
	var err error
	if m.journal, err = journal.Open(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.journal.Close() })
	s := &awsproto.Server{Region: "us-east-1", Account: "123456789012", Now: time.Now,
		Lookup: func(_ context.Context, id string) (sigv4.Secret, bool, error) {
			return sigv4.Secret{Key: testKey.SecretAccessKey}, id == testKey.AccessKeyID, nil
		},
		Caller: func(context.Context, string) (awsproto.Caller, error) { return awsproto.Caller{}, nil }}
	s.Add(slipway.New(awsproto.Hooks{}, m))
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return m, server.URL
}

func (m *master) change(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
	close(m.changed)
	m.changed = make(chan struct{})
}

// wait returns when a condition holds.
func (m *master) wait(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		m.mu.Lock()
		done, changed := ok(), m.changed
		m.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

var errAway = &awsproto.Error{Code: "ServiceUnavailable", Status: 503, Message: "away"}

func (m *master) PollBuild(ctx context.Context, in *slipway.PollBuildInput) (*slipway.PollBuildOutput, error) {
	var this int
	m.change(func() {
		m.polls++
		this = m.polls
		m.running = in.Running
		for id, o := range m.offered { // one that was assigned and of which the runner knows nothing
			if m.acked[id] == 0 && !slices.Contains(in.Running, id) {
				m.queue = append(m.queue, o)
				delete(m.offered, id)
			}
		}
	})
	for {
		m.mu.Lock()
		out, changed, away := &slipway.PollBuildOutput{}, m.changed, m.away
		if m.polls != this { // the runner has given it up
			m.mu.Unlock()
			return out, nil
		}
		if len(m.queue) > 0 && *in.Free > 0 && !away {
			o := m.queue[0]
			m.queue = m.queue[1:]
			m.offered[*o.Build.Id] = o
			text, _ := json.Marshal(o)
			out.Build = &slipway.BuildOrder{Id: o.Build.Id, Order: text}
		}
		for _, id := range m.stops { // said until it has stopped: an answer can be lost
			if _, ended := m.results[id]; !ended && m.told[id] < this {
				out.Stop, m.told[id] = append(out.Stop, id), this
			}
		}
		m.mu.Unlock()
		if away {
			return nil, errAway
		}
		if out.Build != nil || len(out.Stop) > 0 {
			return out, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(10 * time.Second):
			return out, nil
		}
	}
}

func (m *master) AcknowledgeBuild(_ context.Context,
	in *slipway.AcknowledgeBuildInput) (*slipway.AcknowledgeBuildOutput, error) {
	n, away := 0, false
	m.change(func() {
		if away = m.away; !away {
			m.acked[*in.Id]++
			n = m.acked[*in.Id]
		}
	})
	if away {
		return nil, errAway
	}
	return &slipway.AcknowledgeBuildOutput{Run: new(n == 1)}, nil
}

func (m *master) UpdateBuild(_ context.Context, in *slipway.UpdateBuildInput) (*slipway.UpdateBuildOutput, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &slipway.UpdateBuildOutput{Stop: new(*in.Id == m.elsewhere)}, nil
}

// AppendLog keeps what a runner hands over, as the server does.
func (m *master) AppendLog(_ context.Context, in *slipway.AppendLogInput) (*slipway.AppendLogOutput, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.away {
		return nil, errAway
	}
	_, stream, _ := strings.Cut(*in.Id, ":")
	w, err := m.journal.Append(journal.Name{Group: "/aws/codebuild/web", Stream: stream})
	if errors.Is(err, journal.ErrComplete) {
		return &slipway.AppendLogOutput{Offset: in.Offset, Complete: new(true)}, nil
	} else if err != nil {
		return nil, err
	}
	if skip := w.Offset() - *in.Offset; skip >= 0 && skip < int64(len(in.Data)) {
		_, err = w.Write(in.Data[skip:])
	}
	out := &slipway.AppendLogOutput{Offset: new(w.Offset()), Complete: in.Complete}
	if value(in.Complete) {
		return out, errors.Join(err, w.Close())
	}
	return out, errors.Join(err, w.Release())
}

func (m *master) CompleteBuild(_ context.Context,
	in *slipway.CompleteBuildInput) (*slipway.CompleteBuildOutput, error) {
	var r slipway.Result
	if err := json.Unmarshal(in.Result, &r); err != nil {
		return nil, err
	}
	away := false
	m.change(func() {
		if away = m.away; away {
			return
		}
		if _, twice := m.results[*in.Id]; twice {
			m.doubled = append(m.doubled, *in.Id)
			return
		}
		m.results[*in.Id] = r
	})
	if away {
		return nil, errAway
	}
	return &slipway.CompleteBuildOutput{}, nil
}

func (m *master) start(o slipway.Order) string {
	m.change(func() { m.queue = append(m.queue, o) })
	return *o.Build.Id
}

func (m *master) result(t *testing.T, id string) slipway.Result {
	t.Helper()
	m.wait(t, "the result of "+id, func() bool { _, ok := m.results[id]; return ok })
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.results[id]
}

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

func (m *master) logOf(t *testing.T, o slipway.Order) journal.Page {
	t.Helper()
	p, err := m.journal.Read(t.Context(), journal.Name{Group: o.Group, Stream: o.Stream}, journal.Query{Limit: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	return p
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

// A yes that is lost on its way is found again, and a build that another runner has is left to it.
func TestAcknowledgedTwice(t *testing.T) {
	m, url := newMaster(t)
	dir := t.TempDir()
	others, lost := order(commands("echo never")), order(commands("echo once"))
	m.acked[*others.Build.Id] = 1
	m.acked[*lost.Build.Id] = 1
	m.elsewhere = *others.Build.Id
	r := records{filepath.Join(dir, "runner", "records")}
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, o := range []slipway.Order{others, lost} {
		text, err := json.Marshal(o)
		if err == nil {
			err = r.keepOrder(*o.Build.Id, text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	serve(t, config(url, dir))
	if got := m.result(t, *lost.Build.Id); got.Status != codebuild.StatusTypeSucceeded {
		t.Error(got.Status)
	}
	waitFor(t, "the other's record is gone", func() bool { left, _ := os.ReadDir(r.dir); return len(left) == 0 })
	m.change(func() {
		if _, ok := m.results[*others.Build.Id]; ok {
			t.Error("another runner's build was run")
		}
	})
}

func TestRecordsSurviveATornWrite(t *testing.T) {
	r := records{t.TempDir()}
	o := order(commands("true"))
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.keepOrder(*o.Build.Id, text); err != nil {
		t.Fatal(err)
	}
	path, _ := r.path(*o.Build.Id)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(whole, `{"star`...), 0o600); err != nil {
		t.Fatal(err)
	}
	if all, err := r.all(); err != nil || len(all) != 1 || all[0].started || all[0].id != *o.Build.Id {
		t.Fatal(all, err)
	}
	if err := r.keepStarted(*o.Build.Id); err != nil {
		t.Fatal(err)
	}
	if err := r.keepResult(*o.Build.Id, slipway.Result{Status: codebuild.StatusTypeFailed}); err != nil {
		t.Fatal(err)
	}
	if all, err := r.all(); err != nil || !all[0].started || all[0].result == nil ||
		all[0].result.Status != codebuild.StatusTypeFailed {
		t.Fatal(all, err)
	}
	for _, bad := range []string{"", "x", "x:", "x:../y", "x:a/b"} {
		if err := r.keepStarted(bad); err == nil {
			t.Errorf("%q is an ID", bad)
		}
	}
	if err := os.WriteFile(path, whole[:20], 0o600); err != nil {
		t.Fatal(err)
	}
	if all, err := r.all(); err != nil || len(all) != 0 {
		t.Fatal(all, err)
	}
}

func BenchmarkOneCommand(b *testing.B) {
	for _, boxed := range []bool{false, true} {
		b.Run(fmt.Sprintf("sandbox=%v", boxed), func(b *testing.B) {
			var s Executor = host.Plain()
			if boxed {
				s = sandbox(b)
			}
			o := order(commands("echo hi"))
			for b.Loop() {
				dir := filepath.Join(b.TempDir(), "b")
				if r := runJob(b.Context(),
					Job{Order: o, Room: room.Spec{Dir: dir}, Log: new(watched),
						Executor: s}); r.Status != codebuild.StatusTypeSucceeded {
					b.Fatal(r.Status)
				}
			}
		})
	}
}

func BenchmarkMillionLines(b *testing.B) {
	line := strings.Repeat("x", 99)
	script := "i=0; while [ $i -lt 1000000 ]; do echo " + line + "; i=$((i+1)); done"
	b.Run("sh to a file", func(b *testing.B) {
		for b.Loop() {
			if err := exec.Command("sh", "-c", "("+script+") >"+filepath.Join(b.TempDir(), "f")).Run(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("a build", func(b *testing.B) {
		s := sandbox(b)
		for b.Loop() {
			j, err := journal.Open(b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			w, err := j.Append(journal.Name{Group: "g", Stream: "s"})
			if err != nil {
				b.Fatal(err)
			}
			if r := runJob(b.Context(),
				Job{Order: order(commands(script)), Room: room.Spec{Dir: filepath.Join(b.TempDir(), "b")}, Log: w,
					Executor: s}); r.Status != codebuild.StatusTypeSucceeded || w.Lines() < 1_000_000 {
				b.Fatal(r.Status, w.Lines())
			}
			_ = w.Close()
		}
	})
}
