package web

import (
	"net/http"
	"net/url"
	"slices"

	"slipway/api/codedeploy"
)

// deploymentRoutes are the pages of the Deploy stage.
func (s *site) deploymentRoutes(mux *http.ServeMux) {
	for pattern, p := range map[string]page{
		"GET /deployments":                               s.deploymentsPage,
		"GET /deployments/{id}":                          s.deploymentPage,
		"POST /deployments/{id}/stop":                    s.stopDeployment,
		"POST /deployments/{id}/continue":                s.continueDeployment,
		"GET /deployments/{id}/hosts":                    s.targetsPage,
		"GET /deployments/{id}/hosts/{host}":             s.deployedHostPage,
		"GET /deployments/{id}/hosts/{host}/{event}":     s.scriptPage,
		"GET /deployments/{id}/hosts/{host}/{event}/log": s.rawScript,
		"GET /applications/{app}/{group}":                s.groupPage,
	} {
		mux.Handle(pattern, s.signedIn(p))
	}
}

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
	ids, more := slice(r, list.Deployments, list.NextToken)
	byID := map[string]codedeploy.DeploymentInfo{}
	for chunk := range slices.Chunk(ids, deploymentsAPage) { // as many as the batch takes
		out, err := s.Deployments.BatchGetDeployments(r.Context(), &codedeploy.BatchGetDeploymentsInput{DeploymentIds: chunk})
		if err != nil {
			return err
		}
		for _, d := range out.DeploymentsInfo {
			byID[*d.DeploymentId] = d
		}
	}
	var all []codedeploy.DeploymentInfo
	for _, id := range ids {
		if d, ok := byID[id]; ok {
			all = append(all, d)
		}
	}
	s.render(w, r, http.StatusOK, Deployments(s.shell(r, v, title, "deployments"), title, of, all, more, s.Now()))
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

func deploymentPath(id string) string { return "/deployments/" + url.PathEscape(id) }

func number(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}
