package build

import (
	"context"

	"slipway/api/slipway"
	"slipway/internal/web/change"
	"slipway/internal/web/kit"
)

// green is the last build before one that succeeded, with what changed since.
type green struct {
	*slipway.CompareWithGreenOutput
}

// buildFailed reads what helps with a build that failed: what changed since it was green, and what can be done.
func (s *pages) buildFailed(ctx context.Context, b *buildView) error {
	out, err := s.Slipway.CompareWithGreen(ctx, &slipway.CompareWithGreenInput{Id: b.Id})
	if err != nil {
		return err
	}
	b.Green = &green{out}
	return change.Retryable(ctx, s.Pipelines, &b.Remedy, b.Change.Pipeline, b.Change.Execution)
}

// diffHref leads to what differs; "" if the source is not here, or the same.
func (g *green) diffHref() string {
	if g.RepositoryName == nil || len(g.Files) == 0 {
		return ""
	}
	return kit.DiffPath(*g.RepositoryName, *g.BeforeCommitId, *g.AfterCommitId, "")
}

// same reports whether nothing changed that is known of.
func (g *green) same() bool {
	return len(g.Commits) == 0 && len(g.Files) == 0 && len(g.Settings) == 0
}
