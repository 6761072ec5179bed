package report

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/google/uuid"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/store"
)

// maxUnpacked bounds the files of a report in bytes.
const maxUnpacked = 16 << 20

// pack makes the text that the files of a report are kept as.
func pack(files []slipway.FileCoverage) (string, error) {
	var out bytes.Buffer
	text := base64.NewEncoder(base64.StdEncoding, &out)
	z := gzip.NewWriter(text)
	if err := json.NewEncoder(z).Encode(files); err != nil {
		return "", err
	}
	if err := z.Close(); err != nil {
		return "", err
	}
	return out.String(), text.Close()
}

// unpack reads what pack makes; "" has no files.
func unpack(text string) (files []slipway.FileCoverage, err error) {
	if text == "" {
		return nil, nil
	}
	z, err := gzip.NewReader(base64.NewDecoder(base64.StdEncoding, strings.NewReader(text)))
	if err != nil {
		return nil, fmt.Errorf("the coverage that is kept cannot be read: %w", err)
	}
	if err := json.NewDecoder(io.LimitReader(z, maxUnpacked)).Decode(&files); err != nil {
		return nil, fmt.Errorf("the coverage that is kept cannot be read: %w", err)
	}
	return files, nil
}

// percentage is how much of something was covered; nil where there was nothing to cover.
func percentage(covered, missed int32) *float64 {
	total := float64(covered) + float64(missed)
	if total == 0 {
		return nil
	}
	return new(100 * float64(covered) / total)
}

// coverageSummary is what CodeBuild says of a report of coverage.
func coverageSummary(c *slipway.Coverage) *cb.CodeCoverageReportSummary {
	if c == nil {
		c = &slipway.Coverage{}
	}
	return &cb.CodeCoverageReportSummary{
		LineCoveragePercentage:   percentage(c.LinesCovered, c.LinesMissed),
		LinesCovered:             &c.LinesCovered,
		LinesMissed:              &c.LinesMissed,
		BranchCoveragePercentage: percentage(c.BranchesCovered, c.BranchesMissed),
		BranchesCovered:          &c.BranchesCovered,
		BranchesMissed:           &c.BranchesMissed,
	}
}

// coverages reads a report with its files; nil if there is none.
func (s *Service) coverages(ctx context.Context, arn string) (*cb.Report, []slipway.FileCoverage, error) {
	var r cb.Report
	var text string
	found, err := store.Find(ctx, s.db, []any{store.JSON(&r), &text}, `SELECT doc, files FROM reports WHERE arn = $1`,
		arn)
	if err != nil || !found {
		return nil, nil, err
	}
	files, err := unpack(text)
	return &r, files, err
}

// DescribeCodeCoverages implements codebuild:DescribeCodeCoverages: the files of a report, by their paths unless asked
// otherwise. Files without a line of code have no percentage, and count as wholly covered.
func (s *Service) DescribeCodeCoverages(ctx context.Context,
	in *cb.DescribeCodeCoveragesInput) (*cb.DescribeCodeCoveragesOutput, error) {
	if err := s.checkARN("report", *in.ReportArn); err != nil {
		return nil, err
	}
	least, most := 0.0, 100.0
	if in.MinLineCoveragePercentage != nil {
		least = *in.MinLineCoveragePercentage
	}
	if in.MaxLineCoveragePercentage != nil {
		most = *in.MaxLineCoveragePercentage
	}
	filter := []string{*in.ReportArn, string(in.SortBy), string(in.SortOrder), fmt.Sprint(least), fmt.Sprint(most)}
	from := 0
	if !s.Pager.Place("DescribeCodeCoverages", filter, in.NextToken, &from) {
		return nil, badToken()
	}
	r, files, err := s.coverages(ctx, *in.ReportArn)
	if err != nil {
		return nil, err
	}
	if r == nil { // the only error that the model of the operation has
		return nil, invalid("Report cannot be found: %s", *in.ReportArn)
	}
	files = slices.DeleteFunc(files, func(f slipway.FileCoverage) bool {
		p := lineRate(f)
		return p < least || p > most
	})
	order(files, in.SortBy, in.SortOrder)
	out := &cb.DescribeCodeCoveragesOutput{CodeCoverages: []cb.CodeCoverage{}}
	end := min(from+limit(in.MaxResults), len(files))
	for _, f := range files[min(from, end):end] {
		out.CodeCoverages = append(out.CodeCoverages, codeCoverage(r, f))
	}
	if end < len(files) {
		out.NextToken = s.Pager.Token("DescribeCodeCoverages", filter, end)
	}
	return out, nil
}

// GetReportCoverage implements slipway:GetReportCoverage: the files of a report with the numbers of their lines, those
// with the most missed lines first.
func (s *Service) GetReportCoverage(ctx context.Context,
	in *slipway.GetReportCoverageInput) (*slipway.GetReportCoverageOutput, error) {
	if err := s.checkARN("report", *in.ReportArn); err != nil {
		return nil, err
	}
	r, files, err := s.coverages(ctx, *in.ReportArn)
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, &cb.ResourceNotFoundException{Message: "Report cannot be found: " + *in.ReportArn}
	}
	slices.SortStableFunc(files, func(a, b slipway.FileCoverage) int {
		return cmp.Or(cmp.Compare(b.LinesMissed, a.LinesMissed), strings.Compare(a.Path, b.Path))
	})
	out := &slipway.GetReportCoverageOutput{BuildArn: r.ExecutionId, Files: []slipway.CoveredFile{}}
	for _, f := range files {
		out.Files = append(out.Files, slipway.CoveredFile{
			Path:            &f.Path,
			LinesCovered:    &f.LinesCovered,
			LinesMissed:     &f.LinesMissed,
			BranchesCovered: &f.BranchesCovered,
			BranchesMissed:  &f.BranchesMissed,
			Covered:         &f.Covered,
			Missed:          &f.Missed,
		})
	}
	return out, nil
}

func lineRate(f slipway.FileCoverage) float64 {
	if p := percentage(f.LinesCovered, f.LinesMissed); p != nil {
		return *p
	}
	return 100
}

func order(files []slipway.FileCoverage, by cb.ReportCodeCoverageSortByType, direction cb.SortOrderType) {
	slices.SortFunc(files, func(a, b slipway.FileCoverage) int {
		if direction == cb.SortOrderTypeDescending {
			a, b = b, a
		}
		n := 0
		if by == cb.ReportCodeCoverageSortByTypeLineCoveragePercentage {
			n = cmp.Compare(lineRate(a), lineRate(b))
		}
		return cmp.Or(n, strings.Compare(a.Path, b.Path))
	})
}

func codeCoverage(r *cb.Report, f slipway.FileCoverage) cb.CodeCoverage {
	id := uuid.NewSHA1(uuid.NameSpaceURL, []byte(awsproto.Value(r.Arn)+"/"+f.Path)).String()
	return cb.CodeCoverage{
		Id:                       &id,
		ReportARN:                r.Arn,
		FilePath:                 &f.Path,
		LineCoveragePercentage:   percentage(f.LinesCovered, f.LinesMissed),
		LinesCovered:             &f.LinesCovered,
		LinesMissed:              &f.LinesMissed,
		BranchCoveragePercentage: percentage(f.BranchesCovered, f.BranchesMissed),
		BranchesCovered:          &f.BranchesCovered,
		BranchesMissed:           &f.BranchesMissed,
		Expired:                  r.Expired,
	}
}
