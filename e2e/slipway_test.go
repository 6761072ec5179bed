// Package e2e drives the built binary with the clients that people use: git, the AWS SDK, the aws CLI, a browser.
package e2e

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	region  = "eu-north-1"
	account = "210987654321"
	keyID   = "AKIAE2E0000000000000"
	secret  = "e2e-secret-of-the-administrator"
)

// binary builds slipway once, with build tags.
func binary(t testing.TB, tags string) string {
	t.Helper()
	built.mu.Lock()
	defer built.mu.Unlock()
	if path, ok := built.paths[tags]; ok {
		return path
	}
	if built.dir == "" {
		var err error
		if built.dir, err = os.MkdirTemp("", "slipway-e2e-"); err != nil {
			t.Fatal(err)
		}
		built.paths = map[string]string{}
	}
	path := filepath.Join(built.dir, "slipway"+tags)
	c := exec.Command("go", "build", "-tags", tags, "-o", path, "../cmd/slipway")
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	built.paths[tags] = path
	return path
}

var built struct {
	mu    sync.Mutex
	dir   string
	paths map[string]string
}

func TestMain(m *testing.M) {
	if address := os.Getenv("SLIPWAY_E2E_TARGET"); address != "" { // this process is the target of a router
		os.Exit(serveTarget(address))
	}
	flag.Parse()
	code := m.Run()
	if code == 0 {
		code = exercised.check()
	}
	if built.dir != "" {
		_ = os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// instance is a running `slipway up`.
type instance struct {
	t       testing.TB
	program string
	data    string
	listen  string
	url     string
	args    []string
	env     []string
	verb    string // the command that is started, "" for up
	noKey   bool   // of the administrator in the environment
	trust   string // a file with the authority of the server's certificate
	log     *output
	process *exec.Cmd
	done    chan struct{}

	forked sync.Once
	cli    *commandLine // nil where each command is a program of its own
}

// output collects what processes print, in a file: they may outlive the one that was started with it.
type output struct {
	once sync.Once
	f    *os.File
}

func (o *output) file(t testing.TB) *os.File {
	o.once.Do(func() {
		var err error
		if o.f, err = os.CreateTemp("", "slipway-e2e-log-"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Remove(o.f.Name()); _ = o.f.Close() })
	})
	return o.f
}

func (o *output) String() string {
	if o.f == nil {
		return ""
	}
	text, err := os.ReadFile(o.f.Name())
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// up starts `slipway up` in a folder of its own and ends it with the test.
func up(t testing.TB, args ...string) *instance {
	t.Helper()
	i := prepare(t, "")
	i.args = args
	i.start()
	return i
}

// prepare makes an instance that is not started yet.
func prepare(t testing.TB, tags string) *instance {
	t.Helper()
	listen := free(t)
	i := &instance{t: t, program: binary(t, tags), data: filepath.Join(folder(t), "data"), listen: listen,
		url: "http://" + listen, log: new(output)}
	i.log.file(t) // goes after the process
	t.Cleanup(func() {
		i.stop()
		i.endLeft()
		if t.Failed() {
			t.Logf("slipway up printed:\n%s", tail(i.log.String(), 100))
		}
	})
	return i
}

// endLeft fails the test if an `up` that has ended left something running, and kills that.
func (i *instance) endLeft() {
	all, _ := filepath.Glob(filepath.Join(i.data, "locks", "*"))
	for _, lock := range all {
		var h struct{ PID int }
		text, err := os.ReadFile(lock)
		if err != nil || json.Unmarshal(text, &h) != nil || h.PID < 2 {
			continue
		}
		command, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", h.PID))
		if bytes.Contains(command, []byte(i.data)) {
			_ = syscall.Kill(h.PID, syscall.SIGKILL)
			i.t.Errorf("%d %q runs though its up has ended, which printed:\n%s", h.PID, command, tail(i.log.String(), 30))
		}
	}
}

// folder is a temporary folder that builds in a sandbox can be kept out of, and that every user may walk through.
func folder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "slipway-e2e-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func tail(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

func free(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// start starts `slipway up` and waits until it answers.
func (i *instance) start() {
	i.t.Helper()
	i.launch()
	i.ready()
}

func (i *instance) launch() {
	i.t.Helper()
	c := exec.Command(i.program,
		append([]string{cmp.Or(i.verb, "up"), "--data", i.data, "--listen", i.listen, "--region", region, "--account",
			account},
			i.args...)...)
	c.Env = append(environment(), i.env...)
	if !i.noKey {
		c.Env = append(c.Env, "SLIPWAY_ACCESS_KEY_ID="+keyID, "SLIPWAY_SECRET_ACCESS_KEY="+secret)
	}
	c.Stdout, c.Stderr = i.log.file(i.t), i.log.file(i.t)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.Start(); err != nil {
		i.t.Fatal(err)
	}
	i.process, i.done = c, make(chan struct{})
	go func() {
		_ = c.Wait()
		close(i.done)
	}()
}

// environment is this process's, without anything that would point elsewhere.
func environment() []string {
	var kept []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "AWS_") && !strings.HasPrefix(v, "SLIPWAY_") {
			kept = append(kept, v)
		}
	}
	return kept
}

// ready waits until the server answers.
func (i *instance) ready() {
	i.t.Helper()
	eventually(i.t, "the server answers", func() error {
		resp, err := http.Get(i.url + "/readyz")
		if err != nil {
			select {
			case <-i.done:
				i.t.Fatalf("slipway up ended:\n%s", tail(i.log.String(), 50))
			default:
			}
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return errors.New(resp.Status)
		}
		return nil
	})
}

// stop asks `up` to end, and returns how long that took.
func (i *instance) stop() time.Duration {
	if i.process == nil {
		return 0
	}
	began := time.Now()
	_ = i.process.Process.Signal(syscall.SIGTERM)
	select {
	case <-i.done:
	case <-time.After(15 * time.Second):
		i.t.Errorf("slipway up did not end within 15 s of SIGTERM")
		_ = i.process.Process.Kill()
		<-i.done
	}
	i.process = nil
	return time.Since(began)
}

// patience bounds every wait; a machine under load is slow.
const patience = 90 * time.Second

// eventually waits until f returns no error: the state of another process can only be asked for.
func eventually(t testing.TB, what string, f func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		err := f()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not within %s: %v", what, patience, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// rounds is how often a test at random is repeated: often, where SLIPWAY_LONG is set.
func rounds(few, often int) int {
	if os.Getenv("SLIPWAY_LONG") != "" {
		return often
	}
	return few
}

// get fetches a URL.
func get(t testing.TB, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// must takes the value of a call that must not fail.
func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// says fails unless an error is the one wanted, by AWS's code.
func says(t testing.TB, err error, code string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), code) {
		t.Errorf("%v; it should be %s", err, code)
	}
}
