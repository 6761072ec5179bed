// Package jobs shows the server's jobs to its operators, and lets them retry or discard one.
package jobs

import (
	"context"
	"strings"

	"slipway/api/awsproto"
	"slipway/api/slipway"
	"slipway/internal/store"
)

// Service implements the operations of slipway that are about jobs.
type Service struct {
	db    *store.Store
	pager awsproto.Pager
}

// New returns the service.
func New(db *store.Store, pager awsproto.Pager) *Service { return &Service{db, pager} }

// place is the job after which a page begins.
type place struct{ Kind, Key string }

// ListJobs implements slipway:ListJobs: by kind and key, a hundred a page.
func (s *Service) ListJobs(ctx context.Context, in *slipway.ListJobsInput) (*slipway.ListJobsOutput, error) {
	onlyDead := in.Dead != nil && *in.Dead
	filter := map[bool]string{true: "dead"}[onlyDead]
	var after place
	if !s.pager.Place("ListJobs", filter, in.NextToken, &after) {
		return nil, &slipway.InvalidNextTokenException{Message: "The token is not one of this list."}
	}
	rows, err := s.db.Jobs(ctx, onlyDead, after.Kind, after.Key)
	if err != nil {
		return nil, err
	}
	dead, err := s.db.DeadJobs(ctx)
	if err != nil {
		return nil, err
	}
	out := &slipway.ListJobsOutput{Jobs: make([]slipway.Job, len(rows)), DeadJobs: new(int64(dead))}
	for i, r := range rows {
		out.Jobs[i] = job(r)
	}
	if len(rows) == store.JobsPage {
		last := rows[len(rows)-1]
		out.NextToken = s.pager.Token("ListJobs", filter, place{last.Kind, last.Key})
	}
	return out, nil
}

func job(r store.JobRow) slipway.Job {
	j := slipway.Job{Kind: &r.Kind, Key: &r.Key, State: slipway.JobState(strings.ToUpper(string(r.State))),
		Attempt: new(int32(r.Attempt)), DueTime: awsproto.At(r.RunAt), Failures: []slipway.JobFailure{}}
	if !r.Enqueued.IsZero() {
		j.EnqueuedTime = awsproto.At(r.Enqueued)
	}
	if r.LeasedBy != "" {
		j.LeasedBy = &r.LeasedBy
	}
	for _, f := range r.Failures {
		x := slipway.JobFailure{Time: awsproto.At(f.At), Error: &f.Error}
		if f.Stack != "" {
			x.Stack = &f.Stack
		}
		j.Failures = append(j.Failures, x)
	}
	return j
}

// RetryJob implements slipway:RetryJob. The job is due now and has all its attempts again.
func (s *Service) RetryJob(ctx context.Context, in *slipway.RetryJobInput) (*slipway.RetryJobOutput, error) {
	done, err := s.db.RetryJob(ctx, *in.Kind, *in.Key)
	return nil, none(done, err, *in.Kind, *in.Key)
}

// DiscardJob implements slipway:DiscardJob. The job's work is not done.
func (s *Service) DiscardJob(ctx context.Context, in *slipway.DiscardJobInput) (*slipway.DiscardJobOutput, error) {
	done, err := s.db.DiscardJob(ctx, *in.Kind, *in.Key)
	return nil, none(done, err, *in.Kind, *in.Key)
}

func none(done bool, err error, kind, key string) error {
	if err != nil || done {
		return err
	}
	return &slipway.JobNotFoundException{Message: "There is no job " + kind + " " + key +
		" that does not run: it may be done. ListJobs shows what there is."}
}
