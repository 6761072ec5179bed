package custom

import (
	"context"
	"errors"
	"maps"

	"slipway/api/awsproto"
	cp "slipway/api/codepipeline"
	"slipway/internal/pipeline"
	"slipway/internal/store"
)

// Grant is what the credentials of a job are for.
type Grant struct {
	Role, OwnRole string // the pipeline's role, and the action's own, which Role assumes; "" for none
	Execution     string // of the pipeline: the name of the session
	Job           string // that the credentials end with
	Read, Write   []cp.S3Location
	Key           *cp.EncryptionKey
}

// data is what a worker is told of a job: with its secrets in clear, and with credentials for its artifacts if it has
// any.
func (s *Service) data(ctx context.Context, j *Job) (*cp.JobData, error) {
	d := &cp.JobData{
		ActionTypeId:    &j.Type,
		InputArtifacts:  artifacts(j.Inputs, j.Revisions),
		OutputArtifacts: artifacts(j.Outputs, nil),
		PipelineContext: &cp.PipelineContext{
			PipelineName: &j.Pipeline,
			Stage:        &cp.StageContext{Name: &j.Stage},
			Action:       &cp.ActionContext{Name: &j.Action, ActionExecutionId: &j.Run},
		},
	}
	if j.Type.Owner == cp.ActionOwnerCustom {
		d.PipelineContext.PipelineArn = new("arn:aws:codepipeline:" + s.Region + ":" + s.Account + ":" + j.Pipeline)
		d.PipelineContext.PipelineExecutionId = &j.Execution
	}
	if j.Continuation != "" {
		d.ContinuationToken = &j.Continuation
	}
	configuration, err := s.opened(j)
	if err != nil {
		return nil, err
	}
	d.ActionConfiguration = &cp.ActionConfiguration{Configuration: configuration}
	if len(j.Inputs)+len(j.Outputs) == 0 || j.Over() {
		return d, nil
	}
	if d.EncryptionKey, err = s.Key(ctx, j.Pipeline); err != nil {
		return nil, err
	}
	d.ArtifactCredentials, err = s.Credentials(ctx, Grant{
		Role:      j.Role,
		OwnRole:   j.OwnRole,
		Execution: j.Execution,
		Job:       j.ID,
		Read:      locations(j.Inputs),
		Write:     locations(j.Outputs),
		Key:       d.EncryptionKey,
	})
	return d, err
}

// dataOrFail is data for a poll. A job whose role cannot be used fails, so that it keeps no other job from its worker;
// then there is no data.
func (s *Service) dataOrFail(ctx context.Context, j *Job) (*cp.JobData, error) {
	d, err := s.data(ctx, j)
	refused, ok := errors.AsType[awsproto.ServiceError](err)
	if !ok {
		return d, err
	}
	_, err = s.change(ctx, j.ID, anyone, func(_ store.Tx, now *Job) error {
		if !now.Over() && now.Nonce == j.Nonce {
			now.refuse(cp.FailureDetails{
				Type:    cp.FailureTypePermissionError,
				Message: new("The job gets no credentials for its artifacts: " + awsproto.Message(refused)),
			}, s.world())
		}
		return nil
	})
	return nil, err
}

func anyone(*actionType, *Job) error { return nil }

// opened is a job's configuration with its secrets in clear.
func (s *Service) opened(j *Job) (map[string]string, error) {
	clear := maps.Clone(j.Configuration)
	if clear == nil {
		clear = map[string]string{}
	}
	t := s.typeOf(&j.Type)
	if t == nil {
		return clear, nil
	}
	for _, k := range t.check.Keys {
		sealed, ok := clear[k.Name]
		if !ok || !k.Secret {
			continue
		}
		plain, err := s.Seal.Open(sealed, pipeline.SecretPlace(j.Pipeline, j.Stage, j.Action, k.Name))
		if err != nil {
			return nil, err
		}
		clear[k.Name] = string(plain)
	}
	return clear, nil
}

func artifacts(details []cp.ArtifactDetail, revisions []cp.ArtifactRevision) []cp.Artifact {
	all := make([]cp.Artifact, len(details))
	for i, d := range details {
		all[i] = cp.Artifact{Name: d.Name, Location: &cp.ArtifactLocation{
			Type:       cp.ArtifactLocationTypeS3,
			S3Location: &cp.S3ArtifactLocation{BucketName: d.S3location.Bucket, ObjectKey: d.S3location.Key},
		}}
		for _, r := range revisions {
			if r.Name != nil && *r.Name == *d.Name {
				all[i].Revision = r.RevisionId
			}
		}
	}
	return all
}

func locations(details []cp.ArtifactDetail) []cp.S3Location {
	all := make([]cp.S3Location, len(details))
	for i, d := range details {
		all[i] = *d.S3location
	}
	return all
}
