package web

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"slipway/api/awsproto"
	"slipway/api/codebuild"
	"slipway/api/slipway"
)

// buildRoutes are the pages of the Build stage.
func (s *site) buildRoutes(mux *http.ServeMux) {
	for pattern, p := range map[string]page{
		"GET /builds":               s.buildsPage,
		"GET /projects/{name}":      s.projectPage,
		"POST /projects/{name}/run": s.startBuild,
		"GET /builds/{id}":          s.buildPage,
		"GET /builds/{id}/log":      s.rawLog,
		"GET /builds/{id}/log/live": s.liveLog,
		"POST /builds/{id}/stop":    s.stopBuild,
		"POST /builds/{id}/retry":   s.retryBuild,
	} {
		mux.Handle(pattern, s.signedIn(p))
	}
}

func (s *site) buildsPage(w http.ResponseWriter, r *http.Request, v visitor) error {
	in := &codebuild.ListBuildsInput{}
	if after := r.URL.Query().Get("after"); after != "" {
		in.NextToken = &after
	}
	list, err := s.Builds.ListBuilds(r.Context(), in)
	if err != nil {
		return err
	}
	return s.listBuilds(w, r, v, "", list.Ids, list.NextToken)
}

// projectPage lists the builds of one project.
func (s *site) projectPage(w http.ResponseWriter, r *http.Request, v visitor) error {
	in := &codebuild.ListBuildsForProjectInput{ProjectName: new(r.PathValue("name"))}
	if after := r.URL.Query().Get("after"); after != "" {
		in.NextToken = &after
	}
	list, err := s.Builds.ListBuildsForProject(r.Context(), in)
	if err != nil {
		return err
	}
	return s.listBuilds(w, r, v, r.PathValue("name"), list.Ids, list.NextToken)
}

func (s *site) listBuilds(w http.ResponseWriter, r *http.Request, v visitor, project string, ids []string, next *string) error {
	more := ""
	if next != nil {
		more = r.URL.Path + "?after=" + url.QueryEscape(*next)
	}
	var all []codebuild.Build
	if len(ids) > 0 {
		out, err := s.Builds.BatchGetBuilds(r.Context(), &codebuild.BatchGetBuildsInput{Ids: ids[:min(len(ids), 100)]})
		if err != nil {
			return err
		}
		all = out.Builds
	}
	title := "Builds"
	if project != "" {
		title = project
	}
	s.render(w, r, http.StatusOK, Builds(s.shell(r, v, title, "builds"), project, all, more, s.Now()))
	return nil
}

// buildView is one build with a window of its log.
type buildView struct {
	*codebuild.Build
	Kind    Kind
	Why     *slipway.ExplainBuildOutput // of one that failed
	Log     logWindow
	Reports []reportLine
}

// logWindow is a part of a log.
type logWindow struct {
	Lines    []slipway.Line
	From, To int64 // line numbers, To not included
	Total    int64
	Complete bool
	Bad      map[int64]bool // lines that say what went wrong
}

// linesAPage is how many lines a window holds.
const linesAPage = 500

func (s *site) build(r *http.Request) (*codebuild.Build, error) {
	out, err := s.Builds.BatchGetBuilds(r.Context(), &codebuild.BatchGetBuildsInput{Ids: []string{r.PathValue("id")}})
	if err != nil {
		return nil, err
	}
	if len(out.Builds) == 0 {
		return nil, &problem{http.StatusNotFound, "There is no build " + r.PathValue("id") + ". It may have been deleted."}
	}
	return &out.Builds[0], nil
}

func (s *site) buildPage(w http.ResponseWriter, r *http.Request, v visitor) error {
	x, err := s.build(r)
	if err != nil {
		return err
	}
	b := &buildView{Build: x, Kind: kindOf(string(x.BuildStatus))}
	if b.Kind == Failed {
		if b.Why, err = s.Slipway.ExplainBuild(r.Context(), &slipway.ExplainBuildInput{Id: x.Id}); err != nil {
			return err
		}
	}
	if b.Reports, err = s.reportLines(r, x.ReportArns); err != nil {
		return err
	}
	if err := s.readWindow(r, b); err != nil {
		return err
	}
	s.render(w, r, http.StatusOK, BuildPage(s.shell(r, v, *x.Id, "build/"+*x.Id), b, s.Now()))
	return nil
}

