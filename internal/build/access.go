package build

import (
	"context"
	"strings"

	"slipway/api/slipway"
	"slipway/internal/store"
)

// held are the builds in the hands of the runners that sign with an access key.
func (s *Service) held(ctx context.Context, key string) ([]*row, error) {
	return many(ctx, s.db,
		`WHERE state IN ('assigned', 'running') AND runner IN (SELECT name FROM runners WHERE key = $1)`, key)
}

// RunnerReads tells whether the runners of an access key may read an object, or list a prefix of keys: it is a source
// of a build that they hold.
func (s *Service) RunnerReads(ctx context.Context, accessKey, bucket, key string) (bool, error) {
	rows, err := s.held(ctx, accessKey)
	for _, r := range rows {
		if source := r.build.Source; source != nil && source.Buildspec != nil &&
			*source.Buildspec == "arn:aws:s3:::"+bucket+"/"+key {
			return true, err
		}
		for _, x := range r.work.Sources {
			if x.Bucket == bucket && (x.Key == key || x.Kind == slipway.SourceDir && strings.HasPrefix(key, x.Key)) {
				return true, err
			}
		}
	}
	return false, err
}

// RunnerLists tells whether the runners of an access key may list a bucket: a build that they hold has a folder of it
// as a source.
func (s *Service) RunnerLists(ctx context.Context, accessKey, bucket string) (bool, error) {
	rows, err := s.held(ctx, accessKey)
	for _, r := range rows {
		for _, x := range r.work.Sources {
			if x.Bucket == bucket && x.Kind == slipway.SourceDir {
				return true, err
			}
		}
	}
	return false, err
}

// RunnerWrites tells whether the runners of an access key may write an object: a build that they hold puts its
// artifacts there.
func (s *Service) RunnerWrites(ctx context.Context, accessKey, bucket, key string) (bool, error) {
	rows, err := s.held(ctx, accessKey)
	for _, r := range rows {
		for _, o := range r.work.Outputs {
			if o.Bucket != bucket {
				continue
			}
			below := strings.Trim(o.Path, "/")
			if o.Key == key || o.Key != "" && !o.Zip && strings.HasPrefix(key, o.Key+"/") ||
				o.Key == "" && (below == "" || strings.HasPrefix(key, below+"/")) {
				return true, err
			}
		}
	}
	return false, err
}

// RunnerPulls tells whether the runners of an access key may read a repository: it is a source of a build that they
// hold, or such a build reads submodules, which may lie in any.
func (s *Service) RunnerPulls(ctx context.Context, accessKey, repository string) (bool, error) {
	rows, err := s.held(ctx, accessKey)
	for _, r := range rows {
		for _, x := range r.work.Sources {
			name, _ := strings.CutSuffix(x.URL, ".git")
			if x.Here && (x.Submodules || strings.HasSuffix(name, "/"+repository)) {
				return true, err
			}
		}
	}
	return false, err
}

// bind makes a runner's name one of an access key. Another key takes it over only once the runner is silent, so that no
// runner can speak for another.
func (s *Service) bind(ctx context.Context, name, key string, polls bool) error {
	if s.runners.boundTo(name) == key && !s.db.Shared() { // another server may have bound it to another key
		return nil
	}
	var bound string
	if _, err := store.Find(ctx, s.db, []any{&bound}, `SELECT key FROM runners WHERE name = $1`, name); err != nil ||
		bound == key {
		if err == nil {
			s.runners.bind(name, key)
		}
		return err
	}
	return s.db.Write(ctx, func(tx store.Tx) error {
		var holder string
		var seen int64
		known, err := store.Find(ctx, tx, []any{&holder, &seen}, `SELECT key, seen FROM runners WHERE name = $1`, name)
		if err != nil {
			return err
		}
		silent := s.Now().Sub(s.lastHeard(name, seen)) > s.Silence
		free := holder == "" || holder == key || polls && silent
		if !free || !known && !polls {
			return &slipway.RunnerConflictException{Message: "The runner " + name +
				" belongs to another access key. Give this one a name of its own."}
		}
		tx.AfterCommit(func() { s.runners.bind(name, key) })
		if holder == key {
			return nil
		}
		_, err = tx.Exec(ctx,
			`INSERT INTO runners (name, seen, key) VALUES ($1, $2, $3)
				ON CONFLICT (name) DO UPDATE SET key = excluded.key`,
			name, s.Now().UnixMilli(), key)
		return err
	})
}
