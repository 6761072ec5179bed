package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	cc "slipway/api/codecommit"
)

// Archive writes the files of a commit as a zip. The zip is not compressed, because it is read once on the same network
// and a copy is faster to make. It holds every file, even those that the commit's attributes exclude from exports.
func (s *Service) Archive(ctx context.Context, repository, commit string, w io.Writer) error {
	r, err := s.open(ctx, repository)
	if err != nil {
		return err
	}
	if !isCommitID(commit) {
		return &cc.InvalidCommitIdException{Message: commit + " is no commit ID: give all 40 hexadecimal digits."}
	}
	c := r.command(ctx, "archive", "--format=zip", "-0", commit)
	var stderr bytes.Buffer
	c.Stdout, c.Stderr = w, &stderr
	if err := c.Run(); err != nil {
		if _, failed := errors.AsType[*exec.ExitError](err); failed && strings.Contains(stderr.String(), "not a ") {
			return &cc.CommitIdDoesNotExistException{
				Message: "The commit " + commit + " does not exist in " + repository + ".",
			}
		}
		return fmt.Errorf("archive %s of %s: %w: %s", commit, repository, err, strings.TrimSpace(stderr.String()))
	}
	return nil
}

// wholeArchives makes archives hold every file unchanged. These attributes override those in a commit.
func wholeArchives(dir string) error {
	if err := os.MkdirAll(filepath.Join(dir, "info"), 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "info", "attributes"), []byte("* -export-ignore -export-subst\n"), 0o600)
}
