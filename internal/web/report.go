package web

import (
	"net/http"
	"net/url"
	"strings"

	"slipway/api/codebuild"
	"slipway/api/slipway"
)

// reportRoutes are the pages of tests.
func (s *site) reportRoutes(mux *http.ServeMux) {
	for pattern, p := range map[string]page{
		"GET /tests":              s.testsPage,
		"GET /tests/{group}":      s.testGroupPage,
		"GET /tests/{group}/case": s.testCasePage,
		"GET /reports/{name}":     s.reportPage,
	} {
		mux.Handle(pattern, s.signedIn(p))
	}
}

// reportLine is a report in a list.
type reportLine struct {
	codebuild.Report
	Kind  Kind
	Words string
}

func reportPath(arn string) string { return "/reports/" + url.PathEscape(lastPath(arn)) }

func testGroupPath(arn string) string { return "/tests/" + url.PathEscape(lastPath(arn)) }

// lastPath is what follows the last slash of an ARN.
func lastPath(arn string) string { return arn[strings.LastIndexByte(arn, '/')+1:] }

func (s *site) reportARN(kind, name string) string {
	return "arn:aws:codebuild:" + s.Region + ":" + s.Account + ":" + kind + "/" + name
}

// reportLines reads reports by their ARNs, in that order.
func (s *site) reportLines(r *http.Request, arns []string) ([]reportLine, error) {
	if len(arns) == 0 {
		return nil, nil
	}
	out, err := s.Builds.BatchGetReports(
		r.Context(),
		&codebuild.BatchGetReportsInput{ReportArns: arns[:min(100, len(arns))]},
	)
	if err != nil {
		return nil, err
	}
	var all []reportLine
	for _, x := range out.Reports {
		all = append(all, reportLine{x, kindOf(string(x.Status)), reportWords(x)})
	}
	return all, nil
}

const reportsAPage = 50

func (s *site) testsPage(w http.ResponseWriter, r *http.Request, v visitor) error {
	in := &codebuild.ListReportsInput{MaxResults: new(int32(reportsAPage))}
	if after := r.URL.Query().Get("after"); after != "" {
		in.NextToken = &after
	}
	list, err := s.Builds.ListReports(r.Context(), in)
	if err != nil {
		return err
	}
	all, err := s.reportLines(r, list.Reports)
	if err != nil {
		return err
	}
	overview := &slipway.GetTestOverviewOutput{}
	if in.NextToken == nil {
		if overview, err = s.Slipway.GetTestOverview(r.Context(), &slipway.GetTestOverviewInput{}); err != nil {
			return err
		}
	}
	s.render(
		w,
		r,
		http.StatusOK,
		Tests(s.shell(r, v, "Tests", "builds"), overview, all, olderPath("/tests", list.NextToken), s.Now()),
	)
	return nil
}

// olderPath is where a list goes on; "" if it does not.
func olderPath(path string, token *string) string {
	if token == nil {
		return ""
	}
	return path + "?after=" + url.QueryEscape(*token)
}

// testGroupPage shows the newest reports of a group.
func (s *site) testGroupPage(w http.ResponseWriter, r *http.Request, v visitor) error {
	arn := s.reportARN("report-group", r.PathValue("group"))
	in := &codebuild.ListReportsForReportGroupInput{ReportGroupArn: &arn, MaxResults: new(int32(reportsAPage))}
	if after := r.URL.Query().Get("after"); after != "" {
		in.NextToken = &after
	}
	list, err := s.Builds.ListReportsForReportGroup(r.Context(), in)
	if err != nil {
		return err
	}
	all, err := s.reportLines(r, list.Reports)
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
	s.render(
		w,
		r,
		http.StatusOK,
		TestGroup(
			s.shell(r, v, r.PathValue("group"), "builds"),
			r.PathValue("group"),
			overview,
			all,
			olderPath(r.URL.Path, list.NextToken),
			s.Now(),
		),
	)
	return nil
}

// reportView is a report with its test cases: those that failed first, then by a filter.
type reportView struct {
	reportLine
	Group   string
	Build   string // its ID
	Failed  []codebuild.TestCase
	Cases   []codebuild.TestCase
	Keyword string
	More    string
}

const (
	failedShown = 25
	casesShown  = 100
)

func (s *site) reportPage(w http.ResponseWriter, r *http.Request, v visitor) error {
	ctx, arn := r.Context(), s.reportARN("report", r.PathValue("name"))
	lines, err := s.reportLines(r, []string{arn})
	if err != nil {
		return err
	}
	if len(lines) == 0 {
		return &problem{http.StatusNotFound,
			"There is no report " + r.PathValue("name") + ". Reports are kept for 30 days."}
	}
	x := &reportView{
		reportLine: lines[0],
		Group:      lastPath(text(lines[0].ReportGroupArn)),
		Build:      lastPath(text(lines[0].ExecutionId)),
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
	s.render(w, r, http.StatusOK, Report(s.shell(r, v, "Report "+x.Group, "build/"+x.Build), x, s.Now()))
	return nil
}

// casePath leads to the history of a test case.
func casePath(group string, c codebuild.TestCase) string {
	q := url.Values{"name": {text(c.Name)}}
	if text(c.Prefix) != "" {
		q.Set("prefix", *c.Prefix)
	}
	return "/tests/" + url.PathEscape(group) + "/case?" + q.Encode()
}

// caseHistory is how a test case went.
type caseHistory struct {
	Group, Prefix, Name string
	Runs                []slipway.TestRun // the newest first
	Failed, Turns       int
	Bars                []caseBar // the oldest first
}

// caseBar is a run in a drawing that is 24 high.
type caseBar struct {
	X, Y, Height string
	Kind         Kind
	Say          string
}

func (s *site) testCasePage(w http.ResponseWriter, r *http.Request, v visitor) error {
	q := r.URL.Query()
	h := &caseHistory{Group: r.PathValue("group"), Prefix: q.Get("prefix"), Name: q.Get("name")}
	if h.Name == "" {
		return &problem{http.StatusBadRequest, "Name a test case: /tests/GROUP/case?name=NAME"}
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
	s.render(w, r, http.StatusOK, TestCase(s.shell(r, v, h.Name, "builds"), h, s.Now()))
	return nil
}

func (h *caseHistory) add(runs []slipway.TestRun) {
	h.Runs = runs
	var longest int64 = 1
	for i, x := range runs {
		longest = max(longest, number(x.DurationInNanoSeconds))
		k := kindOf(text(x.Status))
		if k == Failed {
			h.Failed++
		}
		if i > 0 && (k == Failed) != (kindOf(text(runs[i-1].Status)) == Failed) {
			h.Turns++
		}
	}
	for i := range runs {
		x := runs[len(runs)-1-i]
		height := max(2, 88*float64(number(x.DurationInNanoSeconds))/float64(longest))
		h.Bars = append(
			h.Bars,
			caseBar{
				X:      decimal(float64(24*i) + 4),
				Y:      decimal(100 - height),
				Height: decimal(height),
				Kind:   kindOf(text(x.Status)),
				Say:    text(x.Status) + ", " + nanos(x.DurationInNanoSeconds),
			},
		)
	}
}
