package pipeline

import (
	"context"
	"errors"
	"strings"

	cp "slipway/api/codepipeline"
	"slipway/internal/pipeline/engine"
)

// inputs are where the input artifacts of an action lie.
func inputs(e *engine.Execution, run *engine.Run) ([]cp.ArtifactDetail, error) {
	return artifacts(e, run.Action.InputArtifacts)
}

// artifacts are where artifacts lie that are named.
func artifacts(e *engine.Execution, named []cp.InputArtifact) ([]cp.ArtifactDetail, error) {
	var all []cp.ArtifactDetail
	for _, in := range named {
		at := artifact(e, *in.Name)
		if at == nil {
			return nil, Refuse("InvalidActionConfiguration",
				"The input artifact %s was not made by any action of this execution", *in.Name)
		}
		all = append(all, *at)
	}
	return all, nil
}

// artifact is where the newest artifact of a name lies that an execution made, or nil.
func artifact(e *engine.Execution, name string) *cp.ArtifactDetail {
	for r := range e.Made() {
		if r.Status != cp.ActionExecutionStatusSucceeded || r.Output == nil {
			continue
		}
		for k := range r.Output.OutputArtifacts {
			if *r.Output.OutputArtifacts[k].Name == name {
				return &r.Output.OutputArtifacts[k]
			}
		}
	}
	return nil
}

// outputs are where an action puts its output artifacts. The places are chosen at the start and then stay.
func (s *Service) outputs(ctx context.Context, a *Action, run *engine.Run) ([]cp.ArtifactDetail, error) {
	if len(a.Outputs) > 0 || len(run.Action.OutputArtifacts) == 0 {
		return a.Outputs, nil
	}
	r, err := load(ctx, s.db, a.Pipeline)
	if err != nil {
		return nil, err
	}
	bucket, err := artifactBucket(r.Declaration, s.Region)
	if err != nil {
		return nil, err
	}
	var all []cp.ArtifactDetail
	for _, out := range run.Action.OutputArtifacts {
		at := &cp.S3Location{Bucket: &bucket, Key: new(artifactKey(a, *out.Name))}
		all = append(all, cp.ArtifactDetail{Name: out.Name, S3location: at})
	}
	return all, nil
}

// artifactBucket is where a pipeline keeps its artifacts.
func artifactBucket(d *cp.PipelineDeclaration, region string) (string, error) {
	if d.ArtifactStore != nil {
		return *d.ArtifactStore.Location, nil
	}
	if here, ok := d.ArtifactStores[region]; ok {
		return *here.Location, nil
	}
	return "", Refuse("InvalidActionConfiguration", "The pipeline has no artifact store for the region %s", region)
}

// ArtifactKey is the key of the store of a pipeline's artifacts; nil for none, and for a pipeline that is gone.
func (s *Service) ArtifactKey(ctx context.Context, pipeline string) (*cp.EncryptionKey, error) {
	r, err := load(ctx, s.db, pipeline)
	if _, gone := errors.AsType[*cp.PipelineNotFoundException](err); gone {
		return nil, nil //nolint:nilnil // there is none
	}
	if err != nil {
		return nil, err
	}
	at := r.Declaration.ArtifactStore
	if here, ok := r.Declaration.ArtifactStores[s.Region]; at == nil && ok {
		at = &here
	}
	if at == nil {
		return nil, nil //nolint:nilnil // there is none
	}
	return at.EncryptionKey, nil
}

// artifactKey has the form of CodePipeline's keys: shortened names, and part of the action execution's ID.
func artifactKey(a *Action, name string) string {
	short := func(s string, n int) string { return s[:min(n, len(s))] }
	return short(a.Pipeline, 20) + "/" + short(name, 10) + "/" + strings.ReplaceAll(a.ID, "-", "")[:16]
}
