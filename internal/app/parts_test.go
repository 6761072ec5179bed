package app

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The first part that ends while the server runs ends the server, however it ends.
func TestPartsDeath(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		run  func(context.Context) error
		want string
		log  string
	}{
		"an error":    {func(context.Context) error { return errors.New("no disk") }, "clock: no disk", ""},
		"by itself":   {func(context.Context) error { return nil }, "clock: it ended by itself", ""},
		"by a panic":  {func(context.Context) error { return brokenPart() }, "clock: panic: ", "a part of the server panicked"},
		"a cancelled": {func(context.Context) error { return context.Canceled }, "clock: context canceled", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLogged()
			p := newParts(l.logger())
			p.start(t.Context(), "clock", c.run)
			says(t, "the death", within(t, p.failed, "the death"), c.want)
			if c.log != "" {
				if line := l.wait(t, c.log); !strings.Contains(line, "brokenPart") {
					t.Errorf("the log has no stack: %s", line)
				}
			}
			p.start(t.Context(), "second", func(context.Context) error { return errors.New("late") })
			p.start(t.Context(), "third", func(context.Context) error { return errors.New("later") })
			p.wait(patience)
			if first := <-p.failed; !strings.HasSuffix(first.Error(), "late") && !strings.HasSuffix(first.Error(), "later") {
				t.Errorf("got %v, want the first of the deaths that followed", first)
			}
			if len(p.failed) > 0 {
				t.Error("more than one death is told")
			}
		})
	}
}

func brokenPart() error { panic("it is broken") }

// Parts that end because the server does are no deaths. What they still say is logged.
func TestPartsEnd(t *testing.T) {
	t.Parallel()
	l := newLogged()
	p := newParts(l.logger())
	ctx, cancel := context.WithCancel(t.Context())
	p.start(ctx, "quiet", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
	p.start(ctx, "well", func(ctx context.Context) error { <-ctx.Done(); return nil })
	p.start(ctx, "loud", func(ctx context.Context) error { <-ctx.Done(); return errors.New("it broke at the end") })
	release := make(chan struct{})
	p.start(ctx, "stuck", func(context.Context) error { <-release; return nil })
	cancel()
	l.wait(t, "part=loud")
	p.wait(0)
	if line := l.wait(t, "did not end in time"); !strings.Contains(line, "part=") {
		t.Errorf("the log names no part: %s", line)
	}
	if lines, _ := l.with("part=stuck"); len(lines) != 1 {
		t.Errorf("the part that is left behind is logged %d times, want once", len(lines))
	}
	close(release)
	p.wait(patience)
	for _, quiet := range []string{"ended with an error\" part=quiet", "ended with an error\" part=well"} {
		if lines, _ := l.with(quiet); len(lines) > 0 {
			t.Errorf("logged: %s", lines[0])
		}
	}
	if len(p.failed) > 0 {
		t.Errorf("the end of the server is told as the death %v", <-p.failed)
	}
}

// Nudges that pile up are one, and none that comes later is lost.
func TestNudge(t *testing.T) {
	t.Parallel()
	n := newNudge()
	n.give()
	n.give()
	n.give()
	ctx, cancel := context.WithCancel(t.Context())
	rounds := make(chan struct{}, 10)
	ended := make(chan struct{})
	go func() { n.take(ctx, func(context.Context) { rounds <- struct{}{} }); close(ended) }()
	within(t, rounds, "the round for the first nudges")
	n.give()
	within(t, rounds, "the round for the next nudge")
	cancel()
	within(t, ended, "the end")
	if len(rounds) > 0 {
		t.Errorf("%d more rounds than nudges", len(rounds))
	}
}

// A round that fails or panics is logged, and the next one comes.
func TestContained(t *testing.T) {
	t.Parallel()
	l := newLogged()
	o := newOptions(t)
	o.Log = l.logger()
	s := &server{ground: &ground{Options: o}}
	s.contained(func(context.Context) error { return errors.New("no table") })(t.Context())
	l.wait(t, "no table")
	s.contained(func(context.Context) error { return brokenPart() })(t.Context())
	l.wait(t, "brokenPart")
	s.contained(func(context.Context) error { return nil })(t.Context())
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	s.contained(func(ctx context.Context) error { return ctx.Err() })(ended)
	if lines, _ := l.with("look at what routers report"); len(lines) != 2 {
		t.Errorf("logged %d times, want twice", len(lines))
	}
}

// A round over deployments and releases with nothing in them changes nothing.
func TestReact(t *testing.T) {
	t.Parallel()
	s := newServer(t, newOptions(t))
	says(t, "a round", s.react(t.Context()), "")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	says(t, "a round of a server that ends", s.react(ended), "canceled")
}

func TestPrometheusURL(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                          "",
		"http://127.0.0.1:9090":     "",
		"https://prom.example.com/": "",
		"127.0.0.1:9090":            "--prometheus must be the URL",
		"ftp://example.com":         "--prometheus must be the URL",
		"http://":                   "--prometheus must be the URL",
	} {
		u, err := prometheusURL(text)
		says(t, text, err, want)
		if got := u != nil; got != (text != "" && want == "") {
			t.Errorf("%q: got %v", text, u)
		}
	}
}

// The reserve is held from the start, given to a database whose disk is full, and taken again once there is room.
func TestReserve(t *testing.T) {
	t.Parallel()
	d := newData(t)
	l := newLogged()
	r := newReserve(d, l.logger())
	var s unix.Statfs_t
	if err := unix.Statfs(string(d), &s); err != nil || int64(s.Bavail)*s.Bsize < 3*r.size {
		t.Skipf("SKIPPED: this disk is nearly full (%v)", err)
	}
	size := func() int64 {
		info, err := os.Stat(filepath.Join(string(d), "reserve"))
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	if r.size > maxReserve || size() != r.size {
		t.Errorf("the reserve has %d bytes, want %d, at most %d", size(), r.size, maxReserve)
	}
	says(t, "room", r.room(), "")
	if !r.release() || size() != 0 {
		t.Errorf("a reserve that was given up has %d bytes", size())
	}
	l.wait(t, "the disk is full")
	if r.release() {
		t.Error("a reserve was given up twice")
	}
	says(t, "room after a release", r.room(), "")
	if size() != r.size {
		t.Errorf("the reserve was not taken again: %d bytes", size())
	}
}

// Without room for a reserve there is no room for builds and uploads.
func TestReserveWithoutRoom(t *testing.T) {
	t.Parallel()
	d := newData(t)
	r := newReserve(d, newLogged().logger())
	r.release()
	r.size = 1 << 60
	says(t, "room", r.room(), "the server's disk is nearly full")
	says(t, "room", r.room(), string(d))
	if r.release() {
		t.Error("a reserve was given up that is not held")
	}
	gone := &reserve{path: filepath.Join(string(d), "gone", "reserve"), size: 1, log: newLogged().logger()}
	says(t, "a folder that is gone", gone.room(), "nearly full")
	blocked := newData(t)
	if err := os.Mkdir(filepath.Join(string(blocked), "reserve"), 0o700); err != nil {
		t.Fatal(err)
	}
	says(t, "a folder in its place", newReserve(blocked, newLogged().logger()).room(), "nearly full")
}
