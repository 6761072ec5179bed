package custom

import (
	"context"
	"errors"

	"slipway/api/awsproto"
	cp "slipway/api/codepipeline"
	"slipway/internal/store"
)

// maxVariables is how many bytes the output variables of an action may have together ("Quotas in CodePipeline").
const maxVariables = 122_880

// PutJobSuccessResult implements codepipeline:PutJobSuccessResult.
func (s *Service) PutJobSuccessResult(
	ctx context.Context,
	in *cp.PutJobSuccessResultInput,
) (*cp.PutJobSuccessResultOutput, error) {
	size := 0
	for name, value := range in.OutputVariables {
		size += len(name) + len(value)
	}
	switch {
	case size > maxVariables:
		return nil, &cp.OutputVariablesSizeExceededException{
			Message: "The output variables have more than 122880 bytes together",
		}
	case in.ContinuationToken != nil && len(in.OutputVariables) > 0:
		return nil, invalid("outputVariables cannot be given with a continuationToken: give them when the action ends")
	}
	return nil, s.succeed(ctx, *in.JobId, custom, Success{
		Continuation: awsproto.Value(in.ContinuationToken),
		Told:         in.ExecutionDetails,
		Variables:    in.OutputVariables,
		Revision:     in.CurrentRevision,
	})
}

// succeed ends a job as its worker says, and adds the one that goes on with the action.
func (s *Service) succeed(ctx context.Context, id string, may access, in Success) error {
	_, err := s.change(ctx, id, may, func(tx store.Tx, j *Job) error {
		next, err := j.Succeed(in, s.world())
		if err != nil {
			return wrongState(j, err)
		}
		t := s.typeOf(&j.Type)
		if next == nil || t == nil {
			return nil
		}
		return s.insert(ctx, tx, next, t)
	})
	return err
}

// wrongState words that a result does not fit the state of a job.
func wrongState(j *Job, err error) error {
	if !errors.Is(err, ErrState) {
		return err
	}
	why := "it is " + string(j.State)
	switch j.State {
	case cp.JobStatusQueued, cp.JobStatusDispatched:
		why += ", and has to be acknowledged first"
	case cp.JobStatusTimedOut:
		why = "it took longer than a job may, and has failed"
	}
	if j.Abandoned {
		why = "its execution was stopped, and the action abandoned"
	}
	return &cp.InvalidJobStateException{Message: "The job " + j.ID + " takes no result: " + why}
}

// PutJobFailureResult implements codepipeline:PutJobFailureResult.
func (s *Service) PutJobFailureResult(
	ctx context.Context,
	in *cp.PutJobFailureResultInput,
) (*cp.PutJobFailureResultOutput, error) {
	return nil, s.fail(ctx, *in.JobId, custom, in.FailureDetails)
}

func (s *Service) fail(ctx context.Context, id string, may access, details *cp.FailureDetails) error {
	_, err := s.change(ctx, id, may, func(_ store.Tx, j *Job) error {
		return wrongState(j, j.Fail(*details, s.world()))
	})
	return err
}
