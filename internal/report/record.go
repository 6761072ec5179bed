package report

import (
	"context"
	"encoding/json"
	"maps"
	"strings"
	"time"

	"github.com/google/uuid"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/store"
)

// Record keeps the reports of a build that ends, with the writes of tx, and returns their ARNs. A name makes a group
// PROJECT-NAME the first time. Reports whose life is over go with it.
func (s *Service) Record(ctx context.Context, tx store.Tx, build *cb.Build, of slipway.Origin,
	reports []slipway.Report) ([]string, error) {
	now := s.Now()
	for _, old := range []string{`DELETE FROM reports WHERE created < $1`, `DELETE FROM flakes WHERE seen < $1`} {
		if _, err := tx.Exec(ctx, old, now.Add(-Life).UnixMilli()); err != nil {
			return nil, err
		}
	}
	if err := s.expireFiles(ctx, tx, now.Add(-Life)); err != nil {
		return nil, err
	}
	var arns []string
	for i, r := range reports {
		if i == maxGroups {
			break // the runner says so in the log
		}
		if r.Type == "" {
			r.Type = cb.ReportTypeTest
		}
		g, err := s.groupFor(ctx, tx, *build.ProjectName, r)
		if err != nil {
			return nil, err
		}
		if g == nil {
			continue
		}
		if g.Type != r.Type {
			r.Error = "the report group " + *g.Name + " is of type " + string(g.Type) + ", and the report is of type " +
				string(r.Type)
		}
		away, err := s.quarantined(ctx, tx, []string{*g.Arn})
		if err != nil {
			return nil, err
		}
		made, cases := summarise(r, byTest(away)[*g.Arn], now)
		made.Arn = new(s.arn("report", *g.Name+":"+uuid.NewString()))
		made.Name = new((*made.Arn)[strings.LastIndexByte(*made.Arn, '/')+1:])
		made.ReportGroupArn, made.ExecutionId, made.ExportConfig = g.Arn, build.Arn, g.ExportConfig
		for i := range cases {
			cases[i].ReportArn = made.Arn
		}
		if err := keepFlakes(ctx, tx, *g.Arn, of, cases, r.Flaky, now); err != nil {
			return nil, err
		}
		if r.Files, err = claim(ctx, tx, awsproto.Value(build.Id), *made.Arn, r); err != nil {
			return nil, err
		}
		if err := insert(ctx, tx, made, of, cases, r); err != nil {
			return nil, err
		}
		arns = append(arns, *made.Arn)
	}
	return arns, nil
}

func insert(ctx context.Context, tx store.Tx, r *cb.Report, of slipway.Origin, cases []cb.TestCase,
	told slipway.Report) (err error) {
	covered, left := "", ""
	if c := told.Coverage; c != nil && len(c.Files) > 0 {
		if covered, err = pack(c.Files); err != nil {
			return err
		}
	}
	if len(told.Files) > 0 {
		text, err := json.Marshal(told.Files)
		if err != nil {
			return err
		}
		left = string(text)
	}
	_, err = tx.Exec(ctx,
		`INSERT INTO reports (arn, seq, grp, status, created, doc, cases, files, commit_id, branch, base, attachments)
			VALUES ($1, (SELECT COALESCE(MAX(seq), 0) + 1 FROM reports), $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		*r.Arn, *r.ReportGroupArn, string(r.Status), r.Created.UnixMilli(), store.JSON(r), store.JSON(cases), covered,
		of.Commit, of.Branch, of.Base, left)
	return err
}

// groupFor returns the group of a report. A report names it by an ARN, or by a name, whose group is made if it is
// missing. The group of an unknown ARN is nil.
func (s *Service) groupFor(ctx context.Context, tx store.Tx, project string,
	r slipway.Report) (*cb.ReportGroup, error) {
	g, err := group(ctx, tx, s.groupARN(project, r.Name))
	if err != nil || g != nil || strings.HasPrefix(r.Name, "arn:") {
		return g, err
	}
	g = s.newGroup(project+"-"+r.Name, r.Type)
	return g, insertGroup(ctx, tx, g)
}

// summarise makes a report of what the runner read. It is FAILED if a test failed that is not in quarantine, and
// INCOMPLETE if nothing could be read.
func summarise(r slipway.Report, away map[test]*slipway.TestQuarantine, now time.Time) (*cb.Report, []cb.TestCase) {
	expires := awsproto.At(now.Add(Life))
	made := &cb.Report{Type: r.Type, Status: cb.ReportStatusTypeSucceeded, Created: awsproto.At(now), Expired: expires}
	cases := r.Cases
	if len(cases) > maxCases {
		cases, r.Truncated = cases[:maxCases], true
	}
	made.Truncated = &r.Truncated
	counts := map[string]int32{"SUCCEEDED": 0, "FAILED": 0, "ERROR": 0, "SKIPPED": 0, "UNKNOWN": 0}
	var nanoseconds int64
	pardoned := int32(0)
	for i := range cases {
		c := &cases[i]
		c.Expired = expires
		status := "UNKNOWN"
		if c.Status != nil {
			if _, known := counts[*c.Status]; known {
				status = *c.Status
			}
		}
		c.Status = &status
		counts[status]++
		if badness(c) > 0 && away[test{awsproto.Value(c.Prefix), awsproto.Value(c.Name)}] != nil {
			pardoned++
		}
		if c.DurationInNanoSeconds != nil {
			nanoseconds += *c.DurationInNanoSeconds
		}
	}
	if r.Counts != nil { // truncated cases are counted (TestReportSummary in the CodeBuild API reference)
		maps.Copy(counts, r.Counts)
		nanoseconds = r.Nanoseconds
	}
	total := int32(0)
	for _, n := range counts {
		total += n
	}
	if counts["FAILED"]+counts["ERROR"] > pardoned {
		made.Status = cb.ReportStatusTypeFailed
	}
	if r.Error != "" {
		made.Status = cb.ReportStatusTypeIncomplete
		// The API has no member for why a report is incomplete, so a test case says it.
		cases = append(cases,
			cb.TestCase{Name: new("report " + r.Name), Status: new("ERROR"), Message: &r.Error, Expired: expires})
		counts["ERROR"]++
		total++
	}
	if cases == nil {
		cases = []cb.TestCase{}
	}
	if r.Type == cb.ReportTypeCodeCoverage {
		made.CodeCoverageSummary = coverageSummary(r.Coverage)
		return made, cases
	}
	made.TestSummary = &cb.TestReportSummary{Total: &total, StatusCounts: counts, DurationInNanoSeconds: &nanoseconds}
	return made, cases
}
