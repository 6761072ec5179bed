package web

import (
	"net/http"
	"net/url"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/codedeploy"
	"slipway/api/slipway"
)

// deploymentRoutes are the pages of the Deploy stage.
func (s *site) deploymentRoutes(mux *http.ServeMux) {
	for pattern, p := range map[string]page{
		"GET /deployments":                           s.deploymentsPage,
		"GET /deployments/{id}":                      s.deploymentPage,
		"POST /deployments/{id}/stop":                s.stopDeployment,
		"GET /deployments/{id}/hosts/{host}/{event}": s.scriptPage,
		"GET /applications/{app}/{group}":            s.groupPage,
	} {
		mux.Handle(pattern, s.signedIn(p))
	}
}

// deployment is one deployment with its hosts.
type deployment struct {
	*codedeploy.DeploymentInfo
	Hosts []host
	Kind  Kind
	// Cause is the first event that failed.
	Cause *failedEvent
}

// host is one target walking through its lifecycle events.
type host struct {
	Name   string
	Kind   Kind
	Word   string
	Events []step
}

// step is a lifecycle event on a host.
type step struct {
	codedeploy.LifecycleEvent
	Kind  Kind
	Short string
}

type failedEvent struct {
	Host  string
	Event codedeploy.LifecycleEvent
}

// shortEvents are the events' names where there is little room.
var shortEvents = map[string]string{"ApplicationStop": "Stop", "DownloadBundle": "Bundle", "BeforeInstall": "Before", "Install": "Install", "AfterInstall": "After",
	"ApplicationStart": "Start", "ValidateService": "Validate"}

const deploymentsAPage = 25

func (s *site) deploymentsPage(w http.ResponseWriter, r *http.Request, v visitor) error {
	in := &codedeploy.ListDeploymentsInput{}
	if after := r.URL.Query().Get("after"); after != "" {
		in.NextToken = &after
	}
	return s.listDeployments(w, r, v, in, "Deployments", "")
}

// groupPage lists the deployments of one group.
func (s *site) groupPage(w http.ResponseWriter, r *http.Request, v visitor) error {
	in := &codedeploy.ListDeploymentsInput{ApplicationName: new(r.PathValue("app")), DeploymentGroupName: new(r.PathValue("group"))}
	if after := r.URL.Query().Get("after"); after != "" {
		in.NextToken = &after
	}
	return s.listDeployments(w, r, v, in, r.PathValue("group"), r.PathValue("app"))
}

func (s *site) listDeployments(w http.ResponseWriter, r *http.Request, v visitor, in *codedeploy.ListDeploymentsInput, title, of string) error {
	list, err := s.Deployments.ListDeployments(r.Context(), in)
	if err != nil {
		return err
	}
	more := ""
	if list.NextToken != nil {
		more = r.URL.Path + "?after=" + url.QueryEscape(*list.NextToken)
	}
	byID := map[string]codedeploy.DeploymentInfo{}
	for from := 0; from < len(list.Deployments); from += deploymentsAPage { // as many as the batch takes
		out, err := s.Deployments.BatchGetDeployments(r.Context(), &codedeploy.BatchGetDeploymentsInput{DeploymentIds: list.Deployments[from:min(from+deploymentsAPage, len(list.Deployments))]})
		if err != nil {
			return err
		}
		for _, d := range out.DeploymentsInfo {
			byID[*d.DeploymentId] = d
		}
	}
	var all []codedeploy.DeploymentInfo
	for _, id := range list.Deployments {
		if d, ok := byID[id]; ok {
			all = append(all, d)
		}
	}
	s.render(w, r, http.StatusOK, Deployments(s.shell(r, v, title, "deployments"), title, of, all, more, s.Now()))
	return nil
}

// targetsAPage is how many targets a batch takes.
const targetsAPage = 25

