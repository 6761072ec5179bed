package build

import (
	"context"
	"database/sql"
	"strings"

	"slipway/api/awsproto"
	cb "slipway/api/codebuild"
	"slipway/api/slipway"
	"slipway/internal/store"
)

// RolePrincipal is the service that assumes the roles of projects.
const RolePrincipal = "codebuild.amazonaws.com"

// Roles lets builds act with the rights of their projects' service roles.
type Roles interface {
	// Check returns an error if a role does not exist, or does not trust CodeBuild. The error says how to make it.
	Check(ctx context.Context, role string) error
	// Assume begins a session of a role, which ends with a work.
	Assume(ctx context.Context, role, session, work string) (*slipway.BuildCredentials, error)
	// AssumeWithin does the same, and limits the session to what a policy allows besides.
	AssumeWithin(ctx context.Context, role, session, work, policy string) (*slipway.BuildCredentials, error)
	// MayLog returns an error if a session of a role may not create a log and write to it.
	MayLog(ctx context.Context, role, session, group, stream string) error
	// MayStart returns an error if a role may not start builds of a project.
	MayStart(ctx context.Context, role, project string) error
}

// Over reports whether a build, as the work of a session, has ended.
func (s *Service) Over(ctx context.Context, id string) (bool, error) {
	var state string
	there, err := store.Find(ctx, s.db, []any{&state}, `SELECT state FROM builds WHERE id = $1`, id)
	return !there || state != string(Running) && state != string(Assigned), err
}

// session is the name of the sessions of a build.
func session(id string) string {
	_, unique, _ := strings.Cut(id, ":")
	return "AWSCodeBuild-" + unique
}

// checkRole refuses a role that builds could not assume.
func (s *Service) checkRole(ctx context.Context, role *string) error {
	if s.Roles == nil || awsproto.Value(role) == "" {
		return nil
	}
	if err := s.Roles.Check(ctx, *role); err != nil {
		return &cb.InvalidInputException{
			Message: "CodeBuild is not authorized to perform: sts:AssumeRole on service role " + *role + ". " +
				awsproto.Message(err),
		}
	}
	return nil
}

// identity is what a build acts with: credentials, or why it gets none. A role that may not write the build's log gets
// none: that is asked here, when the build begins and when its credentials are renewed, and not for each line.
func (s *Service) identity(ctx context.Context, r *row) (*slipway.BuildCredentials, *string, error) {
	if s.Roles == nil {
		return nil, nil, nil
	}
	role, missing := roleOf(r)
	if missing != "" {
		return nil, &missing, nil
	}
	c, err := s.assume(ctx, role, r)
	if _, refused := err.(awsproto.ServiceError); refused {
		return nil, new("CodeBuild is not authorized to perform: sts:AssumeRole on service role " + role + ". " +
			awsproto.Message(err)), nil
	}
	if err != nil || r.work.Unlogged {
		return c, nil, err
	}
	err = s.rolesOf(r).MayLog(ctx, role, session(*r.build.Id), *r.build.Logs.GroupName, *r.build.Logs.StreamName)
	if refused, ok := err.(awsproto.ServiceError); ok {
		return nil, new("Service role " + role + " does not allow AWS CodeBuild to create Amazon CloudWatch Logs log " +
			"streams for build " + *r.build.Arn + ". Error message: " + awsproto.Message(refused)), nil
	}
	return c, nil, err
}

// assume begins the session of a build: one of a fork's pull request is limited.
func (s *Service) assume(ctx context.Context, role string, r *row) (*slipway.BuildCredentials, error) {
	if r.work.Fork {
		rights, err := forkRights(r.build.Cache)
		if err != nil {
			return nil, err
		}
		return s.rolesOf(r).AssumeWithin(ctx, role, session(*r.build.Id), *r.build.Id, rights)
	}
	return s.rolesOf(r).Assume(ctx, role, session(*r.build.Id), *r.build.Id)
}

// rolesOf are those that a build acts with: the commands of a pipeline take its role, all others their project's.
func (s *Service) rolesOf(r *row) Roles {
	if r.work.Through != "" && s.RolesThrough != nil {
		return s.RolesThrough(r.work.Through)
	}
	return s.Roles
}

// roleOf is the role that a build acts with, and "" with the reason if it has none.
func roleOf(r *row) (role, missing string) {
	if role = awsproto.Value(r.build.ServiceRole); role != "" {
		return role, ""
	}
	return "", "The project has no service role. Give it one: aws codebuild update-project --name " +
		awsproto.Value(r.build.ProjectName) + " --service-role ARN"
}

// GetBuildCredentials implements slipway:GetBuildCredentials: the credentials of a build in the hands of the runner
// that asks. They end with the build.
func (s *Service) GetBuildCredentials(ctx context.Context,
	in *slipway.GetBuildCredentialsInput) (*slipway.GetBuildCredentialsOutput, error) {
	r, err := s.inHands(ctx, *in.Runner, *in.Id)
	if err != nil {
		return nil, err
	}
	out := &slipway.GetBuildCredentialsOutput{}
	out.Credentials, out.Refusal, err = s.identity(ctx, r)
	return out, err
}

// ServiceRoles returns the roles of all projects. It is for databases of a version in which roles were names alone.
func (s *Service) ServiceRoles(ctx context.Context) ([]string, error) {
	projects, err := store.All(ctx, s.db, func(r *sql.Rows) (*cb.Project, error) {
		p := new(cb.Project)
		return p, r.Scan(store.JSON(p))
	}, `SELECT doc FROM projects`)
	var roles []string
	for _, p := range projects {
		roles = append(roles, awsproto.Value(p.ServiceRole))
	}
	return roles, err
}
