package deploy

import (
	"context"
	"net/http"
	"net/url"

	"slipway/api/awsproto"
	"slipway/api/codedeploy"
	"slipway/api/slipway"
	"slipway/internal/web/change"
	"slipway/internal/web/kit"
)

// deploymentRemedy is what can be done about a deployment that has ended.
func (s *pages) deploymentRemedy(ctx context.Context, d *deployment) error {
	if d.CompleteTime == nil {
		return nil
	}
	x := &d.Remedy
	if d.Kind != kit.Succeeded {
		if err := change.Retryable(ctx, s.Pipelines, x, d.Change.Pipeline,
			d.Change.Execution); err != nil {
			return err
		}
	}
	x.Deployment, x.Group = *d.DeploymentId, kit.Text(d.ApplicationName)+"/"+kit.Text(d.DeploymentGroupName)
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
		if *v.DeploymentId == *d.DeploymentId && len(v.Hosts) > 0 && d.Kind != kit.Succeeded {
			x.BackFirst = true // hosts run what failed
		}
	}
	if len(out.Versions) > 0 && *out.Versions[0].DeploymentId != *d.DeploymentId {
		x.Back = nil // something newer was deployed since
	}
	return nil
}

// redeploy deploys what a deployment deployed once more, to the same group.
func (s *pages) redeploy(w http.ResponseWriter, r *http.Request, _ kit.Visitor) error {
	id := r.PathValue("id")
	out, err := s.Deployments.GetDeployment(r.Context(), &codedeploy.GetDeploymentInput{DeploymentId: &id})
	if err != nil {
		return err
	}
	return s.deployAgain(w, r, out.DeploymentInfo, "Redeploys "+id)
}

// rollBackGroup deploys the version of another deployment to the group of this one.
func (s *pages) rollBackGroup(w http.ResponseWriter, r *http.Request, _ kit.Visitor) error {
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
	if kit.Text(there.DeploymentInfo.ApplicationName) != kit.Text(d.ApplicationName) {
		return kit.Refusal(http.StatusBadRequest, "The deployment "+to+" is of another application.")
	}
	d.Revision = there.DeploymentInfo.Revision
	return s.deployAgain(w, r, &d, "Rolls back "+id+" to "+to)
}

func (s *pages) deployAgain(w http.ResponseWriter, r *http.Request, d *codedeploy.DeploymentInfo, why string) error {
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
