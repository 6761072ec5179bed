package source

import (
	"context"
	"testing"

	"slipway/api/codecommit"
	"slipway/api/slipway"
	"slipway/internal/web/kit"
	"slipway/internal/web/webtest"
)

const (
	older = "1111111111111111111111111111111111111111"
	newer = "2222222222222222222222222222222222222222"
)

// repository has one branch with two commits.
type repository struct{ codecommit.Unimplemented }

func (repository) ListRepositories(context.Context,
	*codecommit.ListRepositoriesInput) (*codecommit.ListRepositoriesOutput, error) {
	return &codecommit.ListRepositoriesOutput{
		Repositories: []codecommit.RepositoryNameIdPair{{RepositoryName: new("greeter")}},
	}, nil
}

func (repository) GetRepository(_ context.Context,
	in *codecommit.GetRepositoryInput) (*codecommit.GetRepositoryOutput, error) {
	if *in.RepositoryName != "greeter" {
		return nil, &codecommit.RepositoryDoesNotExistException{Message: *in.RepositoryName + " does not exist"}
	}
	return &codecommit.GetRepositoryOutput{RepositoryMetadata: &codecommit.RepositoryMetadata{
		RepositoryName: new("greeter"),
		DefaultBranch:  new("main"),
		CloneUrlHttp:   new("http://slipway.example/v1/repos/greeter"),
	}}, nil
}

func (repository) ListBranches(context.Context, *codecommit.ListBranchesInput) (*codecommit.ListBranchesOutput, error) {
	return &codecommit.ListBranchesOutput{Branches: []string{"main", "topic/kind"}}, nil
}

func (repository) GetFolder(context.Context, *codecommit.GetFolderInput) (*codecommit.GetFolderOutput, error) {
	return &codecommit.GetFolderOutput{
		CommitId:   new(newer),
		FolderPath: new("/"),
		SubFolders: []codecommit.Folder{{RelativePath: new("cmd"), AbsolutePath: new("cmd")}},
		Files:      []codecommit.File{{RelativePath: new("greet.go"), AbsolutePath: new("greet.go")}},
	}, nil
}

func (repository) GetFile(_ context.Context, in *codecommit.GetFileInput) (*codecommit.GetFileOutput, error) {
	return &codecommit.GetFileOutput{
		CommitId:    new(newer),
		FilePath:    in.FilePath,
		FileSize:    new(int64(13)),
		FileContent: []byte("package greet"),
	}, nil
}

func (repository) GetCommit(context.Context, *codecommit.GetCommitInput) (*codecommit.GetCommitOutput, error) {
	return &codecommit.GetCommitOutput{Commit: &codecommit.Commit{
		CommitId: new(newer),
		Parents:  []string{older},
		Message:  new("Greet more kindly\n\nPeople asked for it.\n"),
		Author:   &codecommit.UserInfo{Name: new("ada"), Date: new("1795000000 +0000")},
	}}, nil
}

// facts knows what became of the commits.
type facts struct{ slipway.Unimplemented }

func (facts) ListCommits(context.Context, *slipway.ListCommitsInput) (*slipway.ListCommitsOutput, error) {
	return &slipway.ListCommitsOutput{Commits: []slipway.CommitSummary{
		{CommitId: new(newer), Message: new("Greet more kindly"), AuthorName: new("ada"), Time: webtest.At(0)},
	}}, nil
}

func (facts) GetCommitProgress(context.Context,
	*slipway.GetCommitProgressInput) (*slipway.GetCommitProgressOutput, error) {
	return &slipway.GetCommitProgressOutput{Executions: []slipway.CommitExecution{{
		Status: new("Succeeded"),
		Change: &slipway.Change{PipelineName: new("way"), ExecutionId: new("e-1"), ExecutionNumber: new(int64(3))},
		Stages: []slipway.StageMark{{StageName: new("Deploy"), Status: new("Succeeded")}},
	}}}, nil
}

func (facts) GetDiff(context.Context, *slipway.GetDiffInput) (*slipway.GetDiffOutput, error) {
	return &slipway.GetDiffOutput{
		BeforeCommitId: new(older),
		AfterCommitId:  new(newer),
		TotalFiles:     new(int32(1)),
		AddedLines:     new(int64(1)),
		RemovedLines:   new(int64(0)),
		Files: []slipway.DiffFile{{
			Path:         new("greet.go"),
			Change:       slipway.DiffChangeModified,
			AddedLines:   new(int32(1)),
			RemovedLines: new(int32(0)),
			Hunks: []slipway.DiffHunk{{
				BeforeLine: new(int32(1)),
				AfterLine:  new(int32(1)),
				Lines:      []slipway.DiffLine{{Kind: slipway.DiffLineKindAdded, Text: new("// kindly <3")}},
			}},
		}},
	}, nil
}

func TestPages(t *testing.T) {
	p := webtest.Open(t, Routes, kit.Config{Source: repository{}, Slipway: facts{}})
	p.Shows("/repositories", "greeter")
	p.Shows("/repositories/greeter", "cmd/", "greet.go", "main", "http://slipway.example/v1/repos/greeter")
	p.Shows("/repositories/greeter/branches", "topic/kind")
	p.Shows("/repositories/greeter/commits?at=main", "Greet more kindly", "ada")
	p.Shows("/repositories/greeter/commits/"+newer, "Greet more kindly", "People asked for it.", "// kindly <3", "way")
	p.Shows("/repositories/greeter/file?at=main&path=greet.go", "package greet")
	p.Shows("/repositories/greeter/diff?from="+older+"&to="+newer, "greet.go", "// kindly <3")
	if got := p.Status("/repositories/greeter/diff"); got != 400 {
		t.Errorf("a diff of nothing answers %d", got)
	}
	if got := p.Status("/repositories/none"); got != 404 {
		t.Errorf("a repository that is not there answers %d", got)
	}
}
