package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Up runs everything on one machine: the server, a runner, and a router once there is a load balancer. Each is a
// process of its own.
type Up struct {
	Data    Data
	Listen  string
	Program string   // this program, to start the others
	Server  []string // arguments of `slipway server`
	Runner  []string // arguments of `slipway runner`
	Router  []string // arguments of `slipway router`
	Stderr  io.Writer
	Log     *slog.Logger
	// Ready is called once the server answers, the first time.
	Ready func() error
}

const (
	// graceful is how long a child may take to end. Up itself has to end within ten seconds.
	graceful   = 8 * time.Second
	firstPause = 100 * time.Millisecond
	lastPause  = 5 * time.Second
	// steady is how many pauses a child has to live for the next pause to be short again.
	steady = 2
	// maxCrashes is how often a child may be killed before its first answer. A child that exits by itself before that
	// reports why, and is not started again.
	maxCrashes = 5
)

// killed reports whether a signal ended a process.
func killed(err error) bool {
	exit, ok := errors.AsType[*exec.ExitError](err)
	return ok && exit.ExitCode() == -1
}

// Run starts what is not running yet, adopts what is (a crashed `up` leaves it behind), keeps all of it
// running, and ends all of it when ctx ends.
func (u *Up) Run(ctx context.Context) error {
	lock, err := u.Data.Lock("up", u.Listen)
	if err != nil {
		if errors.Is(err, ErrLocked) {
			return fmt.Errorf("slipway is up already for this data folder: %w", err)
		}
		return err
	}
	defer lock.Release()
	if h, ok := u.Data.held("server"); ok && h.Listen != u.Listen {
		u.Log.Info("the server that an earlier up left behind listens elsewhere and is ended", "listen", h.Listen)
		if err := u.end(h.PID, "server"); err != nil {
			return err
		}
	}
	ready := make(chan error, 1)
	server := u.child(func(ctx context.Context) { u.keep(ctx, "server", u.Server, os.Environ(), ready) })
	select {
	case err = <-ready:
		if err == nil && u.Ready != nil {
			err = u.Ready()
		}
	case <-ctx.Done():
	}
	if err == nil && ctx.Err() == nil {
		runner := u.child(func(ctx context.Context) { u.keep(ctx, "runner", u.Runner, withoutKeys(os.Environ()), nil) })
		router := u.child(func(ctx context.Context) {
			if err := u.Data.routerWanted(ctx); err == nil {
				u.keep(ctx, "router", u.Router, withoutKeys(os.Environ()), nil)
			} else if ctx.Err() == nil {
				u.Log.Error("a router cannot be started", "error", err)
			}
		})
		<-ctx.Done()
		ended := make(chan struct{})
		go func() { router(); close(ended) }() // while the runner ends
		defer func() { <-ended }()
		runner() // first, so that the server still hears of the builds that it stops
	}
	server()
	u.endLeft()
	return err
}

// endLeft ends what an earlier `up` left and this one was told to end before it had adopted it.
func (u *Up) endLeft() {
	for _, name := range []string{"runner", "router", "server"} {
		if h, ok := u.Data.held(name); ok {
			if err := u.end(h.PID, name); err != nil {
				u.Log.Error("end process", "process", name, "error", err)
			}
		}
	}
}

// child runs keep, which keeps a process until its context ends. The returned function ends it, and returns once the
// process is gone.
func (u *Up) child(keep func(context.Context)) (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { keep(ctx) })
	return func() { cancel(); done.Wait() }
}

// withoutKeys removes the administrator's key and the database's password from an environment. Runners and routers must
// not have them.
func withoutKeys(environment []string) []string {
	var kept []string
	for _, v := range environment {
		switch name, _, _ := strings.Cut(v, "="); {
		case strings.HasPrefix(name, "AWS_"),
			name == "SLIPWAY_ACCESS_KEY_ID",
			name == "SLIPWAY_SECRET_ACCESS_KEY",
			name == "SLIPWAY_DATABASE":
		default:
			kept = append(kept, v)
		}
	}
	return kept
}

// keep keeps one child running until ctx ends. It sends the result of the first start to ready.
func (u *Up) keep(ctx context.Context, name string, args, environment []string, ready chan<- error) {
	tell := func(err error) {
		if ready != nil {
			ready <- err
			ready = nil
		}
	}
	pause, crashes := firstPause, 0
	for ctx.Err() == nil {
		if h, ok := u.Data.held(name); ok {
			u.Log.Info("adopted what runs already", "process", name, "pid", h.PID)
			tell(nil)
			if u.Data.released(ctx, name) == nil {
				continue
			}
			if err := u.end(h.PID, name); err != nil {
				u.Log.Error("end process", "process", name, "error", err)
			}
			return
		}
		began := time.Now()
		err := u.run(ctx, name, args, environment, tell)
		if ctx.Err() != nil {
			return
		}
		if crashes++; ready != nil &&
			(!killed(err) || crashes > maxCrashes) { // it never came up: whoever started us should know why
			tell(fmt.Errorf("the %s did not start: %w", name, err))
			return
		}
		if time.Since(began) > steady*pause {
			pause = firstPause
		}
		u.Log.Error("a process ended and is started again", "process", name, "error", err, "in", pause)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
		pause = min(2*pause, lastPause)
	}
}

// run runs a child to its end. It says that it is ready by closing its descriptor 3 after writing to it.
func (u *Up) run(ctx context.Context, name string, args, environment []string, tell func(error)) error {
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer read.Close()
	clean, secrets, err := concealed(environment)
	if err != nil {
		return errors.Join(err, write.Close())
	}
	c := exec.Command(u.Program, args...)
	c.Stdout, c.Stderr, c.Env = u.Stderr, u.Stderr, append(clean, "SLIPWAY_READY_FD=3")
	c.ExtraFiles = []*os.File{write}
	if secrets != nil {
		defer secrets.Close()
		c.Env, c.ExtraFiles = append(c.Env, secretsFD+"=4"), append(c.ExtraFiles, secrets)
	}
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C in a terminal is for us, who pass it on in order
	if err := c.Start(); err != nil {
		_ = write.Close()
		return err
	}
	_ = write.Close()
	defer context.AfterFunc(ctx, func() { u.ask(c.Process) })()
	var b [1]byte
	if n, _ := read.Read(b[:]); n == 1 {
		tell(nil)
	}
	return c.Wait()
}

// SayReady tells the `up` that started this process, if one did, that it is ready.
func SayReady() {
	if os.Getenv("SLIPWAY_READY_FD") != "3" {
		return
	}
	_ = os.Unsetenv("SLIPWAY_READY_FD")
	f := os.NewFile(3, "ready")
	_, _ = f.Write([]byte{1})
	_ = f.Close()
}

// ask asks a child to end, and makes it end if it does not.
func (u *Up) ask(p *os.Process) {
	_ = p.Signal(syscall.SIGTERM)
	time.AfterFunc(graceful/2, func() { _ = p.Kill() }) // does nothing to one that has ended
}

// end asks a process to end, and makes it end if it does not.
func (u *Up) end(pid int, name string) error {
	_ = syscall.Kill(pid, syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(context.Background(), graceful/2)
	defer cancel()
	if u.Data.released(ctx, name) == nil {
		return nil
	}
	u.Log.Warn("a process does not end and is killed", "process", name, "pid", pid)
	_ = syscall.Kill(pid, syscall.SIGKILL)
	return u.Data.released(context.Background(), name)
}
