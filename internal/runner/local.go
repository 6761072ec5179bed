package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"

	"slipway/api/awsproto"
	"slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/runner/room"
	"slipway/spec/buildspec"
)

// LocalConfig is a build of a working tree in place.
type LocalConfig struct {
	// Tree is the folder that is built; "" is the current one.
	Tree string
	// Executor returns what opens the room of a working tree, which is given as an absolute path without symbolic
	// links.
	Executor func(tree string) Executor
	// Image is what the build's container is made of, "" for none; the executor opens such rooms.
	Image string
	// Buildspec is a path in the tree, or the text itself; "" is buildspec.yml.
	Buildspec string
	// Job is the job of a workflow that is run, "" for all.
	Job string
	// Actions says where actions come from.
	Actions Actions
	// Variables outweigh those of the buildspec.
	Variables map[string]string
	// Secrets outweigh all other variables, and are masked in the output. Secret asks for those of the buildspec that
	// are missing; nil refuses them.
	Secrets map[string]string
	Secret  func(name, reference string) (string, error)
	// Output takes what the build writes, as it comes.
	Output io.Writer
	// Timeout ends the build; 0 is an hour.
	Timeout time.Duration
}

// Local builds a working tree where it is, without a server or a sandbox: commands run as the user, with the user's
// environment but for SLIPWAY_ variables, or in a container with nothing of that. Artifacts are counted and not
// uploaded, reports are read. The error says why nothing could be run; how the build ended is in the result.
func Local(ctx context.Context, c LocalConfig) (slipway.Result, error) {
	tree, err := filepath.Abs(c.Tree)
	if err == nil {
		tree, err = filepath.EvalSymlinks(tree)
	}
	if err != nil {
		return slipway.Result{}, err
	}
	dir, err := os.MkdirTemp("", "slipway-run-")
	if err != nil {
		return slipway.Result{}, err
	}
	limit := c.Timeout
	if limit <= 0 {
		limit = defaultTimeout
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errTimeout)
	defer cancel()
	env := ownEnvironment()
	order := localOrder(c, tree, env["AWS_REGION"])
	if c.Image != "" {
		env = nil // it is this machine's
	}
	repository, ref, commit := treeVersion(ctx, tree)
	order.Build.ResolvedSourceVersion = &commit
	result, leave := Run(ctx, Job{
		Order:   order,
		Actions: c.Actions,

		ActionCaches: localActionCaches(),
		Repository:   repository,
		Ref:          ref,
		InPlace:      true,
		Executor:     c.Executor(tree),
		Room:         room.Spec{Dir: dir, Image: c.Image},
		Log:          c.Output,
		Environment:  env,
		Secrets:      c.Secrets,
		Secret:       c.askSecret,
		findSpec:     func() (string, []byte, error) { return readOwnSpec(tree, c.Buildspec) },
		deliver:      (*build).listArtifacts,
	})
	leave()
	return result, room.RemoveAll(dir)
}

// localActionCaches are those of the user who runs builds of working trees.
func localActionCaches() *actionCaches {
	dir, err := os.UserCacheDir()
	if err != nil {
		return nil
	}
	return newActionCaches(filepath.Join(dir, "slipway", "actions"))
}

// treeVersion is what Git knows of a working tree: OWNER/NAME, the full name of the branch, and the commit.
func treeVersion(ctx context.Context, tree string) (repository, ref, commit string) {
	git := func(args ...string) string {
		out, err := exec.CommandContext(ctx, "git", append([]string{"-C", tree}, args...)...).Output()
		if err != nil {
			return ""
		}
		return strings.TrimSpace(string(out))
	}
	repository = "local/" + filepath.Base(tree)
	if u := strings.TrimSuffix(git("remote", "get-url", "origin"), ".git"); u != "" {
		parts := strings.FieldsFunc(u, func(r rune) bool { return r == '/' || r == ':' })
		if n := len(parts); n >= 2 && strings.Contains(u, "github.com") {
			repository = parts[n-2] + "/" + parts[n-1]
		}
	}
	return repository, git("symbolic-ref", "-q", "HEAD"), git("rev-parse", "-q", "--verify", "HEAD")
}

