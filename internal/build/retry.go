package build

import (
	"context"
	"errors"
	"maps"

	"github.com/google/uuid"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/internal/store"
)

// RetryBuild implements codebuild:RetryBuild: a new build with all that the old one was started with.
func (s *Service) RetryBuild(ctx context.Context, in *cb.RetryBuildInput) (*cb.RetryBuildOutput, error) {
	if in.Id == nil {
		return nil, invalid("The id of the build to retry is required.")
	}
	if err := s.checkBuildID(*in.Id); err != nil {
		return nil, err
	}
	r, err := oneBuild(ctx, s.db, s.buildID(*in.Id))
	if err != nil {
		return nil, err
	}
	switch {
	case r == nil:
		return nil, s.noBuild(*in.Id)
	case r.Stage != Ended:
		return nil, invalid("The build %s is in progress; only one that has ended can be retried.", *r.build.Id)
	case r.build.BuildBatchArn != nil:
		return nil, invalid("The build %s is one of the batch %s; retry that (RetryBuildBatch).", *r.build.Id,
			s.batchID(*r.build.BuildBatchArn))
	case r.build.Source.Type == cb.SourceTypeCodepipeline:
		return nil, invalid("The build %s is a pipeline's; retry the stage of the pipeline.", *r.build.Id)
	}
	p, err := s.project(ctx, s.db, *r.build.ProjectName)
	if err != nil {
		return nil, err
	}
	if err := s.fleetThere(ctx, r.fleet, *p.Name); err != nil {
		return nil, err
	}
	sub := s.again(r)
	sub.build.Initiator = new(awsproto.CallerOf(ctx).Name)
	sub.limit, sub.token, sub.scope, sub.request = p.ConcurrentBuildLimit, awsproto.Value(
		in.IdempotencyToken), "build.retry", in
	started, err := s.submit(ctx, sub)
	if err != nil {
		return nil, err
	}
	return &cb.RetryBuildOutput{Build: started}, nil
}

// again makes a build of all that another one was started with.
func (s *Service) again(r *row) *submission {
	old := r.build
	b := &cb.Build{ProjectName: old.ProjectName, SourceVersion: old.SourceVersion, Source: old.Source,
		SecondarySources: old.SecondarySources, SecondarySourceVersions: old.SecondarySourceVersions,
		Cache: old.Cache, Environment: old.Environment, ServiceRole: old.ServiceRole,
		TimeoutInMinutes: old.TimeoutInMinutes, QueuedTimeoutInMinutes: old.QueuedTimeoutInMinutes,
		VpcConfig: old.VpcConfig, EncryptionKey: old.EncryptionKey, FileSystemLocations: old.FileSystemLocations,
		AutoRetryConfig: firstTry(old.AutoRetryConfig), DebugSession: old.DebugSession,
		BuildComplete: new(false), BuildStatus: cb.StatusTypeInProgress}
	id := uuid.NewString()
	s.name(b, id, &cb.LogsConfig{CloudWatchLogs: old.Logs.CloudWatchLogs})
	artifact := func(a cb.BuildArtifacts) cb.BuildArtifacts {
		shown := expected(cb.ProjectArtifacts{Type: cb.ArtifactsTypeNoArtifacts}, *b.ProjectName, id)
		for _, o := range r.work.Outputs {
			if o.Identifier == awsproto.Value(a.ArtifactIdentifier) {
				namespace := cb.ArtifactNamespaceNone
				if o.Namespace {
					namespace = cb.ArtifactNamespaceBuildId
				}
				shown = expected(cb.ProjectArtifacts{
					Type:          cb.ArtifactsTypeS3,
					Location:      &o.Bucket,
					Path:          &o.Path,
					Name:          &o.Name,
					NamespaceType: namespace,
				}, *b.ProjectName, id)
			}
		}
		shown.ArtifactIdentifier, shown.OverrideArtifactName = a.ArtifactIdentifier, a.OverrideArtifactName
		shown.EncryptionDisabled, shown.BucketOwnerAccess = a.EncryptionDisabled, a.BucketOwnerAccess
		return shown
	}
	b.Artifacts = new(artifact(*old.Artifacts))
	for _, a := range old.SecondaryArtifacts {
		b.SecondaryArtifacts = append(b.SecondaryArtifacts, artifact(a))
	}
	sub := &submission{build: b, work: r.work, needs: r.needs}
	sub.work.Variables = maps.Clone(r.work.Variables)
	maps.Copy(sub.work.Variables, s.variables(b))
	return sub
}

// autoRetry starts a failed build again, up to its autoRetryLimit, in the transaction that ends it. Each build names
// the one before and the one after. Builds of pipelines are left to the pipeline, which retries stages. Source:
// AutoRetryConfig in the CodeBuild API reference.
func (s *Service) autoRetry(ctx context.Context, tx store.Tx, r *row) error {
	c := r.build.AutoRetryConfig
	switch r.build.BuildStatus {
	case cb.StatusTypeFailed, cb.StatusTypeFault, cb.StatusTypeTimedOut:
	default:
		return nil
	}
	if c == nil || awsproto.Value(c.AutoRetryNumber) >= awsproto.Value(c.AutoRetryLimit) ||
		r.build.Source.Type == cb.SourceTypeCodepipeline {
		return nil
	}
	if _, err := s.project(ctx, tx, *r.build.ProjectName); err != nil {
		if _, deleted := errors.AsType[*cb.ResourceNotFoundException](err); deleted {
			return nil
		}
		return err
	}
	sub := s.again(r)
	sub.build.Initiator, sub.build.DebugSession = r.build.Initiator, nil // nobody knows of it who would go on
	sub.build.AutoRetryConfig = &cb.AutoRetryConfig{
		AutoRetryLimit:    c.AutoRetryLimit,
		AutoRetryNumber:   new(awsproto.Value(c.AutoRetryNumber) + 1),
		PreviousAutoRetry: r.build.Arn,
	}
	next := &row{build: *sub.build, work: sub.work, State: State{Stage: Queued}, submitted: s.Now(),
		needs: sub.needs, fleet: sub.fleet()}
	if err := s.insert(ctx, tx, next, sub, nil); err != nil {
		return err
	}
	c.NextAutoRetry = next.build.Arn
	s.Hints.Changed(tx, "builds")
	s.queued(tx, next)
	return nil
}

// firstTry is the configuration of a build that somebody starts.
func firstTry(c *cb.AutoRetryConfig) *cb.AutoRetryConfig {
	if c == nil {
		return nil
	}
	return &cb.AutoRetryConfig{AutoRetryLimit: c.AutoRetryLimit, AutoRetryNumber: new(int32(0))}
}
