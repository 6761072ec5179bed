package runner

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"

	"slipway/api/slipway"
	"slipway/internal/actions"
	"slipway/spec/buildspec"
	"slipway/spec/workflow"
)

// fetchLimit bounds how long an action is fetched from the network.
const fetchLimit = 2 * time.Minute

// maxActions bounds the repositories whose actions a build uses.
const maxActions = 100

// gathering fetches the repositories that a workflow uses, and those that their composite actions use.
type gathering struct {
	b    *build
	ctx  context.Context
	dirs map[string]string // by Repository.Key, as the room shows them
	lost map[string]string // why there is none
	seen map[string]bool   // workflows and local actions
}

// fetchActions brings the actions that a phase or a workflow uses into the room.
func (b *build) fetchActions(ctx context.Context, p buildspec.Phase) (dirs, lost map[string]string, err error) {
	g := &gathering{b, ctx, map[string]string{}, map[string]string{}, map[string]bool{}}
	if b.flow != nil {
		err = g.workflow(b.flow.def.Wanted(b.flow.job), "")
	} else {
		err = g.steps(p.Steps, "")
	}
	return g.dirs, g.lost, err
}

// workflow gathers for the jobs of a workflow; key is the repository that it comes from, "" for the source.
func (g *gathering) workflow(jobs []*workflow.Job, key string) error {
	for _, j := range jobs {
		if err := g.steps(j.Steps, key); err != nil {
			return err
		}
		if j.Uses == "" {
			continue
		}
		if err := g.called(j.Uses); err != nil {
			return err
		}
	}
	return nil
}

// called gathers for a workflow that a job calls.
func (g *gathering) called(uses string) error {
	if g.seen[uses] {
		return nil
	}
	g.seen[uses] = true
	local, of, err := actions.Called(uses)
	if err != nil {
		return err
	}
	file, key := local, ""
	if local == "" {
		if err := g.fetch(of); err != nil {
			return err
		}
		file, key = of.Path, of.Key
		if g.dirs[key] == "" {
			return nil // said by the job
		}
	}
	text, err := g.read(key, file)
	if err != nil {
		return nil // said by the job, if it comes to that
	}
	def, err := workflow.Parse(uses, text)
	if err != nil {
		return err
	}
	return g.workflow(def.Jobs, key)
}

// steps gathers for steps.
func (g *gathering) steps(steps []workflow.Step, key string) error {
	needs, local := actions.Needs(steps, g.b.Actions.Fetched)
	for _, l := range local {
		if !g.seen[key+" "+l] {
			g.seen[key+" "+l] = true
			if err := g.action("", l); err != nil { // it is looked for in the workspace
				return err
			}
		}
	}
	for _, of := range needs {
		if err := g.fetch(of); err != nil {
			return err
		}
		if at := of.Key + " " + of.Path; g.dirs[of.Key] != "" && !g.seen[at] {
			g.seen[at] = true
			if err := g.action(of.Key, of.Path); err != nil {
				return err
			}
		}
	}
	return nil
}

// action gathers for the steps of a composite action.
func (g *gathering) action(key, dir string) error {
	for _, name := range []string{"action.yml", "action.yaml"} {
		text, err := g.read(key, path.Join(dir, name))
		if err != nil {
			continue // said by the step
		}
		a, err := workflow.ParseAction(path.Join(dir, name), text)
		if err != nil {
			return err
		}
		return g.steps(a.Runs.Steps, key)
	}
	return nil
}

// read reads a file of a repository, or of the source.
func (g *gathering) read(key, file string) ([]byte, error) {
	inside := g.b.space.place.Source
	if key != "" {
		inside = g.dirs[key]
	}
	dir, rest, err := g.b.space.room.Files(inside)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(filepath.Join(dir, rest))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, _, err := openRegular(root, path.Clean(file))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxBuildspec))
}

// fetch brings a repository into the room: from this server, the mirror, or github.com, whichever has it first.
func (g *gathering) fetch(of actions.Repository) error {
	if g.dirs[of.Key] != "" || g.lost[of.Key] != "" {
		return nil
	}
	if len(g.dirs) >= maxActions {
		return fmt.Errorf("the build uses actions of more than %d repositories", maxActions)
	}
	sum := sha256.Sum256([]byte(of.Key))
	inside := path.Join(g.b.space.place.Tools, workName, "fetched", hex.EncodeToString(sum[:8]))
	dir, err := g.b.ownFolder(inside)
	if err != nil {
		return err
	}
	var tried []string
	for _, from := range g.b.origins(of) {
		commit, err := from.get(g.ctx, inside, dir)
		if err == nil {
			g.b.log.say("Action %s@%s: %s from %s", of.Name, of.Ref, commit, from.name)
			g.dirs[of.Key] = inside
			return nil
		}
		if g.ctx.Err() != nil {
			return context.Cause(g.ctx)
		}
		tried = append(tried, from.name+": "+err.Error())
		if err := emptyFolder(dir); err != nil {
			return err
		}
	}
	if tried == nil {
		tried = []string{"github.com is not asked (--actions-offline), and there is no mirror (--actions-mirror)"}
	}
	g.lost[of.Key] = fmt.Sprintf("%s@%s cannot be had (%s)", of.Name, of.Ref, strings.Join(tried, "; "))
	return nil
}

