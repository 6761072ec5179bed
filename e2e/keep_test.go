package e2e

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestKeep has a server delete what is older than it is told to keep: the newest of each stays, and the logs and
// artifacts of the others go.
func TestKeep(t *testing.T) {
	t.Parallel()
	i := prepare(t, "")
	i.args = []string{"--keep", "builds=30d, executions=30d, deployments=30d"}
	i.start()
	w := newWayOn(t, i)
	w.push()
	w.settles(true)
	w.agent.end()
	i.stop()
	const many = 60
	lengthen(t, i, many)
	db := must(sql.Open("sqlite", "file:"+filepath.Join(i.data, "slipway.db")))(t)
	old := time.Now().Add(-40 * 24 * time.Hour)
	for _, statement := range []string{
		fmt.Sprintf(`UPDATE builds SET submitted = %d`, old.UnixMilli()),
		fmt.Sprintf(`UPDATE deploy_deployments SET created = %d`, old.UnixMilli()),
		fmt.Sprintf(`UPDATE pipeline_executions SET doc = json_set(doc, '$.started', %d)`, old.Unix()),
	} {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	i.start()
	if out, err := i.slipway("jobs", "retry", "housekeeping", "daily"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// Of the deployments the newest 20 stay, and the one that the group names as its last: the copies are newer.
	for table, want := range map[string]int{"builds": 1, "deploy_deployments": 21, "pipeline_executions": 20} {
		eventually(t, table+" are deleted", func() error {
			var n int
			if err := db.QueryRow(`SELECT COUNT(*) FROM ` + table).Scan(&n); err != nil {
				return err
			}
			if n != want {
				return fmt.Errorf("%d rows, want %d", n, want)
			}
			return nil
		})
	}
	eventually(t, "the logs of deleted builds are deleted", func() error {
		left := must(filepath.Glob(filepath.Join(i.data, "journal", "*codebuild*", "*")))(t)
		if len(left) > 1 {
			return fmt.Errorf("%d logs are left", len(left))
		}
		return nil
	})
	_ = db.Close()
	if _, err := os.Stat(filepath.Join(i.data, "quarantine")); err == nil {
		t.Error("something was put into the quarantine")
	}
}
