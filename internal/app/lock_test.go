package app

import (
	"context"
	"errors"
	"os"
	"testing"
)

// On SQLite a folder has one server; on PostgreSQL several, each at an address of its own.
func TestLockServer(t *testing.T) {
	t.Parallel()
	const first, second = "127.0.0.1:8080", "[::1]:8081"
	for name, c := range map[string]struct {
		listen string
		shared bool
		locked bool
	}{
		"one database file, same address":  {first, false, true},
		"one database file, other address": {second, false, true},
		"shared database, same address":    {first, true, true},
		"shared database, other address":   {second, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newData(t)
			one, err := d.lockServer(first, c.shared)
			if err != nil {
				t.Fatal(err)
			}
			defer one.Release()
			two, err := d.lockServer(c.listen, c.shared)
			if got := errors.Is(err, ErrLocked); got != c.locked || !c.locked && err != nil {
				t.Fatalf("got %v, want locked = %t", err, c.locked)
			}
			if two == nil {
				return
			}
			if _, err := d.lockServer(c.listen, c.shared); !errors.Is(err, ErrLocked) {
				t.Errorf("a third server at the second's address: got %v, want ErrLocked", err)
			}
			two.Release()
			again, err := d.lockServer(c.listen, c.shared)
			if err != nil {
				t.Fatalf("after the second ended: %v", err)
			}
			again.Release()
		})
	}
}

// A lock says who holds it, and is free once its holder is gone.
func TestLock(t *testing.T) {
	t.Parallel()
	d := newData(t)
	if h, ok := d.held("up"); ok {
		t.Errorf("nobody holds the lock, and %+v does", h)
	}
	lock, err := d.Lock("up", "127.0.0.1:8080")
	if err != nil {
		t.Fatal(err)
	}
	want := holder{os.Getpid(), "127.0.0.1:8080"}
	if h, ok := d.held("up"); !ok || h != want {
		t.Errorf("held: got %+v, %t, want %+v", h, ok, want)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.released(ended, "up"); !errors.Is(err, context.Canceled) {
		t.Errorf("released while it is held: got %v", err)
	}
	free := make(chan error, 1)
	go func() { free <- d.released(t.Context(), "up") }()
	lock.Release()
	if err := within(t, free, "the release"); err != nil {
		t.Error(err)
	}
	if h, ok := d.held("up"); ok {
		t.Errorf("%+v holds a lock that was released", h)
	}
	if _, err := Data(t.TempDir()).Lock("up", ""); err == nil {
		t.Error("a folder without locks gave one")
	}
}