// askSecret asks for a secret that is not given.
func (c LocalConfig) askSecret(name, reference string) (string, error) {
	if c.Secret == nil {
		return "", fmt.Errorf("the buildspec has the secret %s (%s): give its value with --secrets FILE, as "+
			"%[1]s=VALUE", name, reference)
	}
	return c.Secret(name, reference)
}

// ownEnvironment is the user's own environment, without what Slipway's commands read.
func ownEnvironment() map[string]string {
	env := map[string]string{}
	for _, v := range os.Environ() {
		name, value, ok := strings.Cut(v, "=")
		if ok && !strings.HasPrefix(name, "SLIPWAY_") && !strings.HasPrefix(name, "CODEBUILD_") {
			env[name] = value
		}
	}
	return env
}

// localOrder is the order of a build that no server has asked for.
func localOrder(c LocalConfig, tree, region string) slipway.Order {
	const account = "000000000000"
	id, project := uuid.NewString(), filepath.Base(tree)
	build := codebuild.Build{
		Id:          new(project + ":" + id),
		Arn:         new("arn:aws:codebuild:local:" + account + ":build/" + project + ":" + id),
		ProjectName: &project,
		StartTime:   awsproto.At(time.Now()),
		BuildNumber: new(int64(1)),
		Initiator:   new("slipway run"),
		Source:      &codebuild.ProjectSource{Buildspec: new(c.specification()), Location: &tree},
		Environment: &codebuild.ProjectEnvironment{Image: &c.Image},
	}
	for name, v := range c.Variables {
		of := codebuild.EnvironmentVariable{Name: &name, Value: &v}
		build.Environment.EnvironmentVariables = append(build.Environment.EnvironmentVariables, of)
	}
	return slipway.Order{
		Build:   build,
		Stream:  id,
		Region:  cmp.Or(region, "us-east-1"),
		Account: account,
		Sources: []slipway.Source{{Kind: slipway.SourceNone}},
	}
}

// specification is the buildspec of the order: with the job of a workflow after #.
func (c LocalConfig) specification() string {
	if c.Job != "" {
		return c.Buildspec + "#" + c.Job
	}
	return c.Buildspec
}

// readOwnSpec reads the buildspec of a working tree. It may lie anywhere on this machine.
func readOwnSpec(tree, given string) (string, []byte, error) {
	if given == "" {
		given = "buildspec.yml"
	}
	file := given
	if !filepath.IsAbs(file) {
		file = filepath.Join(tree, file)
	}
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil, fmt.Errorf("there is no %s in %s: write one, or name another with -b", given, tree)
	}
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		return "", nil, fmt.Errorf("%s cannot be read: %w", given, failed.Err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxBuildspec))
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		err = fmt.Errorf("%s cannot be read: %w", given, failed.Err)
	}
	return given, text, err
}

// listArtifacts counts what would be uploaded.
func (b *build) listArtifacts(ctx context.Context, a *buildspec.Artifacts) error {
	if a == nil {
		return nil
	}
	all := append([]buildspec.Artifact{a.Artifact}, a.Secondary...)
	for _, a := range all {
		if len(a.Files) == 0 {
			continue
		}
		files, release, err := b.space.find(ctx, selected(a))
		release()
		if err == nil && len(files) == 0 {
			err = noFiles(a)
		}
		if err != nil {
			return fail(clientError, "%w", err)
		}
		b.log.say("Artifact %s: %d file(s)", cmpName(a.Identifier), len(files))
		where := fmt.Sprintf("%d file(s)", len(files))
		if b.flow == nil { // what a workflow has uploaded goes with the room
			where += " in " + filepath.Join(b.space.place.Source, a.BaseDirectory)
		}
		result := codebuild.BuildArtifacts{Location: &where}
		if a.Identifier != "" {
			result.ArtifactIdentifier = new(a.Identifier)
		}
		b.result.Artifacts = append(b.result.Artifacts, result)
	}
	return nil
}
