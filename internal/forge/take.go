package forge

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Wanted is a commit of a repository: of a branch or another reference, or the one with an ID.
type Wanted struct {
	Connection, Repository string
	Ref                    string // refs/heads/BRANCH
	ID                     string // "" for the newest one of Ref
	Clone                  bool   // the whole repository with its history, instead of the files alone
}

// Commit is a commit of a repository.
type Commit struct {
	ID, Message               string
	AuthorName, AuthorEmail   string
	AuthorDate, CommitterDate time.Time
	URL                       string // its page at the forge; "" if none is known
}

// shown are the members of a commit as git log is to show them.
const shown = "%H%x00%an%x00%ae%x00%aI%x00%cI%x00%B"

// Take writes a commit as a zip. What is fetched lies in a folder of its own, which is removed.
func (r *Remote) Take(ctx context.Context, want Wanted, w io.Writer) (c Commit, err error) {
	dir, err := os.MkdirTemp("", "slipway-fetch-")
	if err != nil {
		return c, err
	}
	defer os.RemoveAll(dir)
	if want.ID == "" {
		refs, err := r.Refs(ctx, want.Ref)
		if err != nil {
			return c, err
		}
		if want.ID = refs[want.Ref]; want.ID == "" {
			return c, &RemoteError{Refused: true,
				Message: fmt.Sprintf("%s has no branch %s", r.URL, strings.TrimPrefix(want.Ref, BranchPrefix))}
		}
	}
	tree := filepath.Join(dir, "tree")
	if err := r.fetch(ctx, tree, want); err != nil {
		return c, err
	}
	if c, err = r.commit(ctx, tree, want.ID); err != nil {
		return c, err
	}
	if want.Clone {
		return c, r.clone(ctx, tree, want, w)
	}
	return c, r.archive(ctx, tree, want.ID, w)
}

// fetch brings a commit into a new repository: alone, or with all that the repository has. A server that gives no
// commits by their IDs gives branches and tags.
func (r *Remote) fetch(ctx context.Context, tree string, want Wanted) error {
	if _, err := r.git(ctx, filepath.Dir(tree), "init", "-q", tree); err != nil {
		return err
	}
	attributes := filepath.Join(tree, ".git", "info", "attributes")
	if err := os.MkdirAll(filepath.Dir(attributes), 0o700); err != nil {
		return err
	}
	if !want.Clone { // an archive has every file, unchanged
		if err := os.WriteFile(attributes, []byte("* -export-ignore -export-subst\n"), 0o600); err != nil {
			return err
		}
		if _, err := r.git(ctx, tree, "fetch", "-q", "--no-tags", "--depth=1", r.URL, want.ID); err == nil {
			return nil
		}
	}
	if _, err := r.git(ctx, tree, "remote", "add", "origin", r.URL); err != nil {
		return err
	}
	all := "+refs/heads/*:refs/remotes/origin/*"
	if _, err := r.git(ctx, tree, "fetch", "-q", "--tags", "origin", all); err != nil {
		return err
	}
	if _, err := r.git(ctx, tree, "cat-file", "-e", want.ID+"^{commit}"); err == nil {
		return nil
	}
	_, err := r.git(ctx, tree, "fetch", "-q", "--no-tags", "origin", want.ID)
	return err
}

func (r *Remote) commit(ctx context.Context, tree, id string) (c Commit, err error) {
	out, err := r.git(ctx, tree, "log", "-1", "--format="+shown, id, "--")
	if err != nil {
		return c, err
	}
	parts := strings.SplitN(string(out), "\x00", 6)
	if len(parts) != 6 {
		return c, fmt.Errorf("git log of %s says %q", id, out)
	}
	c = Commit{ID: parts[0], AuthorName: parts[1], AuthorEmail: parts[2], Message: strings.TrimSpace(parts[5])}
	if c.AuthorDate, err = time.Parse(time.RFC3339, parts[3]); err == nil {
		c.CommitterDate, err = time.Parse(time.RFC3339, parts[4])
	}
	return c, err
}

// archive writes the files of a commit. The zip is not compressed: it is read once, on the same network.
func (r *Remote) archive(ctx context.Context, tree, id string, w io.Writer) error {
	env, err := r.environment(ctx, tree)
	if err != nil {
		return err
	}
	c := exec.CommandContext(ctx, "git", "archive", "--format=zip", "-0", id)
	var said bytes.Buffer
	c.Dir, c.Env, c.Stdout, c.Stderr = tree, env, w, &said
	if err := c.Run(); err != nil {
		return fmt.Errorf("git archive of %s: %w: %s", r.URL, err, lastLine(said.String()))
	}
	return nil
}

// clone writes the working tree of a commit, and the repository itself in .git.
func (r *Remote) clone(ctx context.Context, tree string, want Wanted, w io.Writer) error {
	checkout := []string{"checkout", "-q", "--detach", want.ID, "--"}
	if branch, ok := strings.CutPrefix(want.Ref, BranchPrefix); ok {
		checkout = []string{"checkout", "-q", "-B", branch, want.ID, "--"}
	}
	if _, err := r.git(ctx, tree, checkout...); err != nil {
		return err
	}
	z := zip.NewWriter(w)
	err := filepath.WalkDir(tree, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == tree {
			return err
		}
		return pack(z, tree, path, d)
	})
	if err != nil {
		return err
	}
	return z.Close()
}

// pack writes a file, a folder or a link into a zip.
func pack(z *zip.Writer, tree, path string, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	head, err := zip.FileInfoHeader(info)
	if err != nil {
		return err
	}
	name, err := filepath.Rel(tree, path)
	if err != nil {
		return err
	}
	head.Name = filepath.ToSlash(name)
	if d.IsDir() {
		head.Name += "/"
	}
	to, err := z.CreateHeader(head)
	switch {
	case err != nil || d.IsDir():
		return err
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(path)
		if err == nil {
			_, err = io.WriteString(to, target)
		}
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(to, f)
	return err
}