// logName is the log of a build.
func logName(b *codebuild.Build) (group, stream *string) {
	if b.Logs == nil {
		return nil, nil
	}
	return b.Logs.GroupName, b.Logs.StreamName
}

// readWindow reads the part of the log that is asked for: from a line on; else the end of one that runs, the cause of one that
// failed, or the beginning.
func (s *site) readWindow(r *http.Request, b *buildView) error {
	group, stream := logName(b.Build)
	if group == nil || stream == nil {
		return nil
	}
	in := &slipway.ReadLogInput{LogGroupName: group, LogStreamName: stream, Lines: new(int32(linesAPage))}
	from, asked := lineNumber(r.URL.Query().Get("from"))
	switch {
	case asked:
		in.FromLine = &from
	case r.URL.Query().Get("from") == "end" || b.Kind == Running || b.Kind == Queued:
		in.FromEnd = new(true)
	case b.Why != nil && b.Why.Line != nil:
		in.FromLine = new(max(0, *b.Why.Line-20))
	}
	log, err := s.Slipway.ReadLog(r.Context(), in)
	if awsproto.Code(err) == "LogNotFoundException" {
		return nil
	}
	if err != nil {
		return err
	}
	b.Log = logWindow{Lines: log.Lines, To: number(log.NextLine), Total: number(log.TotalLines), Complete: log.Complete != nil && *log.Complete, Bad: map[int64]bool{}}
	b.Log.From = b.Log.To - int64(len(log.Lines))
	if b.Why != nil {
		for _, l := range b.Why.Lines {
			b.Log.Bad[*l.Number] = true
		}
	}
	return nil
}

// lineNumber reads a line's number, which people count from one.
func lineNumber(s string) (int64, bool) {
	var n int64
	for _, c := range s {
		if c < '0' || c > '9' || n > 1<<40 {
			return 0, false
		}
		n = 10*n + int64(c-'0')
	}
	return max(0, n-1), s != ""
}

// rawLog streams the whole log as text.
func (s *site) rawLog(w http.ResponseWriter, r *http.Request, _ visitor) error {
	b, err := s.build(r)
	if err != nil {
		return err
	}
	group, stream := logName(b)
	return s.streamLog(w, r, group, stream)
}

// streamLog sends a log as text.
func (s *site) streamLog(w http.ResponseWriter, r *http.Request, group, stream *string) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "sandbox")
	for next := int64(0); ; {
		log, err := s.Slipway.ReadLog(r.Context(), &slipway.ReadLogInput{LogGroupName: group, LogStreamName: stream, FromLine: &next, Lines: new(int32(5000))})
		if err != nil {
			return err
		}
		var text strings.Builder
		for _, l := range log.Lines {
			text.WriteString(*l.Text + "\n")
		}
		if _, err := w.Write([]byte(text.String())); err != nil || len(log.Lines) == 0 || number(log.NextLine) >= number(log.TotalLines) {
			return nil //nolint:nilerr // whoever read it has gone
		}
		next = *log.NextLine
	}
}

