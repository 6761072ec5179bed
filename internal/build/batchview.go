package build

import (
	"context"
	"strings"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/internal/build/batch"
	"slipway/internal/store"
)

// cut takes an ID apart.
func cut(id string) (project, unique string, ok bool) { return strings.Cut(id, ":") }

// shownBatches are batches as BatchGetBuildBatches shows them, with their builds as they stand now.
func (s *Service) shownBatches(ctx context.Context, q store.Queryer, rows []*batchRow) ([]cb.BuildBatch, error) {
	var ids []string
	for _, x := range rows {
		for _, p := range x.state.Parts {
			ids = append(append(ids, p.Prior...), p.Build)
		}
	}
	found := map[string]*row{}
	for len(ids) > 0 { // within the number of arguments that a query may have
		n := min(len(ids), 500)
		some, err := s.named(ctx, q, ids[:n])
		if err != nil {
			return nil, err
		}
		for id, r := range some {
			found[id] = r
		}
		ids = ids[n:]
	}
	all := make([]cb.BuildBatch, len(rows))
	for i, x := range rows {
		all[i] = s.shownBatch(x, found)
	}
	return all, nil
}

func (s *Service) shownBatch(x *batchRow, found map[string]*row) cb.BuildBatch {
	b := x.doc
	for _, p := range x.state.Parts {
		g := cb.BuildGroup{Identifier: new(p.Identifier), DependsOn: append([]string{}, p.DependsOn...),
			IgnoreFailure: new(p.IgnoreFailure), PriorBuildSummaryList: []cb.BuildSummary{}}
		if p.Build != "" {
			g.CurrentBuildSummary = new(s.summaryOf(p, p.Build, found))
			if r := found[p.Build]; r != nil {
				b.ReportArns = append(b.ReportArns, r.build.ReportArns...)
			}
		}
		for _, id := range p.Prior {
			g.PriorBuildSummaryList = append(g.PriorBuildSummaryList, s.summaryOf(p, id, found))
		}
		b.BuildGroups = append(b.BuildGroups, g)
	}
	return b
}

// summaryOf is a build in its batch. Of one that was deleted since little is known.
func (s *Service) summaryOf(p batch.Part, id string, found map[string]*row) cb.BuildSummary {
	r := found[id]
	if r == nil {
		sum := cb.BuildSummary{Arn: new(s.arn("build", id))}
		if id == p.Build {
			sum.BuildStatus = p.Status
		}
		return sum
	}
	sum := cb.BuildSummary{Arn: r.build.Arn, RequestedOn: r.build.StartTime, BuildStatus: r.build.BuildStatus,
		SecondaryArtifacts: []cb.ResolvedArtifact{}}
	artifact := func(a cb.BuildArtifacts, identifier string) cb.ResolvedArtifact {
		of := cb.ResolvedArtifact{Type: cb.ArtifactsTypeNoArtifacts, Identifier: &identifier}
		if awsproto.Value(a.Location) != "" {
			of.Type, of.Location = cb.ArtifactsTypeS3, a.Location
		}
		if r.build.Source.Type == cb.SourceTypeCodepipeline {
			of.Type = cb.ArtifactsTypeCodepipeline
		}
		return of
	}
	if r.build.Artifacts != nil {
		sum.PrimaryArtifact = new(artifact(*r.build.Artifacts, p.Identifier))
	}
	for _, a := range r.build.SecondaryArtifacts {
		sum.SecondaryArtifacts = append(sum.SecondaryArtifacts,
			artifact(a, p.Identifier+"_"+awsproto.Value(a.ArtifactIdentifier)))
	}
	return sum
}

// BatchGetBuildBatches implements codebuild:BatchGetBuildBatches, by IDs and ARNs.
func (s *Service) BatchGetBuildBatches(ctx context.Context,
	in *cb.BatchGetBuildBatchesInput) (*cb.BatchGetBuildBatchesOutput, error) {
	out := &cb.BatchGetBuildBatchesOutput{BuildBatches: []cb.BuildBatch{}, BuildBatchesNotFound: []string{}}
	if len(in.Ids) == 0 {
		return out, nil
	}
	args := make([]any, len(in.Ids))
	for i := range in.Ids {
		if err := s.checkBatchID(&in.Ids[i]); err != nil {
			return nil, err
		}
		args[i] = s.batchID(in.Ids[i])
	}
	rows, err := manyBatches(ctx, s.db, `WHERE id IN `+store.In(1, len(args)), args...)
	if err != nil {
		return nil, err
	}
	shown, err := s.shownBatches(ctx, s.db, rows)
	if err != nil {
		return nil, err
	}
	found := map[string]cb.BuildBatch{}
	for _, b := range shown {
		found[*b.Id] = b
	}
	for _, id := range in.Ids {
		if b, ok := found[s.batchID(id)]; ok {
			out.BuildBatches = append(out.BuildBatches, b)
		} else {
			out.BuildBatchesNotFound = append(out.BuildBatchesNotFound, id)
		}
	}
	return out, nil
}
