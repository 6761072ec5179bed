package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codecommit"
	"github.com/aws/aws-sdk-go-v2/service/codecommit/types"
)

func TestCodeCommitRepositories(t *testing.T) {
	t.Parallel()
	i, ctx := up(t), t.Context()
	c := codecommit.NewFromConfig(i.sdk())
	made := must(c.CreateRepository(ctx,
		&codecommit.CreateRepositoryInput{RepositoryName: new("web"), RepositoryDescription: new("first"),
			Tags: map[string]string{"team": "a"}}))(t)
	m := made.RepositoryMetadata
	if *m.Arn != "arn:aws:codecommit:"+region+":"+account+":web" || *m.AccountId != account ||
		*m.CloneUrlHttp != i.url+"/v1/repos/web" || m.CreationDate == nil {
		t.Errorf("metadata %+v", m)
	}
	_, err := c.CreateRepository(ctx, &codecommit.CreateRepositoryInput{RepositoryName: new("web")})
	says(t, err, "RepositoryNameExistsException")
	_, err = c.CreateRepository(ctx, &codecommit.CreateRepositoryInput{RepositoryName: new("../../etc")})
	says(t, err, "InvalidRepositoryNameException")
	_, err = c.GetRepository(ctx, &codecommit.GetRepositoryInput{RepositoryName: new("none")})
	says(t, err, "RepositoryDoesNotExistException")

	must(c.UpdateRepositoryDescription(ctx,
		&codecommit.UpdateRepositoryDescriptionInput{RepositoryName: new("web"),
			RepositoryDescription: new("second")}))(t)
	_, err = c.UpdateRepositoryDescription(ctx,
		&codecommit.UpdateRepositoryDescriptionInput{RepositoryName: new("none"), RepositoryDescription: new("second")})
	says(t, err, "RepositoryDoesNotExistException")
	must(c.CreateRepository(ctx, &codecommit.CreateRepositoryInput{RepositoryName: new("other")}))(t)
	_, err = c.UpdateRepositoryName(ctx,
		&codecommit.UpdateRepositoryNameInput{OldName: new("web"), NewName: new("other")})
	says(t, err, "RepositoryNameExistsException")
	must(c.UpdateRepositoryName(ctx,
		&codecommit.UpdateRepositoryNameInput{OldName: new("web"), NewName: new("site")}))(t)
	got := must(c.GetRepository(ctx, &codecommit.GetRepositoryInput{RepositoryName: new("site")}))(t)
	if *got.RepositoryMetadata.RepositoryDescription != "second" ||
		*got.RepositoryMetadata.RepositoryId != *m.RepositoryId {
		t.Errorf("after renaming: %+v", got.RepositoryMetadata)
	}
	batch := must(c.BatchGetRepositories(ctx,
		&codecommit.BatchGetRepositoriesInput{RepositoryNames: []string{"site", "none"}}))(t)
	if len(batch.Repositories) != 1 || len(batch.RepositoriesNotFound) != 1 || batch.RepositoriesNotFound[0] != "none" {
		t.Errorf("batch %+v", batch)
	}
	_, err = c.BatchGetRepositories(ctx, &codecommit.BatchGetRepositoriesInput{RepositoryNames: []string{}})
	says(t, err, "RepositoryNamesRequiredException")
	list := must(c.ListRepositories(ctx,
		&codecommit.ListRepositoriesInput{SortBy: types.SortByEnumRepositoryName, Order: types.OrderEnumDescending}))(t)
	if len(list.Repositories) != 2 || *list.Repositories[0].RepositoryName != "site" {
		t.Errorf("list %+v", list.Repositories)
	}
	_, err = c.ListRepositories(ctx, &codecommit.ListRepositoriesInput{NextToken: new("made up")})
	says(t, err, "InvalidContinuationTokenException")

	arn := got.RepositoryMetadata.Arn
	must(c.TagResource(ctx, &codecommit.TagResourceInput{ResourceArn: arn, Tags: map[string]string{"stage": "one"}}))(t)
	must(c.UntagResource(ctx, &codecommit.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"team"}}))(t)
	tags := must(c.ListTagsForResource(ctx, &codecommit.ListTagsForResourceInput{ResourceArn: arn}))(t)
	if len(tags.Tags) != 1 || tags.Tags["stage"] != "one" {
		t.Errorf("tags %v", tags.Tags)
	}
	_, err = c.TagResource(ctx,
		&codecommit.TagResourceInput{ResourceArn: new("arn:aws:codecommit:" + region + ":" + account + ":none"),
			Tags: map[string]string{"a": "b"}})
	says(t, err, "RepositoryDoesNotExistException")

	gone := must(c.DeleteRepository(ctx, &codecommit.DeleteRepositoryInput{RepositoryName: new("site")}))(t)
	if *gone.RepositoryId != *m.RepositoryId {
		t.Errorf("deleted %s", *gone.RepositoryId)
	}
	if again := must(c.DeleteRepository(ctx,
		&codecommit.DeleteRepositoryInput{RepositoryName: new("site")}))(t); again.RepositoryId != nil {
		t.Errorf("deleting what is gone answered an ID, %s", *again.RepositoryId)
	}
	_, err = c.DeleteRepository(ctx, &codecommit.DeleteRepositoryInput{RepositoryName: new("no good!")})
	says(t, err, "InvalidRepositoryNameException")
}

