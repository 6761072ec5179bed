package build

import (
	"context"
	"strings"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/internal/store"
)

// StartSandbox implements codebuild:StartSandbox: the environment of a project's builds with its source, kept for
// commands. The token is kept for five minutes.
func (s *Service) StartSandbox(ctx context.Context, in *cb.StartSandboxInput) (*cb.StartSandboxOutput, error) {
	if in.ProjectName == nil {
		return nil, invalid("The projectName of the sandbox is required.")
	}
	p, err := s.project(ctx, s.db, *in.ProjectName)
	if err != nil {
		return nil, err
	}
	if p.Source.Type == cb.SourceTypeCodepipeline {
		return nil, invalid("The project %s takes its source from a pipeline. Start the sandbox from one of its "+
			"builds: slipway debug %s:UUID", *p.Name, *p.Name)
	}
	sub, err := s.prepareSandbox(ctx, p)
	if err != nil {
		return nil, err
	}
	sub.token, sub.scope, sub.request = awsproto.Value(in.IdempotencyToken), "sandbox.start", in
	started, err := s.submitSandbox(ctx, sub)
	if err != nil {
		return nil, err
	}
	return &cb.StartSandboxOutput{Sandbox: started}, nil
}

// prepareSandbox makes a sandbox of a project, which it changes: what is for builds alone is taken out of it.
func (s *Service) prepareSandbox(ctx context.Context, p *cb.Project) (*submission, error) {
	kind := cb.ArtifactsTypeNoArtifacts
	if p.Source.Type == cb.SourceTypeCodepipeline {
		kind = cb.ArtifactsTypeCodepipeline
	}
	p.Artifacts, p.SecondaryArtifacts = &cb.ProjectArtifacts{Type: kind}, nil
	p.AutoRetryLimit, p.BuildBatchConfig = nil, nil
	sub, err := s.prepare(ctx, p, false)
	if err != nil {
		return nil, err
	}
	b := sub.build
	sub.sandbox, b.Arn, b.Artifacts = true, new(s.arn("sandbox", *b.Id)), nil
	b.Initiator = new(awsproto.CallerOf(ctx).Name)
	s.collect(sub, p)
	sub.work.Variables = s.variables(b)
	sub.work.Variables["CODEBUILD_BUILD_URL"] = s.URL + "/sandboxes/" + *b.Id
	return sub, nil
}

// submitSandbox commits a sandbox, and returns it as it stands then.
func (s *Service) submitSandbox(ctx context.Context, sub *submission) (*cb.Sandbox, error) {
	b, err := s.submit(ctx, sub)
	if err != nil {
		return nil, err
	}
	r, err := s.sandbox(ctx, s.db, *b.Id)
	if err != nil {
		return nil, err
	}
	return new(s.shownSandbox(r)), nil
}

// sandboxID takes the ID out of an ID or an ARN. It is PROJECT:UUID.
func (s *Service) sandboxID(idOrARN string) (string, error) {
	full := strings.TrimPrefix(idOrARN, s.arn("sandbox", ""))
	project, id, ok := strings.Cut(full, ":")
	if !ok || project == "" || id == "" || strings.ContainsAny(full, "/") {
		return "", invalid("Invalid sandbox ID provided: %q is not PROJECT:UUID.", idOrARN)
	}
	return full, nil
}

// sandbox returns the sandbox of an ID or an ARN.
func (s *Service) sandbox(ctx context.Context, q store.Queryer, idOrARN string) (*row, error) {
	id, err := s.sandboxID(idOrARN)
	if err != nil {
		return nil, err
	}
	r, err := one(ctx, q, `WHERE id = $1 AND kind = 'sandbox'`, id)
	if err == nil && r == nil {
		err = &cb.ResourceNotFoundException{Message: "Sandbox cannot be found: " + s.arn("sandbox", id)}
	}
	return r, err
}

// StopSandbox implements codebuild:StopSandbox. A sandbox that runs is STOPPING until its runner has ended it; one that
// has ended stays as it is.
func (s *Service) StopSandbox(ctx context.Context, in *cb.StopSandboxInput) (*cb.StopSandboxOutput, error) {
	found, err := s.sandbox(ctx, s.db, *in.Id)
	if err != nil {
		return nil, err
	}
	r, _, err := s.happen(ctx, *found.build.Id, Stop{}, nil)
	if err != nil {
		return nil, err
	}
	if r == nil { // it was deleted meanwhile
		_, err = s.sandbox(ctx, s.db, *in.Id)
		return nil, err
	}
	return &cb.StopSandboxOutput{Sandbox: new(s.shownSandbox(r))}, nil
}

// BatchGetSandboxes implements codebuild:BatchGetSandboxes, by IDs and ARNs.
func (s *Service) BatchGetSandboxes(ctx context.Context,
	in *cb.BatchGetSandboxesInput) (*cb.BatchGetSandboxesOutput, error) {
	if len(in.Ids) == 0 || len(in.Ids) > aPage {
		return nil, invalid("ids must have 1 to %d IDs or ARNs of sandboxes.", aPage)
	}
	ids := make([]string, len(in.Ids))
	for i, given := range in.Ids {
		var err error
		if ids[i], err = s.sandboxID(given); err != nil {
			return nil, err
		}
	}
	rows, err := many(ctx, s.db, `WHERE id IN `+store.In(1, len(ids)), store.Args(ids)...)
	if err != nil {
		return nil, err
	}
	found := make(map[string]*row, len(rows))
	for _, r := range rows {
		if r.Sandbox {
			found[*r.build.Id] = r
		}
	}
	out := &cb.BatchGetSandboxesOutput{Sandboxes: []cb.Sandbox{}, SandboxesNotFound: []string{}}
	for i, id := range ids {
		if r := found[id]; r != nil {
			out.Sandboxes = append(out.Sandboxes, s.shownSandbox(r))
		} else {
			out.SandboxesNotFound = append(out.SandboxesNotFound, in.Ids[i])
		}
	}
	return out, nil
}

// ListSandboxes implements codebuild:ListSandboxes, the newest first unless asked otherwise.
func (s *Service) ListSandboxes(ctx context.Context, in *cb.ListSandboxesInput) (*cb.ListSandboxesOutput, error) {
	l := listing{operation: "ListSandboxes", kind: kindSandbox, order: in.SortOrder, limit: pageSize(in.MaxResults)}
	ids, next, err := s.ids(ctx, l, in.NextToken)
	return &cb.ListSandboxesOutput{Ids: ids, NextToken: next}, err
}

// ListSandboxesForProject implements codebuild:ListSandboxesForProject.
func (s *Service) ListSandboxesForProject(ctx context.Context,
	in *cb.ListSandboxesForProjectInput) (*cb.ListSandboxesForProjectOutput, error) {
	p, err := s.project(ctx, s.db, *in.ProjectName)
	if err != nil {
		return nil, err
	}
	l := listing{operation: "ListSandboxesForProject", kind: kindSandbox, project: *p.Name, order: in.SortOrder,
		limit: pageSize(in.MaxResults)}
	ids, next, err := s.ids(ctx, l, in.NextToken)
	return &cb.ListSandboxesForProjectOutput{Ids: ids, NextToken: next}, err
}

// pageSize is how many results a caller wants on a page.
func pageSize(wanted *int32) int {
	if wanted == nil {
		return aPage
	}
	return int(*wanted)
}
