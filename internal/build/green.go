package build

import (
	"context"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
)

// looksBack is how many builds before one are looked at for the last that succeeded.
const looksBack = 200

// Green returns a build, and the last one before it that succeeded: of the same project, and started by the same
// pipeline or by hand as it was. green is nil where there is none among the 200 builds before it.
func (s *Service) Green(ctx context.Context, id string) (build, green *cb.Build, err error) {
	r, err := oneBuild(ctx, s.db, s.buildID(id))
	if err != nil {
		return nil, nil, err
	}
	if r == nil {
		return nil, nil, unknown(id)
	}
	before, err := many(ctx, s.db,
		`WHERE project = $1 AND kind = 'build' AND seq < (SELECT seq FROM builds WHERE id = $2) ORDER BY seq DESC LIMIT $3`,
		awsproto.Value(r.build.ProjectName), *r.build.Id, looksBack)
	if err != nil {
		return nil, nil, err
	}
	for _, x := range before {
		if x.build.BuildStatus == cb.StatusTypeSucceeded &&
			awsproto.Value(x.build.Initiator) == awsproto.Value(r.build.Initiator) {
			return &r.build, &x.build, nil
		}
	}
	return &r.build, nil, nil
}
