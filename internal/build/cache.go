package build

import (
	"context"
	"database/sql"
	"strings"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/store"
)

// maxCaches bounds how many caches of a project are listed; those used last come first.
const maxCaches = 500

// pullRequestMark stands in a scope before the number of the pull request whose builds have it to themselves.
const pullRequestMark = "pull-request/"

// cacheScope names whose builds share a cache, as runners do.
func (s *Service) cacheScope(project string, c *cb.ProjectCache) string {
	if c != nil && awsproto.Value(c.CacheNamespace) != "" {
		return s.arn("cache-namespace", *c.CacheNamespace)
	}
	return s.arn("project", project)
}

// cacheApart names whose caches a build has to itself, "" if it shares those of its project: what runs in a pull
// request may be anybody's, and must leave nothing to the builds that are trusted.
func cacheApart(b *cb.Build, variables map[string]string) string {
	version := awsproto.Value(b.SourceVersion)
	for _, v := range []string{variables["CODEBUILD_WEBHOOK_TRIGGER"], version} {
		if n, ok := strings.CutPrefix(v, "pr/"); ok {
			return pullRequestMark + n
		}
	}
	for _, start := range []string{"refs/pull/", "refs/merge-requests/"} {
		if rest, ok := strings.CutPrefix(version, start); ok {
			n, _, _ := strings.Cut(rest, "/")
			return pullRequestMark + n
		}
	}
	return ""
}

// prepareCache notes in a build that is submitted what its runner must know of its caches.
func (s *Service) prepareCache(ctx context.Context, q store.Queryer, r *row) error {
	if r.work.CacheApart = cacheApart(&r.build, r.work.Variables); r.work.CacheApart == "" && r.work.Fork {
		r.work.CacheApart = "fork"
	}
	_, err := store.Find(ctx, q, []any{&r.work.CachesSince}, `SELECT at FROM cache_resets WHERE scope = $1`,
		s.cacheScope(*r.build.ProjectName, r.build.Cache))
	return err
}

// recordCaches notes what became of caches in a build that ended.
func (s *Service) recordCaches(ctx context.Context, tx store.Tx, r *row, uses []slipway.CacheUse) error {
	now := s.Now().UnixMilli()
	for _, u := range uses {
		place := u.Place
		if place == slipway.LocalCaches {
			place = r.Runner
		}
		name := []any{place, u.Scope, u.Version, u.Key}
		var err error
		switch u.Event {
		case slipway.CacheRemoved:
			_, err = tx.Exec(ctx,
				`DELETE FROM caches WHERE place = $1 AND scope = $2 AND version = $3 AND key = $4`, name...)
		case slipway.CacheHit, slipway.CacheSaved:
			hits := 0
			if u.Event == slipway.CacheHit {
				hits = 1
			}
			_, err = tx.Exec(ctx, `INSERT INTO caches (place, scope, version, key, project, doc, used, hits)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (place, scope, version, key) DO UPDATE SET
				project = excluded.project, doc = excluded.doc, used = excluded.used, hits = caches.hits + excluded.hits`,
				append(name, u.Project, store.JSON(&u), now, hits)...)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// InvalidateProjectCache implements codebuild:InvalidateProjectCache: no build that is submitted from now on finds a
// cache of a build that was submitted before. Runners remove them when they make room.
func (s *Service) InvalidateProjectCache(ctx context.Context,
	in *cb.InvalidateProjectCacheInput) (*cb.InvalidateProjectCacheOutput, error) {
	return nil, s.db.Write(ctx, func(tx store.Tx) error {
		p, err := s.project(ctx, tx, *in.ProjectName)
		if err != nil {
			return err
		}
		scope := s.cacheScope(*p.Name, p.Cache)
		if _, err := tx.Exec(ctx, `INSERT INTO cache_resets (scope, at) VALUES ($1, $2)
			ON CONFLICT (scope) DO UPDATE SET at = excluded.at`, scope, s.Now().UnixMilli()); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM caches WHERE `+inScope, scope, scope+":", scope+";")
		return err
	})
}

// inScope is a condition of SQL: that a cache is of the scope $1, or of a pull request in it.
const inScope = `(scope = $1 OR scope > $2 AND scope < $3)`

// ListProjectCaches implements slipway:ListProjectCaches: those that the project's builds may read, the one used last
// first.
func (s *Service) ListProjectCaches(ctx context.Context,
	in *slipway.ListProjectCachesInput) (*slipway.ListProjectCachesOutput, error) {
	p, err := s.project(ctx, s.db, *in.ProjectName)
	if err != nil {
		return nil, err
	}
	scope := s.cacheScope(*p.Name, p.Cache)
	all, err := store.All(ctx, s.db, func(r *sql.Rows) (slipway.ProjectCacheState, error) {
		var place string
		var u slipway.CacheUse
		var used, hits int64
		err := r.Scan(&place, store.JSON(&u), &used, &hits)
		x := slipway.ProjectCacheState{
			Key: &u.Key, Type: new("LOCAL"), Location: &place, ProjectName: &u.Project,
			BuildId: new(u.Project + ":" + u.Build), BuildNumber: &u.Number, Directories: u.Dirs,
			Size: &u.Size, StoredSize: &u.Stored, Files: &u.Files, Hits: &hits,
			SavedTime: awsproto.At(moment(u.Saved)), LastUsedTime: awsproto.At(moment(used)),
		}
		if strings.HasPrefix(place, "s3://") {
			x.Type = new("S3")
		}
		if _, n, ok := strings.Cut(u.Scope, ":"+pullRequestMark); ok {
			x.PullRequest = &n
		}
		return x, err
	}, `SELECT place, doc, used, hits FROM caches WHERE `+inScope+` ORDER BY used DESC, key LIMIT $4`,
		scope, scope+":", scope+";", maxCaches)
	return &slipway.ListProjectCachesOutput{Caches: append([]slipway.ProjectCacheState{}, all...)}, err
}

// checkCache refuses a cache that no build could have.
func checkCache(c *cb.ProjectCache) error {
	if c == nil || c.Type != cb.CacheTypeS3 {
		return nil
	}
	if bucket, _ := bucketAndKey(awsproto.Value(c.Location)); bucket == "" {
		return invalid("Invalid cache: type S3 needs a location, which is BUCKET or BUCKET/PREFIX.")
	}
	return nil
}
