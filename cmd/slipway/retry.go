package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"slipway/api/codebuild"
	"slipway/api/codedeploy"
	"slipway/api/codepipeline"
	"slipway/internal/view"
)

type retryCommand struct {
	client
	printer
	ID  string `arg:"" help:"A pipeline (or PIPELINE/STAGE) whose stage failed, an execution, a build, a batch of builds, or a deployment."`
	All bool   `help:"Run every action of the stage, or every build of the batch, again, not only those that failed."`
}

func (*retryCommand) Help() string {
	return "Runs the failed actions of a stage again, with the same change; a build or a deployment is started anew " +
		"with all that it had.\n\n" +
		"  slipway retry web\n" +
		"  slipway retry web/Deploy --all\n" +
		"  slipway retry web:3f0c0d5e-9d4b-4c55-8f86-0c3d1f5f0a11"
}

func (c *retryCommand) Run(ctx context.Context) error {
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
		return c.deployment(ctx, api, n.deployment)
	}
	if err := api.locate(ctx, &n); err != nil {
		return err
	}
	stage, execution, err := api.failedStage(ctx, n)
	if err != nil {
		return err
	}
	mode := codepipeline.StageRetryModeFailedActions
	if c.All {
		mode = codepipeline.StageRetryModeAllActions
	}
	if _, err := api.pipelines.RetryStageExecution(
		ctx,
		&codepipeline.RetryStageExecutionInput{
			PipelineName:        &n.pipeline,
			StageName:           &stage,
			PipelineExecutionId: &execution,
			RetryMode:           mode,
		},
	); err != nil {
		return err
	}
	return c.done(&outcome{
		Did:       "retried",
		Pipeline:  n.pipeline,
		Stage:     stage,
		Execution: execution,
		Message: fmt.Sprintf(
			"%s/%s runs again, for the execution %s. Follow it with: slipway watch %s",
			n.pipeline,
			stage,
			execution,
			n.pipeline,
		),
	})
}

func (c *retryCommand) build(ctx context.Context, api *contract, id string) error {
	old, err := api.builds.BatchGetBuilds(ctx, &codebuild.BatchGetBuildsInput{Ids: []string{id}})
	if err != nil {
		return err
	}
	if len(old.Builds) == 0 {
		return c.batch(ctx, api, id)
	}
	if by := old.Builds[0].Initiator; by != nil && strings.HasPrefix(*by, "codepipeline/") {
		return refused(
			"the build %s is a pipeline's; retry the stage: slipway retry %s",
			id,
			strings.TrimPrefix(*by, "codepipeline/"),
		)
	}
	out, err := api.builds.RetryBuild(ctx, &codebuild.RetryBuildInput{Id: &id})
	if err != nil {
		return err
	}
	return c.done(
		&outcome{
			Did:     "retried",
			Build:   *out.Build.Id,
			Message: fmt.Sprintf("%s is started. Follow it with: slipway logs -f %s", *out.Build.Id, *out.Build.Id),
		},
	)
}

// batch begins a batch of builds once more: those of its builds that did not succeed, or all.
func (c *retryCommand) batch(ctx context.Context, api *contract, id string) error {
	in := &codebuild.RetryBuildBatchInput{Id: &id, RetryType: codebuild.RetryBuildBatchTypeRetryFailedBuilds}
	if c.All {
		in.RetryType = codebuild.RetryBuildBatchTypeRetryAllBuilds
	}
	if _, err := api.batch(ctx, id); err != nil {
		return err
	}
	out, err := api.builds.RetryBuildBatch(ctx, in)
	if err != nil {
		return err
	}
	return c.done(&outcome{Did: "retried", Build: *out.BuildBatch.Id,
		Message: fmt.Sprintf("%s runs again. Follow it with: slipway watch %s", id, id)})
}

func (c *retryCommand) deployment(ctx context.Context, api *contract, id string) error {
	out, err := api.deployments.GetDeployment(ctx, &codedeploy.GetDeploymentInput{DeploymentId: &id})
	if err != nil {
		return err
	}
	d := out.DeploymentInfo
	if d.CompleteTime == nil {
		return refused("the deployment %s has not ended: it is %s", id, view.KindOf(d.Status).Word())
	}
	known, err := view.Describe(ctx, api.slipway, []string{id})
	if err != nil {
		return err
	}
	say := "%s deploys the version of " + id + " again: " + view.Described(known[id]).Words()
	return api.deploy(ctx, c.printer, d, d.Revision, outcome{Did: "retried", Message: say})
}

// deploy creates a deployment of a revision to the group of d and prints the message, which has a place for the new ID.
func (c *contract) deploy(
	ctx context.Context,
	p printer,
	d *codedeploy.DeploymentInfo,
	r *codedeploy.RevisionLocation,
	o outcome,
) error {
	in := &codedeploy.CreateDeploymentInput{
		ApplicationName:               d.ApplicationName,
		DeploymentGroupName:           d.DeploymentGroupName,
		DeploymentConfigName:          d.DeploymentConfigName,
		Revision:                      r,
		IgnoreApplicationStopFailures: d.IgnoreApplicationStopFailures,
		FileExistsBehavior:            d.FileExistsBehavior,
		AutoRollbackConfiguration:     d.AutoRollbackConfiguration,
		Description:                   new(o.Did + " " + *d.DeploymentId),
	}
	created, err := c.deployments.CreateDeployment(ctx, in)
	if err != nil {
		return err
	}
	o.Deployment = *created.DeploymentId
	o.Message = strings.Replace(o.Message, "%s", o.Deployment, 1)
	return p.done(&o)
}

// failedStage finds the stage of a pipeline that can be retried.
func (c *contract) failedStage(ctx context.Context, n named) (stage, execution string, err error) {
	state, err := c.pipelines.GetPipelineState(ctx, &codepipeline.GetPipelineStateInput{Name: &n.pipeline})
	if err != nil {
		return "", "", err
	}
	if err := stageOf(state, n); err != nil {
		return "", "", err
	}
	for i := range state.StageStates {
		s := &state.StageStates[i]
		x := s.LatestExecution
		if x == nil || n.stage != "" && n.stage != *s.StageName ||
			n.execution != "" && n.execution != *x.PipelineExecutionId {
			continue
		}
		if x.Status != codepipeline.StageExecutionStatusFailed && x.Status != codepipeline.StageExecutionStatusStopped {
			continue
		}
		if stage != "" {
			return "", "", usage(
				"several stages of %s failed; say which: %s/%s or %s/%s",
				n.pipeline,
				n.pipeline,
				stage,
				n.pipeline,
				*s.StageName,
			)
		}
		stage, execution = *s.StageName, *x.PipelineExecutionId
	}
	if stage == "" {
		return "", "", refused("no stage of %s failed or was stopped", n.pipeline)
	}
	return stage, execution, nil
}

// stageOf returns an error if a pipeline has no such stage, or the stage no such action.
func stageOf(state *codepipeline.GetPipelineStateOutput, n named) error {
	if n.stage == "" {
		return nil
	}
	var stages []string
	for i := range state.StageStates {
		s := &state.StageStates[i]
		if *s.StageName != n.stage {
			stages = append(stages, *s.StageName)
			continue
		}
		var actions []string
		for j := range s.ActionStates {
			actions = append(actions, *s.ActionStates[j].ActionName)
		}
		if n.action == "" || slices.Contains(actions, n.action) {
			return nil
		}
		return missing("the stage %s/%s has no action %s%s", n.pipeline, n.stage, n.action, meant(n.action, actions))
	}
	return missing("the pipeline %s has no stage %s%s", n.pipeline, n.stage, meant(n.stage, stages))
}