// liveLog sends the lines of a log as they come, as rows of the page, until it is complete.
func (s *site) liveLog(w http.ResponseWriter, r *http.Request, _ visitor) error {
	b, err := s.build(r)
	if err != nil {
		return err
	}
	group, stream := logName(b)
	next, _ := lineNumber(r.URL.Query().Get("from"))
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		next, _ = lineNumber(last)
	}
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	for {
		log, err := s.Slipway.ReadLog(r.Context(), &slipway.ReadLogInput{LogGroupName: group, LogStreamName: stream, FromLine: &next, Lines: new(int32(linesAPage)), WaitSeconds: new(int32(15))})
		if awsproto.Code(err) == "LogNotFoundException" { // the build has not begun
			select {
			case <-r.Context().Done():
				return nil
			case <-time.After(time.Second):
				continue
			}
		}
		if err != nil {
			return nil //nolint:nilerr // the stream ends, and the page asks again
		}
		var text strings.Builder
		text.WriteString(": still here\n")
		for _, l := range log.Lines {
			var row strings.Builder
			if err := logLine(l, false).Render(r.Context(), &row); err != nil {
				return nil //nolint:nilerr // as above
			}
			text.WriteString("data: " + strings.ReplaceAll(row.String(), "\n", " ") + "\n")
		}
		next = number(log.NextLine)
		if len(log.Lines) > 0 {
			text.WriteString("event: lines\nid: " + itoa(next+1) + "\n")
		}
		text.WriteString("\n")
		complete := log.Complete != nil && *log.Complete && next >= number(log.TotalLines)
		if complete {
			text.WriteString("event: complete\ndata: \n\n")
		}
		if _, err := w.Write([]byte(text.String())); err != nil || out.Flush() != nil || complete {
			return nil //nolint:nilerr // whoever looked has gone
		}
	}
}

func (s *site) stopBuild(w http.ResponseWriter, r *http.Request, _ visitor) error {
	if _, err := s.Builds.StopBuild(r.Context(), &codebuild.StopBuildInput{Id: new(r.PathValue("id"))}); err != nil {
		return err
	}
	http.Redirect(w, r, "/builds/"+url.PathEscape(r.PathValue("id")), http.StatusSeeOther)
	return nil
}

func (s *site) retryBuild(w http.ResponseWriter, r *http.Request, _ visitor) error {
	out, err := s.Builds.RetryBuild(r.Context(), &codebuild.RetryBuildInput{Id: new(r.PathValue("id"))})
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/builds/"+url.PathEscape(*out.Build.Id), http.StatusSeeOther)
	return nil
}

func (s *site) startBuild(w http.ResponseWriter, r *http.Request, _ visitor) error {
	out, err := s.Builds.StartBuild(r.Context(), &codebuild.StartBuildInput{ProjectName: new(r.PathValue("name"))})
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/builds/"+url.PathEscape(*out.Build.Id), http.StatusSeeOther)
	return nil
}

// bar is where a phase lies in a build's time, for a drawing 100 wide.
func (b *buildView) bar(p codebuild.BuildPhase, now time.Time) (x, width string) {
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
	return decimal(part(p.StartTime.Sub(b.StartTime.Time))), decimal(max(0.6, part(until.Sub(p.StartTime.Time))))
}

// phaseNames are the phases as people read them.
var phaseNames = map[codebuild.BuildPhaseType]string{"SUBMITTED": "Submitted", "QUEUED": "Queued", "PROVISIONING": "Provisioning", "DOWNLOAD_SOURCE": "Source", "INSTALL": "Install",
	"PRE_BUILD": "Pre-build", "BUILD": "Build", "POST_BUILD": "Post-build", "UPLOAD_ARTIFACTS": "Upload", "FINALIZING": "Finish"}

// phaseProblem is what a phase says of its failure.
func phaseProblem(p codebuild.BuildPhase) string {
	for _, c := range p.Contexts {
		if text(c.Message) != "" {
			return text(c.Message)
		}
	}
	return ""
}

// ended says how a build ended, or that it runs.
func (b *buildView) ended() string {
	switch b.Kind {
	case Running:
		return "Running, in " + strings.ToLower(strings.ReplaceAll(text(b.CurrentPhase), "_", " "))
	case Succeeded:
		return "Succeeded"
	case Stopped:
		return "Stopped"
	}
	if b.BuildStatus == codebuild.StatusTypeTimedOut {
		return "Timed out"
	}
	if b.BuildStatus == codebuild.StatusTypeFault {
		return "Ended by a fault of the runner"
	}
	return "Failed"
}
