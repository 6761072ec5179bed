package actions

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"slipway/internal/actions/expression"
)

// checkout is actions/checkout: the build has its source already, so that it is copied; other versions and other
// repositories are fetched with the build's own Git.
func checkout(ctx context.Context, u *use) error {
	j := u.f.j
	dir := j.workspace
	if p := u.input("path"); p != "" {
		if !filepath.IsLocal(p) {
			return fmt.Errorf("the path %q leads out of the workspace", p)
		}
		dir = filepath.Join(dir, p)
	}
	repository, ref := u.input("repository"), u.input("ref")
	if repository == "" {
		repository = j.d.plan.Repository
	}
	if !strings.EqualFold(repository, j.d.plan.Repository) {
		return u.clone(ctx, repository, ref, dir)
	}
	if dir != j.d.plan.Source {
		if err := empty(dir, u.input("clean") != "false"); err != nil {
			return err
		}
		if err := copyTree(j.d.plan.Source, dir); err != nil {
			return fmt.Errorf("copy the source: %w", err)
		}
	}
	if ref != "" && !u.here(ref) {
		if dir == j.d.plan.Source {
			return fmt.Errorf("this build runs in the working tree, which actions/checkout does not move to %s", ref)
		}
		return u.move(ctx, dir, ref)
	}
	u.commit()
	return nil
}

// here tells whether a version is that of the build.
func (u *use) here(ref string) bool {
	for _, key := range []string{"sha", "ref", "ref_name", "head_ref"} {
		if v, _ := u.f.j.d.github.Get(key); expression.Text(v) == ref {
			return true
		}
	}
	return false
}

func (u *use) commit() {
	for output, key := range map[string]string{"ref": "ref", "commit": "sha"} {
		v, _ := u.f.j.d.github.Get(key)
		u.to.outputs.Set(output, expression.Text(v))
	}
}

// git runs Git in a folder.
func (u *use) git(ctx context.Context, dir string, args ...string) error {
	env := u.f.environment(u.env, u.id, nil)
	env["GIT_TERMINAL_PROMPT"] = "0"
	console := u.f.j.d.console
	console.line("git " + strings.Join(args, " "))
	return program{args: append([]string{"git", "-C", dir, "-c", "safe.directory=*"}, args...), dir: dir, env: env}.
		run(ctx, console.line)
}

// move fetches another version of the source and checks it out.
func (u *use) move(ctx context.Context, dir, ref string) error {
	if strings.HasPrefix(ref, "-") {
		return fmt.Errorf("%q is no version", ref)
	}
	if err := u.git(ctx, dir, "checkout", "-q", "--detach", ref, "--"); err == nil {
		return nil
	}
	if err := u.git(ctx, dir, "fetch", "-q", "--no-tags", "origin", "--", ref); err != nil {
		return fmt.Errorf("git cannot fetch %s: %w", ref, err)
	}
	return u.git(ctx, dir, "checkout", "-q", "--detach", "FETCH_HEAD")
}

// clone fetches another repository: one of this server, or else of github.com.
func (u *use) clone(ctx context.Context, repository, ref, dir string) error {
	owner, name, ok := strings.Cut(repository, "/")
	if !ok || !safeName(owner) || !safeName(name) || strings.HasPrefix(ref, "-") {
		return fmt.Errorf("the repository %q has not the form OWNER/NAME", repository)
	}
	if err := empty(dir, u.input("clean") != "false"); err != nil {
		return err
	}
	var tried []error
	for _, url := range u.f.j.d.plan.remotes(owner, name) {
		err := u.fetch(ctx, url, ref, dir)
		if err == nil {
			return nil
		}
		tried = append(tried, fmt.Errorf("%s: %w", url, err))
		if err := empty(dir, true); err != nil {
			return err
		}
	}
	return fmt.Errorf("the repository %s cannot be fetched: %w", repository, errors.Join(tried...))
}

func (u *use) fetch(ctx context.Context, url, ref, dir string) error {
	depth := u.input("fetch-depth")
	if ref == "" {
		ref = "HEAD"
	}
	args := []string{"fetch", "-q", "--no-tags"}
	if depth != "0" {
		args = append(args, "--depth=1")
	}
	for _, a := range [][]string{{"init", "-q"}, {"remote", "add", "origin", url}, append(args, "origin", "--", ref),
		{"checkout", "-q", "--detach", "FETCH_HEAD"}} {
		if err := u.git(ctx, dir, a...); err != nil {
			return err
		}
	}
	return nil
}

// remotes are the addresses at which a repository may be, those of this server first.
func (p Plan) remotes(owner, name string) (all []string) {
	if p.Endpoint != "" {
		account, _, _ := strings.Cut(p.Repository, "/")
		all = append(all, p.Endpoint+"/v1/repos/"+OwnName(owner, name, account))
	}
	return append(all, "https://github.com/"+owner+"/"+name)
}

// OwnName is the name of the repository of this server that OWNER/NAME means: NAME if the owner is the account, else
// OWNER-NAME. So nobody's repository takes the place of another owner's action by its name alone.
func OwnName(owner, name, account string) string {
	if owner == account {
		return name
	}
	return owner + "-" + name
}

// empty makes a folder, and with clean it removes what is in it.
func empty(dir string, clean bool) error {
	if err := os.MkdirAll(dir, 0o755); err != nil || !clean {
		return err
	}
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	return err
}

// copyTree copies a folder into another, with its links and permissions.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rest, err := filepath.Rel(from, file)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rest)
		info, err := d.Info()
		if err != nil {
			return err
		}
		switch {
		case d.IsDir():
			return os.MkdirAll(target, info.Mode().Perm()|0o700)
		case d.Type()&fs.ModeSymlink != 0:
			link, err := os.Readlink(file)
			if err != nil {
				return err
			}
			_ = os.Remove(target)
			return os.Symlink(link, target) //nolint:gosec // from the build's own files to its own, with its own rights
		case d.Type().IsRegular():
			return copyFile(file, target, info)
		}
		return nil // a pipe or a socket
	})
}

func copyFile(from, to string, info fs.FileInfo) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	_ = os.Remove(to) // it may be read-only, as Git's objects are
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, info.Mode().Perm()|0o200)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err == nil {
		err = out.Chmod(info.Mode().Perm())
	}
	if bad := out.Close(); err == nil {
		err = bad
	}
	if err == nil {
		err = os.Chtimes(to, info.ModTime(), info.ModTime())
	}
	return err
}
