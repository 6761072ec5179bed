package report

import (
	"context"
	"slices"
	"strings"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/store"
)

const (
	timedReports = 100 // of a project, the newest, that its times are read from
	maxSuites    = 2000
	maxSuite     = 200 // bytes of a suite's name
)

// Times returns how long the suites of a project's tests took, each in the newest of the 100 newest reports that has
// it.
// A suite is what stands before the name of a case: a class, a module, a file.
func (s *Service) Times(ctx context.Context, q store.Queryer, project string) ([]slipway.TestTime, error) {
	reports, err := store.Documents[[]cb.TestCase](ctx, q,
		`SELECT cases FROM reports WHERE seq IN (SELECT r.seq FROM report_groups g JOIN reports r ON r.grp = g.arn
			WHERE g.name >= $1 AND g.name < $2 ORDER BY r.seq DESC LIMIT $3) ORDER BY seq DESC`,
		project+"-", project+".", timedReports)
	if err != nil {
		return nil, err
	}
	known := map[string]int64{}
	for _, cases := range reports {
		for suite, took := range took(*cases) {
			if _, newer := known[suite]; !newer && len(known) < maxSuites {
				known[suite] = took
			}
		}
	}
	all := []slipway.TestTime{}
	for suite, took := range known {
		all = append(all, slipway.TestTime{Suite: suite, Nanoseconds: took})
	}
	slices.SortFunc(all, func(a, b slipway.TestTime) int { return strings.Compare(a.Suite, b.Suite) })
	return all, nil
}

// took sums the durations of cases by their suites.
func took(cases []cb.TestCase) map[string]int64 {
	all := map[string]int64{}
	for i := range cases {
		c := &cases[i]
		suite := awsproto.Value(c.Prefix)
		if suite == "" {
			suite = awsproto.Value(c.TestSuiteName)
		}
		if suite != "" && len(suite) <= maxSuite && !strings.ContainsAny(suite, "\t\n\r") &&
			c.DurationInNanoSeconds != nil {
			all[suite] += *c.DurationInNanoSeconds
		}
	}
	return all
}
