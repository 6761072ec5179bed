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
)

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
	id, project := uuid.NewString(), filepath.Base(cmp.Or(c.CopyOf, tree))
	build := codebuild.Build{
		Id:          new(project + ":" + id),
		Arn:         new("arn:aws:codebuild:local:" + account + ":build/" + project + ":" + id),
		ProjectName: &project,
		StartTime:   awsproto.At(time.Now()),
		BuildNumber: new(int64(1)),
		Initiator:   new("slipway run"),
		Source:      &codebuild.ProjectSource{Buildspec: new(c.specification()), Location: &tree},
		Environment: &codebuild.ProjectEnvironment{Image: &c.Image},
		Cache:       ofTree(cmp.Or(c.CopyOf, tree)),
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

// ReadSpec reads the buildspec of a working tree, "" for buildspec.yml, and returns its name. It may
// lie anywhere on this machine.
func ReadSpec(tree, given string) (string, []byte, error) {
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
