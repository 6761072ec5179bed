// Package commands is the provider of actions that run commands in a build environment, without a project. Source:
// "Commands action reference" in the CodePipeline user guide.
package commands

import (
	"context"
	"encoding/json"

	"slipway/api/codebuild"
	cp "slipway/api/codepipeline"
	"slipway/api/slipway"
	"slipway/internal/pipeline"
	builds "slipway/internal/pipeline/provider/codebuild"
	"slipway/spec/pipelinefile"
)

// Builds is what the provider needs of the Build stage.
type Builds interface {
	// StartCommands starts a build without a project, or returns the one that it started before for the job's key. It
	// acts with the role of the overrides, which the role through assumes unless they are one.
	StartCommands(
		ctx context.Context,
		in *codebuild.StartBuildInput,
		through string,
		job slipway.PipelineJob,
	) (*codebuild.Build, error)
}

// Provider implements pipeline.Provider and pipeline.Waiter.
type Provider struct {
	Builds Builds
	// Ended tells how a build has ended.
	Ended pipeline.Waiter
}

// Types implements pipeline.Provider.
func (*Provider) Types() []pipelinefile.ActionType {
	return pipelinefile.AWS().Of("Commands", cp.ActionCategoryCompute)
}

// Unsupported implements pipeline.Provider: networks and machines that are not here.
func (*Provider) Unsupported(a *cp.ActionDeclaration) string {
	for _, key := range []string{"VpcId", "Subnets", "SecurityGroupIds"} {
		if a.Configuration[key] != "" {
			return "the network (" + key + ")"
		}
	}
	return ""
}

// Describe implements pipeline.Provider.
func (*Provider) Describe(a *cp.ActionDeclaration) pipeline.Description {
	d := pipeline.Description{What: "Commands"}
	if len(a.Commands) > 0 {
		d.What = a.Commands[0]
	}
	return d
}

// Start implements pipeline.Provider: it starts a build whose buildspec has the commands.
func (p *Provider) Start(ctx context.Context, a *pipeline.Action) (pipeline.Outcome, error) {
	role := a.OwnRole
	if role == "" {
		role = a.Role
	}
	in := &codebuild.StartBuildInput{
		BuildspecOverride:            new(buildspec(a)),
		ServiceRoleOverride:          &role,
		EnvironmentTypeOverride:      codebuild.EnvironmentType(a.Configuration["EnvironmentType"]),
		ComputeTypeOverride:          codebuild.ComputeType(a.Configuration["ComputeType"]),
		EnvironmentVariablesOverride: variables(a.Commands.Variables),
	}
	b, err := p.Builds.StartCommands(ctx, in, a.Role, builds.Job(a))
	if err != nil {
		return pipeline.Outcome{}, err
	}
	return pipeline.Outcome{Wait: new(builds.Build(*b.Id)), URL: "/builds/" + *b.Id}, nil
}

// Result implements pipeline.Waiter.
func (p *Provider) Result(ctx context.Context, a *pipeline.Action, id string) (*pipeline.Result, error) {
	return p.Ended.Result(ctx, a, id)
}

// buildspec is one in JSON, which is YAML too, so that no command is read as something else.
func buildspec(a *pipeline.Action) string {
	type phase struct {
		Commands []string `json:"commands"`
	}
	type artifacts struct {
		Files []string `json:"files"`
	}
	spec := struct {
		Version string              `json:"version"`
		Env     map[string][]string `json:"env,omitzero"`
		Phases  map[string]phase    `json:"phases"`
		Made    *artifacts          `json:"artifacts,omitzero"`
	}{Version: "0.2", Phases: map[string]phase{"build": {a.Commands.Lines}}}
	if len(a.Commands.Exported) > 0 {
		spec.Env = map[string][]string{"exported-variables": a.Commands.Exported}
	}
	if len(a.Outputs) > 0 {
		spec.Made = &artifacts{a.Commands.Files}
		if len(spec.Made.Files) == 0 {
			spec.Made.Files = []string{"**/*"}
		}
	}
	text, _ := json.Marshal(spec) //nolint:errchkjson // texts alone
	return string(text)
}

// variables are those of an action in the words of a build.
func variables(of []cp.EnvironmentVariable) []codebuild.EnvironmentVariable {
	var all []codebuild.EnvironmentVariable
	for _, v := range of {
		kind := codebuild.EnvironmentVariableTypePlaintext
		if v.Type != "" {
			kind = codebuild.EnvironmentVariableType(v.Type)
		}
		all = append(all, codebuild.EnvironmentVariable{Name: v.Name, Value: v.Value, Type: kind})
	}
	return all
}
