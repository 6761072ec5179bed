package build

import (
	"context"
	"fmt"

	cb "slipway/api/codebuild"
	"slipway/internal/store"
)

const insertBuild = `INSERT INTO builds
	(id, seq, project, origin, state, runner, submitted, assigned, doc, work, needs, fleet)
	VALUES ($1, (SELECT COALESCE(MAX(seq), 0) + 1 FROM builds), $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`

// withinLimit refuses a build of a project that has as many as it may have at a time. Without a limit none is refused.
func withinLimit(ctx context.Context, tx store.Tx, project string, limit *int32) error {
	if limit == nil {
		return nil
	}
	var open int32
	if err := tx.QueryRow(ctx,
		`SELECT COUNT(*) FROM builds WHERE project = $1 AND state IN ('queued', 'assigned', 'running')`,
		project).Scan(&open); err != nil {
		return err
	}
	if open < *limit {
		return nil
	}
	return &cb.AccountLimitExceededException{
		Message: fmt.Sprintf("Cannot have more than %d builds of the project %s at a time (concurrentBuildLimit).",
			*limit, project),
	}
}
