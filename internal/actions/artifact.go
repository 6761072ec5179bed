package actions

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// badArtifact are characters that no artifact's name has.
const badArtifact = "\":<>|*?\r\n\\/"

// upload is actions/upload-artifact: the files are kept for the jobs after it, and become artifacts of the build.
func upload(_ context.Context, u *use) error {
	j := u.f.j
	name := u.input("name")
	if name == "" {
		name = "artifact"
	}
	if strings.ContainsAny(name, badArtifact) || !filepath.IsLocal(name) || name == "." {
		return fmt.Errorf("the artifact's name %q must have none of the characters \" : < > | * ? \\ and /", name)
	}
	patterns := u.lines("path")
	if len(patterns) == 0 {
		return errors.New("path is missing")
	}
	files, base, err := u.selected(patterns, u.input("include-hidden-files") == "true")
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return u.nothing(patterns)
	}
	dir := filepath.Join(j.d.plan.Artifacts, name)
	if _, err := os.Lstat(dir); err == nil {
		if u.input("overwrite") != "true" {
			return fmt.Errorf("the build has an artifact %s already: give it another name, or overwrite: true", name)
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	for _, file := range files {
		if err := copyBelow(file, base, dir); err != nil {
			return err
		}
	}
	if !slices.Contains(j.d.result.Artifacts, name) {
		j.d.result.Artifacts = append(j.d.result.Artifacts, name)
	}
	u.to.outputs.Set("artifact-id", strconv.Itoa(len(j.d.result.Artifacts))).Set("artifact-url", "")
	j.d.console.printf("Artifact %s: %s", name, plural(len(files), "file"))
	return nil
}

// nothing says that no file was found, in the way that if-no-files-found says.
func (u *use) nothing(patterns []string) error {
	message := "No files were found with the path " + strings.Join(patterns, ", ") + ". No artifact is uploaded"
	switch u.input("if-no-files-found") {
	case "error":
		return errors.New(message)
	case "ignore":
		u.f.j.d.console.line(message)
	default:
		u.f.j.d.console.annotate(Annotation{Level: "warning", Message: message})
	}
	return nil
}

func copyBelow(file, base, dir string) error {
	rest, err := filepath.Rel(base, file)
	if err != nil {
		return err
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	to := filepath.Join(dir, rest)
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return copyFile(file, to, info)
}

// lines are the values of an input that has one a line.
func (u *use) lines(input string) (all []string) {
	for line := range strings.Lines(u.input(input)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			all = append(all, line)
		}
	}
	return all
}

// selected finds files by patterns, and the folder that they are named from: what the patterns have in common before
// their first wildcard.
func (u *use) selected(patterns []string, hidden bool) (files []string, base string, err error) {
	var rooted, roots []string
	for _, p := range patterns {
		p, negative := strings.CutPrefix(p, "!")
		p = u.absolute(p)
		if negative {
			rooted = append(rooted, "!"+p)
			continue
		}
		rooted = append(rooted, p)
		roots = append(roots, plain(p))
	}
	found, err := findFiles(os.DirFS("/"), "/", rooted, false)
	if err != nil {
		return nil, "", err
	}
	base = common(roots)
	for _, f := range found {
		f = "/" + f
		rest := strings.TrimPrefix(f, base)
		if !hidden && strings.Contains("/"+strings.TrimPrefix(rest, "/"), "/.") {
			continue
		}
		files = append(files, f)
	}
	if len(files) == 1 && files[0] == base {
		base = filepath.Dir(base)
	}
	return files, base, nil
}

// absolute is a path of an input: ~ is the home, and relative ones begin at the workspace.
func (u *use) absolute(p string) string {
	if rest, ok := strings.CutPrefix(p, "~"); ok && (rest == "" || rest[0] == '/') {
		return path.Join(u.f.j.d.base["HOME"], rest)
	}
	return inside(u.f.j.workspace, p)
}

// plain is a pattern up to the part with its first wildcard.
func plain(p string) string {
	i := strings.IndexAny(p, "*?[{")
	if i < 0 {
		return path.Clean(p)
	}
	return path.Clean(p[:strings.LastIndexByte(p[:i], '/')+1])
}

// common is the innermost folder that has all paths in it.
func common(paths []string) string {
	if len(paths) == 0 {
		return "/"
	}
	base := paths[0]
	for _, p := range paths[1:] {
		for base != "/" && p != base && !strings.HasPrefix(p, base+"/") {
			base = path.Dir(base)
		}
	}
	return base
}

// download is actions/download-artifact: one artifact of the build by its name, or those that a pattern matches, each
// in a folder of its own.
func download(_ context.Context, u *use) error {
	j := u.f.j
	if r := u.input("run-id"); r != "" && r != j.d.base["GITHUB_RUN_ID"] && u.input("github-token") != "" {
		return errors.New("artifacts of other runs cannot be downloaded: only those of this build are there")
	}
	to := j.workspace
	if p := u.input("path"); p != "" {
		to = u.absolute(p)
	}
	name := u.input("name")
	names, err := u.matching(name, u.input("pattern"))
	if err != nil {
		return err
	}
	for _, n := range names {
		from := filepath.Join(j.d.plan.Artifacts, n)
		if _, err := os.Stat(from); err != nil || !filepath.IsLocal(n) {
			return fmt.Errorf("the build has no artifact %s: a job before this one must upload it", n)
		}
		dir := to
		if name == "" && u.input("merge-multiple") != "true" {
			dir = filepath.Join(to, n)
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := copyTree(from, dir); err != nil {
			return fmt.Errorf("the artifact %s: %w", n, err)
		}
		j.d.console.printf("Artifact %s: to %s", n, dir)
	}
	u.to.outputs.Set("download-path", to)
	return nil
}

// matching are the artifacts of the build of a name, or else those that a pattern matches, "" for all.
func (u *use) matching(name, pattern string) (names []string, err error) {
	if name != "" {
		return []string{name}, nil
	}
	entries, err := os.ReadDir(u.f.j.d.plan.Artifacts)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		if ok, err := path.Match(pattern, e.Name()); pattern == "" || err == nil && ok {
			names = append(names, e.Name())
		}
	}
	return names, nil
}
