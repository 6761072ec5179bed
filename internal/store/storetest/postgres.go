package storetest

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Server is a PostgreSQL of the test's own.
type Server struct {
	port      int
	databases atomic.Int32
}

// Postgres starts a real PostgreSQL on loopback, stopped when the test ends. Without one installed the test is skipped.
func Postgres(t testing.TB) *Server {
	t.Helper()
	for _, program := range []string{"initdb", "postgres"} {
		if _, err := lookPath(program); err != nil {
			t.Skipf("SKIPPED: no %s here. Install it with: apt-get install -y postgresql", program)
		}
	}
	dir, err := os.MkdirTemp("", "slipway-pg-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	attr := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Getuid() == 0 { // PostgreSQL refuses to run as root
		const nobody = 65534
		attr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	data := filepath.Join(dir, "data")
	run := func(program string, args ...string) *exec.Cmd {
		path, err := lookPath(program)
		if err != nil {
			t.Fatal(err)
		}
		c := exec.Command(path, args...)
		c.SysProcAttr, c.Dir = attr, dir
		c.Env = append(os.Environ(), "HOME="+dir, "LC_ALL=C")
		return c
	}
	if out, err := run("initdb", "-D", data, "-U", "slipway", "-A", "trust", "--locale=C", "-E", "UTF8",
		"-N").CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	s := &Server{port: freePort(t)}
	server := run("postgres", "-D", data, "-p", strconv.Itoa(s.port), "-k", dir, "-c", "listen_addresses=127.0.0.1",
		"-c", "fsync=off")
	var log bytes.Buffer
	server.Stdout, server.Stderr = &log, &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Signal(syscall.SIGINT)
		_ = server.Wait()
	})
	db, err := sql.Open("pgx", s.dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for db.PingContext(ctx) != nil {
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("PostgreSQL does not answer:\n%s", log.String())
		}
	}
	return s
}

// Database makes an empty database and returns its DSN.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	db, err := sql.Open("pgx", s.dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	name := fmt.Sprintf("test%d", s.databases.Add(1))
	if _, err := db.ExecContext(context.Background(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return s.dsn(name)
}

func (s *Server) dsn(name string) string {
	return fmt.Sprintf("postgres://slipway@127.0.0.1:%d/%s?sslmode=disable", s.port, name)
}

// lookPath also looks where Debian puts the server's programs.
func lookPath(program string) (string, error) {
	if path, err := exec.LookPath(program); err == nil {
		return path, nil
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + program)
	if err != nil || len(found) == 0 {
		return "", exec.ErrNotFound
	}
	return found[len(found)-1], nil
}

func freePort(t testing.TB) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
