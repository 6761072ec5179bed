package build

import (
	"context"
	"strings"

	cb "slipway/api/codebuild"
	"slipway/internal/journal"
	"slipway/internal/store"
)

// buildID takes an ID or an ARN.
func (s *Service) buildID(idOrARN string) string {
	return strings.TrimPrefix(idOrARN, s.arn("build", ""))
}

// checkBuildID refuses what can be no build's ID: it is PROJECT:UUID, or an ARN that ends so.
func (s *Service) checkBuildID(idOrARN string) error {
	project, id, ok := strings.Cut(s.buildID(idOrARN), ":")
	if !ok || project == "" || id == "" {
		return invalid("Invalid build ID provided: %q is not PROJECT:UUID.", idOrARN)
	}
	return nil
}

// named reads builds by IDs and ARNs in one query. It does not ask for their kind: an index of kinds, which all builds
// share, would be taken for a short way to them.
func (s *Service) named(ctx context.Context, q store.Queryer, ids []string) (map[string]*row, error) {
	args := make([]any, len(ids))
	for i, id := range ids {
		args[i] = s.buildID(id)
	}
	rows, err := many(ctx, q, `WHERE id IN `+store.In(1, len(ids)), args...)
	found := make(map[string]*row, len(rows))
	for _, r := range rows {
		if !r.Sandbox {
			found[*r.build.Id] = r
		}
	}
	return found, err
}

// BatchGetBuilds implements codebuild:BatchGetBuilds, by IDs and ARNs.
func (s *Service) BatchGetBuilds(ctx context.Context, in *cb.BatchGetBuildsInput) (*cb.BatchGetBuildsOutput, error) {
	for _, id := range in.Ids {
		if err := s.checkBuildID(id); err != nil {
			return nil, err
		}
	}
	found, err := s.named(ctx, s.db, in.Ids)
	if err != nil {
		return nil, err
	}
	out := &cb.BatchGetBuildsOutput{Builds: []cb.Build{}, BuildsNotFound: []string{}}
	for _, id := range in.Ids {
		if r := found[s.buildID(id)]; r != nil {
			out.Builds = append(out.Builds, s.shown(r))
		} else {
			out.BuildsNotFound = append(out.BuildsNotFound, id)
		}
	}
	return out, nil
}

// BatchDeleteBuilds implements codebuild:BatchDeleteBuilds, by IDs and ARNs. A build in progress is not deleted.
func (s *Service) BatchDeleteBuilds(ctx context.Context,
	in *cb.BatchDeleteBuildsInput) (*cb.BatchDeleteBuildsOutput, error) {
	var out *cb.BatchDeleteBuildsOutput
	err := s.db.Write(ctx, func(tx store.Tx) error {
		out = &cb.BatchDeleteBuildsOutput{BuildsDeleted: []string{}, BuildsNotDeleted: []cb.BuildNotDeleted{}}
		found, err := s.named(ctx, tx, in.Ids)
		if err != nil {
			return err
		}
		for _, given := range in.Ids {
			id := s.buildID(given)
			r := found[id]
			switch {
			case r == nil:
				out.BuildsNotDeleted = append(out.BuildsNotDeleted,
					cb.BuildNotDeleted{Id: &given, StatusCode: new("BUILD_NOT_FOUND")})
				continue
			case r.Stage != Ended:
				out.BuildsNotDeleted = append(out.BuildsNotDeleted,
					cb.BuildNotDeleted{Id: &given, StatusCode: new("BUILD_IN_PROGRESS")})
				continue
			}
			delete(found, id) // named twice, it is gone the second time
			if err := remove(ctx, tx, r); err != nil {
				return err
			}
			out.BuildsDeleted = append(out.BuildsDeleted, *r.build.Arn)
		}
		return nil
	})
	return out, err
}

func (s *Service) removeLog(_ context.Context, j store.Running) (store.Outcome, error) {
	var n journal.Name
	if err := j.Decode(&n); err != nil {
		return store.Undecodable(err), nil
	}
	return store.Done, s.Logs.Remove(n)
}
