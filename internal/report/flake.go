package report

import (
	"context"
	"database/sql"
	"time"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/store"
)

// earlierRuns is how many earlier reports of the same commit a report is compared with.
const earlierRuns = 5

// outcome is how a test went in a report that may have run it several times.
type outcome struct{ passed, failed bool }

func outcomes(cases []cb.TestCase) map[test]outcome {
	all := map[test]outcome{}
	for i := range cases {
		c := &cases[i]
		key := test{awsproto.Value(c.Prefix), awsproto.Value(c.Name)}
		o := all[key]
		o.failed = o.failed || badness(c) > 0
		o.passed = o.passed || awsproto.Value(c.Status) == "SUCCEEDED"
		all[key] = o
	}
	return all
}

// keepFlakes keeps which tests of a report have had the other result on the same commit: in this report, in one of the
// five before it, or when their tool ran them again. It costs one query where the commit is known.
func keepFlakes(ctx context.Context, tx store.Tx, group string, of slipway.Origin, cases []cb.TestCase,
	rerun []slipway.TestName, now time.Time) error {
	if of.Commit == "" {
		return nil
	}
	earlier, err := store.Documents[[]cb.TestCase](ctx, tx,
		`SELECT cases FROM reports WHERE grp = $1 AND commit_id = $2 ORDER BY seq DESC LIMIT $3`, group, of.Commit,
		earlierRuns)
	if err != nil {
		return err
	}
	all := outcomes(cases)
	for _, t := range rerun {
		all[test{t.Prefix, t.Name}] = outcome{passed: true, failed: true}
	}
	for _, run := range earlier {
		for key, o := range outcomes(*run) {
			if is, ok := all[key]; ok {
				all[key] = outcome{is.passed || o.passed, is.failed || o.failed}
			}
		}
	}
	for key, o := range all {
		if !o.passed || !o.failed {
			continue
		}
		if _, err := tx.Exec(ctx, `INSERT INTO flakes (grp, prefix, name, commit_id, seen) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (grp, prefix, name, commit_id) DO UPDATE SET seen = excluded.seen`,
			group, key.prefix, key.name, of.Commit, now.UnixMilli()); err != nil {
			return err
		}
	}
	return nil
}

// maxFlakes bounds how many tests are known to be flaky in a list of groups.
const maxFlakes = 5000

// flakes returns on how many commits of the last 30 days each test of groups has both passed and failed.
func (s *Service) flakes(ctx context.Context, q store.Queryer, groups []string) (map[string]map[test]int32, error) {
	all := map[string]map[test]int32{}
	if len(groups) == 0 {
		return all, nil
	}
	_, err := store.All(ctx, q, func(r *sql.Rows) (struct{}, error) {
		var group string
		var of test
		var n int32
		err := r.Scan(&group, &of.prefix, &of.name, &n)
		if all[group] == nil {
			all[group] = map[test]int32{}
		}
		all[group][of] = n
		return struct{}{}, err
	}, `SELECT grp, prefix, name, COUNT(*) FROM flakes WHERE seen >= $1 AND grp IN `+store.In(3, len(groups))+
		` GROUP BY grp, prefix, name LIMIT $2`,
		append([]any{s.Now().Add(-Life).UnixMilli(), maxFlakes}, store.Args(groups)...)...)
	return all, err
}