func TestCodeCommitContent(t *testing.T) { //nolint:funlen // one story, told call by call
	t.Parallel()
	i, ctx := up(t), t.Context()
	c := codecommit.NewFromConfig(i.sdk())
	web := new("web")
	must(c.CreateRepository(ctx, &codecommit.CreateRepositoryInput{RepositoryName: web}))(t)
	first := must(c.PutFile(ctx,
		&codecommit.PutFileInput{RepositoryName: web, BranchName: new("main"), FilePath: new("docs/read me.txt"),
			FileContent:   []byte("one\n"),
			CommitMessage: new("first"), Name: new("Ada"), Email: new("ada@example.com")}))(t)
	_, err := c.PutFile(ctx,
		&codecommit.PutFileInput{RepositoryName: web, BranchName: new("main"), FilePath: new("b.txt"),
			FileContent: []byte("b")})
	says(t, err, "ParentCommitIdRequiredException")
	_, err = c.PutFile(ctx,
		&codecommit.PutFileInput{RepositoryName: web, BranchName: new("main"), FilePath: new("../b.txt"),
			FileContent: []byte("b"), ParentCommitId: first.CommitId})
	says(t, err, "InvalidPathException")

	second := must(c.CreateCommit(ctx,
		&codecommit.CreateCommitInput{RepositoryName: web, BranchName: new("main"), ParentCommitId: first.CommitId,
			CommitMessage: new("second"),
			PutFiles: []types.PutFileEntry{
				{FilePath: new("bin/run"), FileContent: []byte("#!/bin/sh\n"),
					FileMode: types.FileModeTypeEnumExecutable},
				{FilePath: new("a.txt"), FileContent: []byte("a\n")},
				{FilePath: new("z.txt"), FileContent: []byte("z\n")},
			}, DeleteFiles: []types.DeleteFileEntry{{FilePath: new("docs/read me.txt")}}}))(t)
	if len(second.FilesAdded) != 3 || len(second.FilesDeleted) != 1 {
		t.Errorf("commit %+v", second)
	}
	_, err = c.CreateCommit(ctx,
		&codecommit.CreateCommitInput{RepositoryName: web, BranchName: new("main"), ParentCommitId: first.CommitId,
			PutFiles: []types.PutFileEntry{{FilePath: new("q"), FileContent: []byte("q")}}})
	says(t, err, "ParentCommitIdOutdatedException")
	_, err = c.CreateCommit(ctx,
		&codecommit.CreateCommitInput{RepositoryName: web, BranchName: new("main"), ParentCommitId: second.CommitId})
	says(t, err, "FileEntryRequiredException")

	commit := must(c.GetCommit(ctx,
		&codecommit.GetCommitInput{RepositoryName: web, CommitId: second.CommitId}))(t).Commit
	if strings.TrimSpace(*commit.Message) != "second" || len(commit.Parents) != 1 ||
		commit.Parents[0] != *first.CommitId || *commit.TreeId != *second.TreeId {
		t.Errorf("commit %+v", commit)
	}
	_, err = c.GetCommit(ctx,
		&codecommit.GetCommitInput{RepositoryName: web, CommitId: new(strings.Repeat("0123", 10))})
	says(t, err, "CommitIdDoesNotExistException")
	commits := must(c.BatchGetCommits(ctx,
		&codecommit.BatchGetCommitsInput{RepositoryName: web,
			CommitIds: []string{*first.CommitId, strings.Repeat("ab", 20)}}))(t)
	if len(commits.Commits) != 1 || len(commits.Errors) != 1 ||
		*commits.Errors[0].ErrorCode != "CommitIdDoesNotExistException" {
		t.Errorf("commits %+v", commits)
	}
	_, err = c.BatchGetCommits(ctx, &codecommit.BatchGetCommitsInput{RepositoryName: web, CommitIds: []string{}})
	says(t, err, "CommitIdsListRequiredException")

	file := must(c.GetFile(ctx, &codecommit.GetFileInput{RepositoryName: web, FilePath: new("bin/run")}))(t)
	if string(file.FileContent) != "#!/bin/sh\n" || file.FileMode != types.FileModeTypeEnumExecutable ||
		*file.CommitId != *second.CommitId {
		t.Errorf("file %+v", file)
	}
	_, err = c.GetFile(ctx, &codecommit.GetFileInput{RepositoryName: web, FilePath: new("docs/read me.txt")})
	says(t, err, "FileDoesNotExistException")
	blob := must(c.GetBlob(ctx, &codecommit.GetBlobInput{RepositoryName: web, BlobId: file.BlobId}))(t)
	if string(blob.Content) != "#!/bin/sh\n" {
		t.Errorf("blob %q", blob.Content)
	}
	_, err = c.GetBlob(ctx, &codecommit.GetBlobInput{RepositoryName: web, BlobId: new(strings.Repeat("ab", 20))})
	says(t, err, "BlobIdDoesNotExistException")
	folder := must(c.GetFolder(ctx, &codecommit.GetFolderInput{RepositoryName: web, FolderPath: new("/")}))(t)
	if len(folder.SubFolders) != 1 || *folder.SubFolders[0].RelativePath != "bin" || len(folder.Files) != 2 {
		t.Errorf("folder %+v", folder)
	}
	_, err = c.GetFolder(ctx, &codecommit.GetFolderInput{RepositoryName: web, FolderPath: new("none")})
	says(t, err, "FolderDoesNotExistException")

	var paths []string
	pages := codecommit.NewGetDifferencesPaginator(c,
		&codecommit.GetDifferencesInput{RepositoryName: web, BeforeCommitSpecifier: first.CommitId,
			AfterCommitSpecifier: new("main"), MaxResults: new(int32(1))})
	for pages.HasMorePages() {
		page := must(pages.NextPage(ctx))(t)
		if len(page.Differences) > 1 {
			t.Errorf("a page of one has %d", len(page.Differences))
		}
		for _, d := range page.Differences {
			path := d.AfterBlob
			if path == nil {
				path = d.BeforeBlob
			}
			paths = append(paths, string(d.ChangeType)+" "+*path.Path)
		}
	}
	if got := strings.Join(paths, ", "); got != "A a.txt, A bin/run, D docs/read me.txt, A z.txt" {
		t.Errorf("differences %s", got)
	}
	_, err = c.GetDifferences(ctx,
		&codecommit.GetDifferencesInput{RepositoryName: web, AfterCommitSpecifier: new("none")})
	says(t, err, "CommitDoesNotExistException")

	third := must(c.DeleteFile(ctx,
		&codecommit.DeleteFileInput{RepositoryName: web, BranchName: new("main"), FilePath: new("z.txt"),
			ParentCommitId: second.CommitId}))(t)
	_, err = c.DeleteFile(ctx,
		&codecommit.DeleteFileInput{RepositoryName: web, BranchName: new("main"), FilePath: new("z.txt"),
			ParentCommitId: third.CommitId})
	says(t, err, "FileDoesNotExistException")

	must(c.CreateBranch(ctx,
		&codecommit.CreateBranchInput{RepositoryName: web, BranchName: new("topic"), CommitId: first.CommitId}))(t)
	_, err = c.CreateBranch(ctx,
		&codecommit.CreateBranchInput{RepositoryName: web, BranchName: new("topic"), CommitId: first.CommitId})
	says(t, err, "BranchNameExistsException")
	branch := must(c.GetBranch(ctx, &codecommit.GetBranchInput{RepositoryName: web, BranchName: new("topic")}))(t)
	if *branch.Branch.CommitId != *first.CommitId {
		t.Errorf("branch %+v", branch.Branch)
	}
	_, err = c.GetBranch(ctx, &codecommit.GetBranchInput{RepositoryName: web, BranchName: new("none")})
	says(t, err, "BranchDoesNotExistException")
	if list := must(c.ListBranches(ctx,
		&codecommit.ListBranchesInput{RepositoryName: web}))(t); fmt.Sprint(list.Branches) != "[main topic]" {
		t.Errorf("branches %v", list.Branches)
	}
	_, err = c.ListBranches(ctx, &codecommit.ListBranchesInput{RepositoryName: new("none")})
	says(t, err, "RepositoryDoesNotExistException")
	_, err = c.DeleteBranch(ctx, &codecommit.DeleteBranchInput{RepositoryName: web, BranchName: new("main")})
	says(t, err, "DefaultBranchCannotBeDeletedException")
	must(c.UpdateDefaultBranch(ctx,
		&codecommit.UpdateDefaultBranchInput{RepositoryName: web, DefaultBranchName: new("topic")}))(t)
	_, err = c.UpdateDefaultBranch(ctx,
		&codecommit.UpdateDefaultBranchInput{RepositoryName: web, DefaultBranchName: new("none")})
	says(t, err, "BranchDoesNotExistException")
	deleted := must(c.DeleteBranch(ctx, &codecommit.DeleteBranchInput{RepositoryName: web, BranchName: new("main")}))(t)
	if *deleted.DeletedBranch.CommitId != *third.CommitId {
		t.Errorf("deleted %+v", deleted.DeletedBranch)
	}
	// What the API wrote is what git sees.
	dir := i.checkout("web")
	i.git(dir, "pull", "-q", "origin", "topic")
	if out := i.git(dir, "log", "--format=%an <%ae> %s", "-1"); out != "Ada <ada@example.com> first\n" {
		t.Errorf("git log says %q", out)
	}
}
