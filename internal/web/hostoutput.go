package web

import (
	"context"
	"net/http"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/codedeploy"
	"slipway/api/slipway"
)

// output is an event on a host with what its script printed.
type output struct {
	step
	Lines []slipway.Line
	More  bool // there is more than these
}

// outputLines is how much of each script's output the page of a host shows: its end.
const outputLines = 25

// deployedHostPage shows what a deployment did on one host, event by event.
func (s *site) deployedHostPage(w http.ResponseWriter, r *http.Request, v visitor) error {
	ctx, id, name := r.Context(), r.PathValue("id"), r.PathValue("host")
	out, err := s.Deployments.GetDeployment(ctx, &codedeploy.GetDeploymentInput{DeploymentId: &id})
	if err != nil {
		return err
	}
	got, err := s.Deployments.GetDeploymentTarget(
		ctx,
		&codedeploy.GetDeploymentTargetInput{DeploymentId: &id, TargetId: &name},
	)
	if err != nil {
		return err
	}
	if got.DeploymentTarget.InstanceTarget == nil {
		return errNoPage
	}
	h := makeHost(got.DeploymentTarget.InstanceTarget)
	var all []output
	for _, e := range h.Events {
		o := output{step: e}
		if e.StartTime != nil && e.Kind != Skipped {
			log, err := s.scriptLog(ctx, out.DeploymentInfo, name, *e.LifecycleEventName, outputLines)
			if err != nil {
				return err
			}
			o.Lines, o.More = log.Lines, number(log.TotalLines) > int64(len(log.Lines))
		}
		all = append(all, o)
	}
	s.render(w, r, http.StatusOK, DeployedHost(s.shell(r, v, name, "deployment/"+id), id, h, all, s.Now()))
	return nil
}

// scriptLog reads the end of what the script of an event printed on a host; nothing if it printed nothing.
func (s *site) scriptLog(
	ctx context.Context,
	d *codedeploy.DeploymentInfo,
	host, event string,
	lines int32,
) (*slipway.ReadLogOutput, error) {
	group, stream := scriptStream(d, host, event)
	log, err := s.Slipway.ReadLog(
		ctx,
		&slipway.ReadLogInput{LogGroupName: &group, LogStreamName: &stream, FromEnd: new(true), Lines: &lines},
	)
	if awsproto.Code(err) == "LogNotFoundException" {
		return &slipway.ReadLogOutput{}, nil
	}
	return log, err
}

func scriptStream(d *codedeploy.DeploymentInfo, host, event string) (group, stream string) {
	return "/aws/codedeploy/" + *d.ApplicationName, strings.Join([]string{*d.DeploymentId, host, event}, "/")
}

// scriptLines is how much of a script's output its own page shows: its end.
const scriptLines = 400

// scriptPage shows what the script of an event printed on a host.
func (s *site) scriptPage(w http.ResponseWriter, r *http.Request, v visitor) error {
	id := r.PathValue("id")
	out, err := s.Deployments.GetDeployment(r.Context(), &codedeploy.GetDeploymentInput{DeploymentId: &id})
	if err != nil {
		return err
	}
	log, err := s.scriptLog(r.Context(), out.DeploymentInfo, r.PathValue("host"), r.PathValue("event"), scriptLines)
	if err != nil {
		return err
	}
	s.render(
		w,
		r,
		http.StatusOK,
		Script(s.shell(r, v, r.PathValue("event"), "deployment/"+id), id, r.PathValue("host"), r.PathValue("event"),
			log),
	)
	return nil
}

// rawScript streams all that a script printed as text.
func (s *site) rawScript(w http.ResponseWriter, r *http.Request, _ visitor) error {
	out, err := s.Deployments.GetDeployment(
		r.Context(),
		&codedeploy.GetDeploymentInput{DeploymentId: new(r.PathValue("id"))},
	)
	if err != nil {
		return err
	}
	group, stream := scriptStream(out.DeploymentInfo, r.PathValue("host"), r.PathValue("event"))
	return s.streamLog(w, r, &group, &stream)
}

func (s *site) stopDeployment(w http.ResponseWriter, r *http.Request, _ visitor) error {
	id := r.PathValue("id")
	_, err := s.Deployments.StopDeployment(
		r.Context(),
		&codedeploy.StopDeploymentInput{DeploymentId: &id,
			AutoRollbackEnabled: new(r.PostForm.Get("rollback") == "yes")},
	)
	return back(w, r, deploymentPath(id), err)
}

// continueDeployment ends the wait of a blue/green deployment: for the shift of its traffic, or for the end of
// the originals.
func (s *site) continueDeployment(w http.ResponseWriter, r *http.Request, _ visitor) error {
	id := r.PathValue("id")
	wait := codedeploy.DeploymentWaitTypeReadyWait
	if r.PostForm.Get("wait") == "termination" {
		wait = codedeploy.DeploymentWaitTypeTerminationWait
	}
	_, err := s.Deployments.ContinueDeployment(
		r.Context(),
		&codedeploy.ContinueDeploymentInput{DeploymentId: &id, DeploymentWaitType: wait},
	)
	return back(w, r, deploymentPath(id), err)
}
