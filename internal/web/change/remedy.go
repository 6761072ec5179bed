package change

import (
	"context"

	"slipway/api/awsproto"
	"slipway/api/codepipeline"
	"slipway/api/slipway"
	"slipway/internal/view"
	"slipway/internal/web/kit"
)

// Remedy is what can be done about something that failed, where it is shown.
type Remedy struct {
	Pipeline, Stage, Execution string // whose stage can be retried; "" for none
	Deployment                 string // that can be deployed again; "" for none
	Group                      string // APPLICATION/GROUP of the deployment
	Back                       *slipway.DeployedVersion
	BackFirst                  bool // going back is what is likely wanted
}

// mayDeploy reports whether the visitor in ctx may deploy to the group.
func (x Remedy) mayDeploy(ctx context.Context) bool {
	return awsproto.May(ctx, "codedeploy:CreateDeployment", "deploymentgroup:"+x.Group)
}

// backTo is the version that a rollback goes to.
func (x Remedy) backTo() Change {
	if x.Back == nil || x.Back.Change == nil {
		return Change{}
	}
	return view.Described(*x.Back.Change)
}

// backName is what the version is called on a button.
func (x Remedy) backName() string {
	if x.Back == nil {
		return ""
	}
	return view.VersionName(x.Back.Change, kit.Text(x.Back.DeploymentId))
}

// Retryable finds the stage of an execution that failed and can be retried: only the latest execution of a stage can.
func Retryable(ctx context.Context, api codepipeline.API, x *Remedy, pipeline, execution string) error {
	if pipeline == "" || execution == "" {
		return nil
	}
	state, err := api.GetPipelineState(ctx, &codepipeline.GetPipelineStateInput{Name: &pipeline})
	if awsproto.Code(err) == "PipelineNotFoundException" {
		return nil
	}
	if err != nil {
		return err
	}
	for i := range state.StageStates {
		at := state.StageStates[i].LatestExecution
		if at == nil || *at.PipelineExecutionId != execution {
			continue
		}
		if k := view.KindOf(at.Status); k == kit.Failed || k == kit.Stopped {
			x.Pipeline, x.Stage, x.Execution = pipeline, *state.StageStates[i].StageName, execution
		}
	}
	return nil
}
