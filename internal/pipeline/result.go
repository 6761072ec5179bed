package pipeline

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"

	"slipway/api/awsproto"
	cp "slipway/api/codepipeline"
	"slipway/internal/object"
	"slipway/internal/pipeline/engine"
	"slipway/internal/store"
)

// final is the result of a provider's error that ends an action; nil if there was no error, or one that may pass.
func final(err error, last bool) *Result {
	if err == nil {
		return nil
	}
	if r, ok := errors.AsType[*Refusal](err); ok {
		return &Result{Failure: r}
	}
	if se, ok := errors.AsType[awsproto.ServiceError](err); ok && !passing(se) {
		return &Result{Failure: &Refusal{se.ErrorCode(), strings.TrimPrefix(se.Error(), se.ErrorCode()+": ")}}
	}
	if last {
		return Failed("InternalError", "The action could not be started. The last attempt failed with: %v", err)
	}
	return nil
}

// passing reports whether a service failed by itself, and may not the next time.
func passing(se awsproto.ServiceError) bool {
	return se.HTTPStatus() == http.StatusInternalServerError || se.HTTPStatus() == http.StatusServiceUnavailable
}

// ObjectError turns the error of a bucket or an object that is not there into a *Refusal. Any other error stays.
func ObjectError(err error, bucket string) error {
	switch {
	case errors.Is(err, object.ErrNoBucket):
		return Refuse("InvalidActionConfiguration",
			"The bucket %s does not exist. Create it with: aws s3 mb s3://%s", bucket, bucket)
	case errors.Is(err, object.ErrNoKey):
		return Refuse("RevisionUnavailable", "The object does not exist in bucket %s", bucket)
	}
	return err
}

// ending is how an action execution ends: its result, and the revision that a source took.
type ending struct {
	result   engine.Result
	revision *cp.SourceRevision
	artifact cp.ArtifactRevision
	worked   *cp.ActionRevision // the revision that another action than a source says it has worked on
	told     *Progress
}

// ending turns a provider's result into the engine's.
func (s *Service) ending(a *Action, r *Result) ending {
	if r.Failure != nil {
		return ending{result: failure(r.Failure.Code, r.Failure.Message)}
	}
	e := ending{result: engine.Result{
		Status: cp.ActionExecutionStatusSucceeded,
		Output: cp.ActionExecutionOutput{OutputArtifacts: a.Outputs, OutputVariables: r.Variables},
	}}
	if v := r.Revision; v != nil && a.Type.Category != cp.ActionCategorySource {
		e.worked = &cp.ActionRevision{
			RevisionId:       &v.ID,
			RevisionChangeId: new(cmp.Or(v.Change, v.ID)),
			Created:          awsproto.At(v.Created),
		}
	} else if v != nil {
		var url *string
		if v.URL != "" {
			url = new(below(s.URL, v.URL))
		}
		e.revision = &cp.SourceRevision{
			ActionName:      &a.Name,
			RevisionId:      &v.ID,
			RevisionSummary: &v.Summary,
			RevisionUrl:     url,
		}
		e.artifact = cp.ArtifactRevision{
			RevisionId:      &v.ID,
			RevisionSummary: &v.Summary,
			RevisionUrl:     url,
			Created:         awsproto.At(v.Created),
		}
		if len(a.Outputs) > 0 {
			e.artifact.Name = a.Outputs[0].Name
		}
	}
	return e
}

// failure is the result of an action that failed.
func failure(code, message string) engine.Result {
	return engine.Result{
		Status: cp.ActionExecutionStatusFailed,
		Output: cp.ActionExecutionOutput{ExecutionResult: &cp.ActionExecutionResult{
			ErrorDetails:             &cp.ErrorDetails{Code: &code, Message: &message},
			ExternalExecutionSummary: &message,
		}},
	}
}

// end ends an action execution, and the job at hand with it.
func (s *Service) end(ctx context.Context, tx store.Tx, r *row, to ref, how ending) ([]engine.Effect, error) {
	if err := store.End(ctx, tx); err != nil {
		return nil, err
	}
	e := r.Executions[to.Execution]
	s.tell(e.Run(to.Run), how.told)
	e.Run(to.Run).Worked = how.worked
	keepExternal(e.Run(to.Run).Output, &how.result.Output)
	if how.revision != nil {
		addRevision(e, *how.revision, how.artifact)
	}
	if err := cancelJobs(ctx, tx, to.Run); err != nil {
		return nil, err
	}
	effects, err := engine.Finish(&r.Pipeline, to.Execution, to.Run, how.result, s.world())
	if errors.Is(err, engine.ErrRunEnded) {
		return nil, nil
	}
	return effects, err
}

// cancelJobs takes back the jobs that wait for an action execution.
func cancelJobs(ctx context.Context, tx store.Tx, run string) error {
	if err := tx.Cancel(ctx, timeoutJob, run); err != nil {
		return err
	}
	return tx.Cancel(ctx, lookJob, run)
}

// keepExternal keeps what an action waited for in the output that it ends with.
func keepExternal(before, after *cp.ActionExecutionOutput) {
	if before == nil || before.ExecutionResult == nil {
		return
	}
	if after.ExecutionResult == nil {
		after.ExecutionResult = &cp.ActionExecutionResult{}
	}
	after.ExecutionResult.ExternalExecutionId = before.ExecutionResult.ExternalExecutionId
	after.ExecutionResult.ExternalExecutionUrl = before.ExecutionResult.ExternalExecutionUrl
	after.ExecutionResult.LogStreamARN = before.ExecutionResult.LogStreamARN
	if after.ExecutionResult.ExternalExecutionSummary == nil {
		after.ExecutionResult.ExternalExecutionSummary = before.ExecutionResult.ExternalExecutionSummary
	}
}

// addRevision records the revision that a source action took, in the place of the one before if it was retried.
func addRevision(e *engine.Execution, rev cp.SourceRevision, artifact cp.ArtifactRevision) {
	for i, r := range e.Revisions {
		if *r.ActionName == *rev.ActionName {
			e.Revisions[i], e.ArtifactRevisions[i] = rev, artifact
			return
		}
	}
	e.Revisions = append(e.Revisions, rev)
	e.ArtifactRevisions = append(e.ArtifactRevisions, artifact)
}
