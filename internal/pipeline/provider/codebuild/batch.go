package codebuild

import (
	"context"
	"strings"

	"slipway/api/codebuild"
	"slipway/internal/pipeline"
)

// Batch is what an action waits for that runs a batch.
func Batch(id string) pipeline.Wait { return pipeline.Wait{Kind: "batch", ID: id} }

// isTrue tells whether a value of an action's configuration is true.
func isTrue(a *pipeline.Action, key string) bool {
	return strings.EqualFold(a.Configuration[key], "true")
}

// startBatch starts a batch of builds of the input artifacts.
func (p *Provider) startBatch(ctx context.Context, in *codebuild.StartBuildInput,
	a *pipeline.Action) (pipeline.Outcome, error) {
	combine := isTrue(a, "CombineArtifacts")
	switch {
	case !isTrue(a, "BatchEnabled"):
		return pipeline.Outcome{}, pipeline.Refuse("InvalidActionConfiguration",
			"CombineArtifacts needs BatchEnabled: a single build has nothing to combine.")
	case combine && len(a.Outputs) > 1:
		return pipeline.Outcome{}, pipeline.Refuse("InvalidActionConfiguration",
			"With CombineArtifacts the action has one output artifact, and not %d.", len(a.Outputs))
	}
	b, err := p.Builds.StartBatchForPipeline(ctx, in, combine, Job(a))
	if err != nil {
		return pipeline.Outcome{}, err
	}
	return pipeline.Outcome{Wait: new(Batch(*b.Id)), URL: "/batches/" + *b.Id}, nil
}

// batchResult is how a batch ended; nil while it has not. The variables are those that its builds export; of two of one
// name that of the later build in the batch counts.
func (p *Provider) batchResult(ctx context.Context, id string) (*pipeline.Result, error) {
	out, err := p.Builds.BatchGetBuildBatches(ctx, &codebuild.BatchGetBuildBatchesInput{Ids: []string{id}})
	if err != nil {
		return nil, err
	}
	if len(out.BuildBatches) == 0 {
		return pipeline.Failed("JobFailed", "The batch %s was deleted", id), nil
	}
	b := &out.BuildBatches[0]
	if b.Complete == nil || !*b.Complete {
		return nil, nil
	}
	if b.BuildBatchStatus != codebuild.StatusTypeSucceeded {
		return pipeline.Failed("JobFailed", "Build terminated with state: %s%s", b.BuildBatchStatus, batchCause(b)), nil
	}
	variables, err := p.exported(ctx, b)
	if err != nil {
		return nil, err
	}
	return &pipeline.Result{Variables: variables}, nil
}

// batchCause is the first context of a phase that says why a batch failed.
func batchCause(b *codebuild.BuildBatch) string {
	for _, p := range b.Phases {
		for _, c := range p.Contexts {
			if c.Message != nil && *c.Message != "" {
				return ". " + *c.Message
			}
		}
	}
	return ""
}

// exported are the variables that the builds of a batch export.
func (p *Provider) exported(ctx context.Context, b *codebuild.BuildBatch) (map[string]string, error) {
	variables := map[string]string{}
	var ids []string
	for _, g := range b.BuildGroups {
		if s := g.CurrentBuildSummary; s != nil && s.Arn != nil {
			_, build, _ := strings.Cut(*s.Arn, ":build/")
			ids = append(ids, build)
		}
	}
	for len(ids) > 0 { // within what one call may ask for
		n := min(len(ids), 100)
		out, err := p.Builds.BatchGetBuilds(ctx, &codebuild.BatchGetBuildsInput{Ids: ids[:n]})
		if err != nil {
			return nil, err
		}
		for _, build := range out.Builds {
			for _, v := range build.ExportedEnvironmentVariables {
				variables[*v.Name] = *v.Value
			}
		}
		ids = ids[n:]
	}
	return variables, nil
}
