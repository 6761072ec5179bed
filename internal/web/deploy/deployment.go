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
func (s *pages) routes(mux *http.ServeMux) {
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
	var all []codedeploy.DeploymentInfo
	for _, id := range ids {
		if d, ok := byID[id]; ok {
			all = append(all, d)
		}
	}
	known, err := view.Describe(r.Context(), s.Slipway, ids)
	if err != nil {
		return err
	}
	l := &deploymentList{Title: title, Application: of, All: all, Known: known, More: more}
	if l.Released, err = s.released(r.Context(), of, title); err != nil {
		return err
	}
	if of != "" {
		if err := s.groupNow(r.Context(), l); err != nil {
			return err
		}
	}
	s.Render(w, r, http.StatusOK, Deployments(s.Shell(r, v, title, "deployments"), l, s.Now()))
	return nil
}

// revision is what is deployed, in words.
func revision(l *codedeploy.RevisionLocation) string { return view.Revision(l) }

// deploymentList is deployments, of all groups or of one.
type deploymentList struct {
	Title, Application string
	All                []codedeploy.DeploymentInfo
	Known              map[string]slipway.Change
	Released           map[string]slipway.ReleaseSummary // the newest releases, by deployment
	Serves             []change.Served                   // of one group: what runs there now
	More               string
}

// state is how a deployment stands: a release that was rolled back says more than its deployment, which failed.
func (l *deploymentList) state(d codedeploy.DeploymentInfo) (kit.Kind, string) {
	if r, ok := l.Released[*d.DeploymentId]; ok && view.ReleaseKind(r.Status, r.Paused) == kit.Back {
		return kit.Back, view.ReleaseWords(r.Status, r.Paused, r.Percent)
	}
	return view.KindOf(d.Status), deploymentWord(d.Status)
}

// released are the newest releases, of a group or of all.
func (s *pages) released(ctx context.Context, application, group string) (map[string]slipway.ReleaseSummary, error) {
	in := &slipway.ListReleasesInput{MaxResults: new(int32(100))}
	if application != "" {
		in.ApplicationName, in.DeploymentGroupName = &application, &group
	}
	out, err := s.Slipway.ListReleases(ctx, in)
	if err != nil {
		return nil, err
	}
	all := map[string]slipway.ReleaseSummary{}
	for _, r := range out.Releases {
		all[*r.DeploymentId] = r
	}
	return all, nil
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
