package main

import (
	"context"
	"errors"

	"slipway/api/codebuild"
	"slipway/api/codedeploy"
	"slipway/api/codepipeline"
	"slipway/internal/view"
)

type stopCommand struct {
	client
	printer
	ID      string `arg:"" help:"A build or a sandbox (PROJECT:UUID), a deployment (d-…), an execution (UUID, PIPELINE/UUID), or a pipeline with one execution in flight."`
	Abandon bool   `help:"Leave the running actions of an execution to themselves instead of waiting for their end."`
	Reason  string `short:"m" help:"Why an execution is stopped." placeholder:"TEXT"`
}

func (*stopCommand) Help() string {
	return "An execution ends after its running actions; with --abandon at once. A deployment leaves its hosts as " +
		"they are; slipway rollback puts them back.\n\n" +
		"  slipway stop web:3f0c0d5e-9d4b-4c55-8f86-0c3d1f5f0a11\n" +
		"  slipway stop d-A1B2C3D4E\n" +
		"  slipway stop web --abandon -m 'wrong branch'"
}

func (c *stopCommand) Run(ctx context.Context) error {
	n, err := recognise(c.ID)
	if err != nil {
		return err
	}
	api, err := c.contract()
	if err != nil {
		return err
	}
	switch {
	case n.build != "":
		return c.build(ctx, api, n.build)
	case n.deployment != "":
		out, err := api.deployments.StopDeployment(
			ctx,
			&codedeploy.StopDeploymentInput{DeploymentId: &n.deployment, AutoRollbackEnabled: new(false)},
		)
		if err != nil {
			return err
		}
		return c.done(&outcome{Did: "stopped", Deployment: n.deployment, Message: *out.StatusMessage})
	}
	return c.execution(ctx, api, &n)
}

// build stops the build of an ID, or else the sandbox.
func (c *stopCommand) build(ctx context.Context, api *contract, id string) error {
	out, err := api.builds.StopBuild(ctx, &codebuild.StopBuildInput{Id: &id})
	if _, none := errors.AsType[*codebuild.ResourceNotFoundException](err); none {
		found, lookErr := api.builds.BatchGetSandboxes(ctx, &codebuild.BatchGetSandboxesInput{Ids: []string{id}})
		if lookErr == nil && len(found.Sandboxes) > 0 {
			return c.sandbox(ctx, api, &found.Sandboxes[0])
		}
	}
	if err != nil {
		return err
	}
	if out.Build.BuildComplete != nil && *out.Build.BuildComplete &&
		out.Build.BuildStatus != codebuild.StatusTypeStopped {
		return refused("the build %s has ended already, as %s", id, out.Build.BuildStatus)
	}
	return c.done(&outcome{Did: "stopped", Build: id, Message: "The build " + id + " is being stopped."})
}

func (c *stopCommand) sandbox(ctx context.Context, api *contract, x *codebuild.Sandbox) error {
	id := *x.Id
	if view.SandboxOver(*x.Status) {
		return refused("the sandbox %s has ended already, as %s", id, *x.Status)
	}
	if _, err := api.builds.StopSandbox(ctx, &codebuild.StopSandboxInput{Id: &id}); err != nil {
		return err
	}
	return c.done(&outcome{Did: "stopped", Sandbox: id, Message: "The sandbox " + id + " is being stopped."})
}

func (c *stopCommand) execution(ctx context.Context, api *contract, n *named) error {
	if err := api.locate(ctx, n); err != nil {
		return err
	}
	if n.execution == "" {
		if err := api.inFlight(ctx, n); err != nil {
			return err
		}
	}
	in := &codepipeline.StopPipelineExecutionInput{
		PipelineName:        &n.pipeline,
		PipelineExecutionId: &n.execution,
		Abandon:             &c.Abandon,
	}
	if c.Reason != "" {
		in.Reason = &c.Reason
	}
	if _, err := api.pipelines.StopPipelineExecution(ctx, in); err != nil {
		return err
	}
	message := "The execution " + n.execution + " of " + n.pipeline +
		" ends after its running actions; --abandon would leave them."
	if c.Abandon {
		message = "The execution " + n.execution + " of " + n.pipeline +
			" is stopped; its running actions are left to themselves."
	}
	return c.done(&outcome{Did: "stopped", Pipeline: n.pipeline, Execution: n.execution, Message: message})
}

// inFlight finds the one execution of a pipeline that runs.
func (c *contract) inFlight(ctx context.Context, n *named) error {
	out, err := c.pipelines.ListPipelineExecutions(
		ctx,
		&codepipeline.ListPipelineExecutionsInput{PipelineName: &n.pipeline},
	)
	if err != nil {
		return err
	}
	for _, x := range out.PipelineExecutionSummaries {
		if x.Status != codepipeline.PipelineExecutionStatusInProgress {
			continue
		}
		if n.execution != "" {
			return usage(
				"several executions of %s are in flight; say which: slipway pipelines %s lists them",
				n.pipeline,
				n.pipeline,
			)
		}
		n.execution = *x.PipelineExecutionId
	}
	if n.execution == "" {
		return refused("no execution of %s is in flight", n.pipeline)
	}
	return nil
}
