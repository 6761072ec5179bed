package runner

import (
	"context"
	"fmt"
	"strings"

	"slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/spec/buildspec"
	"slipway/spec/testreport"
)

// report reads the results that a build's tools have written, and exports the files to where the report's group says.
func (b *build) report(ctx context.Context, r buildspec.Report, to *slipway.ReportExport) slipway.Report {
	out := slipway.Report{Name: r.Name, Type: codebuild.ReportTypeTest}
	if r.Coverage() {
		out.Type = codebuild.ReportTypeCodeCoverage
	}
	files, release, err := b.space.find(ctx, selection{base: r.BaseDirectory, files: r.Files, discard: r.DiscardPaths})
	defer release()
	if err != nil {
		out.Error = err.Error()
		return out
	}
	if len(files) == 0 {
		out.Error = "no matching report paths found: " + strings.Join(r.Files, ", ")
		return out
	}
	results := testreport.Results{Source: b.space.place.Source}
	var wrong []string
	for _, f := range files {
		file, _, err := openRegular(f.root, f.path)
		if err == nil {
			err = results.Add(r.Format, f.name, under{ctx, file})
			_ = file.Close()
		}
		if err != nil && len(wrong) < 5 {
			wrong = append(wrong, err.Error())
		}
	}
	if !r.Coverage() {
		out.Flaky, out.Files = flaky(results.Flaky), b.attachments(ctx, r, &results)
	}
	if to != nil {
		if err := b.exportReport(ctx, *to, files); err != nil {
			wrong = append(wrong, err.Error())
		}
	}
	out.Cases, out.Truncated, out.Error = results.Cases, results.Truncated, strings.Join(wrong, "\n")
	out.Counts, out.Nanoseconds = results.Counts, results.Nanoseconds
	if r.Coverage() {
		out.Coverage, out.Truncated = coverage(results.Coverage.Files())
	}
	return out
}

// maxMessages bounds the messages of all test cases of a build in bytes, so that a result fits into a request.
const maxMessages = 4 << 20

// shorten cuts long messages where there are too many of them.
func shorten(reports []slipway.Report) {
	total, cases := 0, 0
	for _, r := range reports {
		cases += len(r.Cases)
		for _, c := range r.Cases {
			total += len(value(c.Message))
		}
	}
	if total <= maxMessages {
		return
	}
	limit := maxMessages / cases
	for _, r := range reports {
		for i := range r.Cases {
			if m := value(r.Cases[i].Message); len(m) > limit {
				r.Cases[i].Message = new(strings.ToValidUTF8(m[:limit], "") + "…")
			}
		}
	}
}

// summary says a report in one line.
func summary(r slipway.Report) string {
	s := "Report " + r.Name + ": " + testsSummary(r)
	if c := r.Coverage; c != nil {
		s = "Report " + r.Name + ": " + coverageSummary(c)
	}
	if r.Error != "" {
		s += "; " + r.Error
	}
	return s
}

func testsSummary(r slipway.Report) string {
	total := int32(0)
	for _, n := range r.Counts {
		total += n
	}
	s := fmt.Sprintf("%d test(s), %d failed, %d skipped", total,
		r.Counts[testreport.Failed]+r.Counts[testreport.Error], r.Counts[testreport.Skipped])
	if r.Truncated {
		s += fmt.Sprintf("; %d are kept", len(r.Cases))
	}
	if n := len(r.Flaky); n > 0 {
		s += fmt.Sprintf("; %d passed only when run again", n)
	}
	if n := len(r.Files); n > 0 {
		s += fmt.Sprintf("; %d file(s) of tests", n)
	}
	return s
}
