package source

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"slipway/api/awsproto"
	cc "slipway/api/codecommit"
	"slipway/internal/store"
)

// Recover records moves that happened while the server was down, and removes the remains of unfinished commits. A
// repository for which that fails is marked, and requests for it return the reason until the next start. The other
// repositories are served.
func (s *Service) Recover(ctx context.Context) error {
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

// check reports whether a folder is a Git repository.
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

// Sweep sets the folders aside that the database does not know.
func (s *Service) Sweep(ctx context.Context) error {
	return s.Home.Sweep(ctx, func(ctx context.Context) (map[string]bool, error) {
		ids, err := store.Strings(ctx, s.db, `SELECT id FROM repositories`)
		known := make(map[string]bool, len(ids))
		for _, id := range ids {
			known[id] = true
		}
		return known, err
	})
}

// tidy drops the commits that were made but did not reach their branch, and repairs HEAD.
func (s *Service) tidy(ctx context.Context, id string) error {
	g := git{s.dir(id)}
	left, err := s.unfinished(ctx, g)
	if err != nil {
		return err
	}
	if left != "" {
		if _, err := g.run(ctx, strings.NewReader(left), "update-ref", "--stdin"); err != nil {
			return err
		}
	}
	m, err := store.Document[cc.RepositoryMetadata](ctx, s.db, `SELECT doc FROM repositories WHERE id = $1`, id)
	if err != nil || m == nil || m.DefaultBranch == nil {
		return err
	}
	return s.head(ctx, id, *m.DefaultBranch)
}

// unfinishedFor is how old a commit is that no server is still about to put on its branch.
const unfinishedFor = time.Hour

// unfinished returns the commands that delete the refs of commits which did not reach their branch. Another server may
// be about to put a new one there.
func (s *Service) unfinished(ctx context.Context, g git) (string, error) {
	out, err := g.text(ctx, "for-each-ref", "--format=%(committerdate:unix) %(refname)", scratch)
	if err != nil {
		return "", err
	}
	var commands strings.Builder
	for line := range strings.Lines(out) {
		date, ref, _ := strings.Cut(strings.TrimSpace(line), " ")
		at, _ := strconv.ParseInt(date, 10, 64) // what is no date is old
		if ref == "" || s.db.Shared() && s.Now().Sub(time.Unix(at, 0)) < unfinishedFor {
			continue
		}
		commands.WriteString("delete " + ref + "\n")
	}
	return commands.String(), nil
}
