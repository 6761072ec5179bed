package view

import (
	"context"
	"slices"

	"slipway/api/awsproto"
	"slipway/api/slipway"
)

// isCommit reports whether an ID is a whole commit ID.
func isCommit(id string) bool {
	return len(id) == 40 &&
		!slices.ContainsFunc([]byte(id), func(c byte) bool { return (c < '0' || c > '9') && (c < 'a' || c > 'f') })
}

// GetCommitProgress implements slipway:GetCommitProgress: the executions that carry a commit, and the groups in which
// hosts run it now.
func (s *Service) GetCommitProgress(
	ctx context.Context,
	in *slipway.GetCommitProgressInput,
) (*slipway.GetCommitProgressOutput, error) {
	if !isCommit(*in.CommitId) {
		return nil, &awsproto.Error{Code: "ValidationException", Message: "A commit ID has 40 hexadecimal digits."}
	}
	out := &slipway.GetCommitProgressOutput{Executions: []slipway.CommitExecution{}, Serving: []slipway.ServingGroup{}}
	executions, err := s.Executions.Progress(ctx, *in.RepositoryName, *in.CommitId)
	if err != nil {
		return nil, err
	}
	out.Executions = append(out.Executions, executions...)
	serving, err := s.ListServing(ctx, &slipway.ListServingInput{})
	if err != nil {
		return nil, err
	}
	for _, g := range serving.Groups {
		g.Versions = slices.DeleteFunc(g.Versions, func(v slipway.ServedVersion) bool {
			return v.Change == nil || text(v.Change.CommitId) != *in.CommitId
		})
		if len(g.Versions) > 0 {
			out.Serving = append(out.Serving, g)
		}
	}
	return out, nil
}
