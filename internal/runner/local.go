package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/runner/room"
	"slipway/spec/buildspec"
)

// LocalConfig is a build of a working tree in place.
type LocalConfig struct {
	// Tree is the folder that is built; "" is the current one.
	Tree string
	// CopyOf is the folder that Tree is a copy of, which the build is named after; "" for none. Nothing of the build is
	// kept for --from-failed then.
	CopyOf string
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
	// Phases are those that run: install, pre_build, build, post_build; none are all of them.
	Phases []string
	// FromFailed begins with the command that failed in the last run of the same buildspec in the same tree, in the
	// shell as it was before it.
	FromFailed bool
	// Caches opens those of the user, once a build needs them; without it the buildspec's cache has no effect. Project
	// is the cache of a project that is read besides, nil for none.
	Caches  func() (*LocalCaches, error)
	Project *ProjectCache
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
	job := Job{
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
		Secret:       c.Secret,
		Only:         phasesNamed(c.Phases),
		findSpec:     func() (string, []byte, error) { return ReadSpec(tree, c.Buildspec) },
		deliver:      (*build).listArtifacts,
	}
	job.Shared, job.openCaches = c.Project, c.Caches
	if err := c.remember(&job, tree); err != nil {
		return slipway.Result{}, errors.Join(err, room.RemoveAll(dir))
	}
	result, leave := Run(ctx, job)
	leave()
	return result, room.RemoveAll(dir)
}

// remember has the build go on where the last one failed, if that is asked for, and keeps where it fails itself. What a
// container holds ends with it, so that builds in containers do neither.
func (c LocalConfig) remember(job *Job, tree string) error {
	if c.Image != "" || c.CopyOf != "" {
		return nil
	}
	kept, err := openStandings()
	switch {
	case err != nil && c.FromFailed:
		return err
	case err != nil:
		return nil
	case c.FromFailed:
		if job.resume, err = kept.read(tree, c.Buildspec); err != nil {
			return err
		}
	}
	log := newLogbook(c.Output)
	job.stood = func(of *standing, succeeded bool) {
		switch {
		case of == nil && succeeded:
			kept.forget(tree, c.Buildspec)
		case of != nil:
			if err := kept.write(tree, c.Buildspec, of); err != nil {
				log.say("--from-failed cannot go on from here: %v", err)
			}
		}
	}
	return nil
}

// phasesNamed are phases by their names in a buildspec.
func phasesNamed(names []string) (all []codebuild.BuildPhaseType) {
	for _, name := range names {
		all = append(all, codebuild.BuildPhaseType(strings.ToUpper(name)))
	}
	return all
}

// localActionCaches are those of the user who runs builds of working trees.
func localActionCaches() *actionCaches {
	dir, err := os.UserCacheDir()
	if err != nil {
		return nil
	}
	return newActionCaches(filepath.Join(dir, "slipway", "actions"))
}

// maxListed is how many files of an artifact are named.
const maxListed = 20

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
		for i, f := range files {
			if i == maxListed {
				b.log.say("  and %d more", len(files)-i)
				break
			}
			b.log.say("  %s", f.name)
		}
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
