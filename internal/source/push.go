package source

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"slipway/internal/event"
	"slipway/internal/fault"
	"slipway/internal/store"
)

// recordTime bounds the recording of one repository.
const recordTime = 2 * time.Minute

// Record compares the refs of a repository with the recorded ones, and records each difference together with the fact
// that announces it. Refs are the truth. Record runs after anything that may have moved them, and for every repository
// at start-up, so each move is announced exactly once even if the server dies. It continues when ctx ends, because the
// refs have moved whether or not the client still waits.
func (s *Service) Record(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTime)
	defer cancel()
	lock, _ := s.locks.LoadOrStore(id, new(sync.Mutex))
	lock.(*sync.Mutex).Lock()
	defer lock.(*sync.Mutex).Unlock()
	actual, err := s.refs(ctx, id)
	if err != nil {
		return err
	}
	fault.Point("source.before-record")
	var first string
	err = s.db.Write(ctx, func(tx store.Tx) (err error) {
		first, err = s.record(ctx, tx, id, actual)
		return err
	})
	fault.Point("source.after-record")
	if err != nil || first == "" {
		return err
	}
	return s.head(ctx, id, first)
}

// head makes git's HEAD, which a clone checks out, the default branch.
func (s *Service) head(ctx context.Context, id, branch string) error {
	want := "ref: refs/heads/" + branch
	if now, err := os.ReadFile(filepath.Join(s.dir(id), "HEAD")); err == nil && strings.TrimSpace(string(now)) == want {
		return nil
	}
	_, err := git{s.dir(id)}.run(ctx, nil, "symbolic-ref", "HEAD", "refs/heads/"+branch)
	return err
}

func (s *Service) refs(ctx context.Context, id string) (map[string]string, error) {
	out, err := git{s.dir(id)}.text(ctx, "for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/tags")
	if err != nil {
		return nil, fmt.Errorf("read refs: %w", err)
	}
	refs := map[string]string{}
	for line := range strings.Lines(out) {
		object, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		refs[name] = object
	}
	return refs, nil
}

// record returns the branch that became the default with this, if one did.
func (s *Service) record(ctx context.Context, tx store.Tx, id string,
	actual map[string]string) (first string, err error) {
	var name string
	if ok, err := store.Find(ctx, tx, []any{&name}, `SELECT name FROM repositories WHERE id = $1`, id); err != nil ||
		!ok {
		return "", err // deleted meanwhile
	}
	known, err := knownRefs(ctx, tx, id)
	if err != nil {
		return "", err
	}
	changed := false
	tell := func(ref, old, object string) error {
		changed = true
		return event.Pushed.Publish(ctx, tx, strings.Join([]string{id, ref, old, object}, " "),
			event.Push{Repository: name, Ref: ref, Old: old, New: object})
	}
	for ref, object := range actual {
		if known[ref] == object {
			continue
		}
		if _, err := tx.Exec(ctx,
			`INSERT INTO refs (repository, name, object) VALUES ($1, $2, $3) ON CONFLICT (repository, name) DO UPDATE
				SET object = excluded.object`, id, ref, object); err != nil {
			return "", err
		}
		if err := tell(ref, known[ref], object); err != nil {
			return "", err
		}
	}
	for ref, old := range known {
		if _, ok := actual[ref]; ok {
			continue
		}
		if _, err := tx.Exec(ctx, `DELETE FROM refs WHERE repository = $1 AND name = $2`, id, ref); err != nil {
			return "", err
		}
		if err := tell(ref, old, ""); err != nil {
			return "", err
		}
	}
	if !changed {
		return "", nil
	}
	return s.touch(ctx, tx, name, actual)
}

// touch records that a repository changed. Its first branch becomes its default.
func (s *Service) touch(ctx context.Context, tx store.Tx, name string,
	refs map[string]string) (first string, err error) {
	m, err := find(ctx, tx, name)
	if err != nil {
		return "", err
	}
	if m.DefaultBranch == nil {
		for _, ref := range []string{"refs/heads/main", "refs/heads/master"} {
			if branch := strings.TrimPrefix(ref, "refs/heads/"); refs[ref] != "" && m.DefaultBranch == nil {
				m.DefaultBranch = &branch
			}
		}
		for ref := range refs {
			if branch, ok := strings.CutPrefix(ref, "refs/heads/"); ok && m.DefaultBranch == nil {
				m.DefaultBranch = &branch
			}
		}
		if m.DefaultBranch != nil {
			first = *m.DefaultBranch
		}
	}
	return first, s.save(ctx, tx, m)
}

func knownRefs(ctx context.Context, q store.Queryer, id string) (map[string]string, error) {
	rows, err := q.Query(ctx, `SELECT name, object FROM refs WHERE repository = $1`, id)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	refs := map[string]string{}
	for rows.Next() {
		var name, object string
		if err := rows.Scan(&name, &object); err != nil {
			return nil, err
		}
		refs[name] = object
	}
	return refs, rows.Err()
}
