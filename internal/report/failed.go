package report

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/store"
)

// failedRun is a report with what its failures are compared with.
type failedRun struct {
	group  string
	seq    int64
	branch string // whose newest report before this one is the base
	cases  []cb.TestCase
}

// Failed returns tests that failed in reports, up to a limit: those first that did not fail before, in the newest
// report of the branch that a pull request is to go to, or else of their own; those in quarantine last. q is the
// database, or a transaction that has recorded the reports. It takes three queries, and one a report.
func (s *Service) Failed(ctx context.Context, q store.Queryer, reportArns []string,
	limit int) ([]slipway.FailedTest, error) {
	runs, err := store.All(ctx, q, func(r *sql.Rows) (x failedRun, err error) {
		return x, r.Scan(&x.group, &x.seq, &x.branch, store.JSON(&x.cases))
	}, `SELECT grp, seq, CASE WHEN base <> '' THEN base ELSE branch END, cases FROM reports WHERE arn IN `+
		store.In(1, len(reportArns))+` ORDER BY seq`, store.Args(reportArns)...)
	if err != nil {
		return nil, err
	}
	var groups []string
	for _, r := range runs {
		groups = append(groups, r.group)
	}
	flakes, err := s.flakes(ctx, q, groups)
	if err != nil {
		return nil, err
	}
	quarantines, err := s.quarantined(ctx, q, groups)
	if err != nil {
		return nil, err
	}
	away := byTest(quarantines)
	failed := []slipway.FailedTest{}
	for _, run := range runs {
		before, err := s.before(ctx, q, run)
		if err != nil {
			return nil, err
		}
		for i := range run.cases {
			if c := &run.cases[i]; badness(c) > 0 {
				failed = append(failed, told(c, before, flakes[run.group], away[run.group]))
			}
		}
	}
	slices.SortStableFunc(failed, func(a, b slipway.FailedTest) int { return rank(a) - rank(b) })
	return failed[:min(len(failed), limit)], nil
}

// before is how the tests of a run went in the report that it is compared with; nil if there is none.
func (s *Service) before(ctx context.Context, q store.Queryer, run failedRun) (map[test]outcome, error) {
	cases, err := store.Document[[]cb.TestCase](ctx, q,
		`SELECT cases FROM reports WHERE grp = $1 AND branch = $2 AND seq < $3 ORDER BY seq DESC LIMIT 1`, run.group,
		run.branch, run.seq)
	if err != nil || cases == nil {
		return nil, err
	}
	return outcomes(*cases), nil
}

// told is a test that failed with what is known of it.
func told(c *cb.TestCase, before map[test]outcome, flakes map[test]int32,
	away map[test]*slipway.TestQuarantine) slipway.FailedTest {
	key := test{awsproto.Value(c.Prefix), awsproto.Value(c.Name)}
	f := slipway.FailedTest{ReportArn: c.ReportArn, Name: new(fullName(*c)), Message: c.Message}
	if before != nil {
		f.IsNew = new(!before[key].failed)
	}
	if n := flakes[key]; n > 0 {
		f.FlakyCommits = new(n)
	}
	if q := away[key]; q != nil {
		f.QuarantinedUntil, f.QuarantineOwner = q.Until, q.Owner
	}
	return f
}

// rank orders failed tests: new ones, those that failed before, those in quarantine.
func rank(f slipway.FailedTest) int {
	switch {
	case f.QuarantinedUntil != nil:
		return 2
	case f.IsNew != nil && !*f.IsNew:
		return 1
	}
	return 0
}

func fullName(c cb.TestCase) string {
	name := awsproto.Value(c.Name)
	if prefix := awsproto.Value(c.Prefix); prefix != "" {
		return fmt.Sprintf("%s: %s", prefix, name)
	}
	return name
}
