package main

import (
	"context"
	"fmt"

	"slipway/api/codepipeline"
	"slipway/api/slipway"
)

type pauseCommand struct {
	client
	printer
	Of     string `arg:"" name:"deployment|pipeline/stage" help:"A release by its deployment (d-…), or the stage to close."`
	Reason string `short:"m" help:"Why, for those who come later." placeholder:"TEXT"`
}

func (*pauseCommand) Help() string {
	return "A paused release keeps its traffic as it is, and no further step begins. No change enters a closed " +
		"stage; " +
		"those in it continue.\n\n" +
		"  slipway pause d-A1B2C3D4E -m 'looking at the errors'\n" +
		"  slipway pause web/Production -m 'release freeze'"
}

func (c *pauseCommand) Run(ctx context.Context) error {
	n, api, err := c.pausable(c.Of)
	if err != nil {
		return err
	}
	if n.deployment != "" {
		in := &slipway.PauseReleaseInput{DeploymentId: &n.deployment}
		if c.Reason != "" {
			in.Reason = &c.Reason
		}
		if _, err := api.slipway.PauseRelease(ctx, in); err != nil {
			return err
		}
		return c.done(
			&outcome{
				Did:        "paused",
				Deployment: n.deployment,
				Message:    "The release of " + n.deployment + " stays as it is, until: slipway resume " + n.deployment,
			},
		)
	}
	reason := c.Reason
	if reason == "" {
		reason = "paused" // AWS asks for one
	}
	if _, err := api.pipelines.DisableStageTransition(
		ctx,
		&codepipeline.DisableStageTransitionInput{
			PipelineName:   &n.pipeline,
			StageName:      &n.stage,
			TransitionType: codepipeline.StageTransitionTypeInbound,
			Reason:         &reason,
		},
	); err != nil {
		return err
	}
	return c.done(
		&outcome{
			Did:      "paused",
			Pipeline: n.pipeline,
			Stage:    n.stage,
			Message: "No change enters " + n.pipeline + "/" + n.stage + ", until: slipway resume " + n.pipeline + "/" +
				n.stage,
		},
	)
}

type resumeCommand struct {
	client
	printer
	Of string `arg:"" name:"deployment|pipeline/stage" help:"A release by its deployment (d-…), or the stage to open."`
}

func (*resumeCommand) Help() string {
	return "Lets go on what was paused.\n\n  slipway resume d-A1B2C3D4E\n  slipway resume web/Production"
}

func (c *resumeCommand) Run(ctx context.Context) error {
	n, api, err := c.pausable(c.Of)
	if err != nil {
		return err
	}
	if n.deployment != "" {
		if _, err := api.slipway.ResumeRelease(ctx,
			&slipway.ResumeReleaseInput{DeploymentId: &n.deployment}); err != nil {
			return err
		}
		return c.done(
			&outcome{Did: "resumed", Deployment: n.deployment, Message: "The release of " + n.deployment + " goes on."},
		)
	}
	if err := api.closed(ctx, n); err != nil {
		return err
	}
	if _, err := api.pipelines.EnableStageTransition(
		ctx,
		&codepipeline.EnableStageTransitionInput{
			PipelineName:   &n.pipeline,
			StageName:      &n.stage,
			TransitionType: codepipeline.StageTransitionTypeInbound,
		},
	); err != nil {
		return err
	}
	return c.done(
		&outcome{
			Did:      "resumed",
			Pipeline: n.pipeline,
			Stage:    n.stage,
			Message:  "Changes enter " + n.pipeline + "/" + n.stage + " again.",
		},
	)
}

// closed returns an error unless the transition into a stage is disabled, because there is nothing to resume then. The
// API does not treat that as an error.
func (api *contract) closed(ctx context.Context, n named) error {
	state, err := api.pipelines.GetPipelineState(ctx, &codepipeline.GetPipelineStateInput{Name: &n.pipeline})
	if err != nil {
		return err
	}
	for _, stage := range state.StageStates {
		if *stage.StageName == n.stage && stage.InboundTransitionState != nil &&
			stage.InboundTransitionState.Enabled != nil &&
			*stage.InboundTransitionState.Enabled {
			return fmt.Errorf("%s/%s is not paused: changes enter it", n.pipeline, n.stage)
		}
	}
	return nil
}

// pausable recognises what can be paused.
func (c client) pausable(of string) (named, *contract, error) {
	n, err := recognise(of)
	if err == nil && n.deployment == "" && (n.stage == "" || n.action != "") {
		err = usage("%q is neither a deployment (d-…) nor a stage (PIPELINE/STAGE)", of)
	}
	if err != nil {
		return n, nil, err
	}
	api, err := c.contract()
	return n, api, err
}
