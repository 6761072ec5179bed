package build

import (
	"context"
	"maps"

	"github.com/google/uuid"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
)

// RetryBuild implements codebuild:RetryBuild: a new build with all that the old one was started with.
func (s *Service) RetryBuild(ctx context.Context, in *cb.RetryBuildInput) (*cb.RetryBuildOutput, error) {
	if in.Id == nil {
		return nil, invalid("The id of the build to retry is required.")
	}
	r, err := one(ctx, s.db, `WHERE id = $1`, s.buildID(*in.Id))
	if err != nil {
		return nil, err
	}
	switch {
	case r == nil:
		return nil, s.noBuild(*in.Id)
	case r.Stage != Ended:
		return nil, invalid("The build %s is in progress; only one that has ended can be retried.", *r.build.Id)
	case r.build.Source.Type == cb.SourceTypeCodepipeline:
		return nil, invalid("The build %s is a pipeline's; retry the stage of the pipeline.", *r.build.Id)
	}
	p, err := s.project(ctx, s.db, *r.build.ProjectName)
	if err != nil {
		return nil, err
	}
	old := r.build
	b := &cb.Build{ProjectName: old.ProjectName, SourceVersion: old.SourceVersion, Source: old.Source, SecondarySources: old.SecondarySources, SecondarySourceVersions: old.SecondarySourceVersions,
		Cache: old.Cache, Environment: old.Environment, ServiceRole: old.ServiceRole, TimeoutInMinutes: old.TimeoutInMinutes, QueuedTimeoutInMinutes: old.QueuedTimeoutInMinutes,
		VpcConfig: old.VpcConfig, EncryptionKey: old.EncryptionKey, FileSystemLocations: old.FileSystemLocations, BuildComplete: new(false), BuildStatus: cb.StatusTypeInProgress}
	id := uuid.NewString()
	s.name(b, id, &cb.LogsConfig{CloudWatchLogs: old.Logs.CloudWatchLogs})
	artifact := func(a cb.BuildArtifacts) cb.BuildArtifacts {
		shown := expected(cb.ProjectArtifacts{Type: cb.ArtifactsTypeNoArtifacts}, *b.ProjectName, id)
		for _, o := range r.work.Outputs {
			if o.Identifier == text(a.ArtifactIdentifier) {
				namespace := cb.ArtifactNamespaceNone
				if o.Namespace {
					namespace = cb.ArtifactNamespaceBuildId
				}
				shown = expected(cb.ProjectArtifacts{Type: cb.ArtifactsTypeS3, Location: &o.Bucket, Path: &o.Path, Name: &o.Name, NamespaceType: namespace}, *b.ProjectName, id)
			}
		}
		shown.ArtifactIdentifier, shown.OverrideArtifactName, shown.EncryptionDisabled, shown.BucketOwnerAccess = a.ArtifactIdentifier, a.OverrideArtifactName, a.EncryptionDisabled, a.BucketOwnerAccess
		return shown
	}
	b.Artifacts = new(artifact(*old.Artifacts))
	for _, a := range old.SecondaryArtifacts {
		b.SecondaryArtifacts = append(b.SecondaryArtifacts, artifact(a))
	}
	b.Initiator = new(awsproto.CallerOf(ctx).Name)
	sub := &submission{build: b, limit: p.ConcurrentBuildLimit, work: r.work, token: text(in.IdempotencyToken), scope: "build.retry", request: in}
	sub.work.Variables = maps.Clone(r.work.Variables)
	maps.Copy(sub.work.Variables, s.variables(b))
	started, err := s.submit(ctx, sub)
	if err != nil {
		return nil, err
	}
	return &cb.RetryBuildOutput{Build: started}, nil
}
