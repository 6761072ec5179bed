package source_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"slipway/api/awsproto"
	cc "slipway/api/codecommit"
)

func file(path, content string) cc.PutFileEntry {
	return cc.PutFileEntry{FilePath: &path, FileContent: []byte(content)}
}

func remove(paths ...string) (all []cc.DeleteFileEntry) {
	for _, p := range paths {
		all = append(all, cc.DeleteFileEntry{FilePath: &p})
	}
	return all
}

// seeded is a repository with a/x, a/y (executable), b, and returns its first commit.
func seeded(h *house) string {
	h.t.Helper()
	h.create("app")
	out, err := h.CreateCommit(h.caller(),
		&cc.CreateCommitInput{RepositoryName: new("app"), BranchName: new("main"), CommitMessage: new("First"),
			AuthorName: new("Ann <x>"), Email: new("ann@example.org"),
			PutFiles: []cc.PutFileEntry{file("a/x", "x"),
				{FilePath: new("a/y"), FileContent: []byte("y"), FileMode: cc.FileModeTypeEnumExecutable},
				file("b", "b"), file("c/only", "only"), file("d/.gitkeep", "")}})
	if err != nil {
		h.t.Fatal(err)
	}
	return *out.CommitId
}

// files lists a commit's files as "mode path".
func (h *house) files(commit string) []string {
	h.t.Helper()
	m, err := h.Find(h.t.Context(), "app")
	if err != nil {
		h.t.Fatal(err)
	}
	var all []string
	for line := range strings.Lines(h.git(h.t.TempDir(), "--git-dir="+h.folder()+"/"+*m.RepositoryId+".git", "ls-tree",
		"-r",
		commit)) {
		meta, name, _ := strings.Cut(strings.TrimSpace(line), "\t")
		all = append(all, strings.Fields(meta)[0]+" "+name)
	}
	return all
}

func TestCreateCommit(t *testing.T) {
	t.Parallel()
	h := open(t)
	first := seeded(h)
	if p := h.pushed(); p.New != first || p.Ref != "refs/heads/main" {
		t.Errorf("push = %+v", p)
	}
	c, err := h.Tip(t.Context(), "app", "main")
	if err != nil || *c.CommitId != first || *c.Message != "First" || *c.Author.Name != "Ann x" ||
		*c.Author.Email != "ann@example.org" || len(c.Parents) != 0 {
		t.Errorf("tip = %+v, %v", c, err)
	}
	out, err := h.CreateCommit(h.caller(),
		&cc.CreateCommitInput{RepositoryName: new("app"), BranchName: new("main"), ParentCommitId: &first,
			KeepEmptyFolders: new(true),
			PutFiles: []cc.PutFileEntry{
				file("new/\"quoted\" ü\\.txt", "new"), file("b", "b2"),
				{FilePath: new("moved"), SourceFile: &cc.SourceFileSpecifier{FilePath: new("a/y"), IsMove: new(true)}},
				{FilePath: new("copied"), SourceFile: &cc.SourceFileSpecifier{FilePath: new("a/x")}},
				{FilePath: new("link"), FileContent: []byte("b"), FileMode: cc.FileModeTypeEnumSymlink},
			},
			DeleteFiles:  remove("c/only"),
			SetFileModes: []cc.SetFileModeEntry{{FilePath: new("a/x"), FileMode: cc.FileModeTypeEnumExecutable}},
		})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"100644 b", "100644 c/.gitkeep", "100644 copied", "100644 d/.gitkeep", "100755 a/x",
		"100755 moved", "120000 link", `100644 "new/\"quoted\" \303\274\\.txt"`}
	got := h.files(*out.CommitId)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("files\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if len(out.FilesAdded) != 5 || len(out.FilesUpdated) != 2 || len(out.FilesDeleted) != 2 {
		t.Errorf("added %d, updated %d, deleted %d", len(out.FilesAdded), len(out.FilesUpdated), len(out.FilesDeleted))
	}
	c, err = h.Tip(t.Context(), "app", "main")
	if err != nil || *c.TreeId != *out.TreeId || *c.CommitId != *out.CommitId ||
		!slices.Equal(c.Parents, []string{first}) || *c.Author.Name != "alice" ||
		!strings.HasSuffix(*c.Author.Date, " +0000") {
		t.Errorf("tip = %+v, %v", c, err)
	}
}

