package main

import (
	"context"
	"strings"

	"slipway/api/codebuild"
	"slipway/internal/terminal"
)

type projectsCommand struct {
	List   projectsListCommand   `cmd:"" default:"withargs" help:"List build projects."`
	Create projectsCreateCommand `cmd:"" help:"Create a build project."`
	Delete projectsDeleteCommand `cmd:"" help:"Delete a build project."`
}

func (*projectsCommand) Help() string { return (*projectsListCommand)(nil).Help() }

type projectsListCommand struct {
	client
	printer
}

func (*projectsListCommand) Help() string {
	return "Build projects by name.\n\n  slipway projects\n  slipway projects create web-build"
}

func (c *projectsListCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	names := []string{}
	for in := (&codebuild.ListProjectsInput{}); ; {
		page, err := api.builds.ListProjects(ctx, in)
		if err != nil {
			return err
		}
		names = append(names, page.Projects...)
		if in.NextToken = page.NextToken; in.NextToken == nil {
			break
		}
	}
	return c.print(map[string]any{"projects": names}, func(t *terminal.Table) {
		t.Head("PROJECT")
		for _, name := range names {
			t.Row(terminal.Text(name))
		}
		if len(names) == 0 {
			t.Note("No projects yet. Create one with: slipway projects create NAME")
		}
	})
}

type projectsCreateCommand struct {
	client
	printer
	roleFlag
	Name       string `arg:"" help:"Its name."`
	Repository string `help:"Repository to build; without it the project builds what a pipeline hands over." placeholder:"NAME"`
	Buildspec  string `help:"The buildspec's place in the source, if it is not buildspec.yml." placeholder:"FILE"`
	Image      string `help:"The image; builds run on the runner's host, whatever it is." default:"host"`
}

func (*projectsCreateCommand) Help() string {
	return "Creates a build project: of a pipeline, or of a repository.\n\n" +
		"  slipway projects create web-build\n" +
		"  slipway projects create web-test --buildspec buildspec-test.yml\n" +
		"  slipway projects create nightly --repository web"
}

func (c *projectsCreateCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	source := &codebuild.ProjectSource{Type: codebuild.SourceTypeCodepipeline}
	artifacts := &codebuild.ProjectArtifacts{Type: codebuild.ArtifactsTypeCodepipeline}
	if c.Repository != "" {
		at, err := serverAt(c.Endpoint)
		if err != nil {
			return err
		}
		source = &codebuild.ProjectSource{
			Type:     codebuild.SourceTypeCodecommit,
			Location: new(strings.TrimSuffix(at, "/") + "/v1/repos/" + c.Repository),
		}
		artifacts = &codebuild.ProjectArtifacts{Type: codebuild.ArtifactsTypeNoArtifacts}
	}
	if c.Buildspec != "" {
		source.Buildspec = &c.Buildspec
	}
	role, err := c.arn(ctx, api)
	if err != nil {
		return err
	}
	_, err = api.builds.CreateProject(
		ctx,
		&codebuild.CreateProjectInput{
			Name:        &c.Name,
			Source:      source,
			Artifacts:   artifacts,
			ServiceRole: role,
			Environment: &codebuild.ProjectEnvironment{
				Type:        codebuild.EnvironmentTypeLinuxContainer,
				Image:       &c.Image,
				ComputeType: codebuild.ComputeTypeBuildGeneral1Small,
			},
		},
	)
	if err != nil {
		return err
	}
	return c.done(&outcome{Did: "created", Message: "The project " + c.Name + " is created."})
}

type projectsDeleteCommand struct {
	client
	printer
	Name string `arg:"" help:"Its name."`
}

func (*projectsDeleteCommand) Help() string {
	return "Deletes a build project. Its builds stay.\n\n  slipway projects delete web-build"
}

func (c *projectsDeleteCommand) Run(ctx context.Context) error {
	api, err := c.contract()
	if err != nil {
		return err
	}
	if _, err := api.builds.DeleteProject(ctx, &codebuild.DeleteProjectInput{Name: &c.Name}); err != nil {
		return err
	}
	return c.done(&outcome{Did: "deleted", Message: "The project " + c.Name + " is deleted."})
}
