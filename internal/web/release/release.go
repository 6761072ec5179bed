package release

import (
	"net/http"
	"net/url"
	"time"

	"slipway/api/slipway"
	"slipway/internal/view"
	"slipway/internal/web/kit"
)

// routes are the pages of the Release stage.
func (s *pages) routes(mux *kit.Mux) {
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
	all, err := view.ReadReleases(r.Context(), s.Slipway, out.Releases)
	if err != nil {
		return err
	}
	s.Render(w, r, http.StatusOK, Releases(s.Shell(r, v, "Releases", "releases"), all, more, s.Now()))
	return nil
}

// releaseView is a release as its page shows it.
type releaseView struct {
	*view.Course
	Chart    trafficChart
	Both     *slipway.TrafficComparison
	Curves   *latencyChart
	Measures []measure
	Happened []happening
}

// happening is something in the history of a release.
type happening struct {
	At   time.Time
	Text string
	By   string
}

func (s *pages) releasePage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	ctx, id := r.Context(), r.PathValue("id")
	c, err := view.ReadCourse(ctx, s.Slipway, id)
	if err != nil {
		return err
	}
	traffic, err := s.Slipway.GetReleaseTraffic(ctx, &slipway.GetReleaseTrafficInput{DeploymentId: &id})
	if err != nil {
		return err
	}
	x := makeRelease(c, traffic, s.Now())
	s.Render(w, r, http.StatusOK, ReleasePage(s.Shell(r, v, "Release "+id, "release/"+id), x, s.Now()))
	return nil
}

func makeRelease(c *view.Course, t *slipway.GetReleaseTrafficOutput, now time.Time) *releaseView {
	v := &releaseView{
		Course:   c,
		Chart:    drawTraffic(c.Release, now),
		Both:     t.Comparison,
		Happened: history(c),
	}
	if v.Both != nil {
		v.Curves = drawLatency(v.Both, c.Policy)
		v.Measures = measures(v.Both, t.Points, c.Policy, c.Judged)
	}
	return v
}

func (v *releaseView) paused() bool { return v.Paused != nil && *v.Paused }

// following is the share that comes next; false after the last.
func (v *releaseView) following() (int32, bool) {
	for _, st := range v.Steps {
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
