package runner

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"

	"slipway/api/awsproto"
	"slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/spec/buildspec"
)

// LocalConfig is a build of a working tree in place.
type LocalConfig struct {
	// Tree is the folder that is built; "" is the current one.
	Tree string
	// Buildspec is a path in the tree, or the text itself; "" is buildspec.yml.
	Buildspec string
	// Variables outweigh those of the buildspec.
	Variables map[string]string
	// Output takes what the build writes, as it comes.
	Output io.Writer
	// Timeout ends the build; 0 is an hour.
	Timeout time.Duration
}

// Local builds a working tree where it is, without a server or a sandbox: commands run as the user, with the user's
// environment but for SLIPWAY_ variables. Artifacts are counted and not uploaded, reports are read. The error says why
// nothing could be run; how the build ended is in the result.
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
	defer func() { _ = removeAll(dir) }()
	adoptOrphans()
	id := uuid.NewString()
	env := map[string]string{}
	for _, v := range os.Environ() {
		if name, value, ok := strings.Cut(v, "="); ok && !strings.HasPrefix(name, "SLIPWAY_") &&
			!strings.HasPrefix(name, "CODEBUILD_") {
			env[name] = value
		}
	}
	project := filepath.Base(tree)
	build := codebuild.Build{Id: new(project + ":" + id),
		Arn: new("arn:aws:codebuild:local:000000000000:build/" + project + ":" + id), ProjectName: &project,
		StartTime: awsproto.At(time.Now()), BuildNumber: new(int64(1)), Initiator: new("slipway run"),
		Source:      &codebuild.ProjectSource{Buildspec: &c.Buildspec, Location: &tree},
		Environment: &codebuild.ProjectEnvironment{}}
	for name, v := range c.Variables {
		build.Environment.EnvironmentVariables = append(build.Environment.EnvironmentVariables,
			codebuild.EnvironmentVariable{Name: &name, Value: &v})
	}
	region := env["AWS_REGION"]
	if region == "" {
		region = "us-east-1"
	}
	order := slipway.Order{
		Build:   build,
		Stream:  id,
		Region:  region,
		Account: "000000000000",
		Sources: []slipway.Source{{Kind: slipway.SourceNone}},
	}
	limit := c.Timeout
	if limit <= 0 {
		limit = defaultTimeout
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errTimeout)
	defer cancel()
	return Run(ctx, Job{Order: order, Dir: dir, Log: c.Output, Name: "here", tree: tree, inherit: env}), nil
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
		files, release, err := b.box.find(ctx,
			selection{
				base:     a.BaseDirectory,
				files:    a.Files,
				exclude:  a.ExcludePaths,
				discard:  a.DiscardPaths,
				symlinks: a.EnableSymlinks,
			})
		release()
		if err == nil && len(files) == 0 {
			err = noFiles(a)
		}
		if err != nil {
			return fail(clientError, "%w", err)
		}
		b.log.say("Artifact %s: %d file(s)", cmpName(a.Identifier), len(files))
		result := codebuild.BuildArtifacts{
			Location: new(fmt.Sprintf("%d file(s) in %s", len(files), filepath.Join(b.tree, a.BaseDirectory))),
		}
		if a.Identifier != "" {
			result.ArtifactIdentifier = new(a.Identifier)
		}
		b.result.Artifacts = append(b.result.Artifacts, result)
	}
	return nil
}
