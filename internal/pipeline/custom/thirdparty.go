package custom

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"

	"slipway/api/awsproto"
	cp "slipway/api/codepipeline"
	"slipway/api/slipway"
)

// Jobs of action types of the owner ThirdParty are for who knows the client token of the type.

// clientToken proves that its bearer may have the jobs of a client.
func (s *Service) clientToken(client string) string {
	mac := hmac.New(sha256.New, s.Seal.Key("clients of action types"))
	mac.Write([]byte(client))
	return hex.EncodeToString(mac.Sum(nil))
}

// partner lets an operation see the jobs of the client whose token it gives.
func (s *Service) partner(token string) access {
	return func(t *actionType, j *Job) error {
		if t == nil || j.Type.Owner != cp.ActionOwnerThirdParty {
			return notFound(j.ID)
		}
		if !hmac.Equal([]byte(token), []byte(s.clientToken(t.Client))) {
			return &cp.InvalidClientTokenException{
				Message: "The client token is not the one of the job " + j.ID + ". Read it with: slipway api slipway " +
					"get-action-type-client",
			}
		}
		return nil
	}
}

// GetActionTypeClient implements slipway:GetActionTypeClient.
func (s *Service) GetActionTypeClient(
	_ context.Context,
	in *slipway.GetActionTypeClientInput,
) (*slipway.GetActionTypeClientOutput, error) {
	t := s.typeOf(&cp.ActionTypeId{
		Category: cp.ActionCategory(*in.Category),
		Owner:    cp.ActionOwnerThirdParty,
		Provider: in.Provider,
		Version:  in.Version,
	})
	if t == nil {
		return nil, &slipway.ActionTypeNotFoundException{
			Message: "There is no action type of the owner ThirdParty with category " + *in.Category + ", provider " +
				*in.Provider + ", version " + *in.Version + ". Create it with: aws codepipeline update-action-type",
		}
	}
	return &slipway.GetActionTypeClientOutput{ClientId: &t.Client, ClientToken: new(s.clientToken(t.Client))}, nil
}

// PollForThirdPartyJobs implements codepipeline:PollForThirdPartyJobs.
func (s *Service) PollForThirdPartyJobs(
	ctx context.Context,
	in *cp.PollForThirdPartyJobsInput,
) (*cp.PollForThirdPartyJobsOutput, error) {
	t, err := s.polled(in.ActionTypeId, cp.ActionOwnerThirdParty)
	if err != nil {
		return nil, err
	}
	jobs, err := s.hand(ctx, queueOf(t.Shown.Id, ""), in.MaxBatchSize)
	out := &cp.PollForThirdPartyJobsOutput{Jobs: []cp.ThirdPartyJob{}}
	for _, j := range jobs {
		out.Jobs = append(out.Jobs, cp.ThirdPartyJob{ClientId: &t.Client, JobId: &j.ID})
	}
	return out, err
}

// GetThirdPartyJobDetails implements codepipeline:GetThirdPartyJobDetails. The nonce in its answer acknowledges the
// job.
func (s *Service) GetThirdPartyJobDetails(
	ctx context.Context,
	in *cp.GetThirdPartyJobDetailsInput,
) (*cp.GetThirdPartyJobDetailsOutput, error) {
	j, err := s.job(ctx, s.db, *in.JobId, s.partner(*in.ClientToken))
	if err != nil {
		return nil, err
	}
	data, err := s.data(ctx, j)
	if err != nil {
		return nil, err
	}
	d := &cp.ThirdPartyJobDetails{Id: &j.ID, Data: (*cp.ThirdPartyJobData)(data)}
	if j.Nonce != "" {
		d.Nonce = &j.Nonce
	}
	return &cp.GetThirdPartyJobDetailsOutput{JobDetails: d}, nil
}

// AcknowledgeThirdPartyJob implements codepipeline:AcknowledgeThirdPartyJob.
func (s *Service) AcknowledgeThirdPartyJob(
	ctx context.Context,
	in *cp.AcknowledgeThirdPartyJobInput,
) (*cp.AcknowledgeThirdPartyJobOutput, error) {
	j, err := s.acknowledge(ctx, *in.JobId, *in.Nonce, s.partner(*in.ClientToken))
	if err != nil {
		return nil, err
	}
	return &cp.AcknowledgeThirdPartyJobOutput{Status: j.State}, nil
}

// PutThirdPartyJobSuccessResult implements codepipeline:PutThirdPartyJobSuccessResult.
func (s *Service) PutThirdPartyJobSuccessResult(
	ctx context.Context,
	in *cp.PutThirdPartyJobSuccessResultInput,
) (*cp.PutThirdPartyJobSuccessResultOutput, error) {
	return nil, s.succeed(ctx, *in.JobId, s.partner(*in.ClientToken), Success{
		Continuation: awsproto.Value(in.ContinuationToken),
		Told:         in.ExecutionDetails,
		Revision:     in.CurrentRevision,
	})
}

// PutThirdPartyJobFailureResult implements codepipeline:PutThirdPartyJobFailureResult.
func (s *Service) PutThirdPartyJobFailureResult(
	ctx context.Context,
	in *cp.PutThirdPartyJobFailureResultInput,
) (*cp.PutThirdPartyJobFailureResultOutput, error) {
	return nil, s.fail(ctx, *in.JobId, s.partner(*in.ClientToken), in.FailureDetails)
}
