package source_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"slipway/api/awsproto"
	"slipway/api/slipway"
)

// told writes a diff as a patch, so that it can be compared at a glance.
func told(d *slipway.GetDiffOutput) string {
	var b strings.Builder
	for _, f := range d.Files {
		fmt.Fprintf(&b, "%s %s", f.Change, *f.Path)
		if f.BeforePath != nil {
			fmt.Fprintf(&b, " was %s", *f.BeforePath)
		}
		if *f.Binary {
			b.WriteString(" binary")
		}
		fmt.Fprintf(&b, " +%d -%d\n", *f.AddedLines, *f.RemovedLines)
		for _, h := range f.Hunks {
			fmt.Fprintf(&b, "@%d,%d\n", *h.BeforeLine, *h.AfterLine)
			for _, l := range h.Lines {
				b.WriteString(
					map[slipway.DiffLineKind]string{slipway.DiffLineKindAdded: "+", slipway.DiffLineKindRemoved: "-",
						slipway.DiffLineKindContext: " "}[l.Kind] + *l.Text)
				if l.NoNewline != nil {
					b.WriteString("¬")
				}
				b.WriteByte('\n')
			}
		}
	}
	return b.String()
}

func TestDiff(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.create("app")
	dir := h.clone("app")
	if err := os.WriteFile(filepath.Join(dir, "picture.bin"), []byte("a\x00b"), 0o644); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for i := range 30 {
		lines = append(lines, fmt.Sprint("line ", i+1))
	}
	old := strings.Join(lines, "\n") + "\n"
	first := h.commit(dir, "text.txt", old)
	h.git(dir, "mv", "text.txt", "words.txt")
	if err := os.WriteFile(filepath.Join(dir, "picture.bin"), []byte("a\x00c"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("words.txt", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	// What is added looks like the beginning of a diff, and the last line has no end.
	changed := strings.Replace(strings.Replace(old, "line 3\n", "line three\n-- a\n++ b\n", 1), "line 30\n", "line 30",
		1)
	second := h.commit(dir, "words.txt", changed)
	if err := os.Remove(filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	third := h.commit(dir, "link", "no link any more\n")
	h.git(dir, "push", "--quiet", "origin", "HEAD:main")
	h.pushed()

	diff := func(in *slipway.GetDiffInput) *slipway.GetDiffOutput {
		t.Helper()
		in.RepositoryName = new("app")
		out, err := h.GetDiff(h.caller(), in)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	want := `ADDED link +1 -0
@0,1
+words.txt¬
MODIFIED picture.bin binary +0 -0
RENAMED words.txt was text.txt +4 -2
@1,1
 line 1
 line 2
-line 3
+line three
+-- a
+++ b
 line 4
 line 5
 line 6
@27,29
 line 27
 line 28
 line 29
-line 30
+line 30¬
`
	got := diff(&slipway.GetDiffInput{AfterCommitSpecifier: &second})
	if told(got) != want {
		t.Errorf("%s\nwant\n%s", told(got), want)
	}
	if *got.TotalFiles != 3 || *got.AddedLines != 5 || *got.RemovedLines != 2 || *got.Truncated ||
		*got.BeforeCommitId != first {
		t.Errorf("%d files, +%d -%d, truncated %v, from %s", *got.TotalFiles, *got.AddedLines, *got.RemovedLines,
			*got.Truncated, *got.BeforeCommitId)
	}
	if got := diff(&slipway.GetDiffInput{AfterCommitSpecifier: &second, MaxLines: new(int32(6))}); !*got.Truncated ||
		strings.Count(told(got), "\n@") != 2 || !*got.Files[2].Truncated {
		t.Errorf("cut after six lines: %s", told(got))
	}
	if got := diff(&slipway.GetDiffInput{AfterCommitSpecifier: &second, MaxLines: new(int32(0))}); *got.Truncated ||
		got.Files[2].Hunks != nil || *got.AddedLines != 5 {
		t.Errorf("counts alone: %s", told(got))
	}
	if got := diff(&slipway.GetDiffInput{AfterCommitSpecifier: &third,
		Path: new("link")}); told(got) != "TYPE_CHANGED link +1 -1\n@1,0\n-words.txt¬\n@0,1\n+no link any more\n" {
		t.Errorf("%s", told(got))
	}
	if got := diff(&slipway.GetDiffInput{AfterCommitSpecifier: &first}); got.BeforeCommitId != nil ||
		*got.TotalFiles != 2 || *got.AddedLines != 30 {
		t.Errorf("the first commit: %s", told(got))
	}
	if got := diff(&slipway.GetDiffInput{BeforeCommitSpecifier: &first,
		AfterCommitSpecifier: new("main")}); *got.TotalFiles != 3 {
		t.Errorf("over two commits: %s", told(got))
	}
	for specifier, code := range map[string]string{"nothing": "CommitDoesNotExistException",
		"--output=/tmp/x": "CommitDoesNotExistException"} {
		if _, err := h.GetDiff(h.caller(),
			&slipway.GetDiffInput{RepositoryName: new("app"),
				AfterCommitSpecifier: &specifier}); awsproto.Code(err) != code {
			t.Errorf("%s: %v", specifier, err)
		}
	}
	if _, err := h.GetDiff(h.caller(),
		&slipway.GetDiffInput{RepositoryName: new("app"), AfterCommitSpecifier: &second,
			Path: new("../x")}); awsproto.Code(err) != "InvalidPathException" {
		t.Error(err)
	}
}

func TestListCommits(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.create("app")
	dir := h.clone("app")
	var ids []string
	for i := range 5 {
		ids = append([]string{h.commit(dir, fmt.Sprint("f", i), "x")}, ids...)
	}
	h.git(dir, "commit", "--quiet", "--allow-empty", "-m", "A title\n\nand more\nlines")
	ids = append([]string{h.git(dir, "rev-parse", "HEAD")}, ids...)
	h.git(dir, "push", "--quiet", "origin", "HEAD:main")
	h.pushed()
	in := &slipway.ListCommitsInput{RepositoryName: new("app"), CommitSpecifier: new("main"), MaxResults: new(int32(4))}
	out, err := h.ListCommits(h.caller(), in)
	if err != nil || len(out.Commits) != 4 || out.NextToken == nil {
		t.Fatalf("%+v, %v", out, err)
	}
	if c := out.Commits[0]; *c.CommitId != ids[0] || *c.Message != "A title\n\nand more\nlines" ||
		*c.AuthorName != "Bob" || c.Time.IsZero() || c.Parents[0] != ids[1] {
		t.Errorf("%+v", c)
	}
	h.commit(dir, "later", "x") // the second page goes on where the first one ended
	h.git(dir, "push", "--quiet", "origin", "HEAD:main")
	in.NextToken = out.NextToken
	next, err := h.ListCommits(h.caller(), in)
	if err != nil || len(next.Commits) != 2 || *next.Commits[1].CommitId != ids[5] || next.NextToken != nil {
		t.Fatalf("%+v, %v", next, err)
	}
	in.NextToken = new("made up")
	if _, err := h.ListCommits(h.caller(), in); awsproto.Code(err) != "InvalidNextTokenException" {
		t.Error(err)
	}
}
