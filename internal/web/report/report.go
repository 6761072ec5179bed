package report

import (
	"net/http"
	"net/url"

	"slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/view"
	"slipway/internal/web/change"
	"slipway/internal/web/kit"
)

// routes are the pages of tests.
func (s *pages) routes(mux *kit.Mux) {
	for pattern, p := range map[string]kit.Handler{
		"GET /tests":              s.testsPage,
		"GET /tests/{group}":      s.testGroupPage,
		"GET /tests/{group}/case": s.testCasePage,
		"GET /reports/{name}":     s.reportPage,

		"GET /reports/{name}/file/{sum}":        s.reportFile,
		"GET /reports/{name}/trace/{sum}":       s.tracePage,
		"GET /reports/{name}/trace/{sum}/frame": s.traceFrame,
		// A form has the test's name, which may be anything, in its fields.
		"POST /tests/{group}/case": s.changeQuarantine,
	} {
		mux.Handle(pattern, s.SignedIn(p))
	}
}

func testGroupPath(arn string) string { return "/tests/" + url.PathEscape(kit.LastPath(arn)) }

func (s *pages) reportARN(kind, name string) string {
	return "arn:aws:codebuild:" + s.Region + ":" + s.Account + ":" + kind + "/" + name
}

const reportsAPage = 50

func (s *pages) testsPage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	in := &codebuild.ListReportsInput{MaxResults: new(int32(reportsAPage))}
	if after := r.URL.Query().Get("after"); after != "" {
		in.NextToken = &after
	}
	list, err := s.Builds.ListReports(r.Context(), in)
	if err != nil {
		return err
	}
	all, err := change.ReportLines(r.Context(), s.Builds, list.Reports)
	if err != nil {
		return err
	}
	overview := &slipway.GetTestOverviewOutput{}
	if in.NextToken == nil {
		if overview, err = s.Slipway.GetTestOverview(r.Context(), &slipway.GetTestOverviewInput{}); err != nil {
			return err
		}
	}
	s.Render(
		w,
		r,
		http.StatusOK,
		Tests(s.Shell(r, v, "Tests", "builds"), overview, all, kit.OlderPath("/tests", list.NextToken), s.Now()),
	)
	return nil
}

// testGroupPage shows the newest reports of a group.
func (s *pages) testGroupPage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	arn := s.reportARN("report-group", r.PathValue("group"))
	in := &codebuild.ListReportsForReportGroupInput{ReportGroupArn: &arn, MaxResults: new(int32(reportsAPage))}
	if after := r.URL.Query().Get("after"); after != "" {
		in.NextToken = &after
	}
	list, err := s.Builds.ListReportsForReportGroup(r.Context(), in)
	if err != nil {
		return err
	}
	all, err := change.ReportLines(r.Context(), s.Builds, list.Reports)
	if err != nil {
		return err
	}
	overview := &slipway.GetTestOverviewOutput{}
	if in.NextToken == nil {
		if overview, err = s.Slipway.GetTestOverview(
			r.Context(),
			&slipway.GetTestOverviewInput{ReportGroupArn: &arn},
		); err != nil {
			return err
		}
	}
	s.Render(
		w,
		r,
		http.StatusOK,
		TestGroup(
			s.Shell(r, v, r.PathValue("group"), "builds"),
			r.PathValue("group"),
			overview,
			all,
			kit.OlderPath(r.URL.Path, list.NextToken),
			s.Now(),
		),
	)
	return nil
}

// reportView is a report with its test cases: those that failed first, then by a filter.
type reportView struct {
	change.ReportLine
	Group   string
	Build   string // its ID
	Failed  []codebuild.TestCase
	Cases   []codebuild.TestCase
	Files   []slipway.ReportFile // that the tests have left
	Keyword string
	More    string
}

const (
	failedShown = 25
	casesShown  = 100
)