// ownFolder makes a folder of the room for the build's user, and those that it is in.
func (b *build) ownFolder(inside string) (string, error) {
	dir, rest, err := b.space.room.Files(inside)
	if err != nil {
		return "", err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", err
	}
	defer root.Close()
	made := ""
	for part := range strings.SplitSeq(rest, "/") {
		made = path.Join(made, part)
		if err := root.Mkdir(made, 0o755); errors.Is(err, os.ErrExist) {
			continue
		} else if err != nil {
			return "", err
		}
		if u := b.space.place.User; u >= 0 {
			if err := root.Lchown(made, u, u); err != nil {
				return "", err
			}
		}
	}
	return filepath.Join(dir, rest), nil
}

func emptyFolder(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		err = errors.Join(err, root.RemoveAll(e.Name()))
	}
	return err
}

// origin is a place where an action may be.
type origin struct {
	name string
	get  func(ctx context.Context, inside, dir string) (commit string, err error)
}

// origins are the places where an action may be, in the order in which they are asked.
func (b *build) origins(of actions.Repository) (all []origin) {
	owner, name, _ := strings.Cut(of.Name, "/")
	if b.Endpoint != "" && b.Identity != nil {
		own := actions.OwnName(owner, name, b.order.Account)
		all = append(all, origin{"the repository " + own, func(ctx context.Context, inside, _ string) (string, error) {
			return b.clone(ctx, gitSource(b.Endpoint+"/v1/repos/"+own, of.Ref, true), inside)
		}})
	}
	if m := b.Actions.Mirror; m != "" {
		all = append(all, origin{"the mirror " + m, func(ctx context.Context, _, dir string) (string, error) {
			return b.fromMirror(ctx, filepath.Join(m, owner, name+".git"), of.Ref, dir)
		}})
	}
	if !b.Actions.Offline {
		all = append(all, origin{"github.com", func(ctx context.Context, inside, _ string) (string, error) {
			ctx, cancel := context.WithTimeout(ctx, fetchLimit)
			defer cancel()
			return b.clone(ctx, gitSource("https://github.com/"+of.Name, of.Ref, false), inside)
		}})
	}
	return all
}

// gitSource is a version of a repository without its history.
func gitSource(url, version string, here bool) slipway.Source {
	return slipway.Source{Kind: slipway.SourceGit, URL: url, Version: version, Here: here, Depth: 1}
}

// fromMirror unpacks a version of a bare repository of this machine. It is the operator's, so that Git runs here.
func (b *build) fromMirror(ctx context.Context, repository, ref, dir string) (string, error) {
	if _, err := os.Stat(repository); err != nil {
		return "", errors.New("it has no " + filepath.Base(filepath.Dir(repository)) + "/" + filepath.Base(repository))
	}
	git := func(out io.Writer, args ...string) error {
		args = append([]string{"-c", "safe.directory=*", "--git-dir", repository}, args...)
		cmd := exec.CommandContext(ctx, "git", args...)
		var said bytes.Buffer
		cmd.Stdout, cmd.Stderr = out, &limitedBuffer{&said, 4096}
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("git: %s (%w)", strings.TrimSpace(said.String()), err)
		}
		return nil
	}
	var id bytes.Buffer
	if err := git(&id, "rev-parse", "--verify", "-q", "--end-of-options", ref+"^{commit}"); err != nil {
		return "", fmt.Errorf("it has no version %s: %w", ref, err)
	}
	commit := strings.TrimSpace(id.String())
	read, write := io.Pipe()
	go func() { _ = write.CloseWithError(git(write, "archive", "--format=tar", commit)) }()
	err := b.untar(read, dir)
	_ = read.CloseWithError(err)
	return commit, err
}

// untar unpacks an archive that Git made into a folder of the build's user.
func (b *build) untar(from io.Reader, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for in := tar.NewReader(from); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			_, err = io.Copy(io.Discard, from) // the padding
			return err
		}
		if err != nil {
			return err
		}
		name := path.Clean(h.Name)
		switch h.Typeflag {
		case tar.TypeDir:
			if err = root.Mkdir(name, 0o755); errors.Is(err, os.ErrExist) {
				err = nil
			}
		case tar.TypeSymlink:
			err = root.Symlink(h.Linkname, name)
		case tar.TypeReg:
			err = writeEntry(root, name, h.FileInfo().Mode().Perm(), in)
		default:
			continue
		}
		if u := b.space.place.User; err == nil && u >= 0 {
			err = root.Lchown(name, u, u)
		}
		if err != nil {
			return err
		}
	}
}

func writeEntry(root *os.Root, name string, mode os.FileMode, from io.Reader) error {
	f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	return errors.Join(err, f.Close())
}
