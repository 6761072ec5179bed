package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codecommit"

	"slipway/internal/store/storetest"
)

// repositories are the folders of repositories in the data folder.
func (i *instance) repositories() []string {
	i.t.Helper()
	return must(filepath.Glob(filepath.Join(i.data, "repositories", "*.git")))(i.t)
}

func (i *instance) createRepository(name string) {
	i.t.Helper()
	if _, err := codecommit.NewFromConfig(i.sdk()).CreateRepository(i.t.Context(),
		&codecommit.CreateRepositoryInput{RepositoryName: &name}); err != nil {
		i.t.Fatal(err)
	}
}

// refusesToStart starts a server that must not start, and returns what it says.
func (i *instance) refusesToStart() string {
	i.t.Helper()
	out, err := i.slipway(append([]string{"server", "--data", i.data, "--listen", free(i.t)}, i.args...)...)
	if err == nil || !strings.Contains(out, "does not belong to this database") {
		i.t.Fatalf("the server started, or said something else: %v\n%s", err, out)
	}
	return out
}

// TestDataBelongsToDatabase starts with an empty, a foreign and an older database: nothing is deleted, and the reason
// is said.
func TestDataBelongsToDatabase(t *testing.T) {
	t.Parallel()
	i, other := up(t), up(t)
	i.createRepository("one")
	i.stop()
	other.stop()
	database := filepath.Join(i.data, "slipway.db")
	older := must(os.ReadFile(database))(t)

	if err := os.Rename(database, database+".away"); err != nil {
		t.Fatal(err)
	}
	if out := i.refusesToStart(); !strings.Contains(out, "slipway.db is missing") {
		t.Errorf("without a database: %s", out)
	}
	foreign := must(os.ReadFile(filepath.Join(other.data, "slipway.db")))(t)
	write(t, database, foreign)
	i.refusesToStart()
	if out, err := i.slipway("doctor", "--data", i.data); err == nil || !strings.Contains(out, "✗ identity") ||
		!strings.Contains(out, "the database does not know") {
		t.Errorf("the doctor: %v\n%s", err, out)
	}

	write(t, database, older)
	i.start()
	i.createRepository("two")
	i.stop()
	write(t, database, older)
	i.start() // as after a restore of the database alone
	if n := len(i.repositories()); n != 2 {
		t.Errorf("%d repositories lie in the folder, want both", n)
	}
	i.stop()

	write(t, database, foreign)
	write(t, filepath.Join(i.data, "keys", "seal"), must(os.ReadFile(filepath.Join(other.data, "keys", "seal")))(t))
	if out, err := i.slipway("doctor", "--data", i.data, "--adopt"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	i.start()
	if n := len(i.repositories()); n != 2 {
		t.Errorf("%d repositories lie in the folder after it was adopted, want both", n)
	}
}

// TestEmptyPostgres gives a folder an empty database of PostgreSQL.
func TestEmptyPostgres(t *testing.T) {
	t.Parallel()
	server := storetest.Postgres(t)
	i := prepare(t, "")
	i.args = []string{"--database", server.Database(t)}
	i.start()
	i.createRepository("one")
	i.stop()
	i.args = []string{"--database", server.Database(t)}
	if out := i.refusesToStart(); !strings.Contains(out, "the database is empty") {
		t.Error(out)
	}
	i.refusesToStart() // a second time, too
	if n := len(i.repositories()); n != 1 {
		t.Errorf("%d repositories lie in the folder", n)
	}
}

// TestHiddenSecrets looks at what others see of the processes: no secret is in their environment.
func TestHiddenSecrets(t *testing.T) {
	t.Parallel()
	i := up(t)
	h := i.host("h", nil)
	i.run(h)
	pids := i.pids()
	pids["agent"] = h.agent.Process.Pid
	for name, pid := range pids {
		eventually(t, name+" hides its secrets", func() error {
			seen := string(must(os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid)))(t))
			for _, s := range []string{secret, h.SecretAccessKey} {
				if strings.Contains(seen, s) {
					return fmt.Errorf("its environment holds a secret")
				}
			}
			return nil
		})
		if strings.Contains(string(must(os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)))(t)), secret) {
			t.Errorf("the arguments of %s hold a secret", name)
		}
	}
	i.createRepository("works") // with the key that was hidden
}

// TestPrivateFiles starts in a folder that others may enter, under a umask that lets them write: everything in it is
// its owner's alone.
func TestPrivateFiles(t *testing.T) {
	t.Parallel()
	i := prepare(t, "")
	if err := os.MkdirAll(i.data, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(i.data, 0o755); err != nil {
		t.Fatal(err)
	}
	i.start()
	i.createRepository("one")
	err := filepath.WalkDir(i.data, func(path string, e os.DirEntry, err error) error {
		if err != nil || strings.Contains(path, "/runner/") {
			return nil //nolint:nilerr // it is gone by now
		}
		info, err := e.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 && e.Name() != "runner" {
			t.Errorf("%s has the mode %04o", path, info.Mode().Perm())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	for _, suffix := range []string{"-wal", "-shm"} {
		_ = os.Remove(path + suffix)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}
