package build

import (
	"slices"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
)

// merge puts the overrides of StartBuild over a project, which it changes.
func merge(p *cb.Project, in *cb.StartBuildInput) {
	src := p.Source
	if in.SourceTypeOverride != "" {
		src.Type = in.SourceTypeOverride
	}
	if src.Type == cb.SourceTypeNoSource {
		src.Location = nil
	}
	set(&src.Location, in.SourceLocationOverride)
	set(&src.GitCloneDepth, in.GitCloneDepthOverride)
	set(&src.GitSubmodulesConfig, in.GitSubmodulesConfigOverride)
	set(&src.Buildspec, in.BuildspecOverride)
	set(&src.InsecureSsl, in.InsecureSslOverride)
	set(&src.ReportBuildStatus, in.ReportBuildStatusOverride)
	set(&src.BuildStatusConfig, in.BuildStatusConfigOverride)
	set(&src.Auth, in.SourceAuthOverride)
	set(&p.SourceVersion, in.SourceVersion)
	if in.SecondarySourcesOverride != nil {
		p.SecondarySources = in.SecondarySourcesOverride
		// The project's versions are of the project's sources.
		p.SecondarySourceVersions = slices.DeleteFunc(p.SecondarySourceVersions, func(v cb.ProjectSourceVersion) bool {
			return !slices.ContainsFunc(
				p.SecondarySources, func(
					s cb.ProjectSource) bool {
					return awsproto.Value(s.SourceIdentifier) == awsproto.Value(v.SourceIdentifier)
				})
		})
	}
	for _, v := range in.SecondarySourcesVersionOverride {
		p.SecondarySourceVersions = slices.DeleteFunc(p.SecondarySourceVersions, func(o cb.ProjectSourceVersion) bool {
			return awsproto.Value(o.SourceIdentifier) == awsproto.Value(v.SourceIdentifier)
		})
		p.SecondarySourceVersions = append(p.SecondarySourceVersions, v)
	}
	set(&p.Artifacts, in.ArtifactsOverride)
	setList(&p.SecondaryArtifacts, in.SecondaryArtifactsOverride)
	set(&p.Cache, in.CacheOverride)
	set(&p.ServiceRole, in.ServiceRoleOverride)
	set(&p.AutoRetryLimit, in.AutoRetryLimitOverride)
	set(&p.TimeoutInMinutes, in.TimeoutInMinutesOverride)
	set(&p.QueuedTimeoutInMinutes, in.QueuedTimeoutInMinutesOverride)
	set(&p.EncryptionKey, in.EncryptionKeyOverride)
	set(&p.LogsConfig, in.LogsConfigOverride)
	mergeEnvironment(p.Environment, in)
}

func mergeEnvironment(e *cb.ProjectEnvironment, in *cb.StartBuildInput) {
	if in.EnvironmentTypeOverride != "" {
		e.Type = in.EnvironmentTypeOverride
	}
	if in.ComputeTypeOverride != "" {
		e.ComputeType = in.ComputeTypeOverride
	}
	if in.ImagePullCredentialsTypeOverride != "" {
		e.ImagePullCredentialsType = in.ImagePullCredentialsTypeOverride
	}
	set(&e.Image, in.ImageOverride)
	set(&e.Certificate, in.CertificateOverride)
	set(&e.PrivilegedMode, in.PrivilegedModeOverride)
	set(&e.RegistryCredential, in.RegistryCredentialOverride)
	set(&e.Fleet, in.FleetOverride)
	for _, v := range in.EnvironmentVariablesOverride {
		if v.Type == "" {
			v.Type = cb.EnvironmentVariableTypePlaintext
		}
		i := slices.IndexFunc(
			e.EnvironmentVariables, func(
				o cb.EnvironmentVariable) bool {
				return awsproto.Value(o.Name) == awsproto.Value(v.Name)
			})
		if i < 0 {
			e.EnvironmentVariables = append(e.EnvironmentVariables, v)
		} else {
			e.EnvironmentVariables[i] = v
		}
	}
}
