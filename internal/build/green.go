package build

import (
	"context"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/api/slipway"
)

// looksBack is how many builds before one are looked at for the last that succeeded.
const looksBack = 200

// Green returns a build, and the last one before it that succeeded: of the same project, and started by the same
// pipeline or by hand as it was. green is nil where there is none among the 200 builds before it.
func (s *Service) Green(ctx context.Context, id string) (build, green *slipway.PastBuild, err error) {
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
			return r.past(), x.past(), nil
		}
	}
	return r.past(), nil, nil
}

func (r *row) past() *slipway.PastBuild {
	return &slipway.PastBuild{Build: r.build, Surroundings: r.surroundings}
}

// surroundings are what a runner says of those of its build.
func surroundings(result *slipway.Result) slipway.Surroundings {
	s := slipway.Surroundings{Image: result.Image}
	for _, c := range result.Caches {
		if c.Event == slipway.CacheHit {
			s.Caches = append(s.Caches, cacheLine(c))
		}
	}
	return s
}

// cacheLine says which cache was restored. One without a key changes with each build, which says nothing.
func cacheLine(c slipway.CacheUse) string {
	if c.Key == "" {
		return "as an earlier build left it"
	}
	return c.Key
}
