package web

import (
	"context"
	"net/http"
	"net/url"

	"slipway/api/awsproto"
	"slipway/api/codedeploy"
	"slipway/api/codepipeline"
	"slipway/api/slipway"
	"slipway/internal/view"
)

// remedy is what can be done about something that failed, where it is shown.
type remedy struct {
	Pipeline, Stage, Execution string // whose stage can be retried; "" for none
	Deployment                 string // that can be deployed again; "" for none
	Back                       *slipway.DeployedVersion
	BackFirst                  bool // going back is what is likely wanted
}

// backTo is the version that a rollback goes to.
func (x remedy) backTo() change {
	if x.Back == nil || x.Back.Change == nil {
		return change{}
	}
	return view.Described(*x.Back.Change)
}

// backName is what the version is called on a button.
func (x remedy) backName() string {
	if x.Back == nil {
		return ""
	}
	return view.VersionName(x.Back.Change, text(x.Back.DeploymentId))
}

// retryable finds the stage of an execution that failed and can be retried: only the latest execution of a stage can.
func (s *site) retryable(ctx context.Context, x *remedy, pipeline, execution string) error {
	if pipeline == "" || execution == "" {
		return nil
	}
	state, err := s.Pipelines.GetPipelineState(ctx, &codepipeline.GetPipelineStateInput{Name: &pipeline})
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
		if k := kindOf(string(at.Status)); k == Failed || k == Stopped {
			x.Pipeline, x.Stage, x.Execution = pipeline, *state.StageStates[i].StageName, execution
		}
	}
	return nil
}

// deploymentRemedy is what can be done about a deployment that has ended.
func (s *site) deploymentRemedy(ctx context.Context, d *deployment) error {
	if d.CompleteTime == nil {
		return nil
	}
	x := &d.Remedy
	if d.Kind != Succeeded {
		if err := s.retryable(ctx, x, d.Origin.Change.Pipeline, d.Origin.Change.Execution); err != nil {
			return err
		}
	}
	x.Deployment = *d.DeploymentId
	out, err := s.Slipway.ListVersions(
		ctx,
		&slipway.ListVersionsInput{ApplicationName: d.ApplicationName, DeploymentGroupName: d.DeploymentGroupName},
	)
	if awsproto.Code(err) == "DeploymentGroupNotFoundException" {
		x.Deployment = ""
		return nil
	}
	if err != nil {
		return err
	}
	for i := range out.Versions {
		v := &out.Versions[i]
		if *v.LastGood {
			x.Back = v
		}
		if *v.DeploymentId == *d.DeploymentId && len(v.Hosts) > 0 && d.Kind != Succeeded {
			x.BackFirst = true // hosts run what failed
		}
	}
	if len(out.Versions) > 0 && *out.Versions[0].DeploymentId != *d.DeploymentId {
		x.Back = nil // something newer was deployed since
	}
	return nil
}

// redeploy deploys what a deployment deployed once more, to the same group.
func (s *site) redeploy(w http.ResponseWriter, r *http.Request, _ visitor) error {
	id := r.PathValue("id")
	out, err := s.Deployments.GetDeployment(r.Context(), &codedeploy.GetDeploymentInput{DeploymentId: &id})
	if err != nil {
		return err
	}
	return s.deployAgain(w, r, out.DeploymentInfo, "Redeploys "+id)
}

// rollBackGroup deploys the version of another deployment to the group of this one.
func (s *site) rollBackGroup(w http.ResponseWriter, r *http.Request, _ visitor) error {
	id, to := r.PathValue("id"), r.PostForm.Get("to")
	here, err := s.Deployments.GetDeployment(r.Context(), &codedeploy.GetDeploymentInput{DeploymentId: &id})
	if err != nil {
		return err
	}
	there, err := s.Deployments.GetDeployment(r.Context(), &codedeploy.GetDeploymentInput{DeploymentId: &to})
	if err != nil {
		return err
	}
	d := *here.DeploymentInfo
	if text(there.DeploymentInfo.ApplicationName) != text(d.ApplicationName) {
		return &problem{http.StatusBadRequest, "The deployment " + to + " is of another application."}
	}
	d.Revision = there.DeploymentInfo.Revision
	return s.deployAgain(w, r, &d, "Rolls back "+id+" to "+to)
}

func (s *site) deployAgain(w http.ResponseWriter, r *http.Request, d *codedeploy.DeploymentInfo, why string) error {
	out, err := s.Deployments.CreateDeployment(
		r.Context(),
		&codedeploy.CreateDeploymentInput{
			ApplicationName:               d.ApplicationName,
			DeploymentGroupName:           d.DeploymentGroupName,
			DeploymentConfigName:          d.DeploymentConfigName,
			Revision:                      d.Revision,
			IgnoreApplicationStopFailures: d.IgnoreApplicationStopFailures,
			FileExistsBehavior:            d.FileExistsBehavior,
			AutoRollbackConfiguration:     d.AutoRollbackConfiguration,
			Description:                   &why,
		},
	)
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/deployments/"+url.PathEscape(*out.DeploymentId), http.StatusSeeOther)
	return nil
}
