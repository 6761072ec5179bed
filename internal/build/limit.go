package build

import (
	"context"
	"fmt"
	"strconv"

	cb "slipway/api/codebuild"
	"slipway/internal/store"
)

const insertBuild = `INSERT INTO builds
	(id, seq, project, origin, state, runner, submitted, assigned, doc, work, needs, fleet, kind)
	VALUES ($1, (SELECT COALESCE(MAX(seq), 0) + 1 FROM builds), $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`

// withinLimit refuses a build of a project that has as many as it may have at a time. Without a limit none is refused.
func withinLimit(ctx context.Context, tx store.Tx, project string, limit *int32) error {
	if limit == nil {
		return nil
	}
	var open int32
	if err := tx.QueryRow(ctx,
		`SELECT COALESCE(SUM(CASE WHEN kind = 'build' THEN 1 ELSE 0 END), 0) FROM builds
			WHERE project = $1 AND state IN ('queued', 'assigned', 'running')`, project).Scan(&open); err != nil {
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

// number gives a build its number in the project, which must have room for one more. A sandbox has none.
func (s *Service) number(ctx context.Context, tx store.Tx, r *row, limit *int32) error {
	if r.Sandbox || r.work.Through != "" {
		return nil // only projects number their builds
	}
	name := *r.build.ProjectName
	var n int64
	ok, err := store.Find(ctx, tx, []any{&n},
		`UPDATE projects SET last_number = last_number + 1 WHERE name = $1 RETURNING last_number`, name)
	if err != nil {
		return err
	}
	if !ok {
		return &cb.ResourceNotFoundException{Message: "Project cannot be found: " + s.arn("project", name)}
	}
	r.build.BuildNumber = &n
	r.work.Variables["CODEBUILD_BUILD_NUMBER"] = strconv.FormatInt(n, 10)
	return withinLimit(ctx, tx, name, limit)
}
