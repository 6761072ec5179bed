package view

import (
	"context"
	"strings"
	"testing"

	"slipway/api/slipway"
)

// measured is a report of coverage, and the diff of the commit that was built.
type measured struct {
	stages
	diff  []slipway.DiffFile
	files []slipway.CoveredFile
}

func (m measured) GetReportCoverage(context.Context,
	*slipway.GetReportCoverageInput) (*slipway.GetReportCoverageOutput, error) {
	return &slipway.GetReportCoverageOutput{Files: m.files,
		BuildArn: new("arn:aws:codebuild:eu-north-1:1:build/web:11111111-2222-3333-4444-555555555555")}, nil
}

func (m measured) GetDiff(context.Context, *slipway.GetDiffInput) (*slipway.GetDiffOutput, error) {
	return &slipway.GetDiffOutput{Files: m.diff, BeforeCommitId: new("b"), AfterCommitId: &commit}, nil
}

func hunk(first int32, kinds string) slipway.DiffHunk {
	h := slipway.DiffHunk{AfterLine: &first}
	for _, k := range kinds {
		kind := map[rune]slipway.DiffLineKind{'+': slipway.DiffLineKindAdded, '-': slipway.DiffLineKindRemoved,
			' ': slipway.DiffLineKindContext}[k]
		h.Lines = append(h.Lines, slipway.DiffLine{Kind: kind})
	}
	return h
}

func coveredFile(path, covered, missed string) slipway.CoveredFile {
	return slipway.CoveredFile{Path: &path, Covered: &covered, Missed: &missed}
}

func TestChangeCoverage(t *testing.T) {
	const id = "web:11111111-2222-3333-4444-555555555555"
	m := measured{stages: stages{works: map[string]slipway.Work{id: {ID: id, Repository: "web", Commit: commit}}}}
	m.diff = []slipway.DiffFile{
		{Path: new("pkg/a.go"), Hunks: []slipway.DiffHunk{hunk(3, " +-+ +"), hunk(20, "+++")}},
		{Path: new("src/main/java/shop/Cart.java"), Hunks: []slipway.DiffHunk{hunk(1, "++")}},
		{Path: new("README.md"), Hunks: []slipway.DiffHunk{hunk(1, "+")}},
		{Path: new("x/same.go"), Hunks: []slipway.DiffHunk{hunk(1, "+")}},
	}
	m.files = []slipway.CoveredFile{
		coveredFile("example.com/web/pkg/a.go", "4,20", "5,22"),
		coveredFile("shop/Cart.java", "1-2", ""),
		coveredFile("a/x/same.go", "1", ""),
		coveredFile("b/x/same.go", "", "1"),
	}
	v := &Service{Executions: m, Builds: m, Deployments: m, Releases: m, Commits: m, Coverage: m}
	out, err := v.GetChangeCoverage(t.Context(), &slipway.GetChangeCoverageInput{ReportArn: new("arn")})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range out.Files {
		got = append(got, *f.Path+" ran "+*f.Covered+" not "+*f.Missed)
	}
	want := "pkg/a.go ran 4,20 not 5,22; src/main/java/shop/Cart.java ran 1-2 not "
	if s := strings.Join(got, "; "); s != want || *out.LinesCovered != 4 || *out.LinesMissed != 2 {
		t.Errorf("got %s, %d and %d; want %s", s, *out.LinesCovered, *out.LinesMissed, want)
	}
	m.works = nil
	v.Builds = m
	if out, err := v.GetChangeCoverage(t.Context(), &slipway.GetChangeCoverageInput{ReportArn: new("arn")}); err != nil ||
		len(out.Files) != 0 || out.LinesCovered != nil {
		t.Errorf("without a commit: %+v, %v", out, err)
	}
}
