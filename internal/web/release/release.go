package release

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"slipway/api/slipway"
	"slipway/internal/view"
	"slipway/internal/web/change"
	"slipway/internal/web/kit"
)

// routes are the pages of the Release stage.
func (s *pages) routes(mux *http.ServeMux) {
	for pattern, p := range map[string]kit.Handler{
		"GET /releases":                s.releasesPage,
		"GET /releases/{id}":           s.releasePage,
		"POST /releases/{id}/promote":  s.promoteRelease,
		"POST /releases/{id}/pause":    s.pauseRelease,
		"POST /releases/{id}/resume":   s.resumeRelease,
		"POST /releases/{id}/rollback": s.rollBackRelease,
	} {
		mux.Handle(pattern, s.SignedIn(p))
	}
}

func (s *pages) releasesPage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
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
	known, err := view.Describe(r.Context(), s.Slipway, ids)
	if err != nil {
		return err
	}
	s.Render(w, r, http.StatusOK, Releases(s.Shell(r, v, "Releases", "releases"), out.Releases, known, more, s.Now()))
	return nil
}

// releaseView is a release as its page shows it.
type releaseView struct {
	*slipway.Release
	Kind     kit.Kind
	Origin   change.Origin
	Old      change.Change   // what runs in the group besides
	Serves   []change.Served // what runs in the group now
	Say      string          // where it stands
	Because  string          // why, of one that goes back or asks
	Next     string          // what comes, and when
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
	Kind    kit.Kind
	Words   string
}

// happening is something in the history of a release.
type happening struct {
	At   time.Time
	Text string
	By   string
}

func (s *pages) releasePage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
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
	if x.Origin, err = change.OriginOf(ctx, s.Slipway, id); err != nil {
		return err
	}
	if err := s.replaces(ctx, x); err != nil {
		return err
	}
	s.Render(w, r, http.StatusOK, ReleasePage(s.Shell(r, v, "Release "+id, "release/"+id), x, s.Now()))
	return nil
}

func makeRelease(x *slipway.Release, t *slipway.GetReleaseTrafficOutput, now time.Time) *releaseView {
	v := &releaseView{Release: x, Kind: view.ReleaseKind(x.Status, x.Paused), Next: nextWords(x), Both: t.Comparison}
	v.Say, v.Because = kit.Sentence(kit.Text(x.Message))
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

// replaces finds what the traffic comes from, while it moves: what serves in the group.
func (s *pages) replaces(ctx context.Context, v *releaseView) error {
	group := slipway.GroupRef{ApplicationName: v.ApplicationName, DeploymentGroupName: v.DeploymentGroupName}
	out, err := s.Slipway.ListServing(ctx, &slipway.ListServingInput{Groups: []slipway.GroupRef{group}})
	if err != nil {
		return err
	}
	for _, g := range out.Groups {
		v.Serves = append(v.Serves, change.ServedOf(g))
		for _, x := range g.Versions {
			if x.Change != nil && *x.DeploymentId != *v.DeploymentId && v.Old.Commit == "" {
				v.Old = view.Described(*x.Change)
			}
		}
	}
	return nil
}

// live reports whether anything can be done about a release.
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

func (s *pages) promoteRelease(w http.ResponseWriter, r *http.Request, _ kit.Visitor) error {
	id := r.PathValue("id")
	_, err := s.Slipway.PromoteRelease(
		r.Context(),
		&slipway.PromoteReleaseInput{DeploymentId: &id, Full: new(r.PostForm.Get("to") == "whole")},
	)
	return kit.Next(w, r, kit.ReleasePath(id), err)
}

func (s *pages) pauseRelease(w http.ResponseWriter, r *http.Request, _ kit.Visitor) error {
	id := r.PathValue("id")
	_, err := s.Slipway.PauseRelease(
		r.Context(),
		&slipway.PauseReleaseInput{DeploymentId: &id, Reason: kit.Given(r, "reason")},
	)
	return kit.Next(w, r, kit.ReleasePath(id), err)
}

func (s *pages) resumeRelease(w http.ResponseWriter, r *http.Request, _ kit.Visitor) error {
	id := r.PathValue("id")
	_, err := s.Slipway.ResumeRelease(r.Context(), &slipway.ResumeReleaseInput{DeploymentId: &id})
	return kit.Next(w, r, kit.ReleasePath(id), err)
}

func (s *pages) rollBackRelease(w http.ResponseWriter, r *http.Request, _ kit.Visitor) error {
	id := r.PathValue("id")
	_, err := s.Slipway.RollBackRelease(
		r.Context(),
		&slipway.RollBackReleaseInput{DeploymentId: &id, Reason: kit.Given(r, "reason")},
	)
	return kit.Next(w, r, kit.ReleasePath(id), err)
}
