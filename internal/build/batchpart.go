package build

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/build/batch"
)

// part makes the build of one part of a batch.
func (s *Service) part(x *batchRow, i int, on grounds) (*submission, error) {
	p := x.work.Project
	src, env := *p.Source, *p.Environment
	env.EnvironmentVariables = slices.Clone(env.EnvironmentVariables)
	p.Source, p.Environment = &src, &env
	p.BuildBatchConfig, p.AutoRetryLimit, p.ConcurrentBuildLimit = nil, nil, nil
	identifier := x.state.Parts[i].Identifier
	if i == 0 {
		if x.work.Job == nil {
			p.Artifacts, p.SecondaryArtifacts = &cb.ProjectArtifacts{Type: cb.ArtifactsTypeNoArtifacts}, nil
		}
		p.Cache = &cb.ProjectCache{Type: cb.CacheTypeNoCache}
	} else {
		if err := override(&p, x.work.Builds, identifier); err != nil {
			return nil, err
		}
		placeArtifacts(&p, identifier, awsproto.Value(x.doc.Id), x.state.Combine)
	}
	if err := check(&p); err != nil {
		return nil, err
	}
	sub, err := s.compose(&p, on, x.debugs(i))
	if err != nil {
		return nil, err
	}
	sub.build.BuildBatchArn, sub.build.Initiator = x.doc.Arn, x.doc.Initiator
	sub.work.ReadBatch, sub.work.TestTimes = i == 0, x.work.TestTimes
	sub.work.Variables["CODEBUILD_BATCH_BUILD_IDENTIFIER"] = identifier
	if x.work.Job != nil {
		receive(sub, *x.work.Job)
		if i > 0 {
			handOver(sub, outputsOfPart(*x.work.Job, x.state.Combine, identifier, x.work.Builds))
		}
		return sub, nil
	}
	s.collect(sub, &p)
	x.work.Occasion.put(sub)
	if commit := awsproto.Value(x.doc.ResolvedSourceVersion); i > 0 && commit != "" && x.work.Occasion.Commit == "" {
		pin(&sub.work.Sources[0], commit)
	}
	return sub, nil
}

// debugs tells whether a build of a batch has a debug session: all have, or the buildspec asks for it. The one that
// reads the buildspec runs no command.
func (x *batchRow) debugs(i int) bool {
	return i > 0 && (awsproto.Value(x.doc.DebugSessionEnabled) ||
		slices.ContainsFunc(x.work.Builds, func(b slipway.BatchBuild) bool {
			return b.Identifier == x.state.Parts[i].Identifier && b.DebugSession
		}))
}

// pin lets a source be fetched at the commit that the batch was read from, whatever was pushed since.
func pin(f *slipway.Source, commit string) {
	switch {
	case f.Kind != slipway.SourceGit:
	case strings.HasPrefix(f.Version, "refs/") && !strings.Contains(f.Version, "^"):
		f.Version += "^{" + commit + "}"
	default:
		f.Version = commit
	}
}

// override puts what a buildspec says of a build over its project.
func override(p *cb.Project, builds []slipway.BatchBuild, identifier string) error {
	i := slices.IndexFunc(builds, func(b slipway.BatchBuild) bool { return b.Identifier == identifier })
	if i < 0 {
		return invalid("The batch has no build %s.", identifier)
	}
	b := builds[i]
	switch {
	case b.ComputeType != "" && !slices.Contains(b.ComputeType.Values(), string(b.ComputeType)):
		return invalid("The build %s has an unknown compute-type: %s.", identifier, b.ComputeType)
	case b.Type != "" && !slices.Contains(b.Type.Values(), string(b.Type)):
		return invalid("The build %s has an unknown type: %s.", identifier, b.Type)
	}
	in := &cb.StartBuildInput{
		ComputeTypeOverride:          b.ComputeType,
		EnvironmentTypeOverride:      b.Type,
		PrivilegedModeOverride:       b.PrivilegedMode,
		EnvironmentVariablesOverride: b.Variables,
	}
	if b.Image != "" {
		in.ImageOverride = &b.Image
	}
	if b.Fleet != "" {
		in.FleetOverride = &cb.ProjectFleet{FleetArn: &b.Fleet}
	}
	mergeEnvironment(p.Environment, in)
	if b.Buildspec != "" {
		p.Source.Buildspec = &b.Buildspec
	}
	return nil
}

