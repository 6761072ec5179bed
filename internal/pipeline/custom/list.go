package custom

import (
	"context"
	"time"

	"slipway/api/awsproto"
	"slipway/api/slipway"
	"slipway/internal/store"
)

// maxListed bounds how many jobs a list returns, the newest of each action execution.
const maxListed = 1000

// ListActionJobs implements slipway:ListActionJobs: the jobs of action executions, the newest first.
func (s *Service) ListActionJobs(
	ctx context.Context,
	in *slipway.ListActionJobsInput,
) (*slipway.ListActionJobsOutput, error) {
	query := `SELECT doc FROM pipeline_jobs WHERE run IN ` + store.In(3, len(in.ActionExecutionIds)) +
		` AND pipeline = $1 ORDER BY number DESC, run LIMIT $2`
	all, err := store.Documents[Job](ctx, s.db, query,
		append([]any{*in.PipelineName, maxListed}, store.Args(in.ActionExecutionIds)...)...)
	out := &slipway.ListActionJobsOutput{Jobs: []slipway.ActionJob{}}
	for _, j := range all {
		shown := slipway.ActionJob{
			Id:                  &j.ID,
			ActionExecutionId:   &j.Run,
			Number:              &j.Number,
			Status:              new(string(j.State)),
			ExternalExecutionId: j.Told.ExternalExecutionId,
			CreatedTime:         awsproto.At(time.UnixMilli(j.Created)),
		}
		if j.Worker != "" {
			shown.Worker = &j.Worker
		}
		if j.Ended != 0 {
			shown.EndedTime = awsproto.At(time.UnixMilli(j.Ended))
		}
		out.Jobs = append(out.Jobs, shown)
	}
	return out, err
}
