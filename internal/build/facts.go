package build

import (
	"context"
	"strings"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/store"
)

// Facts tells of builds, by their IDs, what people ask of a change: the commit, the execution that started them, and
// why they failed. Those that are not there are left out. It takes one query.
func (s *Service) Facts(ctx context.Context, ids []string) (map[string]slipway.Work, error) {
	all := map[string]slipway.Work{}
	if len(ids) == 0 {
		return all, nil
	}
	args := make([]any, len(ids))
	for i, id := range ids {
		args[i] = id
	}
	rows, err := many(ctx, s.db, `WHERE id IN `+store.In(1, len(ids)), args...)
	for _, r := range rows {
		w := slipway.Work{
			ID:        *r.build.Id,
			Status:    string(r.build.BuildStatus),
			Commit:    awsproto.Value(r.build.ResolvedSourceVersion),
			Execution: r.work.Execution,
			Started:   r.build.StartTime,
		}
		w.Pipeline, _ = strings.CutPrefix(awsproto.Value(r.build.Initiator), "codepipeline/")
		if w.Pipeline == awsproto.Value(r.build.Initiator) {
			w.Pipeline = ""
		}
		if of := r.build.Source; of != nil && of.Type == cb.SourceTypeCodecommit {
			w.Repository = awsproto.Value(of.Location)
			w.Repository = w.Repository[strings.LastIndexByte(w.Repository, '/')+1:]
		}
		if failed(r.build.BuildStatus) {
			w.Cause, w.Message = r.cause, summary(r, r.build, "")
		}
		all[w.ID] = w
	}
	return all, err
}

func failed(status cb.StatusType) bool {
	return status == cb.StatusTypeFailed || status == cb.StatusTypeFault || status == cb.StatusTypeTimedOut
}

// countedTests is how many tests that failed are counted.
const countedTests = 500

// withTests adds the first test that failed to the cause of a build that failed; one in quarantine is no cause.
func (s *Service) withTests(ctx context.Context, tx store.Tx, c *slipway.Cause, status cb.StatusType,
	reportArns []string) (*slipway.Cause, error) {
	if !failed(status) || len(reportArns) == 0 {
		return c, nil
	}
	all, err := s.Reports.Failed(ctx, tx, reportArns, countedTests)
	if err != nil {
		return nil, err
	}
	for i := range all {
		t := &all[i]
		if t.QuarantinedUntil != nil {
			continue
		}
		if c == nil {
			c = &slipway.Cause{}
		}
		if c.FailedTests++; c.Test == nil {
			t.Message = brief(t.Message)
			c.Test = t
		}
	}
	return c, nil
}

// briefest is how many bytes of a test's message a cause keeps.
const briefest = 500

func brief(s *string) *string {
	if s == nil || len(*s) <= briefest {
		return s
	}
	return new(strings.ToValidUTF8((*s)[:briefest], "") + "…")
}
