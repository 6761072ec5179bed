package custom

import (
	"context"
	"fmt"

	"slipway/api/awsproto"
	cp "slipway/api/codepipeline"
	"slipway/internal/store"
)

// maxBatch bounds how many jobs one poll returns, whatever it asks for.
const maxBatch = 100

// PollForJobs implements codepipeline:PollForJobs. Each job is returned to one worker alone, who has 60 seconds to
// acknowledge it; then another poll may return it.
func (s *Service) PollForJobs(ctx context.Context, in *cp.PollForJobsInput) (*cp.PollForJobsOutput, error) {
	t, err := s.polled(in.ActionTypeId, cp.ActionOwnerCustom)
	if err != nil {
		return nil, err
	}
	key := t.queryKey()
	value, given := in.QueryParam[key]
	switch {
	case key == "" && len(in.QueryParam) > 0:
		return nil, invalid("The action type %s has no queryable property: leave out queryParam", *t.Shown.Id.Provider)
	case key != "" && !given:
		return nil, invalid("The action type %s has the queryable property %s: give its value in queryParam",
			*t.Shown.Id.Provider, key)
	}
	jobs, err := s.hand(ctx, queueOf(t.Shown.Id, value), in.MaxBatchSize)
	out := &cp.PollForJobsOutput{Jobs: []cp.Job{}}
	for _, j := range jobs {
		data, err := s.dataOrFail(ctx, j)
		if err != nil {
			return nil, err
		}
		if data != nil {
			out.Jobs = append(out.Jobs, cp.Job{Id: &j.ID, Data: data, Nonce: &j.Nonce, AccountId: &s.Account})
		}
	}
	return out, err
}

// polled is the type that a poll asks jobs for.
func (s *Service) polled(id *cp.ActionTypeId, owner cp.ActionOwner) (*actionType, error) {
	if id.Owner != owner {
		return nil, invalid("Jobs of action types of the owner %s are polled for here, not of %s", owner, id.Owner)
	}
	t := s.typeOf(id)
	if t == nil || t.deleted {
		return nil, &cp.ActionTypeNotFoundException{
			Message: fmt.Sprintf("There is no action type of category %s, owner %s, provider %s, version %s",
				id.Category, id.Owner, *id.Provider, *id.Version),
		}
	}
	return t, nil
}

// queueOf is where jobs wait that a poll may return.
func queueOf(id *cp.ActionTypeId, value string) string { return typeName(id) + " " + value }

const selectVisible = `SELECT doc FROM pipeline_jobs WHERE queue = $1 AND visible <= $2 ORDER BY visible, id LIMIT $3`

// hand hands out the jobs that have waited longest in a queue. A queue without any costs no write.
func (s *Service) hand(ctx context.Context, queue string, size *int32) ([]*Job, error) {
	limit := 1
	if size != nil {
		limit = min(int(*size), maxBatch)
	}
	waiting, err := store.Documents[Job](ctx, s.db, selectVisible, queue, s.Now().UnixMilli(), 1)
	if err != nil || len(waiting) == 0 {
		return nil, err
	}
	var handed []*Job
	err = s.db.Write(ctx, func(tx store.Tx) error {
		handed = nil // it may run again
		w := s.world()
		all, err := store.Documents[Job](ctx, tx, selectVisible, queue, w.Now, limit)
		if err != nil {
			return err
		}
		for _, j := range all {
			if !j.Hand(w) {
				continue
			}
			if err := s.update(ctx, tx, j); err != nil {
				return err
			}
			handed = append(handed, j)
		}
		return nil
	})
	return handed, err
}

// AcknowledgeJob implements codepipeline:AcknowledgeJob.
func (s *Service) AcknowledgeJob(ctx context.Context, in *cp.AcknowledgeJobInput) (*cp.AcknowledgeJobOutput, error) {
	j, err := s.acknowledge(ctx, *in.JobId, *in.Nonce, custom)
	if err != nil {
		return nil, err
	}
	return &cp.AcknowledgeJobOutput{Status: j.State}, nil
}

func (s *Service) acknowledge(ctx context.Context, id, nonce string, may access) (*Job, error) {
	return s.change(ctx, id, may, func(_ store.Tx, j *Job) error {
		if err := j.Acknowledge(nonce, awsproto.CallerOf(ctx).ARN); err != nil {
			return &cp.InvalidNonceException{
				Message: "The nonce is not that of the worker who has the job " + id + ": another poll returned it " +
					"since, because it was not acknowledged within a minute",
			}
		}
		return nil
	})
}

// GetJobDetails implements codepipeline:GetJobDetails.
func (s *Service) GetJobDetails(ctx context.Context, in *cp.GetJobDetailsInput) (*cp.GetJobDetailsOutput, error) {
	j, err := s.job(ctx, s.db, *in.JobId, custom)
	if err != nil {
		return nil, err
	}
	data, err := s.data(ctx, j)
	if err != nil {
		return nil, err
	}
	return &cp.GetJobDetailsOutput{JobDetails: &cp.JobDetails{Id: &j.ID, Data: data, AccountId: &s.Account}}, nil
}
