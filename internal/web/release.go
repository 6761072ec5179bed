package web

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"slipway/api/slipway"
	"slipway/internal/view"
)

// releaseRoutes are the pages of the Release stage.
func (s *site) releaseRoutes(mux *http.ServeMux) {
	for pattern, p := range map[string]page{
		"GET /releases":                s.releasesPage,
		"GET /releases/{id}":           s.releasePage,
		"POST /releases/{id}/promote":  s.promoteRelease,
		"POST /releases/{id}/pause":    s.pauseRelease,
		"POST /releases/{id}/resume":   s.resumeRelease,
		"POST /releases/{id}/rollback": s.rollBackRelease,
	} {
		mux.Handle(pattern, s.signedIn(p))
	}
}

func releasePath(deployment string) string { return "/releases/" + url.PathEscape(deployment) }

func (s *site) releasesPage(w http.ResponseWriter, r *http.Request, v visitor) error {
	in := &slipway.ListReleasesInput{}
	if after := r.URL.Query().Get("after"); after != "" {
		in.NextToken = &after
	}
	out, err := s.Slipway.ListReleases(r.Context(), in)
	if err != nil {
		return err
	}
	more := ""
	if out.NextToken != nil {
		more = "/releases?after=" + url.QueryEscape(*out.NextToken)
	}
	var ids []string
	for _, x := range out.Releases {
		ids = append(ids, *x.DeploymentId)
	}
	known, err := s.describe(r.Context(), ids)
	if err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, Releases(s.shell(r, v, "Releases", "releases"), out.Releases, known, more, s.Now()))
	return nil
}

// releaseView is a release as its page shows it.
type releaseView struct {
	*slipway.Release
	Kind     Kind
	Origin   origin
	Old      change   // what runs in the group besides
	Serves   []served // what runs in the group now
	Say      string   // where it stands
	Because  string   // why, of one that goes back or asks
	Next     string   // what comes, and when
	Judged   *slipway.ReleaseStepState
	Steps    []releaseStep
	Chart    trafficChart
	Both     *slipway.TrafficComparison
	Curves   *latencyChart
	Measures []measure
	Happened []happening
}

// releaseStep is a share of the traffic with how it went.
type releaseStep struct {
	Percent int32
	Kind    Kind
	Words   string
}

// happening is something in the history of a release.
type happening struct {
	At   time.Time
	Text string
	By   string
}

func (s *site) releasePage(w http.ResponseWriter, r *http.Request, v visitor) error {
	ctx, id := r.Context(), r.PathValue("id")
	got, err := s.Slipway.GetRelease(ctx, &slipway.GetReleaseInput{DeploymentId: &id})
	if err != nil {
		return err
	}
	traffic, err := s.Slipway.GetReleaseTraffic(ctx, &slipway.GetReleaseTrafficInput{DeploymentId: &id})
	if err != nil {
		return err
	}
	x := makeRelease(got.Release, traffic, s.Now())
	if x.Origin, err = s.origin(ctx, id); err != nil {
		return err
	}
	if err := s.replaces(ctx, x); err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, ReleasePage(s.shell(r, v, "Release "+id, "release/"+id), x, s.Now()))
	return nil
}

// origin is the change that a deployment deploys, with the execution that it came by; empty if nothing is known of it.
type origin struct{ Change change }

// origin finds the change that a deployment deploys.
func (s *site) origin(ctx context.Context, deployment string) (o origin, err error) {
	known, err := s.describe(ctx, []string{deployment})
	o.Change = view.Described(known[deployment])
	return o, err
}

func makeRelease(x *slipway.Release, t *slipway.GetReleaseTrafficOutput, now time.Time) *releaseView {
	v := &releaseView{Release: x, Kind: releaseKind(x.Status, x.Paused), Next: nextWords(x), Both: t.Comparison}
	v.Say, v.Because = sentence(text(x.Message))
	for i := range x.Steps {
		st := &x.Steps[i]
		if st.Verdict != nil {
			v.Judged = st
		}
		v.Steps = append(v.Steps, stepOfRelease(x, st))
	}
	v.Chart = drawTraffic(x, now)
	if v.Both != nil {
		v.Curves = drawLatency(v.Both, x.Policy)
		v.Measures = measures(v.Both, t.Points, x.Policy, v.Judged)
	}
	v.Happened = history(x)
	return v
}

// releaseKind is the state of a release; one that somebody paused waits for somebody.
func releaseKind(status slipway.ReleaseStatus, paused *bool) Kind {
	return view.ReleaseKind(status, paused)
}

// replaces finds what the traffic comes from, while it moves: what serves in the group.
func (s *site) replaces(ctx context.Context, v *releaseView) error {
	group := slipway.GroupRef{ApplicationName: v.ApplicationName, DeploymentGroupName: v.DeploymentGroupName}
	out, err := s.Slipway.ListServing(ctx, &slipway.ListServingInput{Groups: []slipway.GroupRef{group}})
	if err != nil {
		return err
	}
	for _, g := range out.Groups {
		v.Serves = append(v.Serves, servedOf(g))
		for _, x := range g.Versions {
			if x.Change != nil && *x.DeploymentId != *v.DeploymentId && v.Old.Commit == "" {
				v.Old = view.Described(*x.Change)
			}
		}
	}
	return nil
}

// live tells whether anything can be done about a release.
func (v *releaseView) live() bool {
	return v.EndTime == nil && v.Status != slipway.ReleaseStatusRollingBack
}

func (v *releaseView) paused() bool { return v.Paused != nil && *v.Paused }

// following is the share that comes next; false after the last.
func (v *releaseView) following() (int32, bool) {
	for _, st := range v.Release.Steps {
		if st.StartTime == nil {
			return *st.Percent, true
		}
	}
	return 0, false
}

func (s *site) promoteRelease(w http.ResponseWriter, r *http.Request, _ visitor) error {
	id := r.PathValue("id")
	_, err := s.Slipway.PromoteRelease(
		r.Context(),
		&slipway.PromoteReleaseInput{DeploymentId: &id, Full: new(r.PostForm.Get("to") == "whole")},
	)
	return back(w, r, releasePath(id), err)
}

func (s *site) pauseRelease(w http.ResponseWriter, r *http.Request, _ visitor) error {
	id := r.PathValue("id")
	_, err := s.Slipway.PauseRelease(
		r.Context(),
		&slipway.PauseReleaseInput{DeploymentId: &id, Reason: given(r, "reason")},
	)
	return back(w, r, releasePath(id), err)
}

func (s *site) resumeRelease(w http.ResponseWriter, r *http.Request, _ visitor) error {
	id := r.PathValue("id")
	_, err := s.Slipway.ResumeRelease(r.Context(), &slipway.ResumeReleaseInput{DeploymentId: &id})
	return back(w, r, releasePath(id), err)
}

func (s *site) rollBackRelease(w http.ResponseWriter, r *http.Request, _ visitor) error {
	id := r.PathValue("id")
	_, err := s.Slipway.RollBackRelease(
		r.Context(),
		&slipway.RollBackReleaseInput{DeploymentId: &id, Reason: given(r, "reason")},
	)
	return back(w, r, releasePath(id), err)
}

// given is what a form says in a field; nil if nothing.
func given(r *http.Request, field string) *string {
	if value := strings.TrimSpace(r.PostForm.Get(field)); value != "" {
		return &value
	}
	return nil
}
