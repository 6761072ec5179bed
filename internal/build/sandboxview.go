package build

import (
	"strings"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
)

// sandboxStopping is the status of a sandbox whose runner was told to end it.
const sandboxStopping = "STOPPING"

// shownSandbox is a sandbox as BatchGetSandboxes shows it.
func (s *Service) shownSandbox(r *row) cb.Sandbox {
	b := s.shown(r)
	status := sandboxStatus(r, &b)
	_, unique, _ := strings.Cut(*b.Id, ":")
	out := cb.Sandbox{Id: b.Id, Arn: b.Arn, ProjectName: b.ProjectName, RequestTime: awsproto.At(r.submitted),
		EndTime: b.EndTime, Status: &status, Source: b.Source, SourceVersion: b.SourceVersion,
		SecondarySources: b.SecondarySources, SecondarySourceVersions: b.SecondarySourceVersions,
		Environment: b.Environment, FileSystemLocations: b.FileSystemLocations, TimeoutInMinutes: b.TimeoutInMinutes,
		QueuedTimeoutInMinutes: b.QueuedTimeoutInMinutes, VpcConfig: b.VpcConfig, EncryptionKey: b.EncryptionKey,
		LogConfig:   &cb.LogsConfig{CloudWatchLogs: b.Logs.CloudWatchLogs, S3Logs: b.Logs.S3Logs},
		ServiceRole: b.ServiceRole}
	if !r.assigned.IsZero() {
		out.StartTime = awsproto.At(r.assigned)
	}
	out.CurrentSession = &cb.SandboxSession{Id: &unique, Status: &status, StartTime: awsproto.At(r.submitted),
		EndTime: b.EndTime, CurrentPhase: b.CurrentPhase, ResolvedSourceVersion: b.ResolvedSourceVersion, Logs: b.Logs}
	for _, p := range b.Phases {
		out.CurrentSession.Phases = append(out.CurrentSession.Phases, cb.SandboxSessionPhase{
			PhaseType:         new(string(p.PhaseType)),
			PhaseStatus:       p.PhaseStatus,
			StartTime:         p.StartTime,
			EndTime:           p.EndTime,
			DurationInSeconds: p.DurationInSeconds,
			Contexts:          p.Contexts,
		})
	}
	return out
}

// sandboxStatus is one word: the phase that the sandbox is in, STOPPING, or how it ended.
// Source: the responses in "Debug builds with CodeBuild sandbox", AWS CodeBuild user guide.
func sandboxStatus(r *row, b *cb.Build) string {
	switch {
	case r.Stage == Ended:
		return string(b.BuildStatus)
	case r.Stop:
		return sandboxStopping
	}
	return awsproto.Value(b.CurrentPhase)
}