func TestPutAndDeleteFile(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.create("app")
	put, err := h.PutFile(h.caller(),
		&cc.PutFileInput{RepositoryName: new("app"), BranchName: new("main"), FilePath: new("/run.sh"),
			FileContent: []byte("echo"), FileMode: cc.FileModeTypeEnumExecutable})
	if err != nil {
		t.Fatal(err)
	}
	got, err := h.GetFile(t.Context(), &cc.GetFileInput{RepositoryName: new("app"), FilePath: new("run.sh")})
	if err != nil || string(got.FileContent) != "echo" || *got.BlobId != *put.BlobId ||
		got.FileMode != cc.FileModeTypeEnumExecutable {
		t.Errorf("%+v, %v", got, err)
	}
	again := &cc.PutFileInput{RepositoryName: new("app"), BranchName: new("main"), FilePath: new("run.sh"),
		FileContent: []byte("echo"), ParentCommitId: put.CommitId}
	if _, err := h.PutFile(h.caller(), again); awsproto.Code(err) != "SameFileContentException" {
		t.Errorf("the same content: %v", err)
	}
	again.FileContent = []byte{}
	if put, err = h.PutFile(h.caller(), again); err != nil {
		t.Fatal(err)
	}
	if c, err := h.Tip(t.Context(), "app", "main"); err != nil || *c.Message != "Edited run.sh" {
		t.Errorf("message %v, %v", *c.Message, err)
	}
	if _, err := h.DeleteFile(h.caller(),
		&cc.DeleteFileInput{RepositoryName: new("app"), BranchName: new("main"), FilePath: new("none"),
			ParentCommitId: put.CommitId}); awsproto.Code(err) != "FileDoesNotExistException" {
		t.Errorf("delete of what is not there: %v", err)
	}
	del, err := h.DeleteFile(h.caller(),
		&cc.DeleteFileInput{RepositoryName: new("app"), BranchName: new("main"), FilePath: new("run.sh"),
			ParentCommitId: put.CommitId})
	if err != nil || *del.BlobId != *put.BlobId {
		t.Errorf("%+v, %v", del, err)
	}
	if files := h.files(*del.CommitId); len(files) != 0 {
		t.Errorf("left: %v", files)
	}
}

func TestRefusedCommits(t *testing.T) {
	t.Parallel()
	h := open(t)
	first := seeded(h)
	dir := h.clone("app")
	h.git(dir, "tag", "v1")
	h.git(dir, "push", "--quiet", "origin", "v1")
	many := make([]cc.PutFileEntry, 101)
	for i := range many {
		many[i] = file(fmt.Sprint("f", i), "x")
	}
	type in = cc.CreateCommitInput
	for want, cases := range map[string][]in{
		"FileEntryRequiredException":          {{}},
		"MaximumFileEntriesExceededException": {{PutFiles: many}},
		"NoChangeException": {{PutFiles: []cc.PutFileEntry{file("b", "b")}},
			{SetFileModes: []cc.SetFileModeEntry{{FilePath: new("b"), FileMode: cc.FileModeTypeEnumNormal}}}},
		"SamePathRequestException": {{PutFiles: []cc.PutFileEntry{file("b", "2")},
			DeleteFiles: remove("b")}, {DeleteFiles: remove("b", "b")},
			{PutFiles: []cc.PutFileEntry{file("n", "1"), file("n", "2")}}},
		"FileNameConflictsWithDirectoryNameException": {{PutFiles: []cc.PutFileEntry{file("a", "file")}}},
		"DirectoryNameConflictsWithFileNameException": {{PutFiles: []cc.PutFileEntry{file("b/c", "file")}}},
		"PutFileEntryConflictException": {
			{PutFiles: []cc.PutFileEntry{file("n", "file"), file("n/m", "file")}},
		},
		"FileDoesNotExistException": {{DeleteFiles: remove("none")}, {DeleteFiles: remove("a")},
			{SetFileModes: []cc.SetFileModeEntry{{FilePath: new("none"), FileMode: cc.FileModeTypeEnumNormal}}}},
		"FileContentSizeLimitExceededException": {
			{PutFiles: []cc.PutFileEntry{file("big", strings.Repeat("x", 6<<20+1))}},
		},
		"SourceFileOrContentRequiredException": {{PutFiles: []cc.PutFileEntry{{FilePath: new("n")}}}},
		"FileContentAndSourceFileSpecifiedException": {
			{
				PutFiles: []cc.PutFileEntry{{FilePath: new("n"), FileContent: []byte("x"),
					SourceFile: &cc.SourceFileSpecifier{FilePath: new("b")}}},
			},
		},
		"RestrictedSourceFileException": {
			{
				PutFiles: []cc.PutFileEntry{{FilePath: new("n"),
					SourceFile: &cc.SourceFileSpecifier{FilePath: new("d/.gitkeep")}}},
			},
		},
		"InvalidPathException": {{PutFiles: []cc.PutFileEntry{file("../x", "x")}},
			{PutFiles: []cc.PutFileEntry{file(".git/config", "x")}}, {PutFiles: []cc.PutFileEntry{file("a//b", "x")}},
			{DeleteFiles: remove("x/../../y")}},
		"ParentCommitIdRequiredException": {{ParentCommitId: new(""), PutFiles: []cc.PutFileEntry{file("n", "n")}}},
		"InvalidParentCommitIdException": {{ParentCommitId: new("abc"),
			PutFiles: []cc.PutFileEntry{file("n", "n")}}},
		"ParentCommitDoesNotExistException": {{ParentCommitId: new(strings.Repeat("1", 40)),
			PutFiles: []cc.PutFileEntry{file("n", "n")}}},
		"BranchDoesNotExistException":     {{BranchName: new("none"), PutFiles: []cc.PutFileEntry{file("n", "n")}}},
		"BranchNameIsTagNameException":    {{BranchName: new("v1"), PutFiles: []cc.PutFileEntry{file("n", "n")}}},
		"InvalidBranchNameException":      {{BranchName: new("a..b"), PutFiles: []cc.PutFileEntry{file("n", "n")}}},
		"InvalidEmailException":           {{Email: new("a>b"), PutFiles: []cc.PutFileEntry{file("n", "n")}}},
		"RepositoryDoesNotExistException": {{RepositoryName: new("none"), PutFiles: []cc.PutFileEntry{file("n", "n")}}},
	} {
		for i, c := range cases {
			if c.RepositoryName == nil {
				c.RepositoryName = new("app")
			}
			if c.BranchName == nil {
				c.BranchName = new("main")
			}
			if c.ParentCommitId == nil {
				c.ParentCommitId = &first
			} else if *c.ParentCommitId == "" {
				c.ParentCommitId = nil
			}
			if _, err := h.CreateCommit(h.caller(), &c); awsproto.Code(err) != want {
				t.Errorf("%s %d: %v", want, i, err)
			}
		}
	}
	// A file may make room for a folder of its name in one commit, and back.
	second, err := h.CreateCommit(h.caller(),
		&in{RepositoryName: new("app"), BranchName: new("main"), ParentCommitId: &first, DeleteFiles: remove("b"),
			PutFiles: []cc.PutFileEntry{file("b/c", "c")}})
	if err != nil {
		t.Fatal(err)
	}
	// Two writers with the same parent: one of them is told that it is outdated.
	if _, err := h.PutFile(h.caller(),
		&cc.PutFileInput{RepositoryName: new("app"), BranchName: new("main"), ParentCommitId: &first,
			FilePath: new("z"), FileContent: []byte("z")}); awsproto.Code(err) != "ParentCommitIdOutdatedException" {
		t.Errorf("outdated: %v", err)
	}
	errs := make(chan error, 8)
	for i := range cap(errs) {
		go func() {
			_, err := h.PutFile(h.caller(),
				&cc.PutFileInput{RepositoryName: new("app"), BranchName: new("main"), ParentCommitId: second.CommitId,
					FilePath: new(fmt.Sprint("z", i)), FileContent: []byte("z")})
			errs <- err
		}()
	}
	won := 0
	for range cap(errs) {
		if err := <-errs; err == nil {
			won++
		} else if awsproto.Code(err) != "ParentCommitIdOutdatedException" {
			t.Errorf("race: %v", err)
		}
	}
	if won != 1 {
		t.Errorf("%d writers won", won)
	}
	if m, _ := h.Find(t.Context(), "app"); h.git(dir, "--git-dir="+h.folder()+"/"+*m.RepositoryId+".git",
		"for-each-ref",
		"refs/slipway") != "" {
		t.Error("a commit that was refused left a ref")
	}
}

