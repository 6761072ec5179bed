package report_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cb "slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/report"
)

// put keeps a file of the build app:1.
func (h *house) put(of, text string) error {
	sum := sha256.Sum256([]byte(text))
	return h.reports.PutFile(h.t.Context(), report.Upload{Build: "app:1", Report: of, SHA256: hex.EncodeToString(sum[:]),
		Size: int64(len(text)), Body: strings.NewReader(text)})
}

// file is a file of a test in a report, by its text.
func file(test, text string) slipway.ReportFile {
	sum := sha256.Sum256([]byte(text))
	return slipway.ReportFile{Prefix: new("p"), Name: &test, Path: new("x/" + text), ContentType: new("text/plain"),
		Size: new(int64(len(text))), Sha256: new(hex.EncodeToString(sum[:]))}
}

func (h *house) read(arn, text string) string {
	sum := sha256.Sum256([]byte(text))
	_, f, err := h.reports.OpenFile(h.t.Context(), arn, hex.EncodeToString(sum[:]))
	if err != nil {
		return "error: " + err.Error()
	}
	defer f.Close()
	got, err := io.ReadAll(f)
	if err != nil {
		h.t.Error(err)
	}
	return string(got)
}

// kept is how many files lie in the folder.
func (h *house) kept() (n int) {
	h.t.Helper()
	if err := filepath.WalkDir(h.dir, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			n++
		}
		return err
	}); err != nil {
		h.t.Fatal(err)
	}
	return n
}

func TestFilesOfAReport(t *testing.T) {
	t.Parallel()
	h := open(t)
	for _, err := range []error{h.put("unit", "one"), h.put("unit", "one"), h.put("unit", "two"), h.put("other", "one"),
		h.put("unit", "nobody names it")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := h.kept(); n != 4 {
		t.Errorf("%d files are kept", n)
	}
	arns := h.record(
		slipway.Report{Name: "unit", Cases: cases("FAILED", "SUCCEEDED"), Files: []slipway.ReportFile{file("t0", "one"),
			file("t1", "two"), file("t1", "never sent")}},
		slipway.Report{Name: "other", Cases: cases("SUCCEEDED"), Files: []slipway.ReportFile{file("t0", "one")}})
	list, err := h.reports.ListReportFiles(t.Context(), &slipway.ListReportFilesInput{ReportArn: &arns[0]})
	if err != nil || len(list.Files) != 2 || *list.Files[0].Name != "t0" || *list.Files[1].Path != "x/two" {
		t.Errorf("%+v, %v", list, err)
	}
	if got := h.read(arns[0], "one") + h.read(arns[0], "two"); got != "onetwo" {
		t.Error(got)
	}
	for _, text := range []string{"nobody names it", "never sent"} {
		if got := h.read(arns[0], text); !strings.Contains(got, "The report has no file") {
			t.Error(got)
		}
	}
	history, err := h.reports.GetTestHistory(t.Context(), &slipway.GetTestHistoryInput{
		ReportGroupArn: h.get(arns[0]).ReportGroupArn, Name: new("t1"), Prefix: nil})
	if err != nil || len(history.Runs) != 1 || len(history.Runs[0].Files) != 0 {
		t.Errorf("a test of another prefix has files: %+v, %v", history, err)
	}
	if _, err := h.DeleteReport(t.Context(), &cb.DeleteReportInput{Arn: &arns[0]}); err != nil {
		t.Fatal(err)
	}
	if n := h.kept(); n != 1 || h.read(arns[1], "one") != "one" {
		t.Errorf("%d files are kept beside the other report's", n)
	}
	if _, err := h.reports.ListReportFiles(t.Context(), &slipway.ListReportFilesInput{ReportArn: &arns[0]}); err == nil {
		t.Error("a deleted report has files")
	}
	if _, err := h.DeleteReportGroup(t.Context(), &cb.DeleteReportGroupInput{Arn: h.get(arns[1]).ReportGroupArn,
		DeleteReports: new(true)}); err != nil {
		t.Fatal(err)
	}
	if n := h.kept(); n != 0 {
		t.Errorf("%d files are kept of a group that is deleted", n)
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	t.Parallel()
	h := open(t)
	sum := sha256.Sum256([]byte("right"))
	for name, u := range map[string]report.Upload{
		"another": {Size: 5, Body: strings.NewReader("wrong")},
		"longer":  {Size: 5, Body: strings.NewReader("right and more")},
		"shorter": {Size: 50, Body: strings.NewReader("right")},
		"no size": {Size: -1, Body: strings.NewReader("right")},
		"large":   {Size: slipway.MaxReportFile + 1, Body: strings.NewReader("right")},
	} {
		u.Build, u.Report, u.SHA256 = "app:1", "unit", hex.EncodeToString(sum[:])
		err := h.reports.PutFile(t.Context(), u)
		if _, ok := errors.AsType[*cb.InvalidInputException](err); !ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	broken := report.Upload{Build: "app:1", Report: "unit", SHA256: hex.EncodeToString(sum[:]), Size: 5,
		Body: io.MultiReader(strings.NewReader("ri"), failing{})}
	if err := h.reports.PutFile(t.Context(), broken); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	if n := h.kept(); n != 0 {
		t.Errorf("%d files are left of those that were refused", n)
	}
	h.reports.Room = func() error { return errors.New("the disk is full") }
	if err := h.put("unit", "one"); err == nil || err.Error() != "the disk is full" {
		t.Error(err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestFilesHaveTheirLife(t *testing.T) {
	t.Parallel()
	h := open(t)
	if err := h.put("unit", "one"); err != nil {
		t.Fatal(err)
	}
	h.record(slipway.Report{Name: "unit", Cases: cases("FAILED"), Files: []slipway.ReportFile{file("t0", "one")}})
	h.now = h.now.Add(report.Life + time.Second)
	h.record(slipway.Report{Name: "unit", Cases: cases("FAILED")})
	if n := h.kept(); n != 0 {
		t.Errorf("%d files outlived their reports", n)
	}
	// What a crash left between a row's end and its bytes' end is set aside by the sweep, what has a row stays.
	if err := h.put("unit", "two"); err != nil {
		t.Fatal(err)
	}
	lost := filepath.Join(h.dir, "incoming", "0123")
	if err := os.WriteFile(lost, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.now = time.Now().Add(48 * time.Hour)
	if err := h.reports.SweepFiles(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := h.kept(); n != 1 {
		t.Errorf("%d files are kept after the sweep", n)
	}
}

func TestTestsThatPassedWhenRunAgainAreFlaky(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.of = slipway.Origin{Commit: "c1", Branch: "main"}
	arn := h.record(slipway.Report{Name: "unit", Cases: cases("SUCCEEDED", "SUCCEEDED"),
		Flaky: []slipway.TestName{{Name: "t1"}}})[0]
	for name, want := range map[string]int32{"t0": 0, "t1": 1} {
		out, err := h.reports.GetTestHistory(t.Context(),
			&slipway.GetTestHistoryInput{ReportGroupArn: h.get(arn).ReportGroupArn, Name: &name})
		if err != nil || *out.FlakyCommits != want {
			t.Errorf("%s: %+v, %v", name, out, err)
		}
	}
}
