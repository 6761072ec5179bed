package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"slipway/api/codebuild"
	"slipway/api/codecommit"
	"slipway/api/codepipeline"
)

// pipelineOf creates a repository and a pipeline with a source and a chain of builds, and returns a checkout.
func (b *bench) pipelineOf(ctx context.Context, name string, actions int) (dir string, err error) {
	s := b.main
	if _, err := s.source.CreateRepository(ctx, &codecommit.CreateRepositoryInput{RepositoryName: &name}); err != nil {
		return "", err
	}
	if err := s.put(ctx, name, nil); err != nil {
		return "", err
	}
	if _, err := s.builds.CreateProject(ctx, project(name, codebuild.SourceTypeCodepipeline, "")); err != nil {
		return "", err
	}
	dir = filepath.Join(b.dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "buildspec.yml"), []byte(echo), 0o644); err != nil {
		return "", err
	}
	for _, args := range [][]string{{"init", "-q", "-b", "main"},
		{"remote", "add", "origin", s.url + "/v1/repos/" + name}, {"add", "."}} {
		if err := b.git(ctx, dir, args...); err != nil {
			return "", err
		}
	}
	if err := b.push(ctx, dir); err != nil {
		return "", err
	}
	d := &codepipeline.PipelineDeclaration{Name: &name, RoleArn: new("arn:aws:iam::123456789012:role/slipway"),
		ArtifactStore: &codepipeline.ArtifactStore{Type: codepipeline.ArtifactStoreTypeS3, Location: &name},
		Stages: []codepipeline.StageDeclaration{
			{Name: new("Source"),
				Actions: []codepipeline.ActionDeclaration{{Name: new("Checkout"),
					OutputArtifacts: []codepipeline.OutputArtifact{{Name: new("src")}},
					ActionTypeId: &codepipeline.ActionTypeId{
						Category: codepipeline.ActionCategorySource,
						Owner:    codepipeline.ActionOwnerAws,
						Provider: new("CodeCommit"),
						Version:  new("1"),
					},
					Configuration: map[string]string{"RepositoryName": name, "BranchName": "main"}}}},
			{Name: new("Build")}}}
	for i := range actions {
		d.Stages[1].Actions = append(d.Stages[1].Actions,
			codepipeline.ActionDeclaration{Name: new(fmt.Sprintf("Step%d", i)), RunOrder: new(int32(i + 1)),
				ActionTypeId: &codepipeline.ActionTypeId{
					Category: codepipeline.ActionCategoryBuild,
					Owner:    codepipeline.ActionOwnerAws,
					Provider: new("CodeBuild"),
					Version:  new("1"),
				},
				Configuration:  map[string]string{"ProjectName": name},
				InputArtifacts: []codepipeline.InputArtifact{{Name: new("src")}}})
	}
	if _, err := s.pipeline.CreatePipeline(ctx, &codepipeline.CreatePipelineInput{Pipeline: d}); err != nil {
		return "", err
	}
	return dir, b.ends(ctx, name, 1)
}

func project(name string, source codebuild.SourceType, buildspec string) *codebuild.CreateProjectInput {
	in := &codebuild.CreateProjectInput{Name: &name, ServiceRole: new("arn:aws:iam::123456789012:role/slipway"),
		Source:    &codebuild.ProjectSource{Type: source},
		Artifacts: &codebuild.ProjectArtifacts{Type: codebuild.ArtifactsTypeNoArtifacts},
		Environment: &codebuild.ProjectEnvironment{
			Type:        codebuild.EnvironmentTypeLinuxContainer,
			Image:       new("host"),
			ComputeType: codebuild.ComputeTypeBuildGeneral1Small,
		}}
	if source == codebuild.SourceTypeCodepipeline {
		in.Artifacts.Type = codebuild.ArtifactsTypeCodepipeline
	}
	if buildspec != "" {
		in.Source.Buildspec = &buildspec
	}
	return in
}

func (b *bench) git(ctx context.Context, dir string, args ...string) error {
	c := exec.CommandContext(ctx, "git",
		append([]string{"-c", "credential.helper=!'" + b.program + "' git-credential", "-c",
			"credential.useHttpPath=true", "-c", "user.name=b", "-c", "user.email=b@example.com"}, args...)...)
	c.Dir = dir
	c.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+keyID, "AWS_SECRET_ACCESS_KEY="+secret, "AWS_REGION="+region,
		"GIT_TERMINAL_PROMPT=0")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("git %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

func (b *bench) push(ctx context.Context, dir string) error {
	if err := b.git(ctx, dir, "commit", "-q", "--allow-empty", "-m", "change"); err != nil {
		return err
	}
	return b.git(ctx, dir, "push", "-q", "origin", "main")
}

// ends waits until a pipeline has n executions and the newest has succeeded.
func (b *bench) ends(ctx context.Context, name string, n int) error {
	return until(ctx, func() (bool, error) {
		out, err := b.main.pipeline.ListPipelineExecutions(ctx,
			&codepipeline.ListPipelineExecutionsInput{PipelineName: &name})
		if err != nil || len(out.PipelineExecutionSummaries) < n {
			return false, err
		}
		switch newest := out.PipelineExecutionSummaries[0]; newest.Status {
		case codepipeline.PipelineExecutionStatusSucceeded:
			return true, nil
		case codepipeline.PipelineExecutionStatusInProgress:
			return false, nil
		default:
			return false, fmt.Errorf("the execution is %s", newest.Status)
		}
	})
}

const pushes = 15

// pushed measures from the end of a push to the success of the pipeline.
func (b *bench) pushed(ctx context.Context, name string, actions int) ([]time.Duration, error) {
	dir, err := b.pipelineOf(ctx, name, actions)
	if err != nil {
		return nil, err
	}
	var all []time.Duration
	for i := range pushes {
		if err := b.push(ctx, dir); err != nil {
			return nil, err
		}
		began := time.Now()
		if err := b.ends(ctx, name, i+2); err != nil {
			return nil, err
		}
		all = append(all, time.Since(began))
	}
	return all, nil
}

func push(ctx context.Context, b *bench) (string, error) {
	all, err := b.pushed(ctx, "push", 1)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s; %.0f × fork+exec, %.0f × fsync", spread(all), float64(median(all))/float64(b.fork),
		float64(median(all))/float64(b.fsync)), nil
}

func chain(ctx context.Context, b *bench) (string, error) {
	one, err := b.pushed(ctx, "chain-1", 1)
	if err != nil {
		return "", err
	}
	five, err := b.pushed(ctx, "chain-5", 5)
	if err != nil {
		return "", err
	}
	added := (median(five) - median(one)) / 4
	return fmt.Sprintf("%s an action: one %s, five %s; %.0f × fork+exec, %.0f × fsync", round(added),
		round(median(one)), round(median(five)),
		float64(added)/float64(b.fork), float64(added)/float64(b.fsync)), nil
}
