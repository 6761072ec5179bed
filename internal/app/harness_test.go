package app

import (
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestMain gives files the modes that the program gives them. This program is also the one that Up starts: see child.
func TestMain(m *testing.M) {
	Private()
	if len(os.Args) == 3 && strings.HasPrefix(os.Args[1], childArgument) {
		os.Exit(child(strings.TrimPrefix(os.Args[1], childArgument), Data(os.Args[2])))
	}
	os.Exit(m.Run())
}

// patience is how long a test waits for what happens in the background.
const patience = 30 * time.Second

// logged collects what a server logs, and tells of each line.
type logged struct {
	mu    sync.Mutex
	lines []string
	more  chan struct{} // closed and replaced by each line
}

func newLogged() *logged { return &logged{more: make(chan struct{})} }

func (l *logged) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func (l *logged) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, string(line))
	close(l.more)
	l.more = make(chan struct{})
	return len(line), nil
}

// with returns the lines that contain a text.
func (l *logged) with(text string) (lines []string, more <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.lines {
		if strings.Contains(line, text) {
			lines = append(lines, line)
		}
	}
	return lines, l.more
}

// wait waits for a line that contains a text.
func (l *logged) wait(t *testing.T, text string) string {
	t.Helper()
	return l.waitFor(t, text, 1)
}

// waitFor waits for the line that is the nth which contains a text.
func (l *logged) waitFor(t *testing.T, text string, n int) string {
	t.Helper()
	over := time.After(patience)
	for {
		lines, more := l.with(text)
		if len(lines) >= n {
			return lines[n-1]
		}
		select {
		case <-more:
		case <-over:
			t.Fatalf("%q was logged %d times, want %d", text, len(lines), n)
		}
	}
}

// within returns what a channel brings.
func within[T any](t *testing.T, c <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patience):
		t.Fatalf("%s did not happen in %s", what, patience)
	}
	return v
}

// says checks an error: "" for none, else a part of its text.
func says(t *testing.T, what string, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("%s: got error %v, want none", what, err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("%s: got error %v, want one with %q", what, err, want)
	}
}

// newData makes a data folder.
func newData(t *testing.T) Data {
	t.Helper()
	d, err := Open(filepath.Join(t.TempDir(), "data"))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// newOptions are those of a server on SQLite in a folder of its own.
func newOptions(t *testing.T) Options {
	t.Helper()
	d := newData(t)
	place, err := d.Place("eu-central-1", "111122223333")
	if err != nil {
		t.Fatal(err)
	}
	return Options{
		Data:   d,
		Listen: "127.0.0.1:0",
		URL:    "http://127.0.0.1",
		Place:  place,
		Keep:   DefaultKeep,
		Log:    slog.New(slog.DiscardHandler),
	}
}

// newServer makes the modules of a server.
func newServer(t *testing.T, o Options) *server {
	t.Helper()
	s, err := open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	return s
}

// freeAddress is a loopback address that nothing listens at.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