// placeArtifacts keeps the artifacts of a batch's builds apart: without BUILD_ID, which does so already, each lies in a
// folder of its build's identifier. Files that are to be combined lie in one place from the start; zips are put
// together once all builds have ended.
func placeArtifacts(p *cb.Project, identifier, id string, combine bool) {
	primary := *p.Artifacts
	p.Artifacts, p.SecondaryArtifacts = &primary, slices.Clone(p.SecondaryArtifacts)
	if combine && primary.Packaging != cb.ArtifactPackagingZip {
		combined(p, id)
	} else {
		apart(&primary, *p.Name, identifier)
	}
	for i := range p.SecondaryArtifacts {
		apart(&p.SecondaryArtifacts[i], *p.Name, identifier)
	}
}

func apart(a *cb.ProjectArtifacts, project, identifier string) {
	if a.Type != cb.ArtifactsTypeS3 || a.NamespaceType == cb.ArtifactNamespaceBuildId {
		return
	}
	a.Path = new(path.Join(awsproto.Value(a.Path), identifier))
	if awsproto.Value(a.Name) == "" {
		a.Name = &project
	}
}

// combined is where the combined artifact of a batch lies: as if the batch were one build.
func combined(p *cb.Project, id string) {
	a := p.Artifacts
	if a.Type != cb.ArtifactsTypeS3 {
		return
	}
	if a.NamespaceType == cb.ArtifactNamespaceBuildId {
		_, unique, _ := strings.Cut(id, ":")
		a.Path, a.NamespaceType = new(path.Join(awsproto.Value(a.Path), unique)), cb.ArtifactNamespaceNone
	}
	if awsproto.Value(a.Name) == "" {
		a.Name = p.Name
	}
}

// permitted tells what of a batch its restrictions do not allow.
func permitted(p *cb.Project, builds []slipway.BatchBuild) error {
	c := p.BuildBatchConfig
	if c == nil || c.Restrictions == nil {
		return nil
	}
	r := c.Restrictions
	if most := r.MaximumBuildsAllowed; most != nil && len(builds) > int(*most) {
		return invalid("The batch has %d builds, and the project %s allows %d (maximumBuildsAllowed).", len(builds),
			*p.Name, *most)
	}
	for _, b := range builds {
		compute := b.ComputeType
		if compute == "" {
			compute = p.Environment.ComputeType
		}
		if len(r.ComputeTypesAllowed) > 0 && !slices.Contains(r.ComputeTypesAllowed, string(compute)) {
			return invalid("The build %s of the batch has the compute type %s, which the project %s does not allow "+
				"(computeTypesAllowed: %s).", b.Identifier, compute, *p.Name, strings.Join(r.ComputeTypesAllowed, ", "))
		}
		arn := cmp.Or(b.Fleet, fleetARN(p.Environment))
		if arn != "" && len(r.FleetsAllowed) > 0 && !slices.Contains(r.FleetsAllowed, arn) {
			return invalid("The build %s of the batch has the fleet %s, which the project %s does not allow "+
				"(fleetsAllowed: %s).", b.Identifier, arn, *p.Name, strings.Join(r.FleetsAllowed, ", "))
		}
	}
	return nil
}

// parts are the builds of a batch as decisions see them.
func parts(builds []slipway.BatchBuild) (all []batch.Part) {
	for _, b := range builds {
		all = append(all, batch.Part{Identifier: b.Identifier, DependsOn: b.DependsOn, IgnoreFailure: b.IgnoreFailure})
	}
	return all
}
