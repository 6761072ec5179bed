package report

import (
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/web/kit"
)

// filePath leads to a file of a report.
func filePath(arn string, f slipway.ReportFile) string {
	return kit.ReportPath(arn) + "/file/" + url.PathEscape(kit.Text(f.Sha256))
}

// tracePath leads to what a trace shows.
func tracePath(arn string, f slipway.ReportFile) string {
	return kit.ReportPath(arn) + "/trace/" + url.PathEscape(kit.Text(f.Sha256))
}

// typeOf is a file's type without its parameters.
func typeOf(f slipway.ReportFile) string {
	kind, _, _ := strings.Cut(kit.Text(f.ContentType), ";")
	return kind
}

func isImage(f slipway.ReportFile) bool {
	switch typeOf(f) {
	case "image/png", "image/jpeg", "image/gif", "image/webp":
		return true
	}
	return false
}

func isVideo(f slipway.ReportFile) bool { return typeOf(f) == "video/webm" || typeOf(f) == "video/mp4" }

// isTrace tells whether a file is a trace of Playwright, by its name: it is one of the zips that tests leave.
func isTrace(f slipway.ReportFile) bool {
	return typeOf(f) == "application/zip" && strings.Contains(path.Base(kit.Text(f.Path)), "trace")
}

// leftBy are the files that a test has left.
func leftBy(all []slipway.ReportFile, c codebuild.TestCase) (files []slipway.ReportFile) {
	for _, f := range all {
		if kit.Text(f.Name) == kit.Text(c.Name) && kit.Text(f.Prefix) == kit.Text(c.Prefix) {
			files = append(files, f)
		}
	}
	return files
}

// others are the files of a report that are not beside a failure: of tests that passed, or of none.
func (x *reportView) others() (files []slipway.ReportFile) {
	for _, f := range x.Files {
		beside := slices.ContainsFunc(x.Failed, func(c codebuild.TestCase) bool {
			return kit.Text(f.Name) == kit.Text(c.Name) && kit.Text(f.Prefix) == kit.Text(c.Prefix)
		})
		if !beside {
			files = append(files, f)
		}
	}
	return files
}

// shown says by which headers a file can be looked at: builds wrote it, so nothing of it may act as this site. A page
// runs in a sandbox without an origin and without the network; what cannot be shown is downloaded.
func shown(f slipway.ReportFile) (kind, policy string, inline bool) {
	const sealed = "sandbox; default-src 'none'"
	switch {
	case isImage(f), isVideo(f):
		return typeOf(f), sealed, true
	case slices.Contains([]string{"text/plain", "text/markdown", "text/csv", "application/json"}, typeOf(f)):
		return "text/plain; charset=utf-8", sealed, true
	case typeOf(f) == "text/html":
		return "text/html; charset=utf-8", "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' " +
			"'unsafe-eval' data: blob:; style-src 'unsafe-inline' data:; img-src data: blob:; font-src data:; " +
			"media-src data: blob:; worker-src blob:", true
	}
	return "application/octet-stream", sealed, false
}

func (s *pages) reportFile(w http.ResponseWriter, r *http.Request, _ kit.Visitor) error {
	if s.ReportFile == nil {
		return kit.ErrNoPage
	}
	about, file, err := s.ReportFile(r.Context(), s.reportARN("report", r.PathValue("name")), r.PathValue("sum"))
	if err != nil {
		return err
	}
	defer file.Close()
	kind, policy, inline := shown(about)
	how := "attachment"
	if inline {
		how = "inline"
	}
	serve(w, r, kind, policy, how+"; filename*=UTF-8''"+url.PathEscape(path.Base(kit.Text(about.Path))), file)
	return nil
}

// serve sends bytes that a build wrote.
func serve(w http.ResponseWriter, r *http.Request, kind, policy, disposition string, body io.ReadSeeker) {
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Security-Policy", policy)
	h.Set("Content-Disposition", disposition)
	// They never change, and are asked for in ranges.
	h.Set("Cache-Control", "private, max-age=600")
	http.ServeContent(w, r, "", time.Time{}, body)
}

func (s *pages) tracePage(w http.ResponseWriter, r *http.Request, v kit.Visitor) error {
	arn := s.reportARN("report", r.PathValue("name"))
	t, err := s.Slipway.GetBrowserTrace(r.Context(),
		&slipway.GetBrowserTraceInput{ReportArn: &arn, Sha256: new(r.PathValue("sum"))})
	if err != nil {
		return err
	}
	group, _, _ := strings.Cut(r.PathValue("name"), ":")
	s.Render(w, r, http.StatusOK, Trace(s.Shell(r, v, "Trace", "builds"), group, r.URL.Path, t))
	return nil
}

func (s *pages) traceFrame(w http.ResponseWriter, r *http.Request, _ kit.Visitor) error {
	name := r.URL.Query().Get("name")
	if s.ReportFrame == nil {
		return kit.ErrNoPage
	}
	picture, err := s.ReportFrame(r.Context(), s.reportARN("report", r.PathValue("name")), r.PathValue("sum"), name)
	if err != nil {
		return err
	}
	kind := "image/jpeg"
	if path.Ext(name) == ".png" {
		kind = "image/png"
	}
	serve(w, r, kind, "sandbox; default-src 'none'", "inline", picture)
	return nil
}
