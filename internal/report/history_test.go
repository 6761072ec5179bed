package report_test

import (
	"testing"

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
