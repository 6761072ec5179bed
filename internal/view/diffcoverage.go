package view

import (
	"context"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/slipway"
	"slipway/spec/testreport"
)

// Coverage reads the coverage that builds reported.
type Coverage interface {
	GetReportCoverage(ctx context.Context, in *slipway.GetReportCoverageInput) (*slipway.GetReportCoverageOutput, error)
}

// diffLines is how many lines of a diff are compared with a report.
const diffLines = 5000

// GetChangeCoverage implements slipway:GetChangeCoverage: which of the lines that a commit changed, against its first
// parent, ran in the build of the commit, and which did not. Lines without code count for nothing. Without a commit of
// a repository here, all members are empty.
func (s *Service) GetChangeCoverage(ctx context.Context,
	in *slipway.GetChangeCoverageInput) (*slipway.GetChangeCoverageOutput, error) {
	report, err := s.Coverage.GetReportCoverage(ctx, &slipway.GetReportCoverageInput{ReportArn: in.ReportArn})
	if err != nil {
		return nil, err
	}
	out := &slipway.GetChangeCoverageOutput{Files: []slipway.CoveredFile{}}
	_, id, _ := strings.Cut(text(report.BuildArn), ":build/")
	if id == "" {
		return out, nil
	}
	changes, err := s.changes(ctx, []string{id})
	if err != nil {
		return nil, err
	}
	change := changes[id]
	if text(change.RepositoryName) == "" || text(change.CommitId) == "" {
		return out, nil
	}
	diff, err := s.Commits.GetDiff(ctx, &slipway.GetDiffInput{
		RepositoryName:       change.RepositoryName,
		AfterCommitSpecifier: change.CommitId,
		MaxLines:             new(int32(diffLines)),
	})
	switch awsproto.Code(err) {
	case "RepositoryDoesNotExistException", "CommitDoesNotExistException", "CommitIdDoesNotExistException":
		return out, nil // it was deleted, or a push took it away
	}
	if err != nil {
		return nil, err
	}
	out.RepositoryName, out.BeforeCommitId, out.AfterCommitId = change.RepositoryName, diff.BeforeCommitId,
		diff.AfterCommitId
	return out, compare(out, diff, report.Files)
}

// compare adds the changed lines of a diff that ran, and those that did not.
func compare(out *slipway.GetChangeCoverageOutput, diff *slipway.GetDiffOutput, files []slipway.CoveredFile) error {
	out.LinesCovered, out.LinesMissed, out.Truncated = new(int32(0)), new(int32(0)), new(false)
	if diff.Truncated != nil {
		*out.Truncated = *diff.Truncated
	}
	for i := range diff.Files {
		f := &diff.Files[i]
		*out.Truncated = *out.Truncated || f.Truncated != nil && *f.Truncated
		of := fileOf(files, text(f.Path))
		if of == nil {
			continue
		}
		covered, err := testreport.ParseLines(text(of.Covered))
		if err != nil {
			return err
		}
		missed, err := testreport.ParseLines(text(of.Missed))
		if err != nil {
			return err
		}
		var ran, not testreport.Lines
		for _, n := range addedLines(f) {
			if covered.Has(n) {
				ran.Add(n)
			} else if missed.Has(n) {
				not.Add(n)
			}
		}
		if len(ran)+len(not) == 0 {
			continue
		}
		*out.LinesCovered += int32(ran.Count())
		*out.LinesMissed += int32(not.Count())
		out.Files = append(out.Files, slipway.CoveredFile{Path: f.Path, LinesCovered: new(int32(ran.Count())),
			LinesMissed: new(int32(not.Count())), Covered: new(ran.String()), Missed: new(not.String())})
	}
	return nil
}

// addedLines are the numbers of the lines that a diff adds to a file.
func addedLines(f *slipway.DiffFile) (lines []int) {
	for _, h := range f.Hunks {
		n := 0
		if h.AfterLine != nil {
			n = int(*h.AfterLine)
		}
		for _, l := range h.Lines {
			if l.Kind == slipway.DiffLineKindAdded {
				lines = append(lines, n)
			}
			if l.Kind != slipway.DiffLineKindRemoved {
				n++
			}
		}
	}
	return lines
}

// fileOf finds a file of a repository among those of a report. Tools name files by their path in the repository, with
// something before it (the module of Go), or without the first of its folders (packages of Java). A name that fits
// several files equally is none.
func fileOf(files []slipway.CoveredFile, path string) *slipway.CoveredFile {
	var found *slipway.CoveredFile
	best, twice := 0, false
	for i := range files {
		name := text(files[i].Path)
		if name == path {
			return &files[i]
		}
		longer := strings.HasSuffix(name, "/"+path)
		shorter := strings.Contains(name, "/") && strings.HasSuffix(path, "/"+name)
		if !longer && !shorter {
			continue
		}
		switch n := min(len(name), len(path)); {
		case n > best:
			found, best, twice = &files[i], n, false
		case n == best:
			twice = true
		}
	}
	if twice {
		return nil
	}
	return found
}
