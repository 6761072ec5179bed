package source

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// git runs git in a bare repository.
type git struct{ dir string }

// durable makes git sync what it writes before it says that it did.
var durable = []string{"-c", "core.fsync=all", "-c", "core.fsyncMethod=fsync"}

// environment is the whole environment of a git process. It has none of the server's variables.
func environment(extra ...string) []string {
	return append([]string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_TERMINAL_PROMPT=0"}, extra...)
}

func (g git) command(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, "git", append(append([]string{}, durable...), args...)...)
	c.Dir, c.Env = g.dir, environment("GIT_DIR="+g.dir)
	return c
}

// gitError is a git command that failed.
type gitError struct {
	args   []string
	stderr string
	code   int
}

func (e *gitError) Error() string {
	return fmt.Sprintf("git %s: exit status %d: %s", strings.Join(e.args, " "), e.code, e.stderr)
}

func (g git) text(ctx context.Context, args ...string) (string, error) {
	out, err := g.run(ctx, nil, args...)
	return strings.TrimSpace(string(out)), err
}

// resolve finds the commit that a specifier (branch, tag, HEAD, full ref, id) means; "" if none.
func (g git) resolve(ctx context.Context, specifier string) (string, error) {
	if specifier == "" || strings.HasPrefix(specifier, "-") {
		return "", nil
	}
	id, err := g.text(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", specifier+"^{commit}")
	if _, failed := errors.AsType[*gitError](err); failed {
		return "", nil
	}
	return id, err
}

// entry is a line of ls-tree.
type entry struct {
	mode, kind, id, path string
	size                 int64
}

// tree lists a folder of a commit ("" for the root), or with recursive everything below it.
func (g git) tree(ctx context.Context, commit, path string, recursive bool) ([]entry, error) {
	args := []string{"--literal-pathspecs", "ls-tree", "-z", "-l", "--full-tree"}
	if recursive {
		args = append(args, "-r")
	}
	args = append(args, commit)
	if path != "" {
		args = append(args, "--", path)
	}
	out, err := g.run(ctx, nil, args...)
	if err != nil {
		return nil, err
	}
	return parseEntries(string(out)), nil
}

// standing looks up paths in a commit. Paths that do not exist are not in the result.
func (g git) standing(ctx context.Context, commit string, paths []string) (map[string]entry, error) {
	found := map[string]entry{}
	if commit == "" || len(paths) == 0 {
		return found, nil
	}
	// -t lists a folder even where git enters it because of another path.
	out, err := g.run(ctx, nil,
		append([]string{"--literal-pathspecs", "ls-tree", "-t", "-z", "-l", "--full-tree", commit, "--"}, paths...)...)
	if err != nil {
		return nil, err
	}
	for _, e := range parseEntries(string(out)) {
		found[e.path] = e
	}
	return found, nil
}

// parseEntries reads "MODE KIND ID SIZE\tPATH\0" of ls-tree -z -l.
func parseEntries(out string) []entry {
	var entries []entry
	for line := range strings.SplitSeq(strings.TrimSuffix(out, "\x00"), "\x00") {
		meta, name, ok := strings.Cut(line, "\t")
		f := strings.Fields(meta)
		if !ok || len(f) != 4 {
			continue
		}
		size, _ := strconv.ParseInt(f[3], 10, 64) // "-" for a tree
		entries = append(entries, entry{f[0], f[1], f[2], name, size})
	}
	return entries
}

// at returns what stands at a path of a commit, or nil.
func (g git) at(ctx context.Context, commit, path string) (*entry, error) {
	es, err := g.tree(ctx, commit, path, false)
	if err != nil || len(es) != 1 || es[0].path != path {
		return nil, err
	}
	return &es[0], nil
}

// blob returns a blob's content.
func (g git) blob(ctx context.Context, id string) ([]byte, error) {
	return g.run(ctx, nil, "cat-file", "blob", id)
}

// object is what a name means.
type object struct {
	id, kind string
	content  []byte // its beginning; see maxObject
}
