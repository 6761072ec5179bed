package build

import (
	"context"
	"slices"
	"strings"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/api/slipway"
)

// StartForPipeline starts a build whose sources and artifacts are a pipeline's, whatever the project says of them.
// Starting it once more with the same key returns the build that there is.
func (s *Service) StartForPipeline(ctx context.Context, in *cb.StartBuildInput,
	job slipway.PipelineJob) (*cb.Build, error) {
	p, err := s.pipelineProject(ctx, in)
	if err != nil {
		return nil, err
	}
	sub, err := s.prepare(ctx, p, awsproto.Value(in.DebugSessionEnabled))
	if err != nil {
		return nil, err
	}
	sub.origin = job.Key
	sub.build.Initiator = new(initiatorOf(job))
	receive(sub, job)
	handOver(sub, outputsOf(job))
	return s.submit(ctx, sub)
}

// StartBatchForPipeline starts a batch whose sources and artifacts are a pipeline's. With combine the artifacts of its
// builds are one, the job's output; else each output is that of the build that it is named after. Starting it once more
// with the same key returns the batch that there is.
func (s *Service) StartBatchForPipeline(ctx context.Context, in *cb.StartBuildInput, combine bool,
	job slipway.PipelineJob) (*cb.BuildBatch, error) {
	p, err := s.pipelineProject(ctx, in)
	if err != nil {
		return nil, err
	}
	if err := s.batchRole(ctx, p); err != nil {
		return nil, err
	}
	config := *p.BuildBatchConfig
	config.CombineArtifacts = &combine
	p.BuildBatchConfig = &config
	return s.startBatch(ctx, p, &batchStart{initiator: initiatorOf(job), job: &job,
		debug: awsproto.Value(in.DebugSessionEnabled)})
}

func initiatorOf(job slipway.PipelineJob) string { return "codepipeline/" + job.Pipeline }

// pipelineProject is a project whose sources and artifacts are a pipeline's, with overrides over it.
func (s *Service) pipelineProject(ctx context.Context, in *cb.StartBuildInput) (*cb.Project, error) {
	p, err := s.project(ctx, s.db, *in.ProjectName)
	if err != nil {
		return nil, err
	}
	p.SourceVersion, p.SecondarySources, p.SecondarySourceVersions, p.SecondaryArtifacts = nil, nil, nil, nil
	merge(p, in)
	p.Source.Type, p.Source.Location = cb.SourceTypeCodepipeline, nil
	p.Source.GitCloneDepth, p.Source.GitSubmodulesConfig, p.Source.Auth, p.Source.ReportBuildStatus = nil, nil, nil, nil
	p.Artifacts = &cb.ProjectArtifacts{
		Type:      cb.ArtifactsTypeCodepipeline,
		Name:      p.Name,
		Packaging: cb.ArtifactPackagingNone,
	}
	return p, nil
}

// receive gives a build the input artifacts of its action.
func receive(sub *submission, job slipway.PipelineJob) {
	b := sub.build
	sub.work.Execution = job.Execution
	primary := max(0, slices.IndexFunc(job.Inputs, func(a slipway.Artifact) bool { return a.Name == job.Primary }))
	for i, a := range job.Inputs {
		f := slipway.Source{Identifier: a.Name, Kind: slipway.SourceZip, Bucket: a.Bucket, Key: a.Key}
		if i != primary {
			sub.work.Sources = append(sub.work.Sources, f)
			b.SecondarySources = append(b.SecondarySources,
				cb.ProjectSource{Type: cb.SourceTypeCodepipeline, SourceIdentifier: &job.Inputs[i].Name})
			continue
		}
		f.Identifier = ""
		sub.work.Sources = append([]slipway.Source{f}, sub.work.Sources...)
		b.SourceVersion = new("arn:aws:s3:::" + a.Bucket + "/" + a.Key)
	}
	if job.Version != "" {
		b.ResolvedSourceVersion = &job.Version
		sub.work.Variables["CODEBUILD_RESOLVED_SOURCE_VERSION"] = job.Version
	}
}

// made is an artifact that a build makes for its action: the buildspec's own, or the secondary one of an identifier.
type made struct{ identifier, bucket, key string }

// outputsOf are the artifacts that a build makes for its action: one output is the buildspec's artifacts; of several
// each is the secondary artifact of its name.
func outputsOf(job slipway.PipelineJob) (all []made) {
	for _, a := range job.Outputs {
		identifier := a.Name
		if len(job.Outputs) == 1 {
			identifier = ""
		}
		all = append(all, made{identifier, a.Bucket, a.Key})
	}
	return all
}

// handOver says where a build puts the artifacts that it makes for its action.
func handOver(sub *submission, outputs []made) {
	for _, m := range outputs {
		shown := cb.BuildArtifacts{Location: new("arn:aws:s3:::" + m.bucket + "/" + m.key)}
		if m.identifier == "" {
			sub.build.Artifacts = &shown
		} else {
			shown.ArtifactIdentifier = &m.identifier
			sub.build.SecondaryArtifacts = append(sub.build.SecondaryArtifacts, shown)
		}
		sub.work.Outputs = append(sub.work.Outputs,
			slipway.Output{Identifier: m.identifier, Bucket: m.bucket, Key: m.key, Zip: true})
	}
}

// outputsOfPart are the artifacts that a build of a batch makes for the batch's action. To be combined, each lies
// beside the one that they become. Otherwise outputs are named BUILD, or BUILD_ARTIFACT for a secondary artifact.
// Source: "Samples of CodePipeline/CodeBuild integrations and batch builds" in the CodeBuild user guide.
func outputsOfPart(job slipway.PipelineJob, combine bool, identifier string, builds []slipway.BatchBuild) (all []made) {
	for _, a := range job.Outputs {
		if combine {
			all = append(all, made{"", a.Bucket, a.Key + "-" + identifier})
			continue
		}
		if of, artifact := outputOf(a.Name, builds); of == identifier {
			all = append(all, made{artifact, a.Bucket, a.Key})
		}
	}
	return all
}

// outputOf is the build of a batch that makes an output, and the identifier of the artifact, "" for the primary one. It
// is "" if none does. Of two builds that the name may mean the longer identifier counts.
func outputOf(name string, builds []slipway.BatchBuild) (build, artifact string) {
	for _, b := range builds {
		rest, named := strings.CutPrefix(name, b.Identifier)
		rest, secondary := strings.CutPrefix(rest, "_")
		if named && (rest == "" && !secondary || secondary && rest != "") && len(b.Identifier) > len(build) {
			build, artifact = b.Identifier, rest
		}
	}
	return build, artifact
}

// checkOutputs refuses an action of which an output is made by no build of its batch.
func checkOutputs(job *slipway.PipelineJob, combine bool, builds []slipway.BatchBuild) error {
	if job == nil || combine {
		return nil
	}
	for _, a := range job.Outputs {
		if build, _ := outputOf(a.Name, builds); build == "" {
			var names []string
			for _, b := range builds {
				names = append(names, b.Identifier)
			}
			return invalid("No build of the batch makes the action's output artifact %s. Name it after a build (%s), "+
				"as BUILD_ARTIFACT for a secondary artifact, or let the action combine them (CombineArtifacts).",
				a.Name, strings.Join(names, ", "))
		}
	}
	return nil
}
