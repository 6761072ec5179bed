package build

import (
	"context"

	cb "slipway/api/codebuild"
	"slipway/api/slipway"
)

const (
	// commandsImage and commandsCompute are what the commands of a pipeline run in, unless it asks for another.
	commandsImage   = "aws/codebuild/amazonlinux-x86_64-standard:5.0"
	commandsCompute = cb.ComputeTypeBuildGeneral1Small
	// commandsMinutes is the time-out of a build of commands ("Commands action reference").
	commandsMinutes = 55
)

// StartCommands starts a build for the commands of a pipeline's action: without a project, with the role that the
// overrides name, which the role through assumes unless they are one. Starting it once more with the same key returns
// the build that there is. Source: "Commands action reference" in the CodePipeline user guide.
func (s *Service) StartCommands(ctx context.Context, in *cb.StartBuildInput, through string,
	job slipway.PipelineJob) (*cb.Build, error) {
	group := "/aws/codepipeline/" + job.Pipeline
	p := &cb.Project{
		Name: new(slipway.CommandsProject + job.Pipeline),
		Source: &cb.ProjectSource{
			Type: cb.SourceTypeCodepipeline,
		},
		Artifacts: &cb.ProjectArtifacts{
			Type:      cb.ArtifactsTypeCodepipeline,
			Packaging: cb.ArtifactPackagingNone,
		},
		Environment: &cb.ProjectEnvironment{
			Type:        cb.EnvironmentTypeLinuxContainer,
			Image:       new(commandsImage),
			ComputeType: commandsCompute,
		},
		TimeoutInMinutes:       new(int32(commandsMinutes)),
		QueuedTimeoutInMinutes: new(int32(defaultQueued)),
		LogsConfig: &cb.LogsConfig{CloudWatchLogs: &cb.CloudWatchLogsConfig{
			Status:    cb.LogsConfigStatusTypeEnabled,
			GroupName: &group,
		}},
	}
	merge(p, in)
	sub, err := s.prepare(ctx, p, false)
	if err != nil {
		return nil, err
	}
	sub.origin = job.Key
	sub.work.Through = through
	sub.build.Initiator = new(initiatorOf(job))
	receive(sub, job)
	handOver(sub, outputsOf(job))
	return s.submit(ctx, sub)
}
