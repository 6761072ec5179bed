package deploy

import (
	"context"
	"net/http"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/codedeploy"
	"slipway/api/slipway"
	"slipway/internal/view"
	"slipway/internal/web/kit"
)

// output is an event on a host with what its script printed.
type output struct {
	view.Event
	Lines []slipway.Line
	More  bool // there is more than these
}

// outputLines is how much of each script's output the page of a host shows: its end.
const outputLines = 25

// deployedHostPage shows what a deployment did on one host, event by event.
func (s *pages) deployedHostPage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
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
		return kit.ErrNoPage
	}
	h := view.TargetOf(got.DeploymentTarget.InstanceTarget)
	var all []output
	for _, e := range h.Events {
		o := output{Event: e}
		if e.StartTime != nil && e.Kind != kit.Skipped {
			log, err := s.scriptLog(ctx, out.DeploymentInfo, name, e.Name, outputLines)
			if err != nil {
				return err
			}
			o.Lines, o.More = log.Lines, kit.Number(log.TotalLines) > int64(len(log.Lines))
		}
		all = append(all, o)
	}
	s.Render(w, r, http.StatusOK, DeployedHost(s.Shell(r, v, name, "deployment/"+id), id, h, all, s.Now()))
	return nil
}

// scriptLog reads the end of what the script of an event printed on a host; nothing if it printed nothing.
func (s *pages) scriptLog(
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
func (s *pages) scriptPage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	id := r.PathValue("id")
	out, err := s.Deployments.GetDeployment(r.Context(), &codedeploy.GetDeploymentInput{DeploymentId: &id})
	if err != nil {
		return err
	}
	log, err := s.scriptLog(r.Context(), out.DeploymentInfo, r.PathValue("host"), r.PathValue("event"), scriptLines)
	if err != nil {
		return err
	}
	s.Render(
		w,
		r,
		http.StatusOK,
		Script(s.Shell(r, v, r.PathValue("event"), "deployment/"+id), id, r.PathValue("host"), r.PathValue("event"),
			log),
	)
	return nil
}

// rawScript streams all that a script printed as text.
func (s *pages) rawScript(w http.ResponseWriter, r *http.Request, _ kit.Visitor) error {
	out, err := s.Deployments.GetDeployment(
		r.Context(),
		&codedeploy.GetDeploymentInput{DeploymentId: new(r.PathValue("id"))},
	)
	if err != nil {
		return err
	}
	group, stream := scriptStream(out.DeploymentInfo, r.PathValue("host"), r.PathValue("event"))
	return s.StreamLog(w, r, &group, &stream)
}

func (s *pages) stopDeployment(w http.ResponseWriter, r *http.Request, _ kit.Visitor) error {
	id := r.PathValue("id")
	_, err := s.Deployments.StopDeployment(
		r.Context(),
		&codedeploy.StopDeploymentInput{DeploymentId: &id,
			AutoRollbackEnabled: new(r.PostForm.Get("rollback") == "yes")},
	)
	return kit.Next(w, r, kit.DeploymentPath(id), err)
}

// continueDeployment ends the wait of a blue/green deployment: for the shift of its traffic, or for the end of
// the originals.
func (s *pages) continueDeployment(w http.ResponseWriter, r *http.Request, _ kit.Visitor) error {
	id := r.PathValue("id")
	wait := codedeploy.DeploymentWaitTypeReadyWait
	if r.PostForm.Get("wait") == "termination" {
		wait = codedeploy.DeploymentWaitTypeTerminationWait
	}
	_, err := s.Deployments.ContinueDeployment(
		r.Context(),
		&codedeploy.ContinueDeploymentInput{DeploymentId: &id, DeploymentWaitType: wait},
	)
	return kit.Next(w, r, kit.DeploymentPath(id), err)
}
