package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"slipway/internal/store/storetest"
)

// TestPostgres takes changes their way with the state in PostgreSQL, and kills the server while one is under way.
func TestPostgres(t *testing.T) {
	t.Parallel()
	dsn := storetest.Postgres(t).Database(t)
	i := prepare(t, "")
	i.args = []string{"--database", dsn}
	i.start()
	w := newWayOn(t, i)
	if _, err := os.Stat(filepath.Join(i.data, "slipway.db")); !os.IsNotExist(err) {
		t.Errorf("there is a database in the data folder (%v)", err)
	}
	for _, pid := range i.pids() {
		if args := string(must(os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)))(t)); pid != i.pids()["up"] &&
			strings.Contains(args, "postgres") {
			t.Errorf("the database's address, which may hold a password, is in the arguments %q", args)
		}
	}
	w.push()
	w.settles(true)
	for range 3 {
		w.push()
		_ = syscall.Kill(i.pids()["server"], syscall.SIGKILL)
		w.settles(true)
	}
	i.stop()
	i.start()
	w.push()
	w.settles(true)
}
