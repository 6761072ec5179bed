package report_test

import (
	"fmt"
	"testing"
	"time"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/api/slipway"
)

func TestHistoryOfATestCase(t *testing.T) {
	t.Parallel()
	h := open(t)
	for _, statuses := range [][]string{{"SUCCEEDED", "SUCCEEDED"}, {"SUCCEEDED", "FAILED"}, {"SUCCEEDED"}} {
		h.record(slipway.Report{Name: "unit", Cases: cases(statuses...)})
	}
	twice := cases("SUCCEEDED", "SUCCEEDED")
	twice = append(twice, cb.TestCase{Name: new("t1"), Status: new("ERROR"), Message: new("it broke")})
	h.record(slipway.Report{Name: "unit", Cases: twice})
	group := "arn:aws:codebuild:eu-central-1:123456789012:report-group/app-unit"
	history := func(in *slipway.GetTestHistoryInput) (all string) {
		t.Helper()
		in.ReportGroupArn = &group
		out, err := h.reports.GetTestHistory(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range out.Runs {
			all += *r.Status + " "
			if *r.BuildArn != "arn:build" || r.Time.IsZero() {
				t.Errorf("%+v", r)
			}
		}
		return all
	}
	if got := history(&slipway.GetTestHistoryInput{Name: new("t1")}); got != "ERROR FAILED SUCCEEDED " {
		t.Error(got)
	}
	if got := history(&slipway.GetTestHistoryInput{Name: new("t1"), MaxResults: new(int32(1))}); got != "ERROR " {
		t.Error(got)
	}
	if got := history(&slipway.GetTestHistoryInput{Name: new("t1"), Prefix: new("other")}); got != "" {
		t.Error(got)
	}
	group += "x"
	if _, err := h.reports.GetTestHistory(t.Context(),
		&slipway.GetTestHistoryInput{ReportGroupArn: &group,
			Name: new("t1")}); awsproto.Code(err) != "ResourceNotFoundException" {
		t.Error(err)
	}
}

// TestFlakyIsAFact has a test flaky that both passed and failed on one commit, and no other.
func TestFlakyIsAFact(t *testing.T) {
	t.Parallel()
	h := open(t)
	run := func(commit, branch string, statuses ...string) string {
		t.Helper()
		h.of.Commit, h.of.Branch = commit, branch
		return h.record(slipway.Report{Name: "unit", Cases: cases(statuses...)})[0]
	}
	run("aaaaaaa", "main", "SUCCEEDED", "SUCCEEDED", "FAILED")
	run("bbbbbbb", "main", "FAILED", "SUCCEEDED", "FAILED")
	arn := run("bbbbbbb", "main", "SUCCEEDED", "SUCCEEDED", "FAILED")
	group := *h.get(arn).ReportGroupArn
	out, err := h.reports.GetTestOverview(t.Context(), &slipway.GetTestOverviewInput{ReportGroupArn: &group})
	if err != nil || len(out.Flaky) != 1 || *out.Flaky[0].Name != "t0" || *out.Flaky[0].FlakyCommits != 1 {
		t.Fatalf("%+v, %v", out.Flaky, err)
	}
	// A pull request is compared with the branch that it is to go to, not with what ran before it.
	run("ccccccc", "else", "FAILED", "FAILED", "FAILED")
	h.of.Base = "main"
	arn = run("ddddddd", "else", "FAILED", "SUCCEEDED", "FAILED")
	failed, err := h.reports.Failed(t.Context(), h.db, []string{arn}, 10)
	if err != nil || len(failed) != 2 || *failed[0].Name != "t0" || !*failed[0].IsNew || *failed[0].FlakyCommits != 1 ||
		*failed[1].IsNew || failed[1].FlakyCommits != nil {
		t.Fatalf("%+v, %v", failed, err)
	}
	history, err := h.reports.GetTestHistory(t.Context(),
		&slipway.GetTestHistoryInput{ReportGroupArn: &group, Name: new("t0")})
	if err != nil || *history.FlakyCommits != 1 || *history.Runs[0].CommitId != "ddddddd" {
		t.Errorf("%+v, %v", history, err)
	}
	h.now = h.now.Add(31 * 24 * time.Hour)
	if out, err = h.reports.GetTestOverview(t.Context(),
		&slipway.GetTestOverviewInput{ReportGroupArn: &group}); err != nil || len(out.Flaky) != 0 {
		t.Errorf("after 31 days: %+v, %v", out.Flaky, err)
	}
}

// TestQuarantine has a test's failures not count until its time is over.
func TestQuarantine(t *testing.T) {
	t.Parallel()
	h := open(t)
	arn := h.record(slipway.Report{Name: "unit", Cases: cases("SUCCEEDED", "FAILED")})[0]
	group := *h.get(arn).ReportGroupArn
	put := func(until time.Time) error {
		_, err := h.reports.PutTestQuarantine(t.Context(), &slipway.PutTestQuarantineInput{ReportGroupArn: &group,
			Name: new("t1"), Owner: new("ada"), Reason: new("a clock"), Until: awsproto.At(until)})
		return err
	}
	for _, until := range []time.Time{h.now, h.now.Add(91 * 24 * time.Hour)} {
		if err := put(until); awsproto.Code(err) != "InvalidInputException" {
			t.Errorf("until %s: %v", until, err)
		}
	}
	if err := put(h.now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	in := slipway.Report{Name: "unit", Cases: cases("SUCCEEDED", "FAILED")}
	arn = h.record(in)[0]
	if r := h.get(arn); r.Status != cb.ReportStatusTypeSucceeded || r.TestSummary.StatusCounts["FAILED"] != 1 {
		t.Errorf("%+v %+v", r, r.TestSummary)
	}
	if failed, err := h.reports.Failed(t.Context(), h.db, []string{arn}, 9); err != nil || len(failed) != 1 ||
		failed[0].QuarantinedUntil == nil || *failed[0].QuarantineOwner != "ada" {
		t.Errorf("%+v, %v", failed, err)
	}
	if r := h.get(h.record(slipway.Report{Name: "unit", Cases: cases("FAILED", "FAILED")})[0]); r.Status != cb.ReportStatusTypeFailed {
		t.Errorf("another failure: %+v", r)
	}
	out, err := h.reports.ListTestQuarantines(t.Context(), &slipway.ListTestQuarantinesInput{ReportGroupArn: &group})
	if err != nil || len(out.Quarantines) != 1 || *out.Quarantines[0].Reason != "a clock" {
		t.Errorf("%+v, %v", out, err)
	}
	h.now = h.now.Add(time.Hour)
	if r := h.get(h.record(in)[0]); r.Status != cb.ReportStatusTypeFailed {
		t.Errorf("after its time: %+v", r)
	}
	if err := put(h.now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := h.reports.DeleteTestQuarantine(t.Context(),
		&slipway.DeleteTestQuarantineInput{ReportGroupArn: &group, Name: new("t1")}); err != nil {
		t.Fatal(err)
	}
	if r := h.get(h.record(in)[0]); r.Status != cb.ReportStatusTypeFailed {
		t.Errorf("released: %+v", r)
	}
}

// TestTimesOfSuites has the newest time of each suite of a project, and none of another project's.
func TestTimesOfSuites(t *testing.T) {
	t.Parallel()
	h := open(t)
	suite := func(name string, nanoseconds ...int64) (all []cb.TestCase) {
		for i, n := range nanoseconds {
			all = append(all, cb.TestCase{Prefix: &name, Name: new(fmt.Sprint(i)), Status: new("SUCCEEDED"),
				DurationInNanoSeconds: new(n)})
		}
		return all
	}
	h.record(slipway.Report{Name: "unit", Cases: append(suite("a", 1, 2), suite("b", 7)...)})
	h.record(slipway.Report{Name: "unit", Cases: suite("a", 10, 20)})
	h.record(slipway.Report{Name: "other", Cases: append(suite("c", 5), suite("bad\tname", 5)...)})
	for project, want := range map[string]string{"app": "[{a 30} {b 7} {c 5}]", "ap": "[]"} {
		got, err := h.reports.Times(t.Context(), h.db, project)
		if err != nil || fmt.Sprint(got) != want {
			t.Errorf("%s: %v, %v; want %s", project, got, err, want)
		}
	}
}
