package custom

import (
	"context"
	"time"

	"github.com/google/uuid"

	"slipway/api/awsproto"
	cp "slipway/api/codepipeline"
	"slipway/internal/pipeline"
	"slipway/internal/store"
)

// Unsupported implements pipeline.Provider: workers can do all of a valid declaration.
func (s *Service) Unsupported(*cp.ActionDeclaration) string { return "" }

// Describe implements pipeline.Provider. The page is the one of the type's entityUrlTemplate.
func (s *Service) Describe(a *cp.ActionDeclaration) pipeline.Description {
	d := pipeline.Description{What: *a.ActionTypeId.Provider}
	t := s.typeOf(a.ActionTypeId)
	if t == nil {
		return d
	}
	for i := range t.Shown.ActionConfigurationProperties {
		p := &t.Shown.ActionConfigurationProperties[i]
		if v := a.Configuration[*p.Name]; awsproto.Value(p.Key) && !awsproto.Value(p.Secret) && v != "" {
			d.What += ": " + v
			break
		}
	}
	d.URL = expanded(t.Shown.Settings.EntityUrlTemplate, a.Configuration, nil)
	return d
}

// Start implements pipeline.Provider: it makes the action's first job.
func (s *Service) Start(ctx context.Context, a *pipeline.Action) (pipeline.Outcome, error) {
	t := s.typeOf(a.Type)
	if t == nil || t.deleted {
		return pipeline.Outcome{}, pipeline.Refuse("InvalidActionConfiguration",
			"The action type of category %s, owner %s, provider %s, version %s was deleted", a.Type.Category,
			a.Type.Owner, *a.Type.Provider, *a.Type.Version)
	}
	if key := t.queryKey(); key != "" && !queryable().MatchString(a.Configuration[key]) {
		return pipeline.Outcome{}, pipeline.Refuse("InvalidActionConfiguration",
			"The value of %s is %q: it must have at most 50 characters, letters, digits, _ and - alone, since job "+
				"workers ask for jobs by it", key, a.Configuration[key])
	}
	j := &Job{
		ID:            uuid.NewString(),
		Pipeline:      a.Pipeline,
		Execution:     a.Execution,
		Run:           a.ID,
		Number:        1,
		Stage:         a.Stage,
		Action:        a.Name,
		Type:          *a.Type,
		Configuration: a.Configuration,
		Inputs:        a.Inputs,
		Outputs:       a.Outputs,
		Revisions:     a.Revisions,
		Role:          a.Role,
		OwnRole:       a.OwnRole,
		State:         cp.JobStatusQueued,
		Created:       s.Now().UnixMilli(),
	}
	err := s.db.Write(ctx, func(tx store.Tx) error { return s.insert(ctx, tx, j, t) })
	return pipeline.Outcome{Wait: new(Work(a.ID))}, err
}

const selectLast = `SELECT doc FROM pipeline_jobs WHERE run = $1 ORDER BY number DESC LIMIT 1`

// last is the last job of an action execution; nil if there is none any more.
func (s *Service) last(ctx context.Context, run string) (*Job, error) {
	return store.Document[Job](ctx, s.db, selectLast, run)
}

// Progress implements pipeline.Reporter: it is what workers told of the action.
func (s *Service) Progress(ctx context.Context, a *pipeline.Action, run string) (*pipeline.Progress, error) {
	j, err := s.last(ctx, run)
	if err != nil || j == nil {
		return nil, err
	}
	told := &pipeline.Progress{
		ExternalID: awsproto.Value(j.Told.ExternalExecutionId),
		Summary:    awsproto.Value(j.Told.Summary),
		Percent:    j.Told.PercentComplete,
	}
	if t := s.typeOf(&j.Type); t != nil && told.ExternalID != "" {
		told.URL = expanded(t.Shown.Settings.ExecutionUrlTemplate, a.Configuration,
			map[string]string{"ExternalExecutionId": told.ExternalID})
	}
	return told, nil
}

// Result implements pipeline.Waiter.
func (s *Service) Result(ctx context.Context, a *pipeline.Action, run string) (*pipeline.Result, error) {
	j, err := s.last(ctx, run)
	if err != nil {
		return nil, err
	}
	if j == nil {
		return pipeline.Failed("JobFailed", "The job of the action is gone"), nil
	}
	switch j.State {
	case cp.JobStatusSucceeded:
		return s.success(a, j), nil
	case cp.JobStatusTimedOut:
		return pipeline.Failed("JobTimeout", "%s", timedOut(j)), nil
	case cp.JobStatusFailed:
		if j.Failure == nil {
			return pipeline.Failed("JobFailed", "The job was abandoned"), nil
		}
		return pipeline.Failed(string(j.Failure.Type), "%s", *j.Failure.Message), nil
	}
	return nil, nil
}

// timedOut says why a job took too long.
func timedOut(j *Job) string {
	took := time.Duration(j.Ended-j.Created) * time.Millisecond
	if j.Worker == "" {
		return "No job worker acknowledged the job " + j.ID + " within " + took.Round(time.Second).String() +
			". Is a worker running that polls for jobs of " + *j.Type.Provider + "?"
	}
	return "The job worker " + j.Worker + " put no result for the job " + j.ID + " within " +
		took.Round(time.Second).String()
}

func (s *Service) success(a *pipeline.Action, j *Job) *pipeline.Result {
	r := &pipeline.Result{Variables: j.Variables}
	v := j.Revision
	if v == nil {
		return r
	}
	created := time.UnixMilli(j.Ended)
	if v.Created != nil {
		created = v.Created.Time
	}
	r.Revision = &pipeline.Revision{
		ID:      *v.Revision,
		Change:  *v.ChangeIdentifier,
		Summary: awsproto.Value(v.RevisionSummary),
		Created: created,
	}
	if t := s.typeOf(&j.Type); t != nil {
		r.Revision.URL = expanded(t.Shown.Settings.RevisionUrlTemplate, a.Configuration,
			map[string]string{"Revision": *v.Revision})
	}
	return r
}

// Stop implements pipeline.Stopper: the action's job takes no result any more.
func (s *Service) Stop(ctx context.Context, _ *pipeline.Action, run string) error {
	return s.db.Write(ctx, func(tx store.Tx) error {
		j, err := store.Document[Job](ctx, tx, selectLast, run)
		if err != nil || j == nil || !j.Abandon(s.world()) {
			return err
		}
		return s.update(ctx, tx, j)
	})
}

// Over reports whether a job has ended: its credentials end with it.
func (s *Service) Over(ctx context.Context, id string) (bool, error) {
	j, err := store.Document[Job](ctx, s.db, `SELECT doc FROM pipeline_jobs WHERE id = $1`, id)
	return j == nil || j.Over(), err
}
