package build

import (
	"context"
	"strings"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/internal/store"
)

// UpdateProjectVisibility implements codebuild:UpdateProjectVisibility. Everybody may read the builds of a public
// project and their logs, under an alias that nobody can guess; a project that becomes public again has the alias that
// it had. The role, by which AWS reads logs, must exist and trust CodeBuild; logs here need none.
func (s *Service) UpdateProjectVisibility(ctx context.Context,
	in *cb.UpdateProjectVisibilityInput) (*cb.UpdateProjectVisibilityOutput, error) {
	name, ok := strings.CutPrefix(*in.ProjectArn, s.arn("project", ""))
	if !ok {
		return nil, invalid("Invalid project ARN: %s. It is %s.", *in.ProjectArn, s.arn("project", "NAME"))
	}
	if err := s.checkRole(ctx, in.ResourceAccessRole); err != nil {
		return nil, err
	}
	out := &cb.UpdateProjectVisibilityOutput{ProjectArn: in.ProjectArn, ProjectVisibility: in.ProjectVisibility}
	err := s.db.Write(ctx, func(tx store.Tx) error {
		p, err := s.project(ctx, tx, name)
		if err != nil {
			return err
		}
		p.ProjectVisibility = in.ProjectVisibility
		set(&p.ResourceAccessRole, in.ResourceAccessRole)
		out.PublicProjectAlias, p.PublicProjectAlias = nil, nil
		if in.ProjectVisibility == cb.ProjectVisibilityTypePublicRead {
			alias, err := s.publish(ctx, tx, name, publicAlias)
			if err != nil {
				return err
			}
			out.PublicProjectAlias, p.PublicProjectAlias = &alias, &alias
		}
		p.LastModified = awsproto.At(s.Now())
		_, err = tx.Exec(ctx, `UPDATE projects SET doc = $2, modified = $3 WHERE name = $1`, name, store.JSON(p),
			p.LastModified.UnixMilli())
		return err
	})
	return out, err
}

// PublicProject returns the name of a project that is public under an alias; false if there is none.
func (s *Service) PublicProject(ctx context.Context, alias string) (string, bool, error) {
	p, err := s.published(ctx, publicAlias, alias)
	if err != nil || p == nil || p.ProjectVisibility != cb.ProjectVisibilityTypePublicRead {
		return "", false, err
	}
	return *p.Name, true, nil
}

// publicBuilds is how many builds of a public project are shown.
const publicBuilds = 50

// PublicBuilds returns the newest builds of a project, or the one with an ID alone. What only those inside should read,
// such as variables and the buildspec, is left out.
func (s *Service) PublicBuilds(ctx context.Context, project, id string) (all []cb.Build, err error) {
	where, args := `WHERE project = $1 AND kind = 'build' ORDER BY seq DESC LIMIT $2`, []any{project, publicBuilds}
	if id != "" {
		where, args = `WHERE project = $1 AND kind = 'build' AND id = $2`, []any{project, id}
	}
	rows, err := many(ctx, s.db, where, args...)
	for _, r := range rows {
		b := s.shown(r)
		all = append(all, cb.Build{Id: b.Id, ProjectName: b.ProjectName, BuildNumber: b.BuildNumber,
			BuildStatus: b.BuildStatus, BuildComplete: b.BuildComplete, CurrentPhase: b.CurrentPhase, Phases: b.Phases,
			StartTime: b.StartTime, EndTime: b.EndTime, SourceVersion: b.SourceVersion,
			ResolvedSourceVersion: b.ResolvedSourceVersion, Logs: b.Logs})
	}
	return all, err
}
