package report

import (
	"context"
	"database/sql"
	"encoding/json"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/store"
)

// historyRuns is how many runs a history has, unless asked otherwise.
const historyRuns = 25

// GetTestHistory implements slipway:GetTestHistory: how a test case went in the newest reports of a group, the newest
// first, on how many commits it has both passed and failed, and its quarantine. Reports that do not have it are left
// out; where a report has it more than once, its worst run counts.
func (s *Service) GetTestHistory(ctx context.Context,
	in *slipway.GetTestHistoryInput) (*slipway.GetTestHistoryOutput, error) {
	if _, err := s.find(ctx, s.db, *in.ReportGroupArn); err != nil {
		return nil, err
	}
	n := historyRuns
	if in.MaxResults != nil {
		n = int(*in.MaxResults)
	}
	type one struct {
		report         cb.Report
		cases          string
		commit, branch string
		files          []slipway.ReportFile
	}
	all, err := store.All(ctx,
		s.db, func(r *sql.Rows) (o one, err error) {
			return o, r.Scan(store.JSON(&o.report), &o.cases, &o.commit, &o.branch, filesIn(&o.files))
		}, `SELECT doc, cases, commit_id, branch, attachments FROM reports
			WHERE grp = $1 AND created >= $2 ORDER BY seq DESC LIMIT $3`,
		*in.ReportGroupArn, s.Now().Add(-Life).UnixMilli(), n)
	if err != nil {
		return nil, err
	}
	out := &slipway.GetTestHistoryOutput{Runs: []slipway.TestRun{}}
	for _, o := range all {
		var cases []cb.TestCase
		if err := json.Unmarshal([]byte(o.cases), &cases); err != nil {
			return nil, err
		}
		var found *cb.TestCase
		for i := range cases {
			c := &cases[i]
			if awsproto.Value(c.Name) == *in.Name && awsproto.Value(c.Prefix) == awsproto.Value(in.Prefix) &&
				(found == nil || badness(c) > badness(found)) {
				found = c
			}
		}
		if found != nil {
			out.Runs = append(out.Runs,
				slipway.TestRun{ReportArn: o.report.Arn, BuildArn: o.report.ExecutionId, Time: o.report.Created,
					CommitId: given(o.commit), Branch: given(o.branch),
					Status:                found.Status,
					DurationInNanoSeconds: found.DurationInNanoSeconds, Message: found.Message,
					Files: filesOf(o.files, awsproto.Value(in.Prefix), *in.Name)})
		}
	}
	groups, key := []string{*in.ReportGroupArn}, test{awsproto.Value(in.Prefix), *in.Name}
	flakes, err := s.flakes(ctx, s.db, groups)
	if err != nil {
		return nil, err
	}
	quarantines, err := s.quarantined(ctx, s.db, groups)
	out.FlakyCommits = new(flakes[*in.ReportGroupArn][key])
	out.Quarantine = byTest(quarantines)[*in.ReportGroupArn][key]
	return out, err
}

// filesOf are the files that one test has left.
func filesOf(all []slipway.ReportFile, prefix, name string) (files []slipway.ReportFile) {
	for _, f := range all {
		if awsproto.Value(f.Prefix) == prefix && awsproto.Value(f.Name) == name {
			files = append(files, f)
		}
	}
	return files
}

// given is nil for what is not known.
func given(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func badness(c *cb.TestCase) int {
	switch awsproto.Value(c.Status) {
	case "ERROR":
		return 2
	case "FAILED":
		return 1
	}
	return 0
}
