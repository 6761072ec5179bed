package find

import (
	"context"
	"testing"

	"slipway/api/codebuild"
	"slipway/api/codecommit"
	"slipway/api/codepipeline"
	"slipway/api/slipway"
	"slipway/internal/web/kit"
	"slipway/internal/web/webtest"
)

type projects struct{ codebuild.Unimplemented }

func (projects) ListProjects(context.Context, *codebuild.ListProjectsInput) (*codebuild.ListProjectsOutput, error) {
	return &codebuild.ListProjectsOutput{Projects: []string{"greeter-tests"}}, nil
}

type repositories struct{ codecommit.Unimplemented }

func (repositories) ListRepositories(context.Context,
	*codecommit.ListRepositoriesInput) (*codecommit.ListRepositoriesOutput, error) {
	return &codecommit.ListRepositoriesOutput{
		Repositories: []codecommit.RepositoryNameIdPair{{RepositoryName: new("greeter")}},
	}, nil
}

type pipelines struct{ codepipeline.Unimplemented }

func (pipelines) ListPipelines(context.Context,
	*codepipeline.ListPipelinesInput) (*codepipeline.ListPipelinesOutput, error) {
	return &codepipeline.ListPipelinesOutput{Pipelines: []codepipeline.PipelineSummary{{Name: new("greeter-way")}}}, nil
}

type machines struct{ slipway.Unimplemented }

func (machines) ListHosts(context.Context, *slipway.ListHostsInput) (*slipway.ListHostsOutput, error) {
	return &slipway.ListHostsOutput{Hosts: []slipway.Host{{Name: new("greeter-1")}}}, nil
}

func (machines) GetBoard(context.Context, *slipway.GetBoardInput) (*slipway.GetBoardOutput, error) {
	return &slipway.GetBoardOutput{}, nil
}

func TestPages(t *testing.T) {
	p := webtest.Open(t, Routes, kit.Config{
		Builds:    projects{},
		Source:    repositories{},
		Pipelines: pipelines{},
		Slipway:   machines{},
	})
	p.Shows("/find?q=greeter", "greeter-tests", "greeter-way", "greeter-1", "Repository")
	p.Shows("/find?part=1&q=runners", "Runners and routers")
}
