package app

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// A lock that nobody alive has taken is waited for: another process looks at it, or its holder is about to be gone.
func TestLockWaitsForWhoOnlyLooks(t *testing.T) {
	d := Data(t.TempDir())
	if err := os.MkdirAll(filepath.Dir(d.lock("server")), 0o700); err != nil {
		t.Fatal(err)
	}
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	holder := `{"pid":` + strconv.Itoa(dead.Process.Pid) + `,"listen":"127.0.0.1:1"}`
	if err := os.WriteFile(d.lock("server"), []byte(holder), 0o600); err != nil {
		t.Fatal(err)
	}
	looks, err := os.Open(d.lock("server"))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(looks.Fd()), syscall.LOCK_SH); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(50*time.Millisecond, func() { _ = looks.Close() })
	lock, err := d.Lock("server", "127.0.0.1:1")
	if err != nil {
		t.Fatalf("refused though nobody has it: %v", err)
	}
	lock.Release()
}

// A lock that a living process has is refused at once.
func TestLockOfTheLiving(t *testing.T) {
	d := Data(t.TempDir())
	if err := os.MkdirAll(filepath.Dir(d.lock("server")), 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(d.lock("server"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(`{"pid":` + strconv.Itoa(os.Getppid()) + `}`); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Lock("server", ""); !errors.Is(err, ErrLocked) {
		t.Errorf("%v", err)
	}
}
