package build

import (
	"context"

	"slipway/internal/view"
	"slipway/internal/web/change"
	"slipway/internal/web/kit"
)

// buildFailed reads what helps with a build that failed: why it did, what changed since the project was green, and what
// can be done.
func (s *pages) buildFailed(ctx context.Context, b *buildView) (err error) {
	if b.Why, err = view.ReadExplanation(ctx, s.Slipway, *b.Id, b.Change); err != nil {
		return err
	}
	return change.Retryable(ctx, s.Pipelines, &b.Remedy, b.Change.Pipeline, b.Change.Execution)
}

// diffHref leads to what differs; "" if the source is not here, or the same.
func (b *buildView) diffHref() string {
	g := b.Why.SinceGreen
	if g.RepositoryName == nil || len(g.Files) == 0 {
		return ""
	}
	return kit.DiffPath(*g.RepositoryName, *g.BeforeCommitId, *g.AfterCommitId, "")
}
