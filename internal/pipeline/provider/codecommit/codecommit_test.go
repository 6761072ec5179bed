package codecommit_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"slipway/api/codecommit"
	cp "slipway/api/codepipeline"
	"slipway/internal/object"
	"slipway/internal/pipeline"
	provider "slipway/internal/pipeline/provider/codecommit"
)

var errDisk = errors.New("the disk is full")

// source is a repository with a tip and other commits, and a place for artifacts.
type source struct {
	archive  string // the files of any commit
	broken   error  // of archives
	full     error  // of the place for artifacts
	archived string // the commit that was archived last
	written  string
}

func commit(id string) codecommit.Commit {
	return codecommit.Commit{
		CommitId:  &id,
		Message:   new("  Say hello\n\nBecause.\n"),
		Author:    &codecommit.UserInfo{Date: new("1700000000 +0200")},
		Committer: &codecommit.UserInfo{Date: new("nonsense")},
	}
}

func (s *source) Tip(_ context.Context, repository, branch string) (codecommit.Commit, error) {
	if branch != "main" {
		return codecommit.Commit{}, &codecommit.BranchDoesNotExistException{Message: repository + " has no " + branch}
	}
	return commit("tip"), nil
}

func (s *source) GetCommit(
	_ context.Context,
	in *codecommit.GetCommitInput,
) (*codecommit.GetCommitOutput, error) {
	return &codecommit.GetCommitOutput{Commit: new(commit(*in.CommitId))}, nil
}

func (s *source) Archive(_ context.Context, _, commit string, w io.Writer) error {
	s.archived = commit
	if _, err := io.WriteString(w, s.archive); err != nil {
		return err
	}
	return s.broken
}

func (s *source) Put(
	_ context.Context,
	_, _ string,
	body io.Reader,
	_ *object.Meta,
	_ object.Condition,
) (object.Object, error) {
	if s.full != nil {
		return object.Object{}, s.full
	}
	text, err := io.ReadAll(body)
	s.written = string(text)
	return object.Object{}, err
}

func start(t *testing.T, s *source, branch string, overrides ...cp.SourceRevisionOverride) (pipeline.Outcome, error) {
	t.Helper()
	p := &provider.Provider{Repositories: s, Artifacts: s}
	return p.Start(t.Context(), &pipeline.Action{
		Configuration: map[string]string{"RepositoryName": "web", "BranchName": branch},
		Outputs:       []cp.ArtifactDetail{{S3location: &cp.S3Location{Bucket: new("artifacts"), Key: new("key")}}},
		Overrides:     overrides,
	})
}

func TestStartTakesTheTipOfTheBranch(t *testing.T) {
	t.Parallel()
	s := &source{archive: "files"}
	o, err := start(t, s, "main")
	if err != nil {
		t.Fatal(err)
	}
	if s.archived != "tip" || s.written != "files" {
		t.Errorf("archived %q into %q, want the tip", s.archived, s.written)
	}
	r := o.Result
	if r.Revision.ID != "tip" || r.Revision.URL != "/repositories/web/commits/tip" ||
		r.Revision.Summary != "Say hello\n\nBecause." || !r.Revision.Created.Equal(time.Unix(0, 0)) {
		t.Errorf("revision %+v", *r.Revision)
	}
	if r.Variables["CommitId"] != "tip" || r.Variables["AuthorDate"] != "2023-11-14T22:13:20Z" {
		t.Errorf("variables %v", r.Variables)
	}
}

func TestStartTakesTheCommitThatWasAskedFor(t *testing.T) {
	t.Parallel()
	s := &source{}
	asked := cp.SourceRevisionOverride{
		RevisionType:  cp.SourceRevisionTypeCommitId,
		RevisionValue: new("older"),
	}
	if _, err := start(t, s, "main", asked); err != nil || s.archived != "older" {
		t.Errorf("archived %q, %v, want the commit that was asked for", s.archived, err)
	}
}

func TestStartFailsWithWhatItMeets(t *testing.T) {
	t.Parallel()
	_, err := start(t, &source{}, "gone")
	if _, ok := errors.AsType[*codecommit.BranchDoesNotExistException](err); !ok {
		t.Errorf("err = %v, want that of the repository", err)
	}
	if _, err := start(t, &source{archive: "half", broken: errDisk}, "main"); !errors.Is(err, errDisk) {
		t.Errorf("err = %v, want that of the archive", err)
	}
	// The archive is larger than what a pipe holds: it must end with the object, and not wait for ever.
	large := &source{archive: strings.Repeat("x", 1<<20), full: errDisk}
	if _, err := start(t, large, "main"); !errors.Is(err, errDisk) {
		t.Errorf("err = %v, want that of the object store", err)
	}
	_, err = start(t, &source{full: object.ErrNoBucket}, "main")
	if r, ok := errors.AsType[*pipeline.Refusal](err); !ok || !strings.Contains(r.Message, "aws s3 mb s3://artifacts") {
		t.Errorf("err = %v, want a refusal that says how to make the bucket", err)
	}
}

func TestWatchesAndOverrides(t *testing.T) {
	t.Parallel()
	p := &provider.Provider{}
	a := &cp.ActionDeclaration{
		Name:          new("Take"),
		ActionTypeId:  p.Types()[0].ID(),
		Configuration: map[string]string{"RepositoryName": "web", "BranchName": "main"},
	}
	if got := p.Watches(a); len(got) != 1 || got[0] != provider.Branch("web", "main") {
		t.Errorf("it watches %+v", got)
	}
	if err := p.Override(a, cp.SourceRevisionOverride{RevisionType: cp.SourceRevisionTypeCommitId}); err != nil {
		t.Error(err)
	}
	if p.Override(a, cp.SourceRevisionOverride{RevisionType: cp.SourceRevisionTypeImageDigest}) == nil {
		t.Error("it takes the digest of an image")
	}
	a.Configuration["OutputArtifactFormat"] = "CODEBUILD_CLONE_REF"
	if got, want := p.Unsupported(a), "OutputArtifactFormat CODEBUILD_CLONE_REF"; got != want {
		t.Errorf("unsupported is %q, want %q", got, want)
	}
}
