package runner

import (
	"context"

	"slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/spec/buildspec"
	"slipway/spec/workflow"
)

// readBatch reads which builds the batch of a buildspec consists of. They run elsewhere.
func (b *build) readBatch(ctx context.Context) error {
	name, text, err := b.readSpec(ctx)
	if err != nil {
		return &phaseError{code: yamlError, err: err}
	}
	b.log.say("YAML location is %s", name)
	if s := b.order.Build.Source; s != nil && workflow.IsPath(value(s.Buildspec)) {
		return fail(yamlError, "%s is a workflow, which has no batch section; start a single build (StartBuild), "+
			"which runs all of its jobs", name)
	}
	spec, warnings, err := buildspec.Validate(name, text)
	for _, w := range warnings {
		b.log.say("WARNING: %s", w)
	}
	if err != nil {
		return &phaseError{code: yamlError, err: err}
	}
	if spec.Batch == nil {
		return fail(yamlError, "%s has no batch section; give it one, or start a single build (StartBuild)", name)
	}
	builds, err := spec.Batch.Builds()
	if err != nil {
		return &phaseError{code: yamlError, err: err}
	}
	b.result.Batch = &slipway.Batch{FastFail: spec.Batch.FastFail}
	for _, x := range builds {
		b.result.Batch.Builds = append(b.result.Batch.Builds, batchBuild(x))
		b.log.say("Build of the batch: %s", x.Identifier)
	}
	return nil
}

func batchBuild(x buildspec.BatchBuild) slipway.BatchBuild {
	b := slipway.BatchBuild{
		Identifier:     x.Identifier,
		Buildspec:      x.Buildspec,
		DependsOn:      x.DependOn,
		IgnoreFailure:  x.IgnoreFailure,
		DebugSession:   x.DebugSession,
		ComputeType:    codebuild.ComputeType(x.Env.ComputeType),
		Image:          x.Env.Image,
		Type:           codebuild.EnvironmentType(x.Env.Type),
		Fleet:          x.Env.Fleet,
		PrivilegedMode: x.Env.PrivilegedMode,
	}
	for _, v := range x.Env.Variables {
		b.Variables = append(b.Variables, codebuild.EnvironmentVariable{
			Name:  new(v.Name),
			Value: new(v.Value),
			Type:  codebuild.EnvironmentVariableTypePlaintext,
		})
	}
	return b
}
