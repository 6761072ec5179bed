package build

import (
	"net/http"
	"net/url"
	"time"

	"slipway/api/codebuild"
	"slipway/internal/view"
	"slipway/internal/web/change"
	"slipway/internal/web/kit"
)

// routes are the pages of the Build stage.
func (s *pages) routes(mux *kit.Mux) {
	for pattern, p := range map[string]kit.Handler{
		"GET /builds":                        s.buildsPage,
		"GET /projects/{name}":               s.projectPage,
		"POST /projects/{name}/run":          s.startBuild,
		"GET /projects/{name}/caches":        s.cachesPage,
		"POST /projects/{name}/caches/clear": s.clearCaches,
		"GET /builds/{id}":                   s.buildPage,
		"GET /builds/{id}/log":               s.rawLog,
		"GET /builds/{id}/log/live":          s.liveLog,
		"GET /builds/{id}/find":              s.findInLog,
		"POST /builds/{id}/stop":             s.stopBuild,
		"POST /builds/{id}/retry":            s.retryBuild,
		"GET /batches/{id}":                  s.batchPage,
		"POST /batches/{id}/stop":            s.stopBatch,
		"POST /batches/{id}/retry":           s.retryBatch,
		"GET /projects/{name}/sandboxes":     s.sandboxesPage,
		"POST /projects/{name}/sandboxes":    s.startSandbox,
		"GET /sandboxes/{id}":                s.sandboxPage,
		"POST /sandboxes/{id}/stop":          s.stopSandbox,
		"POST /sandboxes/{id}/commands":      s.runInSandbox,
	} {
		mux.Handle(pattern, s.SignedIn(p))
	}
	mux.Handle("GET /public/{alias}", s.public(s.publicProject))
	mux.Handle("GET /public/{alias}/builds/{id}", s.public(s.publicBuild))
}

func (s *pages) buildsPage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	in := &codebuild.ListBuildsInput{}
	if after := r.URL.Query().Get("after"); after != "" {
		in.NextToken = &after
	}
	list, err := s.Builds.ListBuilds(r.Context(), in)
	if err != nil {
		return err
	}
	return s.listBuilds(w, r, v, listed{ids: list.Ids, next: list.NextToken})
}

// projectPage lists the builds of one project.
func (s *pages) projectPage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	in := &codebuild.ListBuildsForProjectInput{ProjectName: new(r.PathValue("name"))}
	if after := r.URL.Query().Get("after"); after != "" {
		in.NextToken = &after
	}
	list, err := s.Builds.ListBuildsForProject(r.Context(), in)
	if err != nil {
		return err
	}
	name := r.PathValue("name")
	p, err := s.project(r, name)
	if err != nil {
		return err
	}
	h, err := s.webhook(r, p)
	if err != nil {
		return err
	}
	return s.listBuilds(w, r, v, listed{project: name, ids: list.Ids, next: list.NextToken, hook: h,
		fleet: s.fleetWords(r, p)})
}

// listed is a page of a list of builds.
type listed struct {
	project string // "" for all
	ids     []string
	next    *string
	hook    *hookView // of the project
	fleet   string    // says where the project's builds run; "" for the usual runners
}

func (s *pages) listBuilds(w http.ResponseWriter, r *http.Request, v kit.Visitor, l listed) error {
	ids, more := kit.Slice(r, l.ids, l.next)
	var all []codebuild.Build
	if len(ids) > 0 {
		out, err := s.Builds.BatchGetBuilds(r.Context(), &codebuild.BatchGetBuildsInput{Ids: ids})
		if err != nil {
			return err
		}
		all = out.Builds
	}
	title := "Builds"
	if l.project != "" {
		title = l.project
	}
	builds, err := view.ReadBuilds(r.Context(), s.Slipway, all)
	if err != nil {
		return err
	}
	s.Render(w, r, http.StatusOK, Builds(s.Shell(r, v, title, "builds"), l, builds, more, s.Now()))
	return nil
}

// buildView is one build with a window of its log.
type buildView struct {
	*view.Build
	Why     *view.Explanation // of one that failed
	Log     logWindow
	Reports []change.ReportLine
	Remedy  change.Remedy
}

func (s *pages) build(r *http.Request) (*codebuild.Build, error) {
	out, err := s.Builds.BatchGetBuilds(r.Context(), &codebuild.BatchGetBuildsInput{Ids: []string{r.PathValue("id")}})
	if err != nil {
		return nil, err
	}
	if len(out.Builds) == 0 {
		return nil, kit.Refusal(http.StatusNotFound,
			"There is no build "+r.PathValue("id")+". It may have been deleted.")
	}
	return &out.Builds[0], nil
}

func (s *pages) buildPage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	x, err := s.build(r)
	if err != nil && s.isSandbox(r) {
		http.Redirect(w, r, sandboxURL(r.PathValue("id")), http.StatusSeeOther)
		return nil
	}
	if err != nil {
		return err
	}
	read, err := view.ReadBuilds(r.Context(), s.Slipway, []codebuild.Build{*x})
	if err != nil {
		return err
	}
	b := &buildView{Build: &read[0]}
	if b.Kind == kit.Failed {
		if err := s.buildFailed(r.Context(), b); err != nil {
			return err
		}
	}
	if b.Reports, err = change.ReportLines(r.Context(), s.Builds, x.ReportArns); err != nil {
		return err
	}
	if err := s.readWindow(r, b); err != nil {
		return err
	}
	s.Render(w, r, http.StatusOK, BuildPage(s.Shell(r, v, *x.Id, "build/"+*x.Id), b, s.Now()))
	return nil
}

func (s *pages) stopBuild(w http.ResponseWriter, r *http.Request, _ kit.Visitor) error {
	if _, err := s.Builds.StopBuild(r.Context(), &codebuild.StopBuildInput{Id: new(r.PathValue("id"))}); err != nil {
		return err
	}
	http.Redirect(w, r, "/builds/"+url.PathEscape(r.PathValue("id")), http.StatusSeeOther)
	return nil
}

func (s *pages) retryBuild(w http.ResponseWriter, r *http.Request, _ kit.Visitor) error {
	out, err := s.Builds.RetryBuild(r.Context(), &codebuild.RetryBuildInput{Id: new(r.PathValue("id"))})
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/builds/"+url.PathEscape(*out.Build.Id), http.StatusSeeOther)
	return nil
}

func (s *pages) startBuild(w http.ResponseWriter, r *http.Request, _ kit.Visitor) error {
	out, err := s.Builds.StartBuild(r.Context(), &codebuild.StartBuildInput{ProjectName: new(r.PathValue("name"))})
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/builds/"+url.PathEscape(*out.Build.Id), http.StatusSeeOther)
	return nil
}

// bar is where a phase lies in a build's time, for a drawing 100 wide.
func (b *buildView) bar(p view.Phase, now time.Time) (x, width string) {
	if b.StartTime == nil || p.StartTime == nil {
		return "0", "0"
	}
	end := now
	if b.EndTime != nil {
		end = b.EndTime.Time
	}
	whole := max(end.Sub(b.StartTime.Time), time.Millisecond)
	until := end
	if p.EndTime != nil {
		until = p.EndTime.Time
	}
	part := func(d time.Duration) float64 { return min(100, max(0, 100*float64(d)/float64(whole))) }
	return kit.Decimal(part(p.StartTime.Sub(b.StartTime.Time))), kit.Decimal(max(0.6,
		part(until.Sub(p.StartTime.Time))))
}
