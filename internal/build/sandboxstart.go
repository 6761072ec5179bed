package build

import (
	"context"
	"strings"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/api/slipway"
)

// StartProjectSandbox implements slipway:StartProjectSandbox: StartSandbox with overrides, of a project or of one of
// its builds. The sandbox of a build has the build's source at the commit that it was built from, its image and its
// variables.
func (s *Service) StartProjectSandbox(ctx context.Context,
	in *slipway.StartProjectSandboxInput) (*slipway.StartProjectSandboxOutput, error) {
	if (in.ProjectName == nil) == (in.BuildId == nil) {
		return nil, &awsproto.Error{Code: "ValidationException",
			Message: "A sandbox is started from a project (projectName) or from a build (buildId): give one of them."}
	}
	var from *row
	var err error
	if in.BuildId != nil {
		if from, err = oneBuild(ctx, s.db, s.buildID(*in.BuildId)); err == nil && from == nil {
			err = unknown(*in.BuildId)
		}
		if err == nil && in.SourceVersion != nil && from.build.Source.Type == cb.SourceTypeCodepipeline {
			err = invalid("The build %s has its source from a pipeline, which has no other version of it.",
				*from.build.Id)
		}
		if err != nil {
			return nil, err
		}
	}
	p, err := s.projectOfSandbox(ctx, awsproto.Value(in.ProjectName), from)
	if err != nil {
		return nil, err
	}
	merge(p, overrides(in))
	sub, err := s.prepareSandbox(ctx, p)
	if err != nil {
		return nil, err
	}
	if from != nil {
		sub.as(from, in.SourceVersion == nil)
	}
	sub.token, sub.scope, sub.request = awsproto.Value(in.IdempotencyToken), "sandbox.start-of", in
	started, err := s.submitSandbox(ctx, sub)
	if err != nil {
		return nil, err
	}
	return &slipway.StartProjectSandboxOutput{Id: started.Id, Arn: started.Arn}, nil
}

// projectOfSandbox is a project, or what it was for a build.
func (s *Service) projectOfSandbox(ctx context.Context, name string, from *row) (*cb.Project, error) {
	if from != nil {
		name = *from.build.ProjectName
	}
	p, err := s.project(ctx, s.db, name)
	if err != nil {
		return nil, err
	}
	if from == nil {
		if p.Source.Type == cb.SourceTypeCodepipeline {
			return nil, invalid("The project %s takes its source from a pipeline. Start the sandbox from one of its "+
				"builds: slipway debug %s:UUID", *p.Name, *p.Name)
		}
		return p, nil
	}
	b := from.build
	p.Source, p.SourceVersion = b.Source, b.SourceVersion
	p.SecondarySources, p.SecondarySourceVersions = b.SecondarySources, b.SecondarySourceVersions
	p.Environment, p.Cache, p.ServiceRole, p.VpcConfig = b.Environment, b.Cache, b.ServiceRole, b.VpcConfig
	p.EncryptionKey, p.TimeoutInMinutes = b.EncryptionKey, b.TimeoutInMinutes
	p.QueuedTimeoutInMinutes = b.QueuedTimeoutInMinutes
	return p, nil
}

func overrides(in *slipway.StartProjectSandboxInput) *cb.StartBuildInput {
	out := &cb.StartBuildInput{SourceVersion: in.SourceVersion, ImageOverride: in.Image,
		TimeoutInMinutesOverride: in.TimeoutInMinutes}
	for _, v := range in.EnvironmentVariables {
		out.EnvironmentVariablesOverride = append(out.EnvironmentVariablesOverride,
			cb.EnvironmentVariable{Name: v.Name, Value: v.Value, Type: cb.EnvironmentVariableTypePlaintext})
	}
	return out
}

// as gives a sandbox what only the runner was told of a build: where its sources were, what it is kept from as one of a
// fork, and the commit that it was built from, unless another version was asked for.
func (sub *submission) as(from *row, sameVersion bool) {
	w := &sub.work
	w.Fork, w.CacheApart, w.Buildspec, w.TestTimes = from.work.Fork, from.work.CacheApart, from.work.Buildspec,
		from.work.TestTimes
	for name, value := range from.work.Variables {
		if strings.HasPrefix(name, "CODEBUILD_WEBHOOK_") || strings.HasPrefix(name, "CODEBUILD_BATCH_") {
			w.Variables[name] = value
		}
	}
	if !sameVersion {
		return
	}
	w.Sources = append([]slipway.Source{}, from.work.Sources...)
	commit := awsproto.Value(from.build.ResolvedSourceVersion)
	if len(w.Sources) == 0 || commit == "" {
		return
	}
	primary := &w.Sources[0]
	if primary.Kind == slipway.SourceGit && !strings.HasPrefix(primary.Version, "refs/") {
		primary.Version, sub.build.SourceVersion = commit, &commit
	} else if primary.Kind != slipway.SourceGit {
		sub.build.ResolvedSourceVersion = &commit
		w.Variables["CODEBUILD_RESOLVED_SOURCE_VERSION"] = commit
	}
}
