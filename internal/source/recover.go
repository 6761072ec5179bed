package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"slipway/api/awsproto"
	cc "slipway/api/codecommit"
	"slipway/internal/store"
)

// Recover records what moved while the server was down, and removes what half-made commits left. A repository with
// which that fails is marked, and answers with the reason until the next start; the others are served.
func (s *Service) Recover(ctx context.Context) error {
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return err
	}
	ids, err := store.Strings(ctx, s.db, `SELECT id FROM repositories`)
	if err != nil {
		return err
	}
	for _, id := range ids {
		err := s.check(id)
		if err == nil {
			err = errors.Join(s.tidy(ctx, id), s.Record(ctx, id))
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			s.broken.Store(id, err.Error())
			s.Log.Error("a repository is damaged and not served; slipway doctor says what to do", "repository", id,
				"error", err)
		}
	}
	return s.Sweep(ctx)
}

// check tells whether the folder of a repository is one at all.
func (s *Service) check(id string) error {
	for _, name := range []string{"HEAD", "objects", "refs"} {
		_, err := os.Stat(filepath.Join(s.dir(id), name))
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s is missing from its folder %s", name, s.dir(id))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// whole refuses a repository that is marked as damaged.
func (s *Service) whole(m *cc.RepositoryMetadata) error {
	why, damaged := s.broken.Load(*m.RepositoryId)
	if !damaged {
		return nil
	}
	return &awsproto.Error{Code: "RepositoryDamagedException", Status: 500,
		Message: fmt.Sprintf(
			"The repository %s is damaged: %s. Restore its folder from a backup and restart the server; slipway "+
				"doctor checks it.", *m.RepositoryName, why)}
}

// Damaged are the repositories that are marked as damaged, each with the reason, by their IDs.
func (s *Service) Damaged() map[string]string {
	all := map[string]string{}
	s.broken.Range(func(id, why any) bool {
		all[id.(string)] = why.(string)
		return true
	})
	return all
}

// Sweep moves folders into the quarantine that the database does not know and that are older than a day: what a crash
// left of a repository that was being made or deleted, or the repositories of another database.
func (s *Service) Sweep(ctx context.Context) error {
	entries, err := os.ReadDir(s.Dir)
	if err != nil {
		return err
	}
	// Read after the folder: whatever is in it by then and wanted has its row.
	ids, err := store.Strings(ctx, s.db, `SELECT id FROM repositories`)
	if err != nil {
		return err
	}
	known := make(map[string]bool, len(ids))
	for _, id := range ids {
		known[id] = true
	}
	for _, e := range entries {
		id, ok := strings.CutSuffix(e.Name(), ".git")
		if !ok || known[id] {
			continue
		}
		if _, err := s.Quarantine.Take(filepath.Join(s.Dir, e.Name()), "repositories",
			"The database knows no repository of this ID."); err != nil {
			return err
		}
	}
	return nil
}

// tidy drops the commits that were made but did not reach their branch, and repairs HEAD.
func (s *Service) tidy(ctx context.Context, id string) error {
	g := git{s.dir(id)}
	left, err := g.text(ctx, "for-each-ref", "--format=delete %(refname)", scratch)
	if err != nil {
		return err
	}
	if left != "" {
		if _, err := g.run(ctx, strings.NewReader(left+"\n"), "update-ref", "--stdin"); err != nil {
			return err
		}
	}
	m, err := store.Document[cc.RepositoryMetadata](ctx, s.db, `SELECT doc FROM repositories WHERE id = $1`, id)
	if err != nil || m == nil || m.DefaultBranch == nil {
		return err
	}
	return s.head(ctx, id, *m.DefaultBranch)
}
