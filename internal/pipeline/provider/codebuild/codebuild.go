// Package codebuild is the provider of build and test actions that run a build of a CodeBuild project. Source:
// "CodeBuild action reference" in the CodePipeline user guide.
package codebuild

import (
	"context"

	"slipway/api/codebuild"
	cp "slipway/api/codepipeline"
	"slipway/api/slipway"
	"slipway/internal/pipeline"
	"slipway/spec/pipelinefile"
)

// Builds is what the provider needs of the Build stage.
type Builds interface {
	// StartForPipeline starts a build, or returns the one that it started before for the job's key.
	StartForPipeline(
		ctx context.Context,
		in *codebuild.StartBuildInput,
		job slipway.PipelineJob,
	) (*codebuild.Build, error)
	// StartBatchForPipeline does the same with a batch, whose builds' artifacts are combined or not.
	StartBatchForPipeline(
		ctx context.Context,
		in *codebuild.StartBuildInput,
		combine bool,
		job slipway.PipelineJob,
	) (*codebuild.BuildBatch, error)
	BatchGetBuilds(ctx context.Context, in *codebuild.BatchGetBuildsInput) (*codebuild.BatchGetBuildsOutput, error)
	BatchGetBuildBatches(
		ctx context.Context,
		in *codebuild.BatchGetBuildBatchesInput,
	) (*codebuild.BatchGetBuildBatchesOutput, error)
}

// Provider implements pipeline.Provider and pipeline.Waiter.
type Provider struct{ Builds Builds }

// Build is what an action waits for.
func Build(id string) pipeline.Wait { return pipeline.Wait{Kind: "build", ID: id} }

// Types implements pipeline.Provider.
func (*Provider) Types() []pipelinefile.ActionType {
	return pipelinefile.AWS().Of("CodeBuild", cp.ActionCategoryBuild, cp.ActionCategoryTest)
}

// Unsupported implements pipeline.Provider: it can do all of a valid declaration.
func (*Provider) Unsupported(*cp.ActionDeclaration) string { return "" }

// Describe implements pipeline.Provider.
func (*Provider) Describe(a *cp.ActionDeclaration) pipeline.Description {
	project := a.Configuration["ProjectName"]
	return pipeline.Description{What: project, URL: "/projects/" + project}
}

// Start implements pipeline.Provider: it starts a build of the input artifacts, or a batch of builds.
func (p *Provider) Start(ctx context.Context, a *pipeline.Action) (pipeline.Outcome, error) {
	in := &codebuild.StartBuildInput{ProjectName: new(a.Configuration["ProjectName"])}
	if text := a.Configuration["EnvironmentVariables"]; text != "" {
		var err error
		if in.EnvironmentVariablesOverride, err = pipelinefile.EnvironmentVariables(text); err != nil {
			return pipeline.Outcome{},
				pipeline.Refuse("InvalidActionConfiguration", "EnvironmentVariables: %v", err)
		}
	}
	if isTrue(a, "BatchEnabled") || isTrue(a, "CombineArtifacts") {
		return p.startBatch(ctx, in, a)
	}
	b, err := p.Builds.StartForPipeline(ctx, in, Job(a))
	if err != nil {
		return pipeline.Outcome{}, err
	}
	return pipeline.Outcome{Wait: new(Build(*b.Id)), URL: "/builds/" + *b.Id}, nil
}

// Job is what a build needs to know of its action. Its key is the action execution.
func Job(a *pipeline.Action) slipway.PipelineJob {
	j := slipway.PipelineJob{
		Key:       a.ID,
		Pipeline:  a.Pipeline,
		Execution: a.Execution,
		Primary:   a.Configuration["PrimarySource"],
		Inputs:    artifacts(a.Inputs),
		Outputs:   artifacts(a.Outputs),
	}
	if j.Primary == "" {
		j.Primary = *a.Inputs[0].Name
	}
	for _, r := range a.Revisions {
		if *r.Name == j.Primary {
			j.Version = *r.RevisionId
		}
	}
	return j
}

func artifacts(details []cp.ArtifactDetail) []slipway.Artifact {
	all := make([]slipway.Artifact, len(details))
	for i, d := range details {
		all[i] = slipway.Artifact{Name: *d.Name, Bucket: *d.S3location.Bucket, Key: *d.S3location.Key}
	}
	return all
}

// Result implements pipeline.Waiter. The variables are those that the buildspec exports.
func (p *Provider) Result(ctx context.Context, a *pipeline.Action, id string) (*pipeline.Result, error) {
	if a != nil && isTrue(a, "BatchEnabled") {
		return p.batchResult(ctx, id)
	}
	out, err := p.Builds.BatchGetBuilds(ctx, &codebuild.BatchGetBuildsInput{Ids: []string{id}})
	if err != nil {
		return nil, err
	}
	if len(out.Builds) == 0 {
		return pipeline.Failed("JobFailed", "The build %s was deleted", id), nil
	}
	b := &out.Builds[0]
	if b.BuildComplete == nil || !*b.BuildComplete {
		return nil, nil
	}
	if b.BuildStatus != codebuild.StatusTypeSucceeded {
		return pipeline.Failed("JobFailed", "Build terminated with state: %s%s", b.BuildStatus, cause(b)), nil
	}
	variables := map[string]string{}
	for _, v := range b.ExportedEnvironmentVariables {
		variables[*v.Name] = *v.Value
	}
	return &pipeline.Result{Variables: variables}, nil
}

// cause is the first context of a phase that says why a build failed.
func cause(b *codebuild.Build) string {
	for _, p := range b.Phases {
		for _, c := range p.Contexts {
			if c.Message != nil && *c.Message != "" && p.PhaseStatus != codebuild.StatusTypeSucceeded {
				return ". " + string(p.PhaseType) + ": " + *c.Message
			}
		}
	}
	return ""
}
