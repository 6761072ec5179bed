package pipeline

import (
	"context"

	"slipway/api/codebuild"
	cp "slipway/api/codepipeline"
	"slipway/api/slipway"
	"slipway/internal/pipeline/engine"
	"slipway/spec/pipelinefile"
)

// build starts a build for a CodeBuild action.
func (s *Service) build(ctx context.Context, a *action) (outcome, error) {
	project := a.config["ProjectName"]
	in := &codebuild.StartBuildInput{ProjectName: &project}
	if text := a.config["EnvironmentVariables"]; text != "" {
		var err error
		if in.EnvironmentVariablesOverride, err = pipelinefile.EnvironmentVariables(text); err != nil {
			return outcome{}, refuse("InvalidActionConfiguration", "EnvironmentVariables: %v", err)
		}
	}
	job := slipway.PipelineJob{
		Key:       a.Run,
		Pipeline:  a.Pipeline,
		Execution: a.Execution,
		Primary:   a.config["PrimarySource"],
		Inputs:    artifacts(a.inputs),
		Outputs:   artifacts(a.outputs),
	}
	if job.Primary == "" {
		job.Primary = *a.inputs[0].Name
	}
	for _, r := range a.execution.ArtifactRevisions {
		if *r.Name == job.Primary {
			job.Version = *r.RevisionId
		}
	}
	b, err := s.Builds.StartForPipeline(ctx, in, job)
	if err != nil {
		return outcome{}, err
	}
	return outcome{waitKind: waitBuild, waitFor: *b.Id, url: s.URL + "/builds/" + *b.Id}, nil
}

func artifacts(details []cp.ArtifactDetail) []slipway.Artifact {
	all := make([]slipway.Artifact, len(details))
	for i, d := range details {
		all[i] = slipway.Artifact{Name: *d.Name, Bucket: *d.S3location.Bucket, Key: *d.S3location.Key}
	}
	return all
}

// buildResult tells how the build of an action ended; nil if it has not.
func (s *Service) buildResult(ctx context.Context, to ref, id string) (*engine.Result, error) {
	out, err := s.Builds.BatchGetBuilds(ctx, &codebuild.BatchGetBuildsInput{Ids: []string{id}})
	if err != nil {
		return nil, err
	}
	if len(out.Builds) == 0 {
		return failed("JobFailed", "The build "+id+" was deleted"), nil
	}
	b := &out.Builds[0]
	if b.BuildComplete == nil || !*b.BuildComplete {
		return nil, nil
	}
	if b.BuildStatus != codebuild.StatusTypeSucceeded {
		return failed("JobFailed", "Build terminated with state: "+string(b.BuildStatus)+cause(b)), nil
	}
	e, err := executionOf(ctx, s.db, to.Pipeline, to.Execution)
	if err != nil {
		return nil, err
	}
	variables := map[string]string{}
	for _, v := range b.ExportedEnvironmentVariables {
		variables[*v.Name] = *v.Value
	}
	result := &engine.Result{Status: cp.ActionExecutionStatusSucceeded,
		Output: cp.ActionExecutionOutput{OutputVariables: variables}}
	run := e.Run(to.Run)
	if run == nil || len(run.Action.OutputArtifacts) == 0 {
		return result, nil
	}
	r, err := load(ctx, s.db, to.Pipeline)
	if err != nil {
		return nil, err
	}
	bucket, err := artifactBucket(r.Declaration, s.Region)
	if err != nil {
		return nil, err
	}
	for _, o := range run.Action.OutputArtifacts {
		result.Output.OutputArtifacts = append(result.Output.OutputArtifacts,
			cp.ArtifactDetail{Name: o.Name,
				S3location: &cp.S3Location{Bucket: &bucket, Key: new(artifactKey(to, *o.Name))}})
	}
	return result, nil
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
