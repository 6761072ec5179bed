package web

import (
	"context"

	"slipway/api/slipway"
	"slipway/internal/view"
)

// change is a revision on its way, as every list and page names it.
type change = view.Change

// changeHref leads to the commit of a change; "" if that is not here.
func changeHref(c change) string {
	if c.Repository == "" || !isCommit(c.Commit) {
		return ""
	}
	return commitPath(c.Repository, c.Commit)
}

// describe asks what changes carry, by the IDs of executions, builds and deployments.
func (s *site) describe(ctx context.Context, ids []string) (map[string]slipway.Change, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	out, err := s.Slipway.DescribeChanges(ctx, &slipway.DescribeChangesInput{Ids: ids})
	if err != nil {
		return nil, err
	}
	return out.Changes, nil
}