func (s *pages) reportPage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	ctx, arn := r.Context(), s.reportARN("report", r.PathValue("name"))
	lines, err := change.ReportLines(r.Context(), s.Builds, []string{arn})
	if err != nil {
		return err
	}
	if len(lines) == 0 {
		return kit.Refusal(http.StatusNotFound,
			"There is no report "+r.PathValue("name")+". Reports are kept for 30 days.")
	}
	if lines[0].Type == codebuild.ReportTypeCodeCoverage {
		return s.coveragePage(w, r, v, lines[0])
	}
	x := &reportView{
		ReportLine: lines[0],
		Group:      kit.LastPath(kit.Text(lines[0].ReportGroupArn)),
		Build:      kit.LastPath(kit.Text(lines[0].ExecutionId)),
		Keyword:    r.URL.Query().Get("q"),
	}
	for _, status := range []string{"FAILED", "ERROR"} {
		if x.TestSummary == nil || x.TestSummary.StatusCounts[status] == 0 {
			continue
		}
		out, err := s.Builds.DescribeTestCases(
			ctx,
			&codebuild.DescribeTestCasesInput{
				ReportArn:  &arn,
				MaxResults: new(int32(failedShown)),
				Filter:     &codebuild.TestCaseFilter{Status: &status},
			},
		)
		if err != nil {
			return err
		}
		x.Failed = append(x.Failed, out.TestCases...)
	}
	left, err := s.Slipway.ListReportFiles(ctx, &slipway.ListReportFilesInput{ReportArn: &arn})
	if err != nil {
		return err
	}
	x.Files = left.Files
	in := &codebuild.DescribeTestCasesInput{ReportArn: &arn, MaxResults: new(int32(casesShown))}
	if x.Keyword != "" {
		in.Filter = &codebuild.TestCaseFilter{Keyword: &x.Keyword}
	}
	if after := r.URL.Query().Get("after"); after != "" {
		in.NextToken = &after
	}
	out, err := s.Builds.DescribeTestCases(ctx, in)
	if err != nil {
		return err
	}
	x.Cases = out.TestCases
	if out.NextToken != nil {
		x.More = r.URL.Path + "?" + url.Values{"after": {*out.NextToken}, "q": {x.Keyword}}.Encode()
	}
	s.Render(w, r, http.StatusOK, Report(s.Shell(r, v, "Report "+x.Group, "build/"+x.Build), x, s.Now()))
	return nil
}

// casePath leads to the history of a test case.
func casePath(group string, c codebuild.TestCase) string {
	q := url.Values{"name": {kit.Text(c.Name)}}
	if kit.Text(c.Prefix) != "" {
		q.Set("prefix", *c.Prefix)
	}
	return "/tests/" + url.PathEscape(group) + "/case?" + q.Encode()
}

// caseHistory is how a test case went.
type caseHistory struct {
	Group, Prefix, Name string
	Runs                []slipway.TestRun // the newest first
	Failed, Turns       int
	Bars                []caseBar        // the oldest first
	Left                *slipway.TestRun // the newest run of which there are files, one that failed first
	FlakyCommits        int32            // on which it has both passed and failed
	Quarantine          *slipway.TestQuarantine
}

// caseBar is a run in a drawing that is 24 high.
type caseBar struct {
	X, Y, Height string
	Kind         kit.Kind
	Say          string
}

func (s *pages) testCasePage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	q := r.URL.Query()
	h := &caseHistory{Group: r.PathValue("group"), Prefix: q.Get("prefix"), Name: q.Get("name")}
	if h.Name == "" {
		return kit.Refusal(http.StatusBadRequest, "Name a test case: /tests/GROUP/case?name=NAME")
	}
	in := &slipway.GetTestHistoryInput{ReportGroupArn: new(s.reportARN("report-group", h.Group)), Name: &h.Name}
	if h.Prefix != "" {
		in.Prefix = &h.Prefix
	}
	out, err := s.Slipway.GetTestHistory(r.Context(), in)
	if err != nil {
		return err
	}
	h.add(out.Runs)
	h.FlakyCommits, h.Quarantine = kit.Number32(out.FlakyCommits), out.Quarantine
	s.Render(w, r, http.StatusOK, TestCase(s.Shell(r, v, h.Name, "builds"), h, s.Now()))
	return nil
}

func (h *caseHistory) add(runs []slipway.TestRun) {
	h.Runs = runs
	var longest int64 = 1
	for i, x := range runs {
		longest = max(longest, kit.Number(x.DurationInNanoSeconds))
		k := view.KindOf(kit.Text(x.Status))
		if k == kit.Failed {
			h.Failed++
		}
		failedBefore := h.Left != nil && view.KindOf(kit.Text(h.Left.Status)) == kit.Failed
		if len(x.Files) > 0 && (h.Left == nil || k == kit.Failed && !failedBefore) {
			h.Left = &runs[i]
		}
		if i > 0 && (k == kit.Failed) != (view.KindOf(kit.Text(runs[i-1].Status)) == kit.Failed) {
			h.Turns++
		}
	}
	for i := range runs {
		x := runs[len(runs)-1-i]
		height := max(2, 88*float64(kit.Number(x.DurationInNanoSeconds))/float64(longest))
		h.Bars = append(
			h.Bars,
			caseBar{
				X:      kit.Decimal(float64(24*i) + 4),
				Y:      kit.Decimal(100 - height),
				Height: kit.Decimal(height),
				Kind:   view.KindOf(kit.Text(x.Status)),
				Say:    kit.Text(x.Status) + ", " + nanos(x.DurationInNanoSeconds),
			},
		)
	}
}
