package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"testing"
)

const (
	childArgument = "up-test-"
	childListen   = "127.0.0.1:8080"
)

// child is a process that Up keeps, in place of a server, a runner or a router: it holds its lock and says when it
// begins and ends. One with another name fails at once.
func child(name string, d Data) int {
	ended, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := receiveSecrets(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	lock, err := d.Lock(name, childListen)
	if err != nil || !slices.Contains([]string{"server", "runner", "router"}, name) {
		fmt.Fprintln(os.Stderr, name, "fails:", err)
		return 3
	}
	defer lock.Release()
	fmt.Fprintf(os.Stderr, "%s begins with the key %q\n", name, os.Getenv("SLIPWAY_ACCESS_KEY_ID"))
	SayReady()
	<-ended.Done()
	fmt.Fprintln(os.Stderr, name, "ends")
	return 0
}

// newUp makes an Up whose processes are children of this test. Its log has what they print, too.
func newUp(t *testing.T) (*Up, *logged) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	d, l := newData(t), newLogged()
	args := func(name string) []string { return []string{childArgument + name, string(d)} }
	return &Up{
		Data:    d,
		Listen:  childListen,
		Program: program,
		Server:  args("server"),
		Runner:  args("runner"),
		Router:  args("router"),
		Stderr:  l,
		Log:     l.logger(),
	}, l
}

// start runs Up until stop is called, which returns how it ended.
func start(t *testing.T, u *Up) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- u.Run(ctx) }()
	t.Cleanup(cancel)
	return func() error { cancel(); return within(t, ended, "the end of up") }
}

// Up starts a server, then a runner, and a router once one is wanted. It starts again what was killed, and ends the
// runner before the server.
func TestUp(t *testing.T) {
	t.Setenv("SLIPWAY_ACCESS_KEY_ID", "AKIATHEADMINISTRATOR")
	u, l := newUp(t)
	ready := make(chan struct{})
	u.Ready = func() error { close(ready); return nil }
	stop := start(t, u)
	within(t, ready, "the start")
	l.wait(t, `server begins with the key "AKIATHEADMINISTRATOR"`)
	l.wait(t, `runner begins with the key ""`)
	says(t, "a second up", u.Run(t.Context()), "slipway is up already for this data folder")
	if lines, _ := l.with("router begins"); len(lines) > 0 {
		t.Error("a router was started that nobody wants")
	}
	if err := u.Data.WantRouter(); err != nil {
		t.Fatal(err)
	}
	l.wait(t, `router begins with the key ""`)
	h, ok := u.Data.held("runner")
	if !ok || syscall.Kill(h.PID, syscall.SIGKILL) != nil {
		t.Fatalf("the runner %+v cannot be killed", h)
	}
	l.wait(t, "a process ended and is started again")
	l.waitFor(t, "runner begins", 2)
	if err := stop(); err != nil {
		t.Errorf("up ended with %v", err)
	}
	for _, name := range []string{"server", "runner", "router"} {
		if h, ok := u.Data.held(name); ok {
			t.Errorf("the %s is left: %+v", name, h)
		}
	}
	all := strings.Join(l.lines, "")
	if strings.Index(all, "runner ends") > strings.Index(all, "server ends") {
		t.Errorf("the server ended before the runner:\n%s", all)
	}
}

// A server that fails at its start is not tried again.
func TestUpWithABrokenServer(t *testing.T) {
	t.Parallel()
	u, l := newUp(t)
	u.Server[0] = childArgument + "broken"
	says(t, "up", u.Run(t.Context()), "the server did not start: exit status 3")
	if lines, _ := l.with("broken fails"); len(lines) != 1 {
		t.Errorf("the server was started %d times, want once", len(lines))
	}
	gone, _ := newUp(t)
	gone.Program = "/nonexistent/slipway"
	says(t, "a program that is not there", gone.Run(t.Context()), "the server did not start")
	refused, _ := newUp(t)
	refused.Ready = func() error { return errors.New("not now") }
	says(t, "a start that is refused", refused.Run(t.Context()), "not now")
	if h, ok := refused.Data.held("server"); ok {
		t.Errorf("the server is left: %+v", h)
	}
	says(t, "a folder that is gone", (&Up{Data: Data(t.TempDir())}).Run(t.Context()), "locks/up")
}

// A server that an earlier up left behind is adopted if it listens where this one would, and else ended.
func TestUpAdopts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ listen, want string }{
		"same address":  {childListen, "adopted what runs already"},
		"other address": {"127.0.0.1:9090", "the server that an earlier up left behind listens elsewhere and is ended"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u, l := newUp(t)
			u.Listen = c.listen
			left := exec.Command(u.Program, u.Server...)
			left.Stderr = l
			if err := left.Start(); err != nil {
				t.Fatal(err)
			}
			reaped := make(chan error, 1)
			go func() { reaped <- left.Wait() }()
			l.wait(t, "server begins")
			stop := start(t, u)
			l.wait(t, c.want)
			l.wait(t, "runner begins")
			if err := stop(); err != nil {
				t.Errorf("up ended with %v", err)
			}
			if err := within(t, reaped, "the end of the server that was left"); err != nil {
				t.Errorf("the server that was left ended with %v", err)
			}
		})
	}
}

func TestWithoutKeys(t *testing.T) {
	t.Parallel()
	got := withoutKeys([]string{"PATH=/bin", "AWS_REGION=eu-central-1", "AWS_PROFILE=x", "SLIPWAY_ACCESS_KEY_ID=a",
		"SLIPWAY_SECRET_ACCESS_KEY=b", "SLIPWAY_DATABASE=c", "SLIPWAY_LOG=debug", "SLIPWAY_DATABASE_X=y", "NOTHING"})
	want := []string{"PATH=/bin", "SLIPWAY_LOG=debug", "SLIPWAY_DATABASE_X=y", "NOTHING"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
