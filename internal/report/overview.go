package report

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/store"
)

const (
	overviewGroups = 20  // that an overview tells of
	overviewLooks  = 200 // groups among which it looks for those of tests
	overviewRuns   = 10  // of each, the newest
	notesShown     = 20  // of each kind
	// flakyTurns is the number of changes between passing and failing from which a test counts as flaky. A test that
	// broke, was repaired and broke again has three.
	flakyTurns = 3
)

// run is a report with its cases.
type run struct {
	report cb.Report
	cases  []cb.TestCase
}

// GetTestOverview implements slipway:GetTestOverview. For one report group, or the first 20 by name, it summarizes the
// newest 10 reports: the tests that fail now, the flaky ones, the slowest, and the totals. A test is flaky that has
// both passed and failed on one commit, or turned three times. It makes four queries.
func (s *Service) GetTestOverview(ctx context.Context,
	in *slipway.GetTestOverviewInput) (*slipway.GetTestOverviewOutput, error) {
	out := &slipway.GetTestOverviewOutput{
		Groups:  []slipway.TestGroup{},
		Failing: []slipway.TestNote{},
		Flaky:   []slipway.TestNote{},
		Slow:    []slipway.TestNote{},
	}
	groups := []string{}
	if in.ReportGroupArn != nil {
		groups = append(groups, *in.ReportGroupArn)
	} else {
		var err error
		if groups, err = s.groupsOfTests(ctx); err != nil {
			return nil, err
		}
	}
	runs, err := s.newest(ctx, groups)
	if err != nil {
		return nil, err
	}
	flakes, err := s.flakes(ctx, s.db, groups)
	if err != nil {
		return nil, err
	}
	quarantines, err := s.quarantined(ctx, s.db, groups)
	if err != nil {
		return nil, err
	}
	away := byTest(quarantines)
	for _, group := range groups {
		if all := runs[group]; len(all) > 0 && all[0].report.Type != cb.ReportTypeCodeCoverage {
			tell(out, group, runs[group], flakes[group], away[group])
		}
	}
	// New failures come first, those in quarantine last.
	slices.SortStableFunc(out.Failing, func(a, b slipway.TestNote) int {
		return cmp.Or(cmp.Compare(ofNote(a.Quarantine), ofNote(b.Quarantine)), int(*a.FailedRuns-*b.FailedRuns))
	})
	slices.SortStableFunc(out.Flaky, func(a, b slipway.TestNote) int {
		return cmp.Or(int(*b.FlakyCommits-*a.FlakyCommits), int(*b.Turns-*a.Turns))
	})
	slices.SortStableFunc(out.Slow, func(a, b slipway.TestNote) int {
		return cmp.Compare(*b.DurationInNanoSeconds, *a.DurationInNanoSeconds)
	})
	for _, notes := range []*[]slipway.TestNote{&out.Failing, &out.Flaky, &out.Slow} {
		*notes = (*notes)[:min(len(*notes), notesShown)]
	}
	return out, nil
}

// groupsOfTests are the first groups by name that have tests.
func (s *Service) groupsOfTests(ctx context.Context) (arns []string, err error) {
	all, err := store.Documents[cb.ReportGroup](ctx, s.db, `SELECT doc FROM report_groups ORDER BY name LIMIT $1`,
		overviewLooks)
	for _, g := range all {
		if g.Type == cb.ReportTypeTest && len(arns) < overviewGroups {
			arns = append(arns, *g.Arn)
		}
	}
	return arns, err
}

// newest reads the newest reports of groups, the newest first.
func (s *Service) newest(ctx context.Context, groups []string) (map[string][]run, error) {
	all := map[string][]run{}
	if len(groups) == 0 {
		return all, nil
	}
	var parts []string
	args := []any{s.Now().Add(-Life).UnixMilli()}
	for _, group := range groups {
		args = append(args, group)
		parts = append(parts,
			fmt.Sprintf(
				`SELECT * FROM (SELECT grp, doc, cases FROM reports WHERE grp = $%d AND created >= $1 ORDER BY seq DESC
					LIMIT %d) AS g%d`, len(args), overviewRuns, len(args)))
	}
	_, err := store.All(ctx, s.db, func(r *sql.Rows) (struct{}, error) {
		var group string
		var x run
		err := r.Scan(&group, store.JSON(&x.report), store.JSON(&x.cases))
		all[group] = append(all[group], x)
		return struct{}{}, err
	}, strings.Join(parts, ` UNION ALL `), args...)
	return all, err
}

// test names a test within its group.
type test struct{ prefix, name string }

// tell adds what the runs of a group, the newest first, tell.
func tell(out *slipway.GetTestOverviewOutput, group string, runs []run, flakes map[test]int32,
	away map[test]*slipway.TestQuarantine) {
	g := slipway.TestGroup{ReportGroupArn: &group, Name: new(group[strings.LastIndexByte(group, '/')+1:])}
	failed := map[test][]bool{} // in each run that has the test, the newest first
	var order []test
	newest := map[test]*cb.TestCase{}
	for i, r := range runs {
		trend := slipway.TestTrend{
			ReportArn: r.report.Arn,
			BuildArn:  r.report.ExecutionId,
			Time:      r.report.Created,
			Failed:    new(int32(0)),
			Passed:    new(int32(0)),
			Skipped:   new(int32(0)),
		}
		if s := r.report.TestSummary; s != nil {
			*trend.Failed = s.StatusCounts["FAILED"] + s.StatusCounts["ERROR"]
			*trend.Passed, *trend.Skipped, trend.DurationInNanoSeconds = s.StatusCounts["SUCCEEDED"],
				s.StatusCounts["SKIPPED"], s.DurationInNanoSeconds
		}
		g.Trend = append(g.Trend, trend)
		for j := range r.cases {
			c := &r.cases[j]
			key := test{awsproto.Value(c.Prefix), awsproto.Value(c.Name)}
			if failed[key] == nil {
				order = append(order, key)
			}
			if i == 0 {
				newest[key] = c
			}
			failed[key] = append(failed[key], badness(c) > 0)
		}
	}
	out.Groups = append(out.Groups, g)
	for _, key := range order {
		c := newest[key]
		if c == nil {
			continue // it does not run any more
		}
		note := slipway.TestNote{ReportGroupArn: &group, ReportArn: runs[0].report.Arn, Prefix: c.Prefix, Name: c.Name,
			Message: c.Message, Runs: new(int32(len(failed[key]))),
			FailedRuns: new(int32(0)), Turns: new(int32(0)), IsNew: new(false), FlakyCommits: new(flakes[key]),
			Quarantine:            away[key],
			DurationInNanoSeconds: c.DurationInNanoSeconds}
		weigh(&note, failed[key])
		if failed[key][0] {
			out.Failing = append(out.Failing, note)
		}
		if *note.Turns >= flakyTurns || *note.FlakyCommits > 0 {
			out.Flaky = append(out.Flaky, note)
		}
		if note.DurationInNanoSeconds != nil && *note.DurationInNanoSeconds > 0 {
			out.Slow = append(out.Slow, note)
		}
	}
}

func ofNote(q *slipway.TestQuarantine) int {
	if q != nil {
		return 1
	}
	return 0
}

// weigh counts for how many of the newest runs a test has failed, and how often it turned.
func weigh(note *slipway.TestNote, failed []bool) {
	for i, bad := range failed {
		if bad && int(*note.FailedRuns) == i {
			*note.FailedRuns++
		}
		if i > 0 && bad != failed[i-1] {
			*note.Turns++
		}
	}
	*note.IsNew = *note.FailedRuns == 1
}
