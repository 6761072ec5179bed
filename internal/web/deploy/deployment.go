package deploy

import (
	"context"
	"net/http"
	"slices"

	"slipway/api/codedeploy"
	"slipway/api/slipway"
	"slipway/internal/view"
	"slipway/internal/web/change"
	"slipway/internal/web/kit"
)

// routes are the pages of the Deploy stage.
func (s *pages) routes(mux *kit.Mux) {
	for pattern, p := range map[string]kit.Handler{
		"GET /deployments":                               s.deploymentsPage,
		"GET /deployments/{id}":                          s.deploymentPage,
		"POST /deployments/{id}/stop":                    s.stopDeployment,
		"POST /deployments/{id}/continue":                s.continueDeployment,
		"POST /deployments/{id}/redeploy":                s.redeploy,
		"POST /deployments/{id}/rollback":                s.rollBackGroup,
		"GET /deployments/{id}/hosts":                    s.targetsPage,
		"GET /deployments/{id}/hosts/{host}":             s.deployedHostPage,
		"GET /deployments/{id}/hosts/{host}/{event}":     s.scriptPage,
		"GET /deployments/{id}/hosts/{host}/{event}/log": s.rawScript,
		"GET /applications/{app}/{group}":                s.groupPage,
	} {
		mux.Handle(pattern, s.SignedIn(p))
	}
}

const deploymentsAPage = 25

func (s *pages) deploymentsPage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	in := &codedeploy.ListDeploymentsInput{}
	if after := r.URL.Query().Get("after"); after != "" {
		in.NextToken = &after
	}
	return s.listDeployments(w, r, v, in, "Deployments", "")
}

// groupPage lists the deployments of one group.
func (s *pages) groupPage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	in := &codedeploy.ListDeploymentsInput{
		ApplicationName:     new(r.PathValue("app")),
		DeploymentGroupName: new(r.PathValue("group")),
	}
	if after := r.URL.Query().Get("after"); after != "" {
		in.NextToken = &after
	}
	return s.listDeployments(w, r, v, in, r.PathValue("group"), r.PathValue("app"))
}

func (s *pages) listDeployments(
	w http.ResponseWriter,
	r *http.Request,
	v kit.Visitor,
	in *codedeploy.ListDeploymentsInput,
	title, of string,
) error {
	list, err := s.Deployments.ListDeployments(r.Context(), in)
	if err != nil {
		return err
	}
	ids, more := kit.Slice(r, list.Deployments, list.NextToken)
	byID := map[string]codedeploy.DeploymentInfo{}
	for chunk := range slices.Chunk(ids, deploymentsAPage) { // as many as the batch takes
		out, err := s.Deployments.BatchGetDeployments(r.Context(),
			&codedeploy.BatchGetDeploymentsInput{DeploymentIds: chunk})
		if err != nil {
			return err
		}
		for _, d := range out.DeploymentsInfo {
			byID[*d.DeploymentId] = d
		}
	}
	var found []codedeploy.DeploymentInfo
	for _, id := range ids {
		if d, ok := byID[id]; ok {
			found = append(found, d)
		}
	}
	group := slipway.GroupRef{ApplicationName: in.ApplicationName, DeploymentGroupName: in.DeploymentGroupName}
	all, err := view.ReadDeployments(r.Context(), s.Slipway, found, group)
	if err != nil {
		return err
	}
	l := &deploymentList{Title: title, Application: of, All: all, More: more}
	if of != "" {
		if err := s.groupNow(r.Context(), l); err != nil {
			return err
		}
	}
	s.Render(w, r, http.StatusOK, Deployments(s.Shell(r, v, title, "deployments"), l, s.Now()))
	return nil
}

// deploymentList is deployments, of all groups or of one.
type deploymentList struct {
	Title, Application string
	All                []view.Deployment
	Serves             []change.Served // of one group: what runs there now
	More               string
}

// groupNow reads what runs in a group now.
func (s *pages) groupNow(ctx context.Context, l *deploymentList) error {
	out, err := s.Slipway.ListServing(
		ctx,
		&slipway.ListServingInput{
			Groups: []slipway.GroupRef{{ApplicationName: &l.Application, DeploymentGroupName: &l.Title}},
		},
	)
	if err != nil {
		return err
	}
	for _, g := range out.Groups {
		l.Serves = append(l.Serves, change.ServedOf(g))
	}
	return nil
}