func TestArchive(t *testing.T) {
	t.Parallel()
	h := open(t)
	first := seeded(h)
	out, err := h.CreateCommit(h.caller(),
		&cc.CreateCommitInput{RepositoryName: new("app"), BranchName: new("main"), ParentCommitId: &first,
			PutFiles: []cc.PutFileEntry{
				file(".gitattributes", "secret export-ignore\nsubst export-subst\n"), file("secret", "s"),
				file("subst", "$Format:%H$")}})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := h.Archive(t.Context(), "app", *out.CommitId, &b); err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	content := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		content[f.Name] = string(text)
		if f.Name == "a/y" && f.Mode()&0o111 == 0 {
			t.Errorf("a/y has mode %s", f.Mode())
		}
	}
	for name, want := range map[string]string{"a/x": "x", "a/y": "y", "secret": "s", "subst": "$Format:%H$"} {
		if got, ok := content[name]; !ok || got != want {
			t.Errorf("%s = %q, %v", name, got, ok)
		}
	}
	_, missing := errors.AsType[*cc.CommitIdDoesNotExistException](h.Archive(t.Context(), "app",
		strings.Repeat("1", 40), io.Discard))
	if !missing {
		t.Error("an archive of a commit that does not exist was made")
	}
	if err := h.Archive(t.Context(), "app", "main", io.Discard); awsproto.Code(err) != "InvalidCommitIdException" {
		t.Errorf("archive of a branch: %v", err)
	}
}

func TestTipOfNothing(t *testing.T) {
	t.Parallel()
	h := open(t)
	seeded(h)
	for _, name := range []string{"none", "", "main~0", "main:a", "main@{0}", "main^{tree}", "a\nb", "../tags/x"} {
		if c, err := h.Tip(t.Context(), "app", name); awsproto.Code(err) != "BranchDoesNotExistException" {
			t.Errorf("%q: %+v, %v", name, c, err)
		}
	}
}
