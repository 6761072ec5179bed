package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// maxSourceFiles bounds how many files of a working tree are looked at.
const maxSourceFiles = 200_000

// sourceFiles are the files of a working tree, by their paths in it: in Git those that it tracks or would add,
// elsewhere all but those below a .git.
func sourceFiles(ctx context.Context, tree string) (files []string, err error) {
	list := exec.CommandContext(ctx, "git", "-C", tree, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if out, err := list.Output(); err == nil {
		for name := range bytes.SplitSeq(out, []byte{0}) {
			if len(name) > 0 {
				files = append(files, string(name))
			}
		}
		return files, tooMany(tree, len(files))
	}
	err = filepath.WalkDir(tree, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == ".git":
			return fs.SkipDir
		case d.IsDir():
			return ctx.Err()
		}
		rel, err := filepath.Rel(tree, file)
		files = append(files, rel)
		return errors.Join(err, tooMany(tree, len(files)))
	})
	return files, err
}

func tooMany(tree string, n int) error {
	if n > maxSourceFiles {
		return fmt.Errorf("%s has more than %d files", tree, maxSourceFiles)
	}
	return nil
}

// copySource makes a folder with the files of a working tree as they are now, and its history, if Git has one. The
// folder except may lie in the tree and is left out.
func copySource(ctx context.Context, tree, to, except string) error {
	files, err := sourceFiles(ctx, tree)
	if err != nil {
		return err
	}
	if err := copyHistory(ctx, tree, to); err != nil {
		return err
	}
	for _, name := range files {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		from := filepath.Join(tree, name)
		if from == except || strings.HasPrefix(from, except+string(filepath.Separator)) {
			continue
		}
		info, err := os.Lstat(from)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it is tracked and has been removed
		}
		if err == nil && info.IsDir() { // of a submodule
			err = copySource(ctx, from, filepath.Join(to, name), except)
		} else if err == nil {
			err = copyFile(from, filepath.Join(to, name), info)
		}
		if err != nil {
			return fmt.Errorf("copy the source: %w", err)
		}
	}
	return nil
}

// copyHistory makes the folder to. If the top of tree is one of Git's, it becomes a clone on the same commit.
func copyHistory(ctx context.Context, tree, to string) error {
	if _, err := os.Lstat(filepath.Join(tree, ".git")); err != nil {
		return os.MkdirAll(to, 0o755)
	}
	git := func(args ...string) (string, error) {
		cmd := exec.CommandContext(ctx, "git", args...)
		var said bytes.Buffer
		cmd.Stderr = &said
		out, err := cmd.Output()
		if err != nil {
			err = fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(said.String()))
		}
		return strings.TrimSpace(string(out)), err
	}
	if _, err := git("clone", "-q", "--local", "--no-checkout", tree, to); err != nil {
		return err
	}
	if _, err := git("-C", to, "rev-parse", "-q", "--verify", "HEAD"); err == nil {
		if _, err := git("-C", to, "reset", "-q"); err != nil { // the index; the files are copied
			return err
		}
	}
	if origin, err := git("-C", tree, "remote", "get-url", "origin"); err == nil {
		_, err = git("-C", to, "remote", "set-url", "origin", origin)
		return err
	}
	return nil
}

// copyFile copies a file or a link. Pipes, sockets and devices are left out.
func copyFile(from, to string, info fs.FileInfo) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(target, to)
	}
	in, err := os.OpenFile(from, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer in.Close()
	if now, err := in.Stat(); err != nil || !now.Mode().IsRegular() {
		return err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm()|0o200)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close(), os.Chtimes(to, info.ModTime(), info.ModTime()))
}