func (s *site) deploymentPage(w http.ResponseWriter, r *http.Request, v visitor) error {
	id := r.PathValue("id")
	out, err := s.Deployments.GetDeployment(r.Context(), &codedeploy.GetDeploymentInput{DeploymentId: &id})
	if err != nil {
		return err
	}
	d := &deployment{DeploymentInfo: out.DeploymentInfo, Kind: kindOf(string(out.DeploymentInfo.Status))}
	for in := (&codedeploy.ListDeploymentTargetsInput{DeploymentId: &id}); ; {
		list, err := s.Deployments.ListDeploymentTargets(r.Context(), in)
		if err != nil {
			return err
		}
		for from := 0; from < len(list.TargetIds); from += targetsAPage {
			got, err := s.Deployments.BatchGetDeploymentTargets(r.Context(), &codedeploy.BatchGetDeploymentTargetsInput{DeploymentId: &id, TargetIds: list.TargetIds[from:min(from+targetsAPage, len(list.TargetIds))]})
			if err != nil {
				return err
			}
			for _, t := range got.DeploymentTargets {
				d.add(t.InstanceTarget)
			}
		}
		if list.NextToken == nil {
			break
		}
		in.NextToken = list.NextToken
	}
	s.render(w, r, http.StatusOK, Deployment(s.shell(r, v, id, "deployment/"+id), d, s.Now()))
	return nil
}

func (d *deployment) add(t *codedeploy.InstanceTarget) {
	if t == nil {
		return
	}
	h := host{Name: *t.TargetId, Kind: kindOf(string(t.Status)), Word: string(t.Status)}
	for _, e := range t.LifecycleEvents {
		x := step{LifecycleEvent: e, Kind: kindOf(string(e.Status)), Short: shortEvents[*e.LifecycleEventName]}
		if x.Short == "" {
			x.Short = *e.LifecycleEventName
		}
		switch x.Kind {
		case Running:
			h.Word = *e.LifecycleEventName
		case Failed:
			h.Word = "Failed " + *e.LifecycleEventName
			if d.Cause == nil {
				d.Cause = &failedEvent{h.Name, e}
			}
		}
		h.Events = append(h.Events, x)
	}
	d.Hosts = append(d.Hosts, h)
}

// running tells whether a deployment can be stopped.
func (d *deployment) running() bool { return d.Kind == Running || d.Kind == Queued }

func (s *site) stopDeployment(w http.ResponseWriter, r *http.Request, _ visitor) error {
	id := r.PathValue("id")
	_, err := s.Deployments.StopDeployment(r.Context(), &codedeploy.StopDeploymentInput{DeploymentId: &id, AutoRollbackEnabled: new(r.PostForm.Get("rollback") == "yes")})
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/deployments/"+id, http.StatusSeeOther)
	return nil
}

// scriptLines is how much of a script's output a page shows: its end.
const scriptLines = 1000

// scriptPage shows what the script of an event printed on a host.
func (s *site) scriptPage(w http.ResponseWriter, r *http.Request, v visitor) error {
	id := r.PathValue("id")
	out, err := s.Deployments.GetDeployment(r.Context(), &codedeploy.GetDeploymentInput{DeploymentId: &id})
	if err != nil {
		return err
	}
	stream := strings.Join([]string{id, r.PathValue("host"), r.PathValue("event")}, "/")
	log, err := s.Slipway.ReadLog(r.Context(), &slipway.ReadLogInput{LogGroupName: new("/aws/codedeploy/" + *out.DeploymentInfo.ApplicationName), LogStreamName: &stream,
		FromEnd: new(true), Lines: new(int32(scriptLines))})
	if awsproto.Code(err) == "LogNotFoundException" {
		log, err = &slipway.ReadLogOutput{}, nil
	}
	if err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, Script(s.shell(r, v, r.PathValue("event"), "deployment/"+id), id, r.PathValue("host"), r.PathValue("event"), log))
	return nil
}

// revision is what is deployed, in words.
func revision(l *codedeploy.RevisionLocation) string {
	switch {
	case l == nil:
		return ""
	case l.S3Location != nil:
		return "s3://" + text(l.S3Location.Bucket) + "/" + text(l.S3Location.Key)
	case l.GitHubLocation != nil:
		return text(l.GitHubLocation.Repository) + " at " + text(l.GitHubLocation.CommitId)
	}
	return string(l.RevisionType)
}

func number(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}
