package forge

import (
	"context"
	"os"
	"path/filepath"
	"strings"
)

// ChangedFiles lists what an event changed: of a push the difference to the commit before, of a pull request that to
// where it left its base. Of a new branch, and after a push that took commits away, it is the difference to where the
// branch left the default one. What a delivery says of files is not asked: it may be a part. Files of one commit are
// never fetched, only folders' lists of names.
func (r *Remote) ChangedFiles(ctx context.Context, e *Event) ([]string, error) {
	dir, err := os.MkdirTemp("", "slipway-diff-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	tree := filepath.Join(dir, "tree")
	if _, err := r.git(ctx, dir, "init", "-q", "--bare", tree); err != nil {
		return nil, err
	}
	if e.Kind == Push && e.Before != "" {
		_, err := r.git(ctx, tree, "fetch", "-q", "--no-tags", "--depth=1", "--filter=blob:none", r.URL, e.Before,
			e.After)
		if err == nil {
			return r.diff(ctx, tree, e.Before, e.After)
		}
	}
	base := "HEAD"
	if e.Base != "" {
		base = e.Base
	}
	_, err = r.git(ctx, tree, "fetch", "-q", "--no-tags", "--filter=blob:none", r.URL, "+"+base+":refs/slipway/base",
		e.After)
	if err != nil {
		return nil, err
	}
	return r.diff(ctx, tree, "refs/slipway/base..."+e.After)
}

func (r *Remote) diff(ctx context.Context, tree string, commits ...string) ([]string, error) {
	args := append([]string{"diff", "--name-only", "--no-renames", "-z"}, commits...)
	out, err := r.git(ctx, tree, append(args, "--")...)
	if err != nil || len(out) == 0 {
		return []string{}, err
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"), nil
}
